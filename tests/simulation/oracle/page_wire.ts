/**
 * What a client may send: the protocol's rules for its side, and that it is sent what was published, once, in order.
 *
 * @module
 */
import { textOf } from "./message.ts";
import type { WireConnect, WirePacket, WirePublish, WireResponse } from "./observation.ts";
import { pageLost, sessionLost } from "./page_session.ts";
import type { OutExchange, PageConnection, PageKnowledge, PageMessage } from "./page_state.ts";

/** The client handed a packet to the network. */
export function pageSent(knowledge: PageKnowledge, connection: PageConnection, packet: WirePacket): void {
  judgeSilence(knowledge, connection, packet);
  if (packet.type === "connect") return connectSent(knowledge, connection, packet);
  if (connection.connack !== undefined && packet.type !== "disconnect") {
    connection.hasGoneOn = true;
    confirm(knowledge, connection);
  }
  switch (packet.type) {
    case "publish":
      return publishSent(knowledge, connection, packet);
    case "pubrel":
      return pubrelSent(knowledge, connection, packet);
    case "puback":
    case "pubrec":
    case "pubcomp":
      return answerSent(knowledge, connection, packet);
    case "subscribe":
    case "unsubscribe":
      return requestSent(knowledge, connection, packet.packetId);
    case "disconnect":
      connection.isDisconnected = true;
      if (packet.sessionExpiryInterval !== undefined) connection.interval = packet.sessionExpiryInterval;
      if (connection.connack !== undefined && connection.interval === 0) {
        sessionLost(knowledge, connection);
        pageLost(knowledge, connection);
      }
      return;
    default:
      return;
  }
}

function judgeSilence(knowledge: PageKnowledge, connection: PageConnection, packet: WirePacket): void {
  const { page: { name }, number, connect, connack, isDisconnected, lastSentAt, keepAliveMs } = connection;
  const where = `${packet.type} on connection ${number}`;
  if (isDisconnected) knowledge.report("client: silence after DISCONNECT", name, where);
  if (packet.type === "connect") {
    if (connect !== undefined) knowledge.report("client: CONNECT once", name, where);
  } else if (connect === undefined) knowledge.report("client: CONNECT first", name, where);
  else if (connack === undefined && packet.type !== "auth" && packet.type !== "disconnect") {
    knowledge.report("client: waits for CONNACK", name, where);
  }
  judgeKeepAlive(knowledge, connection, lastSentAt, keepAliveMs);
  connection.lastSentAt = knowledge.at;
}

/** Keep Alive: it is never silent for longer than it promised. */
export function judgeKeepAlive(
  knowledge: PageKnowledge,
  { page, number, connack }: PageConnection,
  since: number,
  keepAliveMs: number,
): void {
  const { effectMs } = knowledge.bounds;
  if (connack === undefined || keepAliveMs === 0 || effectMs === undefined) return;
  const silentMs = knowledge.at - since;
  if (silentMs <= keepAliveMs + effectMs) return;
  knowledge.report("client: Keep Alive", page.name, `silent for ${silentMs} ms on connection ${number}`);
}

function connectSent(knowledge: PageKnowledge, connection: PageConnection, packet: WireConnect): void {
  const { page } = connection;
  if (connection.tab < page.newest) page.isMuddled = true;
  const others = [...page.tabs].filter(([tab, { how }]) => tab !== connection.tab && how === undefined);
  if (connection.tab > page.newest || others.length === 0) page.isMuddled = false;
  page.newest = Math.max(page.newest, connection.tab);
  const isV5 = packet.protocolVersion === 5;
  if (!page.isMuddled && !page.isDoubtful) judgeCleanStart(knowledge, connection, packet, isV5);
  connection.connect = packet;
  connection.connectSeq = knowledge.seq;
  connection.interval = isV5 ? packet.sessionExpiryInterval ?? 0 : packet.cleanStart ? 0 : Infinity;
  connection.keepAliveMs = packet.keepAlive * 1_000;
  if (!packet.cleanStart) return;
  page.isDoubtful = false;
  sessionLost(knowledge, connection);
  pageLost(knowledge, connection);
  connection.isConfirmed = true;
}

function judgeCleanStart(
  knowledge: PageKnowledge,
  { page, asksClean, number }: PageConnection,
  { cleanStart }: WireConnect,
  isV5: boolean,
): void {
  const { name } = page;
  if (!cleanStart) {
    if (asksClean) knowledge.report("client: Clean Start as asked", name, `0 on connection ${number}`);
    // In 3.1.1 a session that the server has may be gone on with.
    if (isV5 && !page.isEstablished) {
      knowledge.report("client: Clean Start until it succeeds", name, `0 on connection ${number} without a session`);
    }
    return;
  }
  if (asksClean || !page.isSettled) return;
  const last = page.connections.findLast(({ connack }) => connack !== undefined);
  const isOver = last === undefined || last.closedAt + last.interval * 1_000 <= knowledge.at;
  if (isV5 && !isOver) knowledge.report("client: needless Clean Start", name, `on connection ${number}`);
}

/** It goes on after CONNACK: what that meant is written down. */
function confirm(knowledge: PageKnowledge, connection: PageConnection): void {
  if (connection.isConfirmed) return;
  connection.isConfirmed = true;
  // It is confirmed at once where the session was there.
  connection.page.isDoubtful = false;
  pageLost(knowledge, connection);
}

function publishSent(knowledge: PageKnowledge, connection: PageConnection, packet: WirePublish): void {
  const { page, number } = connection;
  const { packetId = 0, qos, dup } = packet;
  const text = textOf(packet.payload);
  const message = page.messages.get(text);
  if (message === undefined) return knowledge.report("client: sends what was published", page.name, text);
  const where = `${text} under ${packetId} on connection ${number}`;
  judgeContent(knowledge, connection, packet, message, where);
  judgeLimits(knowledge, connection, packet, where);
  const key = `${message.tab} ${qos}`;
  // QoS 1 and 2 stand in one log, QoS 0 goes beside it.
  const last = connection.lastIndex.get(key) ?? -1;
  if (message.index < last) knowledge.report("client: order", page.name, where);
  connection.lastIndex.set(key, Math.max(last, message.index));
  if (connection.sent.has(text)) knowledge.report("client: once on a connection", page.name, where);
  connection.sent.add(text);
  if (qos === 0) {
    if (dup) knowledge.report("client: DUP", page.name, `DUP 1 at QoS 0: ${where}`);
    return;
  }
  connection.inFlight.add(packetId);
  const { receiveMaximum = 65_535 } = connection.connack ?? {};
  if (connection.inFlight.size > receiveMaximum) {
    knowledge.report(
      "client: Receive Maximum",
      page.name,
      `${connection.inFlight.size} of ${receiveMaximum}: ${where}`,
    );
  }
  if (!page.isStale(connection)) judgeExchange(knowledge, connection, packetId, dup, message, where);
  message.firstSentSeq = Math.min(message.firstSentSeq, knowledge.seq);
  const before = page.out.get(packetId);
  if (before?.message === message) {
    // Whoever sends what was answered has not written that down: it died first, or was superseded. It begins again.
    if (before.isDone) Object.assign(before, { isDone: false, recOrder: 0 });
    return;
  }
  page.out.set(packetId, { message, packetId, recOrder: 0, isReleased: false, isDone: false });
}

function judgeContent(
  knowledge: PageKnowledge,
  connection: PageConnection,
  packet: WirePublish,
  message: PageMessage,
  where: string,
): void {
  const { name } = connection.page;
  const isV5 = connection.connect?.protocolVersion === 5;
  const isSame = packet.topic === message.topic && packet.qos === message.qos && packet.retain === message.retain;
  if (!isSame) knowledge.report("client: sends what was published", name, `changed: ${where}`);
  const { messageExpiryInterval } = packet;
  const isRight = message.expiry === undefined || !isV5
    ? messageExpiryInterval === undefined
    : messageExpiryInterval !== undefined && messageExpiryInterval <= message.expiry;
  if (!isRight) {
    knowledge.report("client: sends what was published", name, `interval ${messageExpiryInterval}: ${where}`);
  }
  // A page that has lost the session may have written before that what it sends now, on a connection that counts no more.
  if (message.lost !== undefined && !connection.page.isStale(connection)) {
    knowledge.report("client: lost is lost", name, `sent all the same: ${where}`);
  }
}

function judgeLimits(knowledge: PageKnowledge, connection: PageConnection, packet: WirePublish, where: string): void {
  const { page: { name }, connack, connect } = connection;
  const { maximumQoS = 2, maximumPacketSize = Infinity, retainAvailable = true } = connack ?? {};
  if (connect?.protocolVersion !== 5) return;
  if (packet.qos > maximumQoS) knowledge.report("client: Maximum QoS", name, where);
  if (packet.retain && !retainAvailable) knowledge.report("client: Retain Available", name, where);
  const size = sizeOf(packet);
  if (size > maximumPacketSize) knowledge.report("client: Maximum Packet Size", name, `${size} bytes: ${where}`);
}

/** How many bytes a 5.0 PUBLISH takes that has no property but its interval. */
export function sizeOf(
  { topic, qos, payload, messageExpiryInterval }: Pick<WirePublish, "topic" | "qos" | "messageExpiryInterval"> & {
    readonly payload: { readonly length: number };
  },
): number {
  const properties = messageExpiryInterval === undefined ? 0 : 5;
  const rest = 2 + new TextEncoder().encode(topic).length + (qos > 0 ? 2 : 0) + 1 + properties + payload.length;
  return 1 + (rest < 128 ? 1 : rest < 16_384 ? 2 : rest < 2_097_152 ? 3 : 4) + rest;
}

function judgeExchange(
  knowledge: PageKnowledge,
  connection: PageConnection,
  packetId: number,
  dup: boolean,
  message: PageMessage,
  where: string,
): void {
  const { page } = connection;
  const { name } = page;
  const wasSent = message.firstSentSeq !== Infinity;
  if (wasSent && message.firstSentSeq < page.knownLossSeq) {
    knowledge.report("client: one session", name, `sent again in another session: ${where}`);
  }
  // A page that comes after one that died cannot know what that one had sent.
  const mayBeSent = knowledge.bounds.sendsAhead ||
    page.connections.some((earlier) => earlier !== connection && wasOnlineSince(earlier, message.askedSeq, Infinity));
  if (wasSent !== dup && !(dup && mayBeSent)) knowledge.report("client: DUP", name, `DUP ${dup ? 1 : 0}: ${where}`);
  const before = page.out.get(packetId);
  if (before !== undefined && before.message !== message && !before.isDone) {
    knowledge.report("client: identifier in use", name, `by ${before.message.text}: ${where}`);
  }
  if (connection.requests.has(packetId)) knowledge.report("client: identifier in use", name, `by a request: ${where}`);
  if (page.quarantine.has(packetId)) {
    knowledge.report("client: identifier in use", name, `out of circulation: ${where}`);
  }
  for (const other of page.out.values()) {
    if (other.message !== message) continue;
    if (other.packetId !== packetId) {
      knowledge.report("client: identifier kept", name, `it was ${other.packetId}: ${where}`);
    }
    if (other.isReleased) knowledge.report("client: exactly once", name, `PUBREL was sent: ${where}`);
  }
}

/** Whether a connection was accepted before one moment, and was open after another. */
export function wasOnlineSince(
  { connackSeq, closedSeq, connack }: PageConnection,
  fromSeq: number,
  untilSeq: number,
): boolean {
  return connack !== undefined && connackSeq < untilSeq && closedSeq > fromSeq;
}

function pubrelSent(knowledge: PageKnowledge, connection: PageConnection, packet: WireResponse): void {
  const { page, number } = connection;
  const { packetId, reasonCode } = packet;
  if (page.isStale(connection) || reasonCode >= 0x80) return;
  const where = `${packetId} on connection ${number}`;
  const exchange = page.out.get(packetId);
  if (exchange === undefined || exchange.message.qos !== 2 || exchange.recOrder === 0) {
    // 3.1.1 answers a PUBREC that it does not know so.
    if (connection.connect?.protocolVersion === 5) knowledge.report("client: PUBREL after PUBREC", page.name, where);
    return;
  }
  exchange.isReleased = true;
  if (exchange.recOrder < connection.lastRelease) knowledge.report("client: PUBREL order", page.name, where);
  connection.lastRelease = Math.max(connection.lastRelease, exchange.recOrder);
}

function requestSent(knowledge: PageKnowledge, connection: PageConnection, packetId: number): void {
  const { page, requests, number } = connection;
  const exchange = page.out.get(packetId);
  const isUsed = requests.has(packetId) || connection.inFlight.has(packetId) || page.quarantine.has(packetId) ||
    (exchange !== undefined && !exchange.isDone && !page.isStale(connection));
  if (isUsed) knowledge.report("client: identifier in use", page.name, `request ${packetId} on connection ${number}`);
  requests.add(packetId);
}

/** PUBACK, PUBREC, PUBCOMP: answers, in the order of what they answer. */
function answerSent(knowledge: PageKnowledge, connection: PageConnection, packet: WireResponse): void {
  const { page, number, unanswered, texts } = connection;
  const { type, packetId, reasonCode } = packet;
  const where = `${type} ${packetId} on connection ${number}`;
  if (type === "pubcomp") {
    if (!connection.releases.delete(packetId)) knowledge.report("client: answers what came", page.name, where);
    page.held.delete(packetId);
    return;
  }
  const qos = type === "puback" ? 1 : 2;
  const waiting = unanswered[qos];
  const place = waiting.indexOf(packetId);
  if (place < 0) return knowledge.report("client: answers what came", page.name, where);
  if (place > 0) knowledge.report("client: order of answers", page.name, where);
  waiting.splice(place, 1);
  if (reasonCode >= 0x80) return;
  const held = qos === 2 ? page.held.get(packetId) : undefined;
  if (held?.isTaken === true) return;
  if (held !== undefined) held.isTaken = true;
  const arrival = page.arrivals.get(`${qos} ${texts.get(packetId)}`);
  if (arrival !== undefined) arrival.taken++;
}

/** The client got an answer to what it sent. */
export function answerGot(connection: PageConnection, packet: WireResponse): void {
  const { page } = connection;
  const { type, packetId, reasonCode } = packet;
  const isEnd = type !== "pubrec" || reasonCode >= 0x80;
  if (isEnd) connection.inFlight.delete(packetId);
  const exchange = page.out.get(packetId);
  if (exchange === undefined || exchange.isDone) return;
  if (type === "pubrec" && !isEnd) {
    if (!exchange.isReleased) exchange.recOrder = ++page.recOrder;
    return;
  }
  // PUBCOMP is the end of it whatever its code.
  end(exchange, type === "pubcomp" ? 0 : reasonCode);
}

function end(exchange: OutExchange, reasonCode: number): void {
  exchange.isDone = true;
  exchange.message.isAnswered = true;
  exchange.message.answeredWith = reasonCode;
}
