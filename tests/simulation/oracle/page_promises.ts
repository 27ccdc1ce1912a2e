/**
 * What a client promises its application: what is stored is delivered, or lost for a reason that is true; what came is
 * handed over, each message under a key of its own, and not again once it was taken.
 *
 * @module
 */
import { textOf } from "./message.ts";
import type { WirePublish } from "./observation.ts";
import type { PageObservation, ToldOutcome } from "./page_observation.ts";
import type { Arrival, PageConnection, PageKnowledge, PageMessage, PageState } from "./page_state.ts";
import { sizeOf, wasOnlineSince } from "./page_wire.ts";

type Of<Type extends PageObservation["type"]> = Extract<PageObservation, { readonly type: Type }>;

/** The application publishes. */
export function messageAsked(knowledge: PageKnowledge, page: PageState, seen: Of<"asked">): void {
  const { text, tab, topic, qos, retain, bytes, expiry } = seen;
  page.messages.set(text, {
    text,
    tab,
    index: page.messages.size,
    topic,
    qos,
    retain,
    bytes,
    ...(expiry === undefined ? {} : { expiry }),
    askedSeq: knowledge.seq,
    askedAt: knowledge.at,
    isStored: false,
    isDeclined: false,
    firstSentSeq: Infinity,
    isAnswered: false,
    answeredWith: 0,
    lost: undefined,
  });
}

/** A publisher was told what became of its message: that is so. */
export function messageSettled(
  knowledge: PageKnowledge,
  page: PageState,
  message: PageMessage,
  { outcome, reasonCode = 0 }: ToldOutcome,
): void {
  const found = (text: string) => knowledge.report("client: told outcome", page.name, `${message.text}: ${text}`);
  const isFailed = message.isAnswered && message.answeredWith >= 0x80;
  switch (outcome) {
    case "sent":
      return message.qos > 0 ? found("sent, and no more") : undefined;
    case "acknowledged":
      return message.isAnswered && !isFailed ? undefined : found("acknowledged, but the server did not");
    case "queueFull":
      message.isDeclined = true;
      return message.firstSentSeq === Infinity ? undefined : found("the queue is full, but it was sent");
    case "refused":
      if (isFailed) return;
      message.isDeclined = true;
      if (message.firstSentSeq !== Infinity) return found("refused, but it was sent and the server did not");
      if (message.qos === 0 && reasonCode === 0x80) return;
      return exceeds(page, message) ? undefined : found(`refused with ${reasonCode}, but the server takes it`);
    case "lost":
    case "takenOver":
      return;
    default:
      outcome satisfies never;
  }
}

/** Whether a server of this client has said that it does not take such a message. */
function exceeds(page: PageState, message: PageMessage): boolean {
  return page.connections.some(({ connack, connect }) => {
    if (connack === undefined || connect?.protocolVersion !== 5) return false;
    const { maximumQoS = 2, maximumPacketSize = Infinity, retainAvailable = true } = connack;
    const { expiry, bytes } = message;
    const size = sizeOf({
      ...message,
      payload: { length: bytes },
      ...(expiry === undefined ? {} : { messageExpiryInterval: expiry }),
    });
    return message.qos > maximumQoS || (message.retain && !retainAvailable) || size > maximumPacketSize;
  });
}

/** A message is lost: the reason is true. */
export function messageLost(knowledge: PageKnowledge, page: PageState, message: PageMessage, reason: string): void {
  message.lost = reason;
  const { text, qos, expiry, askedAt, askedSeq, firstSentSeq } = message;
  const found = (what: string) => knowledge.report("client: told loss", page.name, `${text} as ${reason}: ${what}`);
  const isInFlight = [...page.out.values()].some((exchange) => exchange.message === message && !exchange.isDone);
  switch (reason) {
    case "expired":
      if (expiry === undefined || knowledge.at < askedAt + expiry * 1_000) found("it had not");
      else if (isInFlight && firstSentSeq >= page.knownLossSeq) found("it was on its way");
      return;
    case "sessionLost": {
      const causes = page.losses.filter(({ seq }) => seq > askedSeq);
      const last = page.connections.findLast(({ connack }) => connack !== undefined);
      // Its own clock says so, before CONNECT does.
      const isOver = last !== undefined && last.closedAt + last.interval * 1_000 <= knowledge.at;
      if (isOver) causes.push({ seq: knowledge.seq, connection: last });
      // A clean start that was asked for before the message was, by a page that had yet to open. What it has begun it ends,
      // though its connection is closed meanwhile.
      const { effectMs = Infinity } = knowledge.bounds;
      const clean = page.connections.find((each) =>
        each.asksClean && each.connect === undefined && knowledge.at <= each.closedAt + effectMs
      );
      if (clean !== undefined) causes.push({ seq: knowledge.seq, connection: clean });
      if (causes.length === 0) return found("the session was not");
      const mayBeSent = knowledge.bounds.sendsAhead || causes.some(({ seq, connection }) =>
        firstSentSeq < seq ||
        page.connections.some((each) =>
          each.connackSeq < seq && wasOnlineSince(each, askedSeq, seq) &&
          (each !== connection || each.closedSeq >= seq)
        )
      );
      return mayBeSent ? undefined : found("it was never sent");
    }
    case "notSupported":
    case "tooLarge": {
      for (const [packetId, exchange] of page.out) {
        if (exchange.message !== message || exchange.isDone) continue;
        page.out.delete(packetId);
        if (qos === 2) page.quarantine.add(packetId);
      }
      return exceeds(page, message) ? undefined : found("the server takes it");
    }
    default:
      return qos === 0 ? undefined : found("no reason for this level");
  }
}

/** A message came. */
export function publishGot(knowledge: PageKnowledge, connection: PageConnection, packet: WirePublish): void {
  const { page } = connection;
  const { qos, packetId = 0 } = packet;
  if (qos === 0) return;
  const text = textOf(packet.payload);
  connection.unanswered[qos].push(packetId);
  connection.texts.set(packetId, text);
  const arrival = arrivalOf(page, text, qos, connection);
  const held = page.held.get(packetId);
  if (qos === 1) {
    arrival.times++;
    // Which of two is in doubt, the server says by what it does next.
    if (held !== undefined) arrival.isDoubtful = true;
    return;
  }
  if (held?.text === text) {
    // For the server it may be another exchange, and for the client too.
    if (page.isDoubted(held.beganSeq)) arrival.times++;
    return;
  }
  arrival.times++;
  if (held !== undefined) arrival.isDoubtful = true;
  page.held.set(packetId, { text, beganSeq: knowledge.seq, isTaken: false });
}

function arrivalOf(page: PageState, text: string, qos: 1 | 2, connection: PageConnection): Arrival {
  const name = `${qos} ${text}`;
  const place = [connection.number, ++connection.places] as const;
  const known = page.arrivals.get(name);
  if (known !== undefined) {
    // Which of several connections brought what is handed over is not known.
    known.isMoved ||= known.place[0] !== connection.number;
    return known;
  }
  const arrival: Arrival = { text, qos, times: 0, taken: 0, keys: new Set(), isDoubtful: false, place, isMoved: false };
  page.arrivals.set(name, arrival);
  return arrival;
}

/** A message is handed to the application. */
export function messageHanded(knowledge: PageKnowledge, page: PageState, seen: Of<"handed">): void {
  const { key, text, qos, tab } = seen;
  if (qos === 0 || key === undefined) {
    if (qos > 0) knowledge.report("client: keys", page.name, `${text} has none`);
    return;
  }
  const arrival = page.arrivals.get(`${qos} ${text}`);
  if (arrival === undefined) return knowledge.report("client: hands over what came", page.name, text);
  const before = page.handed.get(key);
  if (before === undefined) {
    page.handed.set(key, { text, takenBy: undefined, takenAt: Infinity });
    if (arrival.keys.size === 0 && !arrival.isMoved) judgeOrder(knowledge, page, arrival);
    arrival.keys.add(key);
    if (arrival.keys.size > arrival.times && !arrival.isDoubtful) {
      const rule = qos === 2 ? "client: exactly once in" : "client: keys";
      knowledge.report(rule, page.name, `${text} came ${arrival.times} times, keys ${[...arrival.keys].join(" ")}`);
    }
    return;
  }
  if (before.text !== text) knowledge.report("client: keys", page.name, `${key} is that of ${before.text} and ${text}`);
  if (before.takenBy !== undefined && !mayForget(knowledge, page, before.takenBy, before.takenAt, tab)) {
    knowledge.report("client: taken is taken", page.name, `${text} under ${key}`);
  }
}

/** Per level in the order in which they came, on one connection. */
function judgeOrder(knowledge: PageKnowledge, page: PageState, { text, qos, place: [number, place] }: Arrival): void {
  const connection = knowledge.connections.get(number);
  if (connection === undefined) return;
  if (place < connection.lastPlace[qos]) knowledge.report("client: order of handing over", page.name, text);
  connection.lastPlace[qos] = Math.max(connection.lastPlace[qos], place);
}

/** Whether the page that took a message may have come to its end before that was written down. */
function mayForget(knowledge: PageKnowledge, page: PageState, taker: number, takenAt: number, tab: number): boolean {
  const by = page.tabs.get(taker);
  if (by === undefined) return true;
  if (by.failedSeq >= 0) return true;
  if (taker === tab) return false;
  const { effectMs } = knowledge.bounds;
  const opened = page.tabs.get(tab)?.openedAt ?? Infinity;
  // An older page that has not heard yet hands on what it had read.
  if (opened <= takenAt) return true;
  if (by.how === "closed") return false;
  return effectMs === undefined || Math.min(by.endedAt, opened) <= takenAt + effectMs;
}

/** Whether it was lost for a true reason by a page that came to its end before it could tell. */
function mayBeUntold(knowledge: PageKnowledge, page: PageState, message: PageMessage): boolean {
  const { askedSeq, askedAt, expiry } = message;
  const ended = [...page.tabs.values()].some(({ how, endedAt, failedSeq }) =>
    failedSeq > askedSeq || (how !== undefined && how !== "closed" && endedAt >= askedAt)
  );
  if (!ended) return false;
  const hasExpired = expiry !== undefined && askedAt + expiry * 1_000 <= knowledge.at;
  return hasExpired || exceeds(page, message) || page.losses.some(({ seq }) => seq > askedSeq);
}

/** All has healed, and is at rest. */
export function judgePageAtRest(knowledge: PageKnowledge, page: PageState): void {
  const { name, rest } = page;
  if (rest === undefined || !rest.online) knowledge.report("client: back at rest", name, "it is not connected");
  if (rest !== undefined && rest.outgoing.length > 0) {
    knowledge.report("client: at rest", name, `${rest.outgoing.join(", ")} on their way`);
  }
  if (rest !== undefined && rest.unhandled > 0) {
    knowledge.report("client: at rest", name, `${rest.unhandled} messages are not handed over`);
  }
  for (const message of page.messages.values()) {
    const { text, qos, isStored, isDeclined, isAnswered, lost } = message;
    if (qos === 0 || !isStored || isDeclined || isAnswered || lost !== undefined) continue;
    if (mayBeUntold(knowledge, page, message)) continue;
    knowledge.report("client: stored is delivered", name, `${text} was not, nor told to be lost`);
  }
  for (const { text, qos, taken, keys, isDoubtful } of page.arrivals.values()) {
    if (isDoubtful || keys.size >= (qos === 1 ? taken : Math.min(taken, 1))) continue;
    knowledge.report("client: what came is handed over", name, `${text} at QoS ${qos}: ${keys.size} of ${taken} times`);
  }
}
