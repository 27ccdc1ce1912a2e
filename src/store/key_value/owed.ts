/** Putting messages into an outbox, and moving its cursor. */
import type { Message } from "../../mqtt/message.ts";
import { encodeOwedMessage, encodeOwedReceivers } from "../records/owed.ts";
import type { DeliveryReceiver, OutboxMove } from "../session_store.ts";
import { RECORD_KIND, recordWriter } from "../encoding.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import { removeChunks } from "./chunks.ts";
import { encodeDue } from "./due_row.ts";
import { type Layout, ROW } from "./layout.ts";
import { encodeOutbox, type OutboxRecord } from "./outbox_row.ts";
import type { Plan } from "./plan.ts";
import type { Staging } from "./staging.ts";
import type { World } from "./world.ts";

/** Where and how an outbox is written. */
export interface Owing {
  readonly layout: Layout;
  readonly world: World;
  readonly plan: Plan;
  readonly staging: Staging;
  readonly valueBytes: number;
  /** Names what is staged among all of a call. */
  readonly handle: string;
  readonly now: number;
}

/** An entry to be made. */
export interface NewEntry {
  readonly outboxId: string;
  readonly number: number;
  /** The session of the outbox, unless it has ended or there is none. */
  readonly clientId?: string;
  readonly message: Message;
  readonly receivers: readonly DeliveryReceiver[] | undefined;
  /** How many of them were served by the commit that makes the entry. */
  readonly cursor: number;
}

/** Plans a new entry. */
export function putEntry(work: Owing, entry: NewEntry): void {
  const { outboxId, number, clientId, receivers, cursor } = entry;
  const { layout, plan, now } = work;
  const owedKey = clientId === undefined ? undefined : ROW.owed(layout.rows(clientId, outboxId), number);
  const message = part(work, "message", outboxId, encodeOwedMessage(entry.message));
  const record: OutboxRecord = {
    outboxId,
    number,
    ...(owedKey === undefined ? {} : { owedKey }),
    dueAt: now,
    cursor,
    message,
    ...(receivers === undefined ? {} : { receivers: fixed(work, outboxId, receivers) }),
  };
  plan.set(layout.outboxEntry(outboxId, number), encodeOutbox(record));
  plan.set(layout.dueOutbox(now, outboxId, number), encodeDue({ type: "outbox", outboxId }));
  if (owedKey !== undefined) plan.set(owedKey, recordWriter(RECORD_KIND.owed).finish());
}

/** How many receivers an entry has once a step has fixed them; `undefined` if it builds on another state. */
export function receiversAfter(entry: OutboxRecord | undefined, move: OutboxMove): number | undefined {
  if (entry === undefined || entry.cursor !== move.from) return undefined;
  if ((entry.receivers === undefined) !== (move.receivers !== undefined)) return undefined;
  return entry.receivers?.count ?? move.receivers?.length;
}

/** Plans the move of a cursor; at the end the entry goes. */
export function moveCursor(work: Owing, entry: OutboxRecord, move: OutboxMove): void {
  const { layout, world, plan } = work;
  const key = layout.outboxEntry(move.outboxId, move.number);
  plan.check(key, world.versionOf(key));
  const count = entry.receivers?.count ?? move.receivers?.length ?? 0;
  if (move.to >= count) {
    world.outbox.set(key, undefined);
    plan.delete(key);
    plan.delete(layout.dueOutbox(entry.dueAt, entry.outboxId, entry.number));
    if (entry.owedKey !== undefined) plan.delete(entry.owedKey);
    for (const each of [entry.message, entry.receivers?.list]) {
      if (each === undefined || each instanceof Uint8Array) continue;
      const prefix = owedPrefix(layout, entry.outboxId, each);
      removeChunks(plan, layout, { owner: entry.outboxId, prefix, ref: each, now: work.now });
    }
    return;
  }
  const receivers = entry.receivers ?? fixed(work, entry.outboxId, move.receivers ?? []);
  const next: OutboxRecord = { ...entry, cursor: move.to, receivers };
  world.outbox.set(key, next);
  plan.set(key, encodeOutbox(next));
}

/** Where the parts of a large message or of many receivers stand. */
export function owedPrefix(layout: Layout, outboxId: string, ref: { readonly id: string }): string {
  return `${layout.outbox(outboxId)}staged/${ref.id}/`;
}

function fixed(
  work: Owing,
  outboxId: string,
  receivers: readonly DeliveryReceiver[],
): NonNullable<OutboxRecord["receivers"]> {
  const list = part(work, "receivers", outboxId, encodeOwedReceivers(receivers));
  return { count: receivers.length, list };
}

/** A part as it stands in the entry: itself, or, when it would take more than a third of a value, where it stands. */
function part(work: Owing, name: string, outboxId: string, value: Uint8Array): Uint8Array | ChunkRef {
  if (value.length <= work.valueBytes / 3) return value;
  const staged = work.staging.stage(`${work.handle}/${name}`, {
    owner: outboxId,
    value: () => value,
    prefix: (id) => owedPrefix(work.layout, outboxId, { id }),
  });
  work.plan.stage(staged);
  return staged.ref;
}
