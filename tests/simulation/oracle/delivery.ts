/**
 * What comes to a client is a message that somebody published, unchanged, that a subscription of this session asked for, at
 * the level and with the marks that it asked for, and no more often than it was published.
 *
 * @module
 */
import type { Arrival } from "./arrival.ts";
import type { Subscribed } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Message, sameBytes, surelyRoutedBefore } from "./message.ts";
import { isForbidden } from "./publishing.ts";
import { isHandedBy, sharedFor } from "./shared.ts";
import { isOwn, mayMatch, surelyMatches } from "./subscriptions.ts";
import { isUpgraded, whyNotKept } from "./level_rules.ts";
import { mayBeginTwice, whyNotPublished } from "./will.ts";

/** A promise about a PUBLISH that came: what is wrong with this one. */
interface ArrivalRule {
  readonly rule: string;
  readonly wrong: (arrival: Arrival, message: Message, knowledge: Knowledge) => string | undefined;
}

const FIRST_RULES: readonly ArrivalRule[] = [
  { rule: "content", wrong: (arrival, message) => whyChanged(arrival, message) },
  {
    rule: "older than the session",
    wrong: ({ generation }, message, knowledge) => {
      const { bornFromSeq, bornFromAt } = generation;
      const { networkMs, detachMs } = knowledge.bounds;
      // What waits for a group waits for members to come.
      if (sharedFor(knowledge, generation, message).length > 0) return undefined;
      if (!surelyRoutedBefore(message, bornFromSeq, bornFromAt, networkMs + detachMs)) return undefined;
      return "had been routed before the session began";
    },
  },
  {
    rule: "refused message",
    wrong: (_, message) => message.isRefused ? "had been refused to its publisher" : undefined,
  },
  {
    rule: "forbidden topic",
    wrong: (_, { kind, topic }, knowledge) => {
      return kind === "client" && isForbidden(knowledge, topic)
        ? `came, but nobody may publish to ${topic}`
        : undefined;
    },
  },
  { rule: "QoS 0 kept", wrong: (arrival, message, knowledge) => whyNotKept(knowledge, arrival, message) },
  {
    rule: "Will",
    wrong: (_, message, knowledge) => message.kind === "will" ? whyNotPublished(knowledge, message) : undefined,
  },
];

/** Judges a message that comes to a session for the first time. Whether nothing is wrong with it so far. */
export function judgeFirst(knowledge: Knowledge, arrival: Arrival, message: Message): boolean {
  const { connection } = arrival;
  let isRight = true;
  for (const { rule, wrong } of FIRST_RULES) {
    const found = wrong(arrival, message, knowledge);
    if (found === undefined) continue;
    isRight = false;
    knowledge.report(rule, connection.client.name, `${message.text} on connection ${connection.number} ${found}`);
  }
  return isRight;
}

/** What a copy owes to the subscriptions that it stands for. */
export function judgeSubscriptions(knowledge: Knowledge, arrival: Arrival, message: Message): void {
  const { connection, generation, packet } = arrival;
  const client = connection.client.name;
  const shared = sharedFor(knowledge, generation, message);
  if (isHandedBy(knowledge, shared, arrival, message)) return;
  const report = (rule: string, text: string) => {
    knowledge.report(rule, client, `${message.text} (${message.topic}) on connection ${connection.number} ${text}`);
  };
  const possible = generation.subscribed.filter((subscribed) => mayMatch(knowledge, subscribed, message));
  const wanted = possible.filter(({ noLocal }) => !(noLocal && isOwn(message, client)));
  if (wanted.length === 0) {
    if (shared.length > 0) return report("copy from a group", `has QoS ${packet.qos}, RETAIN ${packet.retain ? 1 : 0}`);
    if (possible.length > 0) return report("No Local", "is the client's own");
    // A session that the oracle did not see begin may hold any subscription.
    if (generation.bornFromSeq >= 0) report("no subscription", "matches no subscription of the session");
    return;
  }
  const sure = message.kind === "will" ? [] : wanted.filter((subscribed) => {
    return surelyMatches(subscribed, message, client, message.firstSeq, knowledge.seq);
  });
  const most = isUpgraded(knowledge, message) ? 2 : message.qos;
  if (packet.qos > message.qos) knowledge.count("copy above its published level");
  if (!levels(most, wanted, sure).includes(packet.qos)) {
    report("QoS of the copy", `has ${packet.qos}, published with ${message.qos}, granted ${grants(wanted)}`);
  }
  const keeps = wanted.filter(({ retainAsPublished }) => retainAsPublished).length;
  const mayRetain = message.retain && keeps > 0;
  const mustRetain = message.retain && keeps === wanted.length;
  if (packet.retain ? !mayRetain : mustRetain) report("RETAIN of the copy", `has RETAIN ${packet.retain ? 1 : 0}`);
  // One that replaced another without a gap may not have been there yet.
  const asIs = sure.filter(({ grantedSeq }) => grantedSeq < message.firstSeq);
  judgeIdentifiers(packet.subscriptionIdentifiers ?? [], wanted, asIs, connection.version, report);
}

function grants(wanted: readonly Subscribed[]): string {
  return wanted.map(({ grantedQos, askedQos }) => grantedQos ?? `at most ${askedQos}`).join(", ");
}

/** The levels that a copy may have: that of the highest subscription that was there, or the published one. */
function levels(most: number, wanted: readonly Subscribed[], sure: readonly Subscribed[]): readonly number[] {
  let least = 0;
  // What a subscription was before it was replaced is not told apart here.
  for (const { leastQos } of sure) least = Math.max(least, leastQos);
  const found: number[] = [];
  for (const { grantedQos, askedQos } of wanted) {
    const lowest = grantedQos ?? 0;
    for (let qos = lowest; qos <= (grantedQos ?? askedQos); qos++) {
      if (qos >= least) found.push(Math.min(qos, most));
    }
  }
  return found;
}

function judgeIdentifiers(
  identifiers: readonly number[],
  wanted: readonly Subscribed[],
  sure: readonly Subscribed[],
  version: 4 | 5,
  report: (rule: string, text: string) => void,
): void {
  if (version === 4) return;
  const foreign = identifiers.find((found) => !wanted.some(({ identifier }) => identifier === found));
  if (foreign !== undefined) {
    report("Subscription Identifier", `carries ${foreign}, which no matching subscription has`);
  }
  for (const { identifier, filter } of sure) {
    if (identifier === undefined || identifiers.includes(identifier)) continue;
    report("Subscription Identifier", `does not carry ${identifier} of ${filter}`);
  }
}

function whyChanged({ packet, topic }: Arrival, message: Message): string | undefined {
  if (topic !== message.topic) return `has the topic ${topic}, published to ${message.topic}`;
  return sameBytes(packet.payload, message.payload) ? undefined : "has another payload";
}

/** How many copies of a message a session may get ([MQTT-4.3.1-1], [MQTT-4.3.2-1], [MQTT-4.3.3-2], invariant 6). */
export function judgeCopies(knowledge: Knowledge, arrival: Arrival, message: Message): void {
  const { connection, generation, got } = arrival;
  const copies = (got?.copies ?? 0) + 1;
  const groups = new Set(sharedFor(knowledge, generation, message).map(({ filter }) => filter)).size;
  if (copies <= message.routings * (1 + groups) + message.wills.filter(mayBeginTwice).length) return;
  const rule = message.kind === "will" ? "Will twice" : COPY_RULES[message.qos];
  const text = `${message.text} came ${copies} times on connections up to ${connection.number}`;
  knowledge.report(rule, connection.client.name, `${text}, published ${message.routings} times`);
}

const COPY_RULES = ["at most once", "too many copies", "exactly once"] as const;
