/** Reading a log in pages. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import { readable } from "../encoding.ts";
import { countDrop } from "../records/drops.ts";
import type { Guard, QueuePage, QueuePosition } from "../session_store.ts";
import type { LoggedTerms } from "../waiting_terms.ts";
import { together } from "../call.ts";
import { layoutFor, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { decodeGate, encodeGate, type GateRecord } from "./gate.ts";
import { KeyValueGuard } from "./guard.ts";
import { KnownLog } from "./known_log.ts";
import { after, below, ROW } from "./layout.ts";
import { chunksOf, decodeQueueRow, messageOf, sequenceOf } from "./queue_row.ts";

/** What is known of a log before it is read. */
export interface LogView {
  /** The key of its gate. */
  readonly gateKey: string;
  readonly gate: GateRecord;
  readonly gateVersion: string;
  /** The key of its rows. */
  readonly rows: string;
  /** What the owner knows of the log: filled while reading. */
  readonly log: KnownLog;
  /** Up to here nothing was removed by anybody but the owner when the read began. */
  readonly sentLimit: number;
  /** Whether gate and head say that nothing is in it. */
  readonly isEmpty: boolean;
}

/** Rows that were read beforehand, from the first one after the position on. */
export interface Prefetched {
  readonly entries: readonly Entry[];
  /** Whether there may be more. */
  readonly more: boolean;
}

/** Reads a page of the log of a guard. */
export async function readQueue(context: StoreContext, guard: Guard, position: QueuePosition): Promise<QueuePage> {
  const { clientId, incarnation } = guard;
  const known = KeyValueGuard.stateOf(guard);
  const log = known?.log ?? new KnownLog(0);
  const { sentLimit } = log;
  const layout = await layoutFor(context, [clientId, incarnation]);
  const gateKey = layout.gate(clientId);
  const rows = layout.rows(clientId, incarnation);
  const [[entry], prefetched] = await together([
    context.driver.get([gateKey]),
    listRows(context, rows, position, position.after),
  ]);
  const gate = entry && decodeGate(gateKey, entry.value);
  if (entry === undefined || gate?.incarnation !== incarnation) {
    return { messages: [], through: 0, tail: 0, unreadable: 0 };
  }
  const view = { gateKey, gate, gateVersion: entry.version, rows, log, sentLimit, isEmpty: false };
  return await readPage(context, view, position, prefetched);
}

/**
 * Reads a page, beginning with rows that were read at the same time as the gate.
 *
 * Those rows may be older than the gate. That shows when its tail is not among them, and then they are not enough to
 * say that the log ends with them: it is read on from there, after the gate.
 */
export async function readPage(
  context: StoreContext,
  view: LogView,
  position: QueuePosition,
  prefetched: Prefetched,
): Promise<QueuePage> {
  const { gate, rows } = view;
  const messages: Promise<QueuedMessage>[] = [];
  const terms = new Map<number, LoggedTerms>();
  const aside: Entry[] = [];
  let bytes = 0;
  let { entries, more } = prefetched;
  let through = gate.tail;
  let reached = position.after;
  let isAfterGate = false;
  reading: for (;;) {
    for (const entry of entries) {
      const sequence = sequenceOf(entry.key);
      const row = readable(() => decodeQueueRow(entry.key, entry.value));
      const isFull = messages.length > 0 &&
        (messages.length >= position.messages || bytes + (row?.bytes ?? 0) > position.bytes);
      if (isFull) {
        through = sequence - 1;
        break reading;
      }
      if (row === undefined) {
        aside.push(entry);
        continue;
      }
      view.log.note(sequence, { body: chunksOf(row), version: entry.version }, view.sentLimit);
      messages.push(messageOf(context, rows, entry, row));
      if (row.terms !== undefined) terms.set(sequence, row.terms);
      bytes += row.bytes;
    }
    const last = entries.at(-1);
    if (last !== undefined) reached = sequenceOf(last.key);
    if (!more && (isAfterGate || reached >= gate.tail || (view.isEmpty && entries.length === 0))) {
      // What was appended after the gate was read is shown all the same.
      if (reached > position.after) through = Math.max(through, reached);
      break;
    }
    isAfterGate = true;
    ({ entries, more } = await listRows(context, rows, position, reached));
  }
  const page = { messages: await together(messages), through, tail: Math.max(gate.tail, through) };
  if (aside.length > 0) await setAside(context, view, aside);
  return { ...page, unreadable: aside.length, ...(terms.size === 0 ? {} : { terms }) };
}

async function listRows(
  context: StoreContext,
  rows: string,
  position: QueuePosition,
  reached: number,
): Promise<Prefetched> {
  // One more than the page may hold tells where the next one begins.
  const limit = Math.min(position.messages + 1, context.driver.limits.entriesPerList);
  const { end } = below(ROW.queue(rows));
  return await context.driver.list({ start: after(ROW.queued(rows, reached)), end, limit });
}

/** Moves rows that cannot be read out of the log, and counts them. When somebody else is faster, the next reader does. */
async function setAside(context: StoreContext, view: LogView, entries: readonly Entry[]): Promise<void> {
  const { gateKey, rows } = view;
  let { gate, gateVersion: version } = view;
  // One by one: it happens rarely, and large rows must not exceed a commit.
  for (const entry of entries) {
    const { key, value } = entry;
    gate = { ...gate, droppedMessages: gate.droppedMessages + 1, drops: countDrop(gate.drops, "unreadable") };
    const committed = await context.driver.commit([{ key: gateKey, version }, { key, version: entry.version }], [
      { type: "set", key: gateKey, value: encodeGate(gate) },
      { type: "delete", key },
      { type: "set", key: ROW.unreadable(rows, sequenceOf(key)), value },
    ]);
    if (committed === undefined) return;
    version = committed.version;
  }
}
