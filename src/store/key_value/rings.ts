/** Doorbells: rows by which a node learns which of its sessions have news. */
import { SCHEMA_VERSION } from "../encoding.ts";
import { together } from "../call.ts";
import { deleteAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import type { Check } from "./driver.ts";
import { below, type Layout } from "./layout.ts";
import { clientsOf } from "./long_text.ts";
import type { Plan } from "./plan.ts";
import { decodeClient, encodeClient } from "./rows.ts";

/** Tells a node, with the commit of a plan, that one of its sessions has news. */
export function ring(plan: Plan, layout: Layout, nodeId: string, clientId: string): void {
  plan.set(layout.ring(nodeId, clientId), encodeClient(layout.inRecord(clientId)));
  plan.set(layout.bell(nodeId), Uint8Array.of(SCHEMA_VERSION));
}

/** The most doorbells that one commit takes away: their keys are long at most. */
const ROWS_A_COMMIT = 50;

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

/**
 * Takes the doorbells away of a node that is no more: whoever appended while its last session left it may still have
 * rung. `nodePart` is its part of a key. A node that has come back keeps them.
 */
export async function silence({ driver }: StoreContext, layout: Layout, nodePart: string): Promise<void> {
  const gone: Check = { key: layout.nodes() + nodePart, version: null };
  const bell = layout.bellAt(nodePart);
  for (;;) {
    const limit = Math.min(ROWS_A_COMMIT, driver.limits.entriesPerList);
    const [{ entries, more }, [rung]] = await together([
      driver.list({ ...below(layout.ringsAt(nodePart)), limit }),
      driver.get([bell]),
    ]);
    if (entries.length === 0 && rung === undefined) return;
    const keys = [bell, ...entries.map(({ key }) => key)];
    const committed = await driver.commit([gone], keys.map((key) => ({ type: "delete", key })));
    if (committed === undefined || !more) return;
  }
}

/** Takes the doorbells away of all nodes that are no more. */
export async function silenceStrangers(
  context: StoreContext,
  layout: Layout,
  nodeKeys: ReadonlySet<string>,
): Promise<void> {
  const { end } = below(layout.allRings());
  for (let start = layout.allRings();;) {
    const { entries: [first] } = await context.driver.list({ start, end, limit: 1 });
    if (first === undefined) return;
    const nodePart = first.key.slice(layout.allRings().length).split("/", 1)[0] ?? "";
    if (!nodeKeys.has(layout.nodes() + nodePart)) await silence(context, layout, nodePart);
    start = below(layout.ringsAt(nodePart)).end;
  }
}

/** Yields when a node's doorbell may have been rung. */
export async function* watchRings(
  context: StoreContext,
  watch: (key: string, signal: AbortSignal) => AsyncIterable<void>,
  nodeId: string,
  signal: AbortSignal,
): AsyncIterable<void> {
  const layout = await layoutFor(context, [nodeId]);
  yield* watch(layout.bell(nodeId), signal);
}
