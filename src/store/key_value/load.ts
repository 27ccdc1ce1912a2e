/** Reading what batches look at: everything that can be named beforehand at once, then the logs that are full. */
import { readable } from "../encoding.ts";
import { endsLoudly } from "../records/journal.ts";
import type { DeliveryReceiver } from "../session_store.ts";
import { together } from "../call.ts";
import type { Item } from "./batch.ts";
import { getAll, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { decodeGate, queueSize } from "./gate.ts";
import { type GuardState, isOwn } from "./guard.ts";
import { decodeHead } from "./head.ts";
import type { KnownGate, KnownLog } from "./known_log.ts";
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

/** A receiver that is the session of the batch's own guard. */
interface OwnReceiver {
  readonly item: Item;
  readonly state: GuardState;
}

/**
 * Reads what items need and the world does not know yet.
 *
 * An owner that appends to its own log alone needs no read: the commit checks that the gate is the one it left. Where
 * anything has to be read all the same, the gate is read with it, since a guess that fails costs a commit.
 */
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
  const wantReceiver = (clientId: string, log?: KnownLog): void => {
    const gateKey = layout.gate(clientId);
    const headKey = layout.head(clientId);
    want(gateKey, (entry) => {
      const gate = entry && orUnreadable(() => decodeGate(gateKey, entry.value));
      world.gates.set(gateKey, gate);
      // What could give way may have been looked up before this.
      world.waiting.set(gateKey, undefined);
      log?.sawGate(entry && gate && gate !== "unreadable" ? { gate, version: entry.version } : undefined);
    });
    // Without its head a session can still be appended to, only nothing can give way.
    want(
      headKey,
      (entry) => world.heads.set(headKey, entry && readable(() => decodeHead(headKey, entry.value, clientId))),
    );
  };
  const own: OwnReceiver[] = [];
  for (const item of items) {
    const { state } = item;
    // What became of its messages is told once more, where the journal stays.
    if (state !== undefined && endsLoudly(item.batch.changes)) {
      const gateKey = layout.gate(state.head.clientId);
      want(gateKey, (entry) => {
        world.gates.set(gateKey, entry && orUnreadable(() => decodeGate(gateKey, entry.value)));
        world.waiting.set(gateKey, undefined);
      });
    }
    for (const receiver of reachable(item, most)) {
      if (state !== undefined && isOwn(state, receiver)) {
        own.push({ item, state });
        continue;
      }
      // What an owner knows is checked by its own commits alone.
      world.lookAgain(layout.gate(receiver.clientId));
      world.lookAgain(layout.head(receiver.clientId));
      wantReceiver(receiver.clientId);
    }
    const { outbox } = item.batch;
    if (outbox !== undefined) {
      const key = layout.outboxEntry(outbox.outboxId, outbox.number);
      want(key, (entry) => world.outbox.set(key, entry && decodeOutbox(key, entry.value, outbox)));
    }
  }
  wantRemoved(context, layout, world, items, want);
  if (readers.size > 0 || !assumeGates(layout, world, own)) {
    for (const { state } of own) wantReceiver(state.head.clientId, state.log);
  }
  // Last, since a head that is read for another reason needs not be taken from a guard.
  for (const item of items) wantHead(layout, world, item, readers, want);
  const keys = [...readers.keys()];
  const entries = await getAll(context.driver, keys);
  for (const [index, key] of keys.entries()) {
    const entry = entries[index];
    world.committed(key, entry?.version ?? null);
    readers.get(key)?.(entry);
  }
  await loadWaiting(context, layout, world, items, most);
}

type Want = (key: string, read: (entry: Entry | undefined) => void) => void;

/** The owner's own head: as its guard knows it, unless that did not hold. */
function wantHead(layout: Layout, world: World, item: Item, readers: ReadonlyMap<string, unknown>, want: Want): void {
  if (item.state === undefined) return;
  const { head, headVersion } = item.state;
  const headKey = layout.head(head.clientId);
  if (item.rereads) {
    want(headKey, (entry) => world.heads.set(headKey, entry && decodeHead(headKey, entry.value, head.clientId)));
  } else if (!world.versions.has(headKey) && !readers.has(headKey)) {
    world.assume(headKey, headVersion);
    world.heads.set(headKey, head);
  }
}

/**
 * Log rows that an owner may not delete unseen. Of the few that it knows to have been there the commit checks that they
 * still are; many are read, since a commit can check only so much.
 */
function wantRemoved(
  { driver }: StoreContext,
  layout: Layout,
  world: World,
  items: readonly Item[],
  want: Want,
): void {
  let checks = Math.floor(driver.limits.checksPerCommit / CHECKED_SHARE);
  for (const { batch, state, rereads } of items) {
    if (state === undefined) continue;
    const rows = layout.rows(state.head.clientId, state.head.incarnation);
    for (const change of batch.changes) {
      if (change.type !== "deleteQueued") continue;
      const known = state.log.get(change.sequence);
      if (known?.isStarted) continue;
      const key = ROW.queued(rows, change.sequence);
      if (world.versions.has(key)) continue;
      if (known !== undefined && !rereads && checks-- > 0) {
        world.assume(key, known.version);
        continue;
      }
      want(key, (entry) => {
        if (entry === undefined) state.log.remove(change.sequence);
        const row = entry && readable(() => decodeQueueRow(key, entry.value));
        const ref = row && chunksOf(row);
        if (ref !== undefined) world.bodies.set(key, ref);
      });
    }
  }
}

/** Of the checks of a commit so many go to rows that are removed unread: one in four. */
const CHECKED_SHARE = 4;

/** Takes the gates that owners append to from what they know; whether all of them could be. */
function assumeGates(layout: Layout, world: World, own: readonly OwnReceiver[]): boolean {
  const gates = new Map<string, KnownGate>();
  for (const { item, state } of own) {
    const gateKey = layout.gate(state.head.clientId);
    if (world.versions.has(gateKey)) continue;
    const known = item.rereads ? undefined : state.log.likelyGate;
    if (known?.gate.incarnation !== state.head.incarnation) return false;
    gates.set(gateKey, known);
  }
  for (const [gateKey, { gate, version }] of gates) {
    world.assume(gateKey, version);
    world.gates.set(gateKey, gate);
  }
  return true;
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
    const { limits, deliveries } = item.batch;
    const hasTerms = deliveries.some(({ terms }) => terms !== undefined);
    for (const { clientId, incarnation } of reachable(item, most)) {
      const gateKey = layout.gate(clientId);
      const gate = world.gates.get(gateKey);
      const head = world.heads.get(layout.head(clientId));
      if (gate === undefined || gate === "unreadable" || world.waiting.get(gateKey) !== undefined) continue;
      if (head?.incarnation !== incarnation || gate.incarnation !== incarnation) continue;
      const limited = limitsOf.get(gateKey) ?? [];
      const need = needs.get(gateKey) ?? {
        rows: layout.rows(clientId, incarnation),
        ...queueSize(gate, head),
        maximumMessages: Infinity,
        maximumBytes: Infinity,
        lastQos0: gate.lastQos0,
        from: Math.min(head.session.sentLimit, ...limited) + 1,
        startedThrough: Math.max(head.session.sentLimit, ...limited),
        isEmpty: gate.tail <= Math.min(head.session.sentLimit, ...limited),
        isWhole: false,
        hasTerms: (gate.lastTerms ?? 0) > Math.min(head.session.sentLimit, ...limited),
      };
      // Under terms all that waits counts.
      need.isWhole ||= hasTerms;
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
  await together([...needs].map(async ([gateKey, need]) => {
    if (!need.isWhole && need.messages <= need.maximumMessages && need.bytes <= need.maximumBytes) return;
    world.waiting.set(gateKey, need.isEmpty ? [] : await readWaiting(context, need));
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
  /** Whether nothing waits in it. */
  readonly isEmpty: boolean;
  /** Whether something waits in it under terms: then what gives way is not told by the beginning alone. */
  readonly hasTerms: boolean;
  /** Whether all that waits in it is to be known. */
  isWhole: boolean;
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
      const { qos, terms } = row;
      waiting.push({ sequence: sequenceOf(entry.key), qos, bytes: row.bytes, terms, body: chunksOf(row) });
      // What may turn out to be started is not counted on.
      if (sequenceOf(entry.key) <= need.startedThrough) continue;
      messages--;
      bytes -= row.bytes;
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return waiting;
    if (!need.isWhole && !need.hasTerms && messages <= 0 && bytes <= 0 && sequenceOf(last.key) >= need.lastQos0) {
      return waiting;
    }
    start = after(last.key);
  }
}

function orUnreadable<Value>(decode: () => Value): Value | "unreadable" {
  return readable(decode) ?? "unreadable";
}
