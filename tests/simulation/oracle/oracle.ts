/**
 * The oracle: watches a broker from outside and says which of MQTT's promises were broken. It is told what clients saw and
 * nothing else, and speaks only when it is certain.
 *
 * What is known stands in `knowledge.ts` and what it holds; each other file is a promise. A new one is a new file and a call
 * here.
 *
 * @module
 */
import { acknowledgementSent, releaseCame } from "./acknowledging.ts";
import { publishAnswered, releaseAnswered, requestAnswered } from "./answers.ts";
import { arrivalOf, arrived } from "./arrival.ts";
import { judgeClaimed } from "./claimed.ts";
import { authReceived, authSent, exchangeBegins, judgeLetIn, leftUnproven } from "./authentication.ts";
import type { Connection } from "./connection.ts";
import { judgeCopies, judgeFirst, judgeSubscriptions } from "./delivery.ts";
import { judgeAtRest } from "./at_rest.ts";
import { Knowledge } from "./knowledge.ts";
import { intervalAsked, intervalGiven, intervalReplaced } from "./lifetime.ts";
import { judgeExpiry } from "./message_expiry.ts";
import type {
  Observation,
  SessionReport,
  UsageReport,
  Violation,
  WireConnack,
  WireConnect,
  WirePacket,
  WirePublish,
  WorldBounds,
} from "./observation.ts";
import { judgeOrder } from "./order.ts";
import { judgeWire, sentInOrder } from "./outbound_wire.ts";
import { judgePacket } from "./protocol.ts";
import { hostPublished, publishSent, pubrelSent } from "./publishing.ts";
import { judgeBeginning, judgePlaces, judgeRefusal, refusesForQuota } from "./quota.ts";
import { leavesSessionAlone } from "./reason_codes.ts";
import { sessionGiven } from "./session_present.ts";
import { judgeHanded } from "./shared.ts";
import { judgeHandedOrder } from "./shared_order.ts";
import { earlySubscribed, subscribeSent, unsubscribeSent } from "./subscriptions.ts";
import { closedInOrder, neverPublished, willSent } from "./will.ts";

/** Watches, and collects what it finds. */
export class Oracle {
  readonly #knowledge: Knowledge;

  constructor(bounds: WorldBounds) {
    this.#knowledge = new Knowledge(bounds);
  }

  /** What was found so far. */
  get violations(): readonly Violation[] {
    return this.#knowledge.violations;
  }

  /** How often rare things were seen. */
  get counts(): ReadonlyMap<string, number> {
    return this.#knowledge.counts;
  }

  /** Takes in what was seen. */
  see(observation: Observation): void {
    const knowledge = this.#knowledge;
    knowledge.seq++;
    knowledge.at = Math.max(knowledge.at, observation.at);
    switch (observation.type) {
      case "opened":
        return knowledge.open(observation.connection, observation.client);
      case "sent":
        return sent(knowledge, this.#connection(observation.connection), observation.packet);
      case "received":
        return received(knowledge, this.#connection(observation.connection), observation.packet);
      case "closed":
        return closed(knowledge, this.#connection(observation.connection), observation.by);
      case "misbehaved":
        return misbehaved(knowledge, observation.client);
      case "ended":
        return ended(knowledge, observation.client, observation.at, observation.until);
      case "hostPublished":
        return hostPublished(knowledge, observation);
      case "inspected":
        return judgeClaimed(knowledge, observation.client, observation.queuedMessages);
      case "note":
        return;
      default:
        return observation satisfies never;
    }
  }

  /** All faults are healed, every well-behaved client is connected and at rest: what was acknowledged must have arrived. */
  finish(at: number, reports: readonly SessionReport[], usages: readonly UsageReport[] = []): void {
    const knowledge = this.#knowledge;
    knowledge.seq++;
    knowledge.at = Math.max(knowledge.at, at);
    judgeAtRest(knowledge, reports);
    judgePlaces(knowledge, reports, usages);
  }

  #connection(number: number): Connection {
    const connection = this.#knowledge.connections.get(number);
    if (connection === undefined) throw new RangeError(`Cannot see connection ${number}: it was not opened`);
    return connection;
  }
}

function sent(knowledge: Knowledge, connection: Connection, packet: WirePacket): void {
  switch (packet.type) {
    case "connect":
      return connectSent(knowledge, connection, packet);
    case "publish":
      return publishSent(knowledge, connection, packet);
    case "pubrel":
      return pubrelSent(knowledge, connection, packet.packetId);
    case "puback":
    case "pubrec":
    case "pubcomp":
      return acknowledgementSent(connection, packet);
    case "subscribe":
      return subscribeSent(knowledge, connection, packet);
    case "unsubscribe":
      return unsubscribeSent(knowledge, connection, packet);
    case "pingreq":
      connection.pings.push(knowledge.at);
      return;
    case "auth":
      return authSent(connection, packet);
    case "disconnect":
      connection.disconnect = packet;
      return intervalReplaced(connection, packet);
    default:
      return;
  }
}

function connectSent(knowledge: Knowledge, connection: Connection, packet: WireConnect): void {
  // A second CONNECT on a connection is an error of the client, and begins nothing.
  if (connection.connect !== undefined) return;
  const { client } = connection;
  connection.connect = packet;
  connection.connectSeq = knowledge.seq;
  connection.connectAt = knowledge.at;
  connection.version = packet.protocolVersion === 4 ? 4 : 5;
  connection.receiveMaximum = connection.version === 5 ? packet.receiveMaximum ?? 65_535 : 65_535;
  if (packet.maximumPacketSize !== undefined) client.limitsPackets = true;
  intervalAsked(connection, packet, knowledge.bounds);
  exchangeBegins(connection, packet);
  client.attempts.push(connection);
  if (packet.will !== undefined) willSent(knowledge, connection, packet.will);
}

function received(knowledge: Knowledge, connection: Connection, packet: WirePacket): void {
  judgePacket(knowledge, connection, packet);
  connection.lastReceivedAt = knowledge.at;
  switch (packet.type) {
    case "connack":
      return connackReceived(knowledge, connection, packet);
    case "publish":
      return publishReceived(knowledge, connection, packet);
    case "puback":
    case "pubrec":
      return publishAnswered(knowledge, connection, packet);
    case "pubcomp":
      return releaseAnswered(knowledge, connection, packet);
    case "pubrel":
      return releaseCame(knowledge, connection, packet);
    case "suback":
    case "unsuback":
      return requestAnswered(knowledge, connection, packet);
    case "pingresp":
      connection.pings.shift();
      return;
    case "auth":
      return authReceived(knowledge, connection, packet);
    case "disconnect":
      connection.serverDisconnected = true;
      return;
    default:
      return;
  }
}

function connackReceived(knowledge: Knowledge, connection: Connection, packet: WireConnack): void {
  const { client, connect, will } = connection;
  if (connect === undefined || connection.isAnswered) return;
  connection.isAnswered = true;
  if (packet.reasonCode !== 0) {
    const isForQuota = refusesForQuota(knowledge, connection, packet.reasonCode);
    if (isForQuota) judgeRefusal(knowledge, connection);
    connection.isRefused = isForQuota || leavesSessionAlone(packet.reasonCode, connection.version);
    leftUnproven(knowledge, connection);
    if (connection.isRefused && will !== undefined) neverPublished(will, "its CONNECT was refused");
    return;
  }
  judgeLetIn(knowledge, connection, packet);
  connection.connackSeq = knowledge.seq;
  connection.connackAt = knowledge.at;
  intervalGiven(connection, connect, packet);
  if (!packet.sessionPresent) judgeBeginning(knowledge, connection);
  sessionGiven(knowledge, connection, packet.sessionPresent);
  earlySubscribed(connection);
  if (connection.generation?.firstConnection === connection && client.isRude) forgive(connection);
}

/** A client that broke the protocol begins anew: from here on it is judged again. */
function forgive(connection: Connection): void {
  const { client } = connection;
  if (client.connections.every(({ isRude, isOpen }) => !isRude || !isOpen) && !connection.isRude) client.isRude = false;
}

function misbehaved(knowledge: Knowledge, name: string): void {
  const client = knowledge.client(name);
  client.isRude = true;
  if (client.generation !== undefined) client.generation.isRude = true;
  for (const connection of client.connections) if (connection.isOpen) connection.isRude = true;
}

function ended(knowledge: Knowledge, name: string, at: number, until: number | undefined): void {
  const { ends } = knowledge.client(name);
  const isAnswered = until !== undefined && until <= knowledge.at;
  const open = isAnswered ? ends.find((end) => !end.isAnswered) : undefined;
  if (open !== undefined) {
    open.isAnswered = true;
    open.untilSeq = knowledge.seq;
    return;
  }
  // What is told afterwards alone may have begun at any time.
  const fromSeq = isAnswered ? -1 : knowledge.seq;
  ends.push({ fromSeq, fromAt: at, untilSeq: isAnswered ? knowledge.seq : Infinity, isAnswered });
}

function closed(knowledge: Knowledge, connection: Connection, by: "client" | "server" | "broken"): void {
  connection.closedSeq = knowledge.seq;
  connection.closedAt = knowledge.at;
  connection.closedBy = by;
  if (!connection.isAnswered) leftUnproven(knowledge, connection);
  if (by === "server") closedInOrder(knowledge, connection);
}

function publishReceived(knowledge: Knowledge, connection: Connection, packet: WirePublish): void {
  const { generation, client } = connection;
  if (generation === undefined) return;
  const arrival = arrivalOf(knowledge, connection, generation, packet);
  const { message, kind, text, got } = arrival;
  if (!client.isRude) judgeWire(knowledge, arrival);
  if (message === undefined) {
    if (!knowledge.unexplained.has(text)) knowledge.unexplained.set(text, { at: knowledge.at, client: client.name });
  } else if (!client.isRude) {
    // An old connection may get a QoS 0 copy that a subscription of the new one asked for: its node knows of neither yet.
    const isStray = packet.qos === 0 && (connection.isContested || connection.supersededSeq !== Infinity);
    const isFirst = got === undefined && judgeFirst(knowledge, arrival, message);
    if (isFirst && !isStray) judgeSubscriptions(knowledge, arrival, message);
    judgeExpiry(knowledge, arrival, message);
    if (kind === "first" && got === undefined) {
      judgeOrder(knowledge, arrival, message);
      judgeHandedOrder(knowledge, arrival, message);
    }
    if (kind === "copy" || kind === "first") judgeCopies(knowledge, arrival, message);
    judgeHanded(knowledge, arrival, message);
  }
  arrived(knowledge, arrival);
  sentInOrder(arrival);
}
