/**
 * Reading a session without owning it.
 *
 * @module
 */
import type { SessionHead } from "../../machine/snapshot.ts";
import { isUnreadable, unreadable } from "../../store/encoding.ts";
import type { Drops } from "../../store/records/drops.ts";
import type { Guard, StoredSession } from "../../store/session_store.ts";
import type { SessionSummary } from "../../store/directory.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { keysFor, type RedisContext, sendAll } from "./context.ts";
import { nameOf, readCounts, readHead } from "./fields.ts";
import { type GuardState, RedisGuard } from "./guard.ts";
import type { RedisKeys } from "./keys.ts";
import { unescapePart } from "./keys.ts";
import { READ } from "./lua/reading.ts";
import { LEASES } from "./lua/time.ts";
import { type OwnRows, phasesOf, readRows, snapshotOf } from "./rows.ts";
import { readReply, type ReplyReader, scoreOf } from "./text.ts";
import type { Command, Reply } from "./transport.ts";

/** A session as it was read. */
export interface ReadSession {
  readonly clientId: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly version: number;
  readonly head: SessionHead;
  readonly held: number;
  readonly bytes: number;
  readonly drops: Drops;
  readonly token: string;
  /** The node that owns it; `""` when none does. */
  readonly nodeId: string;
  /** Until when that node lives; 0 when nothing is known of it. */
  readonly lease: number;
  readonly rows: OwnRows;
}

/** Reads sessions by their parts of keys; `undefined` for those that are not there. */
export async function readSessions(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<(ReadSession | undefined)[]> {
  return (await readEach(context, keys, parts, call)).map((read) => read());
}

/** As {@linkcode readSessions}, for work that one session that cannot be read must not stop. */
export async function readableSessions(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<(ReadSession | undefined | "unreadable")[]> {
  return (await readEach(context, keys, parts, call)).map((read) => {
    try {
      return read();
    } catch (error) {
      if (isUnreadable(error)) return "unreadable";
      throw error;
    }
  });
}

async function readEach(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<(() => ReadSession | undefined)[]> {
  const doing = "read a session";
  const { cluster } = context;
  const nodes = cluster ? [] : [keys.shared("nodes")];
  const commands = parts.map((part): Command => ({
    script: READ,
    keys: [keys.logOf(part), keys.rowsOf(part), ...nodes],
    args: [],
  }));
  if (cluster) commands.push(leasesCommand(keys));
  const replies = await sendAll(context, commands, doing, false, call);
  const leases = cluster ? readLeases(replies.at(-1) ?? "", doing) : undefined;
  return parts.map((part, index) => () => {
    const key = keys.logOf(part);
    const found = readReply(replies[index] ?? "", doing, (reader) => {
      const status = reader.text();
      if (status === "x") throw unreadable(key, "its state is none");
      return status === "n" ? undefined : readSession(keys, part, reader);
    });
    return found && leases ? { ...found, lease: leases.get(found.nodeId) ?? 0 } : found;
  });
}

/** Asks until when each node lives. */
export function leasesCommand(keys: RedisKeys): Command {
  return { script: LEASES, keys: [keys.shared("nodes")], args: [] };
}

/** Node → until when it lives. */
export function readLeases(reply: Reply, doing: string): Map<string, number> {
  return readReply(reply, doing, (reader) => {
    reader.text();
    const leases = new Map<string, number>();
    while (reader.left > 0) leases.set(nameOf(reader.text()), reader.score());
    return leases;
  });
}

function readSession(keys: RedisKeys, part: string, reader: ReplyReader): ReadSession {
  const key = keys.logOf(part);
  const incarnation = nameOf(reader.text());
  const epoch = reader.number();
  const version = reader.number();
  const limit = reader.number();
  const held = reader.number();
  const bytes = reader.number();
  const drops = readCounts(reader.text());
  const token = nameOf(reader.text());
  const nodeId = nameOf(reader.text());
  const head = readHead(key, reader.text(), limit);
  const kept = reader.optional();
  const lease = scoreOf(reader.optional() ?? "0") ?? reader.refuse("a lease is none");
  const fields = reader.list(() => reader.text());
  const clientId = unescapePart(part) ?? (kept === undefined ? undefined : nameOf(kept));
  if (clientId === undefined) throw unreadable(key, "its name is missing");
  const rows = readRows(keys.rowsOf(part), fields);
  return { clientId, incarnation, epoch, version, head, held, bytes, drops, token, nodeId, lease, rows };
}

/** Reads a session without owning it. */
export async function readStored(
  context: RedisContext,
  clientId: string,
  call?: StoreCallOptions,
): Promise<StoredSession | undefined> {
  const keys = await keysFor(context, [clientId]);
  const [found] = await readSessions(context, keys, [keys.part(clientId)], call);
  if (found === undefined) return undefined;
  const { incarnation, head, rows, nodeId, token, lease } = found;
  const session = {
    snapshot: snapshotOf(clientId, incarnation, head, rows),
    guard: new RedisGuard(stateOf(found)),
  };
  return head.attached ? { ...session, owner: { nodeId, token }, ownerUntil: lease } : session;
}

/** What the owner of a session knows. */
export function stateOf({ clientId, incarnation, epoch, version, nodeId, head, rows }: ReadSession): GuardState {
  return { clientId, incarnation, epoch, version, nodeId, head, marks: phasesOf(rows) };
}

/** What a guard knows; `undefined` for a mere copy that does not stand for the session as it is. */
export async function knownOrRead(
  context: RedisContext,
  guard: Guard,
  call?: StoreCallOptions,
): Promise<GuardState | undefined> {
  const known = RedisGuard.stateOf(guard);
  if (known !== undefined) return known;
  const stored = await readStored(context, guard.clientId, call);
  const state = stored && RedisGuard.stateOf(stored.guard);
  const isStored = state?.incarnation === guard.incarnation && state.epoch === guard.epoch &&
    state.version === guard.version;
  return isStored ? state : undefined;
}

/** A line of the directory. */
export function summaryOf(found: ReadSession): SessionSummary {
  const { clientId, incarnation, head, nodeId, rows, held, bytes, drops } = found;
  const { attached, protocolVersion, connectedAt, disconnectedAt, endsAt } = head;
  return {
    clientId,
    incarnation,
    attached,
    ...(attached ? { ownerNode: nodeId } : {}),
    protocolVersion,
    connectedAt,
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    subscriptions: rows.subscriptions.size,
    queuedMessages: held,
    queuedBytes: bytes,
    dropped: drops,
  };
}
