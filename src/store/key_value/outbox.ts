/** Reading what an outbox still holds. */
import { decodeOwedMessage, decodeOwedReceivers } from "../records/owed.ts";
import type { OutboxEntry } from "../session_store.ts";
import { together } from "../call.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import { readChunks } from "./chunks.ts";
import { layoutFor, listUpTo, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { below, lastPart, type Layout } from "./layout.ts";
import { decodeOutbox } from "./outbox_row.ts";
import { owedPrefix } from "./owed.ts";

/** Reads entries, oldest first. */
export async function readOutbox(context: StoreContext, outboxId: string, limit: number): Promise<OutboxEntry[]> {
  const layout = await layoutFor(context, [outboxId]);
  const entries = await listUpTo(context.driver, below(`${layout.outbox(outboxId)}entry/`), limit);
  return await together(entries.map((entry) => readEntry(context, layout, outboxId, entry)));
}

async function readEntry(
  context: StoreContext,
  layout: Layout,
  outboxId: string,
  { key, value }: Entry,
): Promise<OutboxEntry> {
  const entry = decodeOutbox(key, value, { outboxId, number: Number(lastPart(key)) });
  const { number, cursor } = entry;
  const whole = async (part: Uint8Array | ChunkRef): Promise<Uint8Array> =>
    part instanceof Uint8Array ? part : await readChunks(context, owedPrefix(layout, outboxId, part), part);
  const [message, receivers] = await together([
    whole(entry.message),
    entry.receivers && whole(entry.receivers.list),
  ]);
  return {
    outboxId,
    number,
    message: decodeOwedMessage(key, message),
    ...(receivers === undefined ? {} : { receivers: decodeOwedReceivers(key, receivers) }),
    cursor,
  };
}
