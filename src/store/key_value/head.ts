/**
 * The head: one small record that its owner rewrites with every commit, and by which every other owner is fenced off.
 */
import type { SessionHead } from "../../machine/snapshot.ts";
import { type ByteReader, type ByteWriter, decodeRecord, RECORD_KIND, recordWriter, unreadable } from "../encoding.ts";
import { isDigest } from "../keys.ts";
import { type Drops, readDrops, writeDrops } from "../records/drops.ts";
import type { Acquired } from "../session_store.ts";
import { lastPart } from "./layout.ts";

const ENDINGS = ["expired", "cleanStart", "takenOver"] as const;

/** Who owns a session. */
export interface Owner {
  readonly nodeId: string;
  readonly token: string;
}

/** What the latest acquire answered, so that a repeated one can answer the same. */
export interface AcquireAnswer {
  readonly resumed: boolean;
  readonly startedThrough: number;
  readonly superseded?: Owner;
  readonly ended?: Omit<NonNullable<Acquired["ended"]>, "owes">;
}

/** The head of a session. */
export interface HeadRecord {
  readonly clientId: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly version: number;
  /** The node and token of the latest acquire, or the token of the latest work without owning. */
  readonly owner: Owner;
  /** The numbers that decide the session's life; `attached` says whether `owner` still owns it. */
  readonly session: SessionHead;
  /** Messages that the owner took out of the log, and what they counted for. */
  readonly removedMessages: number;
  readonly removedBytes: number;
  /** Those of them that were lost. */
  readonly drops: Drops;
  /** The version of the latest commit that changed a row of the owner; the row `own/rev` tells the same. */
  readonly rowsVersion: number;
  /** The number of the latest outbox entry of this incarnation. */
  readonly outboxTail: number;
  /** The latest batch; `""` after an acquire. */
  readonly lastBatchId: string;
  /** What that batch answered, packed; empty when it had no deliveries or they took too much room. */
  readonly lastOutcomes: Uint8Array;
  /** The digest of the principal; `""` when there is none. */
  readonly principal: string;
  /** Its place among the sessions of its principal, from 1 on; absent when it began under no quota. */
  readonly place?: number;
  readonly answer: AcquireAnswer;
  /** The last tokens that acquired the session of this client, in short, oldest first; empty in a head of before. */
  readonly tokens: Uint8Array;
  /** What became of the sessions of this client; `""` in a head of before. */
  readonly journal: string;
}

/** Writes a head. */
export function encodeHead(head: HeadRecord): Uint8Array {
  const writer = recordWriter(RECORD_KIND.head);
  const { superseded, ended } = head.answer;
  writer.flags(
    head.answer.resumed,
    superseded !== undefined,
    ended !== undefined,
    head.tokens.length > 0,
    head.journal !== "",
    head.place !== undefined,
  );
  writer.text(head.clientId).text(head.incarnation).number(head.epoch).number(head.version);
  writer.text(head.owner.nodeId).text(head.owner.token);
  writeSessionHead(writer, head.session);
  writer.number(head.removedMessages).number(head.removedBytes);
  writeDrops(writer, head.drops);
  writer.number(head.rowsVersion).number(head.outboxTail).text(head.lastBatchId).bytes(head.lastOutcomes).text(
    head.principal,
  );
  writer.number(head.answer.startedThrough);
  if (superseded !== undefined) writer.text(superseded.nodeId).text(superseded.token);
  if (ended !== undefined) writer.text(ended.incarnation).number(ENDINGS.indexOf(ended.reason));
  if (head.tokens.length > 0) writer.bytes(head.tokens);
  if (head.journal !== "") writer.text(head.journal);
  if (head.place !== undefined) writer.number(head.place);
  return writer.finish();
}

/** Reads a head, and sees to it that it is the one of this client. Without one a long Client Identifier is a digest. */
export function decodeHead(key: string, bytes: Uint8Array, clientId?: string): HeadRecord {
  const head = decodeRecord(key, bytes, RECORD_KIND.head, readHead);
  if (clientId === undefined || head.clientId === clientId) return head;
  // A long one stands apart; the key holds its digest, and the caller made the key of the whole.
  if (isDigest(head.clientId, lastPart(key))) return { ...head, clientId };
  throw unreadable(key, "it is another client's");
}

/** When somebody has to look at a session that nobody owns; `undefined` when never. */
export function dueAtOf(head: HeadRecord): number | undefined {
  const { attached, endsAt, willDueAt } = head.session;
  if (attached) return undefined;
  return endsAt === undefined || willDueAt === undefined ? endsAt ?? willDueAt : Math.min(endsAt, willDueAt);
}

/** The node that owns a session, while one does. */
export function ownerNodeOf(head: HeadRecord): string | undefined {
  return head.session.attached ? head.owner.nodeId : undefined;
}

function readHead(reader: ByteReader): HeadRecord {
  const [resumed = false, hasSuperseded, hasEnded, hasTokens, hasJournal, hasPlace] = reader.flags(6);
  const clientId = reader.text();
  const incarnation = reader.text();
  const epoch = reader.count();
  const version = reader.count();
  const owner = { nodeId: reader.text(), token: reader.text() };
  const session = readSessionHead(reader);
  const removedMessages = reader.count();
  const removedBytes = reader.count();
  const drops = readDrops(reader);
  const rowsVersion = reader.count();
  const outboxTail = reader.count();
  const lastBatchId = reader.text();
  const lastOutcomes = reader.bytes();
  const principal = reader.text();
  const startedThrough = reader.number();
  const superseded = hasSuperseded ? { nodeId: reader.text(), token: reader.text() } : undefined;
  const ended = hasEnded ? { incarnation: reader.text(), reason: reader.word(ENDINGS) } : undefined;
  const tokens = hasTokens ? reader.bytes() : new Uint8Array();
  const journal = hasJournal ? reader.text() : "";
  const place = hasPlace ? reader.count() : undefined;
  return {
    clientId,
    incarnation,
    epoch,
    version,
    owner,
    session,
    removedMessages,
    removedBytes,
    drops,
    rowsVersion,
    outboxTail,
    lastBatchId,
    lastOutcomes,
    principal,
    ...(place === undefined ? {} : { place }),
    answer: {
      resumed,
      startedThrough,
      ...(superseded === undefined ? {} : { superseded }),
      ...(ended === undefined ? {} : { ended }),
    },
    tokens,
    journal,
  };
}

/** The optional numbers of a session head, in the order in which they are written. */
const OPTIONAL = [
  "disconnectedAt",
  "disconnectReason",
  "endsAt",
  "endsAfterMs",
  "willDueAt",
  "willAfterMs",
] as const satisfies readonly (keyof SessionHead)[];

function writeSessionHead(writer: ByteWriter, head: SessionHead): void {
  writer.number(head.protocolVersion);
  const present = OPTIONAL.map((name) => head[name] !== undefined);
  writer.flags(head.attached, head.onTakeover === "release", ...present, head.borrows === true);
  writer.number(head.connectedAt).number(head.sessionExpiryInterval).number(head.sentLimit);
  for (const name of OPTIONAL) {
    const value = head[name];
    if (value !== undefined) writer.number(value);
  }
}

function readSessionHead(reader: ByteReader): SessionHead {
  const protocolVersion = reader.oneOf([4, 5]);
  const [attached = false, releases, ...present] = reader.flags(3 + OPTIONAL.length);
  const connectedAt = reader.number();
  const sessionExpiryInterval = reader.number();
  const sentLimit = reader.count();
  const optional: Partial<Record<typeof OPTIONAL[number], number>> = {};
  for (const [index, name] of OPTIONAL.entries()) if (present[index]) optional[name] = reader.number();
  return {
    protocolVersion,
    attached,
    connectedAt,
    sessionExpiryInterval,
    onTakeover: releases ? "release" : "discard",
    sentLimit,
    ...optional,
    ...(present[OPTIONAL.length] ? { borrows: true } : {}),
  };
}
