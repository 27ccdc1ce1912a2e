/**
 * Shared subscriptions: a message that enters a group goes to one of its members, and to another one only if that may be
 * ([MQTT-4.8.2-3] to [MQTT-4.8.2-6], SH-02 to SH-14).
 *
 * @module
 */
import type { Arrival } from "./arrival.ts";
import type { Generation, Subscribed } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Message, surelyRoutedBefore } from "./message.ts";
import { goesOnInAnyCase, holdersNow } from "./session_present.ts";
import { isUpgraded } from "./level_rules.ts";
import { topicMatches } from "./topic_match.ts";
import { mayMatch } from "./subscriptions.ts";
import { mayBeginTwice } from "./will.ts";

/** A group. */
export interface Group {
  readonly filter: string;
  /** The filter that topics are matched against. */
  readonly inner: string;
  /** It was not there before. */
  readonly fromSeq: number;
  readonly fromAt: number;
  /** All that was ever asked of it, by whomever. */
  readonly asked: Subscribed[];
}

/** A message of a group that came to a session. */
export interface Handed {
  readonly generation: Generation;
  /** The level of each copy, those of its own subscriptions included. */
  readonly levels: (0 | 1 | 2)[];
  /** It came on a connection that was taken over: nobody knows which session that was. */
  isLate: boolean;
}

/** Of a shared subscription the filter that topics are matched against ([MQTT-4.8.2-1]). */
export function sharedFilter(filter: string): string | undefined {
  return /^\$share\/[^/+#]+\/(.+)$/s.exec(filter)?.[1];
}

/** Somebody asks to be a member. */
export function groupAsked(knowledge: Knowledge, asked: Subscribed): void {
  const { filter, shared, sentSeq, sentAt } = asked;
  if (shared === undefined) return;
  let group = knowledge.groups.get(filter);
  if (group === undefined) {
    group = { filter, inner: shared, fromSeq: sentSeq, fromAt: sentAt, asked: [] };
    knowledge.groups.set(filter, group);
  }
  group.asked.push(asked);
}

/** Whether a message may have come to a session as a member of a group: it may have waited there for long. */
export function mayBeHanded(knowledge: Knowledge, { shared, filter, goneSeq }: Subscribed, message: Message): boolean {
  if (shared === undefined || message.firstSeq > goneSeq || !topicMatches(shared, message.topic)) return false;
  const group = knowledge.groups.get(filter);
  return group !== undefined && mayHaveEntered(knowledge, group, message);
}

/** Whether a group may have been there when a message was routed. */
function mayHaveEntered({ bounds }: Knowledge, { fromSeq, fromAt }: Group, message: Message): boolean {
  return !surelyRoutedBefore(message, fromSeq, fromAt, bounds.networkMs + bounds.detachMs);
}

/** The subscriptions by which a message may have come from a group. */
export function sharedFor(knowledge: Knowledge, { subscribed }: Generation, message: Message): readonly Subscribed[] {
  return knowledge.groups.size === 0 ? [] : subscribed.filter((each) => mayBeHanded(knowledge, each, message));
}

/** Whether a copy is what a member gets by one of these: its level, its RETAIN, its Subscription Identifier alone. */
export function isHandedBy(
  knowledge: Knowledge,
  shared: readonly Subscribed[],
  { packet, connection }: Arrival,
  message: Message,
): boolean {
  return shared.some(({ grantedQos, askedQos, retainAsPublished, identifier }) => {
    // A group is asked at the highest level, and its rules are asked before its members.
    const most = Math.min(isUpgraded(knowledge, message) ? 2 : message.qos, grantedQos ?? askedQos);
    const fits = grantedQos === undefined ? packet.qos <= most : packet.qos === most;
    if (!fits || packet.retain !== (message.retain && retainAsPublished)) return false;
    const wanted = connection.version === 5 && identifier !== undefined ? [identifier] : [];
    return (packet.subscriptionIdentifiers ?? []).join() === wanted.join();
  });
}

/** How many copies of a message may come to a session beside those of a group. */
function ownCopies(knowledge: Knowledge, { subscribed }: Generation, message: Message): number {
  return subscribed.some((each) => mayMatch(knowledge, each, message)) ? message.routings : 0;
}

/** Whether a message can have come to a session from a group alone. */
export function isOfGroupAlone(knowledge: Knowledge, generation: Generation, message: Message): boolean {
  return sharedFor(knowledge, generation, message).length > 0 && ownCopies(knowledge, generation, message) === 0;
}

/** How many groups a message may have entered. */
export function groupsFor(knowledge: Knowledge, message: Message): number {
  let count = 0;
  for (const group of knowledge.groups.values()) {
    if (topicMatches(group.inner, message.topic) && mayHaveEntered(knowledge, group, message)) count++;
  }
  return count;
}

/** A copy came that may be a group's: is it one too many? */
export function judgeHanded(knowledge: Knowledge, arrival: Arrival, message: Message): void {
  const { connection, generation, packet, kind, got } = arrival;
  if (kind === "again" || sharedFor(knowledge, generation, message).length === 0) return;
  const all = knowledge.handed.get(message) ?? [];
  knowledge.handed.set(message, all);
  const isLate = kind === "late" || (got?.cameLate ?? false);
  const known = all.find((each) => each.generation === generation);
  if (known === undefined) all.push({ generation, levels: [packet.qos], isLate });
  else {
    known.levels.push(packet.qos);
    known.isLate ||= isLate;
  }
  if (isLate) return;
  knowledge.count("copy from a group");
  const limit = (message.routings + message.wills.filter(mayBeginTwice).length) * groupsFor(knowledge, message);
  let needed = 0;
  for (const each of all) {
    if (each.isLate || isKnownUnderAnotherName(each, all)) continue;
    // What was started at QoS 1 goes to another member once the session is over; at QoS 2 to nobody, at QoS 0 it is gone.
    // It may come late to one whose session is over, when another has got it already.
    const hasGoneOn = each.levels.includes(1) && mayHaveEnded(knowledge, each.generation);
    const staying = hasGoneOn ? each.levels.filter((qos) => qos !== 1) : each.levels;
    if (hasGoneOn) knowledge.count("copy of a group that may have gone on to another member");
    needed += Math.max(0, staying.length - ownCopies(knowledge, each.generation, message));
  }
  if (needed <= limit) return;
  const rule = SHARED_RULES[packet.qos];
  const places = all.map(({ generation: { client }, levels }) => `at QoS ${levels.join(" and ")} to ${client}`).join(
    ", ",
  );
  const text = `${message.text} on connection ${connection.number} is one too many of ${limit}: ${places}`;
  knowledge.report(rule, connection.client.name, text);
}

const SHARED_RULES = ["group: at most one", "group: one member", "group: exactly one"] as const;

/** A session that may be one that is known already: its copy may be the same. */
function isKnownUnderAnotherName({ generation }: Handed, all: readonly Handed[]): boolean {
  return generation.firstConnection === undefined &&
    all.some((other) => other.generation !== generation && other.generation.client === generation.client);
}

/** Whether a session may be over by now. */
export function mayHaveEnded(knowledge: Knowledge, generation: Generation): boolean {
  const client = knowledge.client(generation.client);
  return client.generation !== generation || !goesOnInAnyCase(knowledge, holdersNow(knowledge, client), generation);
}
