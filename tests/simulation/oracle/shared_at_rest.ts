/**
 * What must be true of shared groups once all is at rest: what entered a group while it surely had members, and has had them
 * since, came to one of them, waits, or is counted as lost; what ended with a session is what it had started.
 *
 * @module
 */
import { type Client, liveConnection } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Subscribed } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { isUpgraded } from "./level_rules.ts";
import { FULL, judgeDrops, mayBeReplaced, mayExpire } from "./losses.ts";
import type { Message } from "./message.ts";
import type { SessionReport } from "./observation.ts";
import { goesOnInAnyCase, holdersNow } from "./session_present.ts";
import { type Group, type Handed, mayHaveEnded } from "./shared.ts";
import { topicMatches } from "./topic_match.ts";
import { earliestPublication, latestPublication } from "./will.ts";

/** Who surely is a member at the end. */
interface Member {
  readonly subscribed: Subscribed;
  /** `undefined` while it is detached. */
  readonly connection: Connection | undefined;
}

/** All is at rest. */
export function judgeGroupsAtRest(knowledge: Knowledge, reports: readonly SessionReport[]): void {
  const groups = [...knowledge.groups.values()];
  const members = new Map(groups.map((group) => [group, membersOf(knowledge, group, reports)]));
  for (const [group, all] of members) {
    const report = reports.find(({ client }) => client === group.filter);
    if (report === undefined) continue;
    if (all.length > 0 && !report.exists) {
      knowledge.report("group lost", group.filter, "there is none, but it has members");
    }
    if (!report.exists) continue;
    judgeDrops(knowledge, report);
    const idle = all.some(({ connection }) => connection !== undefined && connection.unanswered.size === 0);
    if (idle && report.queuedMessages > 0) {
      knowledge.report("group at rest", group.filter, `${report.queuedMessages} messages wait, and a member is idle`);
    }
  }
  judgeLosses(knowledge, members, reports);
}

function membersOf(knowledge: Knowledge, { filter }: Group, reports: readonly SessionReport[]): readonly Member[] {
  return [...knowledge.clients.values()].flatMap((client): readonly Member[] => {
    const { generation, isRude, name } = client;
    const exists = reports.find((report) => report.client === name)?.exists;
    if (isRude || generation === undefined || generation.isRude || exists !== true) return [];
    const connection = liveConnection(client);
    const isHeld = connection?.generation === generation ||
      connection === undefined && goesOnInAnyCase(knowledge, holdersNow(knowledge, client), generation);
    const subscribed = generation.byFilter.get(filter);
    if (!isHeld || subscribed === undefined || subscribed.sureSeq === Infinity) return [];
    return subscribed.endSentSeq === Infinity ? [{ subscribed, connection }] : [];
  });
}

function judgeLosses(
  knowledge: Knowledge,
  members: ReadonlyMap<Group, readonly Member[]>,
  reports: readonly SessionReport[],
): void {
  const { keepsLast = [], queueIsLimited, sharedNeverStarted } = knowledge.bounds;
  const ended = [...knowledge.clients.values()].filter((client) => hasLostSession(knowledge, client));
  // What a session that is no more had lost by a limit nobody can tell.
  if (queueIsLimited && ended.length > 0) return;
  const lost: Message[] = [];
  for (const message of knowledge.messages.values()) {
    if (message.qos === 0 || message.isDoubtful) continue;
    const owing = [...members].filter(([group, all]) => isOwed(knowledge, group, all, message));
    if (owing.length === 0 || settled(knowledge, message) >= owing.length) continue;
    if (ended.length > 0 && (mayExpire(knowledge, message) || mayBeReplaced(knowledge, message))) continue;
    lost.push(message);
  }
  if (lost.length === 0) return;
  const count = (reason: string) => reports.reduce((sum, { dropped }) => sum + (dropped[reason] ?? 0), 0);
  const waiting = reports.reduce((sum, report) => sum + waitingAt(knowledge, report), 0);
  const full = queueIsLimited ? FULL.reduce((sum, reason) => sum + count(reason), 0) : 0;
  const replaced = keepsLast.length > 0 ? count("replaced") : 0;
  // At QoS 2 what a session had started, or may have, ends with it ([MQTT-4.8.2-5]): a window of each connection.
  const drops = sharedNeverStarted === "drop";
  const windows = ended.reduce(
    (sum, client) => drops || takesQos2(client) ? sum + windowsOf(knowledge, client) : sum,
    0,
  );
  const mayEnd = (message: Message) => message.qos === 2 || isUpgraded(knowledge, message) || drops;
  const lasting = lost.filter((message) => !mayEnd(message) && !mayExpire(knowledge, message));
  const expired = lost.some((message) => mayExpire(knowledge, message)) ? count("expired") : 0;
  const excused = waiting + full + replaced;
  const isRight = lasting.length <= excused && lost.length <= excused + expired + windows;
  if (isRight) return;
  const names = lost.map(({ text, qos }) => `${text} q${qos}`).join(", ");
  const text = `${names} came to no member; waiting ${waiting}, dropped ${
    full + replaced + expired
  }, windows ${windows}`;
  knowledge.report("group: lost message", "", text);
}

/** What may wait for a member alone: what it has started, and as long as it is away. In a group anything may. */
function waitingAt(knowledge: Knowledge, { client: name, queuedMessages }: SessionReport): number {
  const client = knowledge.clients.get(name);
  if (client === undefined) return queuedMessages;
  return liveConnection(client) === undefined ? Math.min(queuedMessages, windowsOf(knowledge, client)) : 0;
}

/** How many messages of groups all connections of a client may have been sent. */
function windowsOf({ bounds: { mostAtOnce = Infinity } }: Knowledge, { connections }: Client): number {
  const members = connections.some(({ generation }) =>
    generation?.subscribed.some(({ shared }) => shared !== undefined)
  );
  if (!members) return 0;
  return connections.reduce((sum, { receiveMaximum }) => sum + Math.min(receiveMaximum, mostAtOnce), 0);
}

function takesQos2({ connections }: Client): boolean {
  return connections.some(({ generation }) =>
    generation?.subscribed.some(({ shared, askedQos }) => shared !== undefined && askedQos === 2)
  );
}

/** Whether a session of this client that was a member of a group may be over. */
function hasLostSession(knowledge: Knowledge, { connections }: Client): boolean {
  return connections.some(({ generation }) =>
    generation !== undefined && generation.subscribed.some(({ shared }) => shared !== undefined) &&
    mayHaveEnded(knowledge, generation)
  );
}

/** Whether a message surely entered a group, which surely has had a member ever since. */
function isOwed(
  knowledge: Knowledge,
  group: Group,
  members: readonly Member[],
  message: Message,
): boolean {
  if (!topicMatches(group.inner, message.topic)) return false;
  // Whoever takes no more than QoS 0 may get it, or not.
  if (group.asked.some(({ askedQos, goneSeq }) => askedQos === 0 && goneSeq >= message.firstSeq)) return false;
  if (message.kind !== "will") {
    return message.acceptedSeq !== Infinity &&
      members.some(({ subscribed }) => subscribed.sureSeq < message.acceptedFromSeq);
  }
  return message.wills.some((will) =>
    latestPublication(knowledge, will) < knowledge.at &&
    members.some(({ subscribed }) => subscribed.sureAt < earliestPublication(knowledge, will))
  );
}

/** How many copies of a message came to stay: acknowledged, with a session that lives, or started at QoS 2. */
function settled(knowledge: Knowledge, message: Message): number {
  const all = knowledge.handed.get(message) ?? [];
  return all.reduce((sum, each) => sum + settledAt(knowledge, each, message), 0);
}

function settledAt(knowledge: Knowledge, { generation, levels, isLate }: Handed, { text }: Message): number {
  if (isLate || !mayHaveEnded(knowledge, generation)) return levels.length;
  const staying = levels.filter((qos) => qos === 2).length;
  if (staying === levels.length) return staying;
  for (const delivery of generation.deliveries.values()) {
    if (delivery.text === text && delivery.isAcknowledged) return levels.length;
  }
  return staying;
}
