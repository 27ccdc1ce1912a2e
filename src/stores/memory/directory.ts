import { digestOf } from "../../store/keys.ts";
import { readJournal } from "../../store/records/journal.ts";
import type {
  DirectoryPage,
  DirectoryQuery,
  JournalEntry,
  PrincipalUsage,
  SessionSummary,
} from "../../store/directory.ts";
import type { SessionRecord } from "./records.ts";
import type { World } from "./world.ts";

/** A page of all sessions, in order of Client Identifier, which is the cursor. */
export function list(world: World, { limit, cursor }: DirectoryQuery): DirectoryPage {
  const ids: string[] = [];
  for (const clientId of world.sessions.keys()) {
    if (cursor === undefined || clientId > cursor) ids.push(clientId);
  }
  ids.sort();
  const sessions = ids.slice(0, limit).flatMap((clientId) => inspect(world, clientId) ?? []);
  const last = sessions.at(-1);
  return { sessions, ...(ids.length > limit && last !== undefined ? { cursor: last.clientId } : {}) };
}

/** The line of one session. */
export function inspect(world: World, clientId: string): SessionSummary | undefined {
  const record = world.sessions.get(clientId);
  return record && summary(record);
}

/** What the sessions of a principal hold that count. */
export async function usage(world: World, principal: string): Promise<PrincipalUsage> {
  const digest = world.countsRestored ? await digestOf(principal) : "";
  const records = [...world.counted.get(principal) ?? [], ...world.counted.get(digest) ?? []];
  const queuedBytes = records.reduce((sum, { log }) => sum + (log?.bytes ?? 0), 0);
  return { sessions: records.length, queuedBytes };
}

function summary({ clientId, incarnation, head, owner, subscriptions, log, dropped }: SessionRecord): SessionSummary {
  const { attached, protocolVersion, connectedAt, disconnectedAt, endsAt } = head;
  return {
    clientId,
    incarnation,
    attached,
    ...(owner === undefined ? {} : { ownerNode: owner.nodeId }),
    protocolVersion,
    connectedAt,
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    subscriptions: subscriptions?.size ?? 0,
    queuedMessages: log?.count ?? 0,
    queuedBytes: log?.bytes ?? 0,
    dropped: Object.fromEntries(dropped ?? []),
  };
}

/** What became of the sessions of a client. */
export function journal(world: World, clientId: string): readonly JournalEntry[] {
  return readJournal(world.sessions.get(clientId)?.journal ?? world.endedJournals.get(clientId)?.journal ?? "");
}
