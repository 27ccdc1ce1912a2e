/** Reading what batches look at: everything that can be named beforehand at once, then the logs that are full. */
import { messageBytes } from "../../mqtt/message.ts";
import { isUnreadable } from "../encoding.ts";
import type { DeliveryReceiver } from "../session_store.ts";
import type { Item } from "./batch.ts";
import { getAll, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { decodeGate, queueSize } from "./gate.ts";
import { decodeHead } from "./head.ts";
import { after, below, type Layout, ROW } from "./layout.ts";
import { decodeOutbox } from "./outbox_row.ts";
import { chunksOf, decodeQueueRow, sequenceOf } from "./queue_row.ts";
import type { WaitingEntry, World } from "./world.ts";

/** A row may be three times as long as its message counts for, since that counts UTF-16 units, and some more. */
const MOST_BYTES_A_UNIT = 3;
const ROW_OVERHEAD = 8_192;

/** The receivers of an item that a commit can reach. */
export function reachable(item: Item, most: number): DeliveryReceiver[] {
  if (item.batch.behindOutbox) return [];
  const receivers: DeliveryReceiver[] = [];
  for (const delivery of item.batch.deliveries) {
    for (const receiver of delivery.receivers ?? []) {
      if (receivers.length >= item.served.length + most) return receivers.slice(item.served.length);
      receivers.push(receiver);
    }
  }
  return receivers.slice(item.served.length);
}

/** Reads what items need and the world does not know yet. */
export async function load(
  context: StoreContext,
  layout: Layout,
  world: World,
  items: readonly Item[],
  most: number,
): Promise<void> {
  const readers = new Map<string, (entry: Entry | undefined) => void>();
  const want = (key: string, read: (entry: Entry | undefined) => void): void => {
    if (!world.versions.has(key)) readers.set(key, read);
  };
  for (const item of items) {
    for (const { clientId } of reachable(item, most)) {
      const gateKey = layout.gate(clientId);
      const headKey = layout.head(clientId);
      want(gateKey, (entry) => world.gates.set(gateKey, entry && orUnreadable(() => decodeGate(gateKey, entry.value))));
      // Without its head a session can still be appended to, only nothing can give way.
      want(
        headKey,
        (entry) => world.heads.set(headKey, entry && readable(() => decodeHead(headKey, entry.value, clientId))),
      );
    }
    const { outbox } = item.batch;
    if (outbox !== undefined) {
      const key = layout.outboxEntry(outbox.outboxId, outbox.number);
      want(key, (entry) => world.outbox.set(key, entry && decodeOutbox(key, entry.value)));
    }
    wantOwned(context, layout, world, item, want);
  }
  const keys = [...readers.keys()];
  const entries = await getAll(context.driver, keys);
  for (const [index, key] of keys.entries()) {
    const entry = entries[index];
    world.versions.set(key, entry?.version ?? null);
    readers.get(key)?.(entry);
  }
  await loadWaiting(context, layout, world, items, most);
}

/** The owner's own head, when its guard did not hold, and log rows that it may not delete unseen. */
function wantOwned(
  context: StoreContext,
  layout: Layout,
  world: World,
  { batch, state, rereads }: Item,
  want: (key: string, read: (entry: Entry | undefined) => void) => void,
): void {
  if (state === undefined) return;
  const { head, headVersion } = state;
  const headKey = layout.head(head.clientId);
  if (rereads) {
    want(headKey, (entry) => world.heads.set(headKey, entry && decodeHead(headKey, entry.value, head.clientId)));
  } else if (!world.versions.has(headKey)) {
    world.versions.set(headKey, headVersion);
    world.heads.set(headKey, head);
  }
  const rows = layout.rows(head.clientId, head.incarnation);
  for (const change of batch.changes) {
    if (change.type !== "deleteQueued") continue;
    const mayBeStaged = change.bytes * MOST_BYTES_A_UNIT + ROW_OVERHEAD > context.driver.limits.valueBytes &&
      !state.bodies.has(change.sequence);
    if (change.sequence <= head.session.sentLimit && !mayBeStaged) continue;
    const key = ROW.queued(rows, change.sequence);
    want(key, (entry) => {
      const row = entry && readable(() => decodeQueueRow(key, entry.value));
      const ref = row && chunksOf(row);
      if (ref !== undefined) world.bodies.set(key, ref);
    });
  }
}

/** Reads the logs that would overflow, from their first entry that could give way. */
async function loadWaiting(
  context: StoreContext,
  layout: Layout,
  world: World,
  items: readonly Item[],
  most: number,
): Promise<void> {
  const needs = new Map<
    string,
    { readonly rows: string; messages: number; bytes: number; qos0Through: number; from: number }
  >();
  for (const item of items) {
    const { limits } = item.batch;
    if (limits.whenFull !== "dropOldest") continue;
    for (const { clientId, incarnation } of reachable(item, most)) {
      const gateKey = layout.gate(clientId);
      const gate = world.gates.get(gateKey);
      const head = world.heads.get(layout.head(clientId));
      if (gate === undefined || gate === "unreadable" || world.waiting.get(gateKey) !== undefined) continue;
      if (head?.incarnation !== incarnation || gate.incarnation !== incarnation) continue;
      const size = queueSize(gate, head);
      const need = needs.get(gateKey) ?? {
        rows: layout.rows(clientId, incarnation),
        messages: size.messages - limits.maximumMessages,
        bytes: size.bytes - limits.maximumBytes,
        qos0Through: gate.lastQos0,
        from: head.session.sentLimit + 1,
      };
      need.messages++;
      // Which of the item's messages this one is does not matter: their sum is an upper bound.
      for (const { message } of item.batch.deliveries) need.bytes += messageBytes(message);
      needs.set(gateKey, need);
    }
  }
  await Promise.all([...needs].map(async ([gateKey, need]) => {
    if (need.messages <= 0 && need.bytes <= 0) return;
    world.waiting.set(gateKey, await readWaiting(context, need));
  }));
}

/** Reads entries until enough could give way, and none with QoS 0 is left out. */
async function readWaiting(
  context: StoreContext,
  need: {
    readonly rows: string;
    readonly messages: number;
    readonly bytes: number;
    readonly qos0Through: number;
    readonly from: number;
  },
): Promise<WaitingEntry[]> {
  const { end } = below(ROW.queue(need.rows));
  const limit = Math.min(context.driver.limits.entriesPerList, 100);
  const waiting: WaitingEntry[] = [];
  let { messages, bytes } = need;
  let start = ROW.queued(need.rows, need.from);
  for (;;) {
    const page = await context.driver.list({ start, end, limit });
    for (const entry of page.entries) {
      const row = readable(() => decodeQueueRow(entry.key, entry.value));
      if (row === undefined) continue;
      waiting.push({ sequence: sequenceOf(entry.key), qos: row.qos, bytes: row.bytes, body: chunksOf(row) });
      messages--;
      bytes -= row.bytes;
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return waiting;
    if (messages <= 0 && bytes <= 0 && sequenceOf(last.key) >= need.qos0Through) return waiting;
    start = after(last.key);
  }
}

function orUnreadable<Value>(decode: () => Value): Value | "unreadable" {
  return readable(decode) ?? "unreadable";
}

/** A record, or nothing when it cannot be read: it is left where it is. */
export function readable<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}
