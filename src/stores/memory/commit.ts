import { checkBatch, subscribedFilters } from "../../store/batch.ts";
import { commitEntry, endsQuietly, JOURNAL_KEPT_MS, withDropped, withEntry } from "../../store/records/journal.ts";
import type { CommitBatch, CommitResult, OutboxMove } from "../../store/session_store.ts";
import { carryOut } from "./changes.ts";
import { copyOfReceiver } from "./copies.ts";
import { canMove, deliver, nobodyTakes } from "./deliver.ts";
import { dropsOf, type OutboxRecord, type SessionRecord } from "./records.ts";
import { guardOf, type World } from "./world.ts";

/**
 * Throws for a batch that no state of the store would make right. Asked of all batches before the first is carried
 * out, so that a throw always means that nothing happened.
 */
export function checkWhole(world: World, batch: CommitBatch): void {
  checkBatch(world.capabilities, batch);
  if (subscribedFilters([batch]).every((filter) => world.admit(filter))) return;
  throw new RangeError(`Cannot commit batch ${batch.id}: a Topic Filter was not admitted`);
}

/** Carries one batch out, whole or not at all. */
export function commit(world: World, batch: CommitBatch): CommitResult {
  const repeated = repeatedAnswer(world, batch);
  if (repeated !== undefined) return repeated;
  const record = batch.guard && world.guarded(batch.guard);
  if (batch.guard !== undefined && record === undefined) return { outcome: "superseded" };
  const entry = batch.outbox && entryAt(world, batch.outbox);
  if (batch.outbox !== undefined && entry === undefined) return { outcome: "superseded" };
  if (batch.isWhole && !canMove(world, batch, record)) return { outcome: "refused", reason: "notTaken" };
  if (nobodyTakes(world, batch, record)) return { outcome: "refused", reason: "queueFull" };

  for (const { nodeId, clientId } of batch.rings ?? []) world.doorbells.ring(nodeId, clientId);

  const ownNode = record?.owner?.nodeId;
  const told = record === undefined ? "" : commitEntry(record.head, record.epoch, batch);
  const goesOn = record !== undefined && changeSession(world, record, batch);
  if (record !== undefined) {
    record.journal = withEntry(record.journal, goesOn ? told : withDropped(told, dropsOf(record)));
  }
  const deliveries = deliver(world, batch, outboxPlace(batch, record), ownNode);
  if (batch.outbox !== undefined && entry !== undefined) moveCursor(world, batch.outbox, entry);
  const result: CommitResult = { outcome: "committed", ...(goesOn ? { guard: guardOf(record) } : {}), deliveries };
  if (record !== undefined) remember(world, record, goesOn, batch, result);
  return result;
}

function repeatedAnswer(world: World, { id, guard }: CommitBatch): CommitResult | undefined {
  if (guard === undefined) return undefined;
  const current = world.sessions.get(guard.clientId);
  const kept = current?.incarnation === guard.incarnation ? current : world.tombstones.get(guard.incarnation);
  return kept?.lastBatch?.id === id ? kept.lastBatch.result : undefined;
}

/** Changes the session and who may change it next; answers whether it goes on. */
function changeSession(world: World, record: SessionRecord, batch: CommitBatch): boolean {
  const { owner } = record;
  if (batch.raiseEpoch !== undefined && owner !== undefined) world.doorbells.ring(owner.nodeId, record.clientId);
  if (!carryOut(world, record, batch.changes)) return false;
  record.version += 1;
  if (batch.raiseEpoch !== undefined) record.epoch += 1;
  if (!record.head.attached) world.setOwner(record, undefined);
  else if (batch.raiseEpoch !== undefined && owner !== undefined) {
    world.setOwner(record, { ...owner, token: batch.raiseEpoch.token });
  }
  world.setDue(record);
  return true;
}

function outboxPlace(batch: CommitBatch, record: SessionRecord | undefined): {
  readonly id: string;
  nextNumber(): number;
} {
  if (record !== undefined) return { id: record.incarnation, nextNumber: () => ++record.lastOutboxNumber };
  let number = 0;
  return { id: batch.id, nextNumber: () => ++number };
}

/** The entry on which a step builds; `undefined` when the outbox has moved on. */
function entryAt(world: World, move: OutboxMove): OutboxRecord | undefined {
  const entry = world.outboxes.get(move.outboxId)?.entries.find(({ number }) => number === move.number);
  if (entry === undefined || entry.cursor !== move.from) return undefined;
  const fixes = move.receivers !== undefined;
  return fixes === (entry.receivers === undefined) ? entry : undefined;
}

function moveCursor(world: World, move: OutboxMove, entry: OutboxRecord): void {
  entry.receivers ??= move.receivers?.map(copyOfReceiver) ?? [];
  entry.cursor = move.to;
  if (entry.cursor < entry.receivers.length) return;
  const outbox = world.outboxes.get(move.outboxId);
  outbox?.entries.splice(outbox.entries.indexOf(entry), 1);
  if (outbox?.entries.length !== 0) return;
  world.outboxes.delete(move.outboxId);
  world.dueOutboxes.set(outbox, Infinity);
}

function remember(
  world: World,
  record: SessionRecord,
  goesOn: boolean,
  { id, now, changes }: CommitBatch,
  result: CommitResult,
): void {
  record.lastBatch = { id, result };
  if (goesOn) return;
  const { clientId, incarnation, lastBatch } = record;
  const tombstone = { clientId, incarnation, lastBatch, dueAt: Infinity, place: -1 };
  world.tombstones.set(incarnation, tombstone);
  world.dueTombstones.set(tombstone, now);
  if (endsQuietly(changes)) return;
  const ended = { clientId, incarnation, journal: record.journal, dueAt: Infinity, place: -1 };
  world.endedJournals.set(clientId, ended);
  world.dueJournals.set(ended, Math.max(0, Math.ceil(now)) + JOURNAL_KEPT_MS);
}
