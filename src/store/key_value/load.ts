/** Reading what batches look at: everything that can be named beforehand at once, then the logs that are full. */
import { readable } from "../encoding.ts";
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
      want(key, (entry) => world.outbox.set(key, entry && decodeOutbox(key, entry.value, outbox)));
    }
  }
  // Last, since a head that is read for another reason needs not be taken from a guard.
  for (const item of items) wantOwned(layout, world, item, readers, want);
  const keys = [...readers.keys()];
  const entries = await getAll(context.driver, keys);
  for (const [index, key] of keys.entries()) {
    const entry = entries[index];
    world.committed(key, entry?.version ?? null);
    readers.get(key)?.(entry);
  }
  await loadWaiting(context, layout, world, items, most);
}

/** The owner's own head, when its guard did not hold, and log rows that it may not delete unseen. */
function wantOwned(
  layout: Layout,
  world: World,
  { batch, state, rereads }: Item,
  readers: ReadonlyMap<string, unknown>,
  want: (key: string, read: (entry: Entry | undefined) => void) => void,
): void {
  if (state === undefined) return;
  const { head, headVersion } = state;
  const headKey = layout.head(head.clientId);
  if (rereads) {
    want(headKey, (entry) => world.heads.set(headKey, entry && decodeHead(headKey, entry.value, head.clientId)));
  } else if (!world.versions.has(headKey) && !readers.has(headKey)) {
    world.versions.set(headKey, headVersion);
    world.assumed.add(headKey);
    world.heads.set(headKey, head);
  }
  const rows = layout.rows(head.clientId, head.incarnation);
  for (const change of batch.changes) {
    if (change.type !== "deleteQueued") continue;
    if (state.log.get(change.sequence)?.isStarted) continue;
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
  const needs = new Map<string, WaitingNeed>();
  const limitsOf = sentLimits(layout, items);
  for (const item of items) {
    const { limits } = item.batch;
    for (const { clientId, incarnation } of reachable(item, most)) {
      const gateKey = layout.gate(clientId);
      const gate = world.gates.get(gateKey);
      const head = world.heads.get(layout.head(clientId));
      if (gate === undefined || gate === "unreadable" || world.waiting.get(gateKey) !== undefined) continue;
      if (head?.incarnation !== incarnation || gate.incarnation !== incarnation) continue;
      const need = needs.get(gateKey) ?? {
        rows: layout.rows(clientId, incarnation),
        ...queueSize(gate, head),
        maximumMessages: Infinity,
        maximumBytes: Infinity,
        lastQos0: gate.lastQos0,
        from: Math.min(head.session.sentLimit, ...(limitsOf.get(gateKey) ?? [])) + 1,
        startedThrough: Math.max(head.session.sentLimit, ...(limitsOf.get(gateKey) ?? [])),
      };
      need.messages++;
      // Which of the item's messages this one is does not matter: their sum is an upper bound.
      for (const { bytes } of item.messages) need.bytes += bytes;
      if (limits.whenFull === "dropOldest") {
        need.maximumMessages = Math.min(need.maximumMessages, limits.maximumMessages);
        need.maximumBytes = Math.min(need.maximumBytes, limits.maximumBytes);
      }
      needs.set(gateKey, need);
    }
  }
  await Promise.all([...needs].map(async ([gateKey, need]) => {
    if (need.messages <= need.maximumMessages && need.bytes <= need.maximumBytes) return;
    world.waiting.set(gateKey, await readWaiting(context, need));
  }));
}

/** The `sentLimit`s that owners store in the same group: a detach lowers it to what was really sent. */
function sentLimits(layout: Layout, items: readonly Item[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { batch, state } of items) {
    if (state === undefined) continue;
    const gateKey = layout.gate(state.head.clientId);
    for (const change of batch.changes) {
      if (change.type !== "putHead" && change.type !== "putSentLimit") continue;
      const { sentLimit } = change.type === "putHead" ? change.head : change;
      found.set(gateKey, [...(found.get(gateKey) ?? []), sentLimit]);
    }
  }
  return found;
}

/** A log that may overflow: what it will hold, what it may, and which of its entries could give way. */
interface WaitingNeed {
  readonly rows: string;
  messages: number;
  bytes: number;
  maximumMessages: number;
  maximumBytes: number;
  readonly lastQos0: number;
  readonly from: number;
  /** Up to here entries may count as started by the time that one has to give way. */
  readonly startedThrough: number;
}

/** Reads entries until enough could give way, and none with QoS 0 is left out. */
async function readWaiting(context: StoreContext, need: Readonly<WaitingNeed>): Promise<WaitingEntry[]> {
  const { end } = below(ROW.queue(need.rows));
  const limit = Math.min(context.driver.limits.entriesPerList, 100);
  const waiting: WaitingEntry[] = [];
  let messages = need.messages - need.maximumMessages;
  let bytes = need.bytes - need.maximumBytes;
  let start = ROW.queued(need.rows, need.from);
  for (;;) {
    const page = await context.driver.list({ start, end, limit });
    for (const entry of page.entries) {
      const row = readable(() => decodeQueueRow(entry.key, entry.value));
      if (row === undefined) continue;
      waiting.push({ sequence: sequenceOf(entry.key), qos: row.qos, bytes: row.bytes, body: chunksOf(row) });
      // What may turn out to be started is not counted on.
      if (sequenceOf(entry.key) <= need.startedThrough) continue;
      messages--;
      bytes -= row.bytes;
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return waiting;
    if (messages <= 0 && bytes <= 0 && sequenceOf(last.key) >= need.lastQos0) return waiting;
    start = after(last.key);
  }
}

function orUnreadable<Value>(decode: () => Value): Value | "unreadable" {
  return readable(decode) ?? "unreadable";
}
