/** What a store shows of itself through its port: the state that the model is about. */
import type { DropReason } from "../../machine/change.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { OutboxEntry, SessionStore } from "../../store/session_store.ts";
import { textOf } from "./names.ts";

/** A session as it is stored. */
export interface ShownSession {
  readonly snapshot: SessionSnapshot;
  readonly epoch: number;
  readonly version: number;
  readonly owner?: { readonly nodeId: string; readonly token: string };
  /** Until when the owner's node is known to be alive; present while attached. */
  readonly ownerUntil?: number;
  readonly log: readonly QueuedMessage[];
  readonly tail: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** All that matters of a store. */
export interface Shown {
  /** By Client Identifier. */
  readonly sessions: ReadonlyMap<string, ShownSession>;
  /** Those that hold something, by their ids. */
  readonly outboxes: ReadonlyMap<string, readonly OutboxEntry[]>;
}

/** What was read, with what the index of deadlines and the directory say of it. */
export interface Look {
  readonly shown: Shown;
  /** Since when each outbox is due: the store's own to say. */
  readonly dueOutboxes: ReadonlyMap<string, number>;
  /** The same for the same state, numbers of a store's own left out. */
  readonly text: string;
  /** What is wrong with it; whatever the calls were, this must not be. */
  readonly wrong?: string;
}

const WHOLE_LOG = { after: 0, messages: 1_000, bytes: 1 << 24 };

/** No node lapses that is waited for so long. Nothing that a scenario plans is due so late. */
const WAIT = 1e14;
const LATE_MS = 20 * 24 * 3_600_000;

/** Reads what a store shows. */
export async function look(
  store: SessionStore,
  clientIds: readonly string[],
  outboxIds: Iterable<string>,
  now: number,
): Promise<Look> {
  const sessions = new Map<string, ShownSession>();
  const wrong: string[] = [];
  for (const clientId of clientIds) {
    const stored = await store.read(clientId);
    const line = await store.directory.inspect(clientId);
    if (stored === undefined || line === undefined) {
      if (stored !== line) wrong.push(`${clientId}: read and inspect disagree on whether there is one`);
      continue;
    }
    const { snapshot, guard, owner, ownerUntil } = stored;
    const page = await store.readQueue(guard, WHOLE_LOG);
    sessions.set(clientId, {
      snapshot,
      epoch: guard.epoch,
      version: guard.version,
      ...(owner === undefined ? {} : { owner }),
      ...(ownerUntil === undefined ? {} : { ownerUntil }),
      log: page.messages,
      tail: page.tail,
      dropped: line.dropped,
    });
    if (guard.incarnation !== snapshot.incarnation) wrong.push(`${clientId}: guard and snapshot disagree`);
    if (line.queuedMessages !== page.messages.length) {
      wrong.push(`${clientId}: ${line.queuedMessages} are counted, ${page.messages.length} are in the log`);
    }
    if (page.unreadable > 0) wrong.push(`${clientId}: ${page.unreadable} rows of the log cannot be read`);
  }
  const due = await store.listDue(now + LATE_MS, { limit: 1_000, graceMs: WAIT });
  const dueOutboxes = new Map(
    due.flatMap((work): [string, number][] => work.type === "outbox" ? [[work.outboxId, work.dueAt]] : []),
  );
  const outboxes = new Map<string, readonly OutboxEntry[]>();
  for (const outboxId of new Set([...dueOutboxes.keys(), ...outboxIds])) {
    const entries = await store.readOutbox(outboxId, 1_000);
    if (entries.length > 0) outboxes.set(outboxId, entries);
    if (entries.length > 0 && !dueOutboxes.has(outboxId)) wrong.push(`the outbox ${outboxId} is not due`);
    if (entries.length === 0 && dueOutboxes.has(outboxId)) wrong.push(`the outbox ${outboxId} is due and empty`);
  }
  const shown: Shown = { sessions, outboxes };
  const found = due.flatMap((work) => work.type === "session" ? [`${work.clientId} at ${work.dueAt}`] : []).sort();
  const expected = dueSessions(shown).sort();
  if (found.join() !== expected.join()) {
    wrong.push(`due are [${found.join()}], by their heads it should be [${expected.join()}]`);
  }
  return { shown, dueOutboxes, text: textOfShown(shown), ...(wrong.length === 0 ? {} : { wrong: wrong.join("; ") }) };
}

/** The sessions that must be in the index of deadlines. */
function dueSessions({ sessions }: Shown): string[] {
  return Array.from(sessions.values(), ({ snapshot: { clientId, head } }) => {
    const at = head.attached ? Infinity : Math.min(head.willDueAt ?? Infinity, head.endsAt ?? Infinity);
    return at === Infinity ? "" : `${clientId} at ${at}`;
  }).filter((text) => text !== "");
}

/** A state as text, without what every store counts in its own way. */
export function textOfShown({ sessions, outboxes }: Shown): string {
  const parts: string[] = [];
  for (const [clientId, { epoch: _e, version: _v, ownerUntil: _u, ...session }] of sessions) {
    parts.push(`${clientId}=${textOf(session)}`);
  }
  for (const [outboxId, entries] of outboxes) {
    parts.push(`outbox ${outboxId}=${textOf(entries.map(({ number: _, ...entry }) => entry))}`);
  }
  return parts.sort().join("\n");
}

/** What a text leaves out. */
export function numbersOf({ shown: { sessions, outboxes }, dueOutboxes }: Look): string {
  const parts: unknown[] = [...dueOutboxes];
  for (const [clientId, { epoch, version, ownerUntil }] of sessions) parts.push(clientId, epoch, version, ownerUntil);
  for (const [outboxId, entries] of outboxes) parts.push(outboxId, entries.map(({ number }) => number));
  return parts.join();
}
