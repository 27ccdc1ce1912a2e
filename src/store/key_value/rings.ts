/** Doorbells: rows by which a node learns which of its sessions have news. */
import { deleteAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import { below } from "./layout.ts";
import { clientsOf } from "./long_text.ts";
import { decodeClient } from "./rows.ts";

/** The most clients that one call names. */
const CLIENTS_A_CALL = 1_000;

/**
 * The clients of a node with news, whose rows it deletes.
 *
 * They are deleted as they are then, not as they were read: a row written in between tells of news that the caller
 * finds, since it looks after this call has returned.
 */
export async function readRings(context: StoreContext, nodeId: string): Promise<readonly string[]> {
  const layout = await layoutFor(context, [nodeId]);
  const rows = await listUpTo(context.driver, below(layout.rings(nodeId)), CLIENTS_A_CALL);
  const clients = await clientsOf(context, layout, rows, decodeClient);
  await deleteAll(context.driver, rows.map(({ key }) => key));
  return clients;
}

/** Yields when a node's doorbell may have been rung. */
export async function* watchRings(
  context: StoreContext,
  watch: (prefix: string, signal: AbortSignal) => AsyncIterable<void>,
  nodeId: string,
  signal: AbortSignal,
): AsyncIterable<void> {
  const layout = await layoutFor(context, [nodeId]);
  yield* watch(layout.rings(nodeId), signal);
}
