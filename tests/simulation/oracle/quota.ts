/**
 * Quotas of principals. A CONNECT is refused for one (0x97, in 3.1.1 return code 3) only where it would begin one session
 * too many of its principal, or where its principal may hold too many bytes; as many as there may be begin; and once all is
 * at rest there are as many places as sessions.
 *
 * @module
 */
import type { Client } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import { latestEnd, surelyEndedByHand } from "./lifetime.ts";
import type { Message } from "./message.ts";
import type { SessionReport, UsageReport } from "./observation.ts";
import { holdersBefore, holdersNow, mustExistSince } from "./session_present.ts";
import { topicMatches } from "./topic_match.ts";

const QUOTA_EXCEEDED = 0x97;
/** 3.1.1: Connection Refused, Server unavailable. */
const SERVER_UNAVAILABLE = 3;

/** Whether a CONNECT surely was refused for a quota. A 3.1.1 client is told the same by a server in trouble. */
export function refusesForQuota({ bounds }: Knowledge, connection: Connection, reasonCode: number): boolean {
  const { version, client, connectSeq } = connection;
  if (version === 5) return reasonCode === QUOTA_EXCEEDED;
  if (reasonCode !== SERVER_UNAVAILABLE || bounds.quota?.isSteady !== true) return false;
  // One that another connection of the client overtook is told to try again.
  return !client.isRude && client.attempts.every((other) => other.connectSeq <= connectSeq);
}

/** A CONNECT was refused for a quota: there may have been as many sessions as there may be, and none was its own. */
export function judgeRefusal(knowledge: Knowledge, connection: Connection): void {
  const { client, number, connectSeq } = connection;
  const { quota } = knowledge.bounds;
  if (client.isRude) return;
  const report = (text: string) => knowledge.report("quota: refused", client.name, `connection ${number} ${text}`);
  const principal = quota?.principals.get(client.name);
  if (quota === undefined || principal === undefined) return report("has no quota");
  const own = holdersBefore(knowledge, connection);
  if (mustExistSince(knowledge, own, connectSeq)) {
    return report("begins no session that was not there");
  }
  const { sessions: most = Infinity, queuedBytes: mostBytes = Infinity } = quota;
  const there = othersOf(knowledge, client, principal).filter((other) => mayCount(knowledge, other, connection));
  // Its own, of another CONNECT that is on its way at the same time.
  if (own.some((holder) => holder.connackSeq > connectSeq)) there.push(client);
  if (there.length >= most) return knowledge.count("refused for its quota of sessions");
  const bytes = mostBytes === Infinity ? 0 : bytesUntilNow(knowledge, principal);
  if (bytes >= mostBytes) return knowledge.count("refused for its quota of bytes");
  const names = there.map(({ name }) => name).join(", ");
  report(`would have made ${there.length + 1} sessions of ${principal} at most (${names}), of ${most}`);
}

/** A CONNECT began a session: there was room for one. */
export function judgeBeginning(knowledge: Knowledge, connection: Connection): void {
  const { client, number, connectSeq } = connection;
  const { quota } = knowledge.bounds;
  const principal = quota?.principals.get(client.name);
  if (quota?.sessions === undefined || principal === undefined) return;
  const there = othersOf(knowledge, client, principal).filter((other) =>
    !other.isRude && mustExistSince(knowledge, holdersNow(knowledge, other), connectSeq)
  );
  if (there.length > 0) knowledge.count("began beside others under a quota");
  if (there.length < quota.sessions) return;
  const names = there.map(({ name }) => name).join(", ");
  const text = `connection ${number} began a session beside those of ${names}: ${principal} may have ${quota.sessions}`;
  knowledge.report("quota: too many", client.name, text);
}

/** All is at rest: what the store counts of each principal is what its sessions are. */
export function judgePlaces(
  knowledge: Knowledge,
  reports: readonly SessionReport[],
  usages: readonly UsageReport[],
): void {
  const { quota } = knowledge.bounds;
  for (const { principal, sessions, queuedBytes } of usages) {
    const there = reports.filter(({ client, exists }) => exists && quota?.principals.get(client) === principal);
    const names = there.map(({ client }) => client).join(", ");
    const bytes = there.reduce((sum, { queuedBytes: own = 0 }) => sum + own, 0);
    if (there.length > (quota?.sessions ?? Infinity)) {
      knowledge.report("quota: too many", principal, `has the sessions of ${names}, of ${quota?.sessions}`);
    }
    if (sessions !== there.length) {
      knowledge.report("quota: places", principal, `has ${sessions} places, and the sessions of ${names}`);
    } else if (queuedBytes !== bytes) {
      knowledge.report("quota: bytes", principal, `holds ${queuedBytes} bytes, and its sessions ${bytes}`);
    }
  }
}

function ofPrincipal({ clients, bounds }: Knowledge, principal: string): readonly Client[] {
  return [...clients.values()].filter(({ name }) => bounds.quota?.principals.get(name) === principal);
}

function othersOf(knowledge: Knowledge, client: Client, principal: string): Client[] {
  return ofPrincipal(knowledge, principal).filter((other) => other !== client);
}

/** Whether a session of this client may have counted at any time since a CONNECT was sent: one that ended counts until somebody works that off. */
function mayCount(knowledge: Knowledge, client: Client, { connectSeq, connectAt }: Connection): boolean {
  const { bounds } = knowledge;
  const holders = holdersNow(knowledge, client);
  if (holders.length === 0) return false;
  if (client.isRude) return true;
  const isOver = holders.every((holder) => !holder.isOpen && latestEnd(holder, bounds) + bounds.dueMs < connectAt);
  return !isOver && !surelyEndedByHand(holders, knowledge, connectSeq);
}

/**
 * So much at most may have waited for the sessions of a principal at one time. When a node looked is not known, and what it
 * saw last may be as old as it is itself.
 */
function bytesUntilNow(knowledge: Knowledge, principal: string): number {
  let bytes = 0;
  for (const { connections } of ofPrincipal(knowledge, principal)) {
    const subscribed = connections.flatMap(({ generation, early }) => [...generation?.subscribed ?? [], ...early]);
    const filters = new Set(subscribed.map(({ filter }) => filter));
    for (const message of knowledge.messages.values()) {
      if ([...filters].some((filter) => topicMatches(filter, message.topic))) bytes += sizeOf(message);
    }
  }
  return bytes;
}

function sizeOf({ topic, payload, routings }: Message): number {
  return (topic.length + payload.length) * Math.max(1, routings);
}
