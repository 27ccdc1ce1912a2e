/**
 * What must be true once all faults are healed and everybody is at rest: what was acknowledged has arrived or its loss is
 * counted, every request is answered, nothing waits, and the sessions that must be there are there (invariant 7, G14).
 *
 * @module
 */
import { type Client, liveConnection } from "./client.ts";
import type { Connection } from "./connection.ts";
import type { Generation } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { latestEnd, surelyEndedByHand } from "./lifetime.ts";
import { FULL, judgeDrops, mayBeReplaced, mayExpire } from "./losses.ts";
import type { Message } from "./message.ts";
import type { SessionReport } from "./observation.ts";
import { goesOnInAnyCase, holdersNow, mustExist } from "./session_present.ts";
import { judgeGroupsAtRest } from "./shared_at_rest.ts";
import { judgeOvertaken } from "./shared_order.ts";
import { surelyMatches } from "./subscriptions.ts";
import { earliestPublication, latestPublication, type Will } from "./will.ts";

/** All is at rest. */
export function judgeAtRest(knowledge: Knowledge, reports: readonly SessionReport[]): void {
  for (const [text, { at, client }] of knowledge.unexplained) {
    knowledge.report("unknown message", client, `nobody published ${text}`, at);
  }
  const willTimes = new Map<Will, readonly [number, number]>();
  for (const client of knowledge.clients.values()) {
    if (client.isRude) continue;
    const report = reports.find((report) => report.client === client.name);
    const connection = liveConnection(client);
    for (const open of client.connections) {
      if (!open.isOpen) continue;
      judgeAnswers(knowledge, open);
      if (open.supersededSeq === Infinity) continue;
      knowledge.report("takeover", client.name, `connection ${open.number} is open, but another has the session`);
    }
    judgeExistence(knowledge, client, connection, report);
    const { generation } = client;
    if (generation === undefined || generation.isRude || report === undefined) continue;
    const isHeld = connection !== undefined || goesOnInAnyCase(knowledge, holdersNow(knowledge, client), generation);
    const isKnown = connection === undefined || connection.generation === generation;
    if (isHeld && isKnown && report.exists) judgeArrivals(knowledge, client, generation, connection, report, willTimes);
    if (connection !== undefined && connection.unanswered.size === 0 && report.queuedMessages > 0) {
      knowledge.report("queue at rest", client.name, `${report.queuedMessages} messages wait, and none is unanswered`);
    }
    judgeDrops(knowledge, report);
  }
  judgeGroupsAtRest(knowledge, reports);
  judgeOvertaken(knowledge);
}

/** Every request on a connection that stays open is answered. */
function judgeAnswers(knowledge: Knowledge, connection: Connection): void {
  const { client, number } = connection;
  if (connection.isRude || connection.isLate || connection.connect === undefined) return;
  const missing: string[] = [];
  if (!connection.isAnswered) missing.push("CONNECT");
  for (const { packetId } of connection.pubacks) missing.push(`PUBLISH ${packetId} with QoS 1`);
  for (const { packetId } of connection.pubrecs) missing.push(`PUBLISH ${packetId} with QoS 2`);
  for (const { packetId } of connection.pubcomps) missing.push(`PUBREL ${packetId}`);
  for (const [packetId, { type }] of connection.requests) missing.push(`${type.toUpperCase()} ${packetId}`);
  if (connection.isAnswered && connection.exchange?.turn === "server") missing.push("AUTH");
  for (const [packetId, sent] of connection.pubrecsSent) {
    if ((connection.pubrelsGot.get(packetId) ?? 0) < sent) missing.push(`PUBREC ${packetId}`);
  }
  // Keep Alive goes on at rest: the last PINGREQ may have been sent just now.
  const { networkMs, detachMs } = knowledge.bounds;
  if (connection.pings.some((sentAt) => sentAt + 2 * networkMs + detachMs < knowledge.at)) missing.push("PINGREQ");
  if (missing.length > 0) {
    knowledge.report("unanswered", client.name, `on connection ${number}: ${missing.join(", ")}`);
  }
}

function judgeExistence(
  knowledge: Knowledge,
  client: Client,
  connection: Connection | undefined,
  report: SessionReport | undefined,
): void {
  const { bounds, at } = knowledge;
  const exists = report?.exists === true;
  const holders = holdersNow(knowledge, client);
  if (!exists) {
    const isThere = connection !== undefined || mustExist(knowledge, holders);
    if (report !== undefined && isThere) {
      knowledge.report("session lost", client.name, "there is none, but it had not ended");
    }
    return;
  }
  const isGone = holders.every((holder) => !holder.isOpen && latestEnd(holder, bounds) + bounds.dueMs < at) ||
    surelyEndedByHand(holders, knowledge, Infinity);
  if (isGone && connection === undefined) knowledge.report("session left behind", client.name, "it had ended");
}

/** At least once: what was accepted while the session surely was subscribed has come, waits, or is counted as lost. */
function judgeArrivals(
  knowledge: Knowledge,
  client: Client,
  generation: Generation,
  connection: Connection | undefined,
  report: SessionReport,
  willTimes: Map<Will, readonly [number, number]>,
): void {
  const lasting: string[] = [];
  const expiring: string[] = [];
  const replaceable: string[] = [];
  const either: string[] = [];
  for (const message of knowledge.messages.values()) {
    if (message.qos === 0 || message.isDoubtful || (generation.got.has(message))) continue;
    const isOwed = message.kind === "will"
      ? message.wills.some((will) => isWillOwed(knowledge, will, message, client, generation, willTimes))
      : message.acceptedSeq !== Infinity && isOwedTo(message, client, generation);
    if (!isOwed) continue;
    const [expires, gives] = [mayExpire(knowledge, message), mayBeReplaced(knowledge, message)];
    const list = expires ? (gives ? either : expiring) : gives ? replaceable : lasting;
    list.push(message.text);
  }
  if (lasting.length + expiring.length + replaceable.length + either.length === 0) return;
  const { dropped } = report;
  const count = (reason: string) => dropped[reason] ?? 0;
  const full = knowledge.bounds.queueIsLimited ? FULL.reduce((sum, reason) => sum + count(reason), 0) : 0;
  // Of those whose place a later one may have taken, more than were counted are as lost as any other.
  const replaced = knowledge.bounds.keepsLast === undefined ? 0 : count("replaced");
  lasting.push(...replaceable.slice(replaced));
  expiring.push(...either.slice(Math.max(0, replaced - replaceable.length)));
  const waiting = connection === undefined ? report.queuedMessages : 0;
  const excused = waiting + full + (client.limitsPackets ? count("tooLarge") : 0);
  const lost = lasting.length > excused ? lasting : [...lasting, ...expiring];
  if (lasting.length <= excused && lost.length <= excused + count("expired")) return;
  const text = `${lost.join(", ")} never came; dropped ${JSON.stringify(dropped)}, waiting ${waiting}`;
  knowledge.report(lost.every((name) => isWill(knowledge, name)) ? "Will lost" : "lost message", client.name, text);
}

function isWill(knowledge: Knowledge, text: string): boolean {
  return knowledge.messages.get(text)?.kind === "will";
}

function isOwedTo(message: Message, client: Client, generation: Generation): boolean {
  const { acceptedFromSeq, acceptedSeq } = message;
  return generation.subscribed.some((subscribed) =>
    subscribed.leastQos > 0 && surelyMatches(subscribed, message, client.name, acceptedFromSeq, acceptedSeq)
  );
}

function isWillOwed(
  knowledge: Knowledge,
  will: Will,
  message: Message,
  client: Client,
  generation: Generation,
  times: Map<Will, readonly [number, number]>,
): boolean {
  let time = times.get(will);
  if (time === undefined) {
    time = [earliestPublication(knowledge, will), latestPublication(knowledge, will)];
    times.set(will, time);
  }
  const [earliest, latest] = time;
  if (latest >= knowledge.at) return false;
  return generation.subscribed.some((subscribed) =>
    subscribed.leastQos > 0 && subscribed.sureAt < earliest && subscribed.endSentAt > latest &&
    surelyMatches(subscribed, message, client.name, Infinity, -1)
  );
}
