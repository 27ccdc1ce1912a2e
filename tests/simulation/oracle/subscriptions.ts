/**
 * Subscriptions: what a session surely and possibly was subscribed to at a time. A SUBSCRIBE may take effect from the moment
 * it is sent and surely has with its SUBACK; UNSUBSCRIBE likewise.
 *
 * @module
 */
import type { Connection, OpenRequest } from "./connection.ts";
import type { Generation, Subscribed } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Message, surelyRoutedBefore } from "./message.ts";
import type { WireSubscribe, WireUnsubscribe } from "./observation.ts";
import { mustExist } from "./session_present.ts";
import { groupAsked, sharedFilter } from "./shared.ts";
import { topicMatches } from "./topic_match.ts";

/** A client handed a SUBSCRIBE to the network. */
export function subscribeSent(knowledge: Knowledge, connection: Connection, packet: WireSubscribe): void {
  const { seq, at } = knowledge;
  const { generation } = connection;
  const identifier = packet.subscriptionIdentifier;
  const subscribed = packet.subscriptions.map(({ filter, qos, noLocal, retainAsPublished }) => {
    const previous = generation?.byFilter.get(filter);
    if (previous !== undefined) endSent(previous, seq, at);
    const asked: Subscribed = {
      filter,
      shared: sharedFilter(filter),
      askedQos: qos,
      noLocal,
      retainAsPublished,
      identifier,
      sentSeq: seq,
      sentAt: at,
      previous,
      grantedQos: undefined,
      grantedSeq: Infinity,
      sureSeq: Infinity,
      sureAt: Infinity,
      leastQos: 0,
      everNoLocal: noLocal,
      endSentSeq: Infinity,
      endSentAt: Infinity,
      goneSeq: Infinity,
    };
    if (generation === undefined) connection.early.push(asked);
    else remember(generation, asked);
    return asked;
  });
  for (const asked of subscribed) groupAsked(knowledge, asked);
  const filters = subscribed.map(({ filter }) => filter);
  connection.requests.set(packet.packetId, { type: "subscribe", seq, at, filters, subscribed, wasThere: [] });
}

function endSent(subscribed: Subscribed, seq: number, at: number): void {
  if (subscribed.endSentSeq !== Infinity) return;
  subscribed.endSentSeq = seq;
  subscribed.endSentAt = at;
}

function remember(generation: Generation, subscribed: Subscribed): void {
  generation.subscribed.push(subscribed);
  generation.byFilter.set(subscribed.filter, subscribed);
}

/** The session is known: what was asked for before belongs to it. */
export function earlySubscribed(connection: Connection): void {
  const { generation, early } = connection;
  if (generation === undefined) return;
  for (const subscribed of early.splice(0)) remember(generation, subscribed);
}

/** SUBACK came. */
export function subscribeAnswered(
  knowledge: Knowledge,
  connection: Connection,
  request: OpenRequest,
  codes: readonly number[],
): void {
  const { seq, at } = knowledge;
  for (const [index, subscribed] of request.subscribed.entries()) {
    const code = codes[index] ?? 0x80;
    if (code < 0x80) granted(subscribed, code, seq, at);
    else refused(connection, subscribed);
  }
}

function granted(subscribed: Subscribed, code: number, seq: number, at: number): void {
  const { previous } = subscribed;
  subscribed.grantedQos = subscribed.leastQos = code;
  subscribed.grantedSeq = subscribed.sureSeq = seq;
  subscribed.sureAt = at;
  // What it replaces loses nothing ([MQTT-3.8.4-4]): from one to the other there is no gap.
  if (previous !== undefined && previous.sureSeq < subscribed.sentSeq && previous.endSentSeq === subscribed.sentSeq) {
    subscribed.sureSeq = previous.sureSeq;
    subscribed.sureAt = previous.sureAt;
    subscribed.leastQos = Math.min(code, previous.leastQos);
    subscribed.everNoLocal ||= previous.everNoLocal;
  }
  for (let older = previous; older !== undefined; older = older.previous) older.goneSeq = Math.min(older.goneSeq, seq);
}

/** What becomes of the one that it would have replaced, the text does not say (SB-23). */
function refused({ generation }: Connection, subscribed: Subscribed): void {
  subscribed.goneSeq = -1;
  if (subscribed.previous !== undefined) generation?.byFilter.set(subscribed.filter, subscribed.previous);
}

/** A client handed an UNSUBSCRIBE to the network. */
export function unsubscribeSent(knowledge: Knowledge, connection: Connection, packet: WireUnsubscribe): void {
  const { seq, at } = knowledge;
  const { generation } = connection;
  const { filters } = packet;
  const wasThere = filters.map((filter) => {
    const subscribed = generation?.byFilter.get(filter);
    if (subscribed === undefined) return generation?.firstConnection === undefined ? undefined : false;
    const surely = subscribed.sureSeq < seq && subscribed.endSentSeq === Infinity && !connection.isLate;
    const surelyNot = isGone(subscribed);
    for (let any: Subscribed | undefined = subscribed; any !== undefined; any = any.previous) endSent(any, seq, at);
    return surely ? true : surelyNot ? false : undefined;
  });
  connection.requests.set(packet.packetId, { type: "unsubscribe", seq, at, filters, subscribed: [], wasThere });
}

function isGone(subscribed: Subscribed): boolean {
  for (let any: Subscribed | undefined = subscribed; any !== undefined; any = any.previous) {
    if (any.goneSeq === Infinity) return false;
  }
  return true;
}

/** UNSUBACK came. */
export function unsubscribeAnswered(
  knowledge: Knowledge,
  connection: Connection,
  request: OpenRequest,
  codes: readonly number[],
): void {
  const { generation } = connection;
  for (const [index, filter] of request.filters.entries()) {
    if ((codes[index] ?? 0) >= 0x80) continue;
    for (let any = generation?.byFilter.get(filter); any !== undefined; any = any.previous) {
      if (any.sentSeq < request.seq) any.goneSeq = Math.min(any.goneSeq, knowledge.seq);
    }
  }
}

/** Whether a subscription may have matched a message when it was routed. */
export function mayMatch(knowledge: Knowledge, subscribed: Subscribed, message: Message): boolean {
  if (message.firstSeq > subscribed.goneSeq) return false;
  if (!topicMatches(subscribed.filter, message.topic)) return false;
  const { networkMs, detachMs } = knowledge.bounds;
  return !surelyRoutedBefore(message, subscribed.sentSeq, subscribed.sentAt, networkMs + detachMs);
}

/** Whether a message is kept from a subscription since it is the client's own. Of a Will that is not certain. */
export function isOwn(message: Message, client: string): boolean {
  return message.kind === "client" && message.publisher === client;
}

/** Whether a subscription surely matched a message that was routed in this time. */
export function surelyMatches(
  subscribed: Subscribed,
  message: Message,
  client: string,
  fromSeq: number,
  toSeq: number,
): boolean {
  if (subscribed.grantedQos === undefined || subscribed.sureSeq >= fromSeq || subscribed.endSentSeq <= toSeq) {
    return false;
  }
  if (subscribed.everNoLocal && message.publisher === client) return false;
  return topicMatches(subscribed.filter, message.topic);
}

/** Whether a session surely holds a subscription that a message of just now must have found. */
export function isSurelyWanted(knowledge: Knowledge, message: Message, sentSeq: number): boolean {
  if (message.isDoubtful) return false;
  for (const { generation, attempts, name } of knowledge.clients.values()) {
    // A session that is taken over by a clean start, or ends, wants nothing any more.
    if (generation === undefined || attempts.length !== 1 || !mustExist(knowledge, attempts)) continue;
    for (const subscribed of generation.subscribed) {
      // What is not stored for anybody needs no owner either.
      if (subscribed.leastQos > 0 && surelyMatches(subscribed, message, name, sentSeq, knowledge.seq)) return true;
    }
  }
  return false;
}
