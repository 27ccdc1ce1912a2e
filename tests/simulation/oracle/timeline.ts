/** What was seen, as lines to read. */
import { textOf } from "./message.ts";
import type { Observation, WireConnect, WirePacket, WirePublish } from "./observation.ts";

/** The observations, one a line: relative milliseconds, client, connection, direction, packet in short. */
export function timeline(observations: readonly Observation[]): string {
  const start = observations[0]?.at ?? 0;
  const clients = new Map<number, string>();
  return observations.map((observation) => {
    if (observation.type === "opened") clients.set(observation.connection, observation.client);
    return `${String(observation.at - start).padStart(8)}  ${lineOf(observation, clients)}`;
  }).join("\n");
}

function lineOf(observation: Observation, clients: ReadonlyMap<number, string>): string {
  switch (observation.type) {
    case "opened":
      return `${place(observation.connection, clients)} opened`;
    case "sent":
      return `${place(observation.connection, clients)} -> ${short(observation.packet)}`;
    case "received":
      return `${place(observation.connection, clients)} <- ${short(observation.packet)}`;
    case "closed":
      return `${place(observation.connection, clients)} closed: ${observation.by}`;
    case "misbehaved":
      return `${observation.client} misbehaves`;
    case "ended":
      return `${observation.client} is ended by hand${observation.until === undefined ? "" : ": done"}`;
    case "inspected":
      return `${observation.client} has ${observation.queuedMessages} messages in its log`;
    case "hostPublished": {
      const { topic, payload, qos, until } = observation;
      return `host publishes ${textOf(payload)} to ${topic} q${qos}${until === undefined ? "" : ": accepted"}`;
    }
    case "note":
      return `          ${observation.text}`;
    default:
      return observation satisfies never;
  }
}

function place(connection: number, clients: ReadonlyMap<number, string>): string {
  return `${clients.get(connection) ?? "?"}#${connection}`.padEnd(9);
}

function short(packet: WirePacket): string {
  const name = packet.type.toUpperCase();
  switch (packet.type) {
    case "connect":
      return connectInShort(packet);
    case "connack": {
      const { sessionPresent, sessionExpiryInterval, receiveMaximum } = packet;
      const limits = `${given("sei", sessionExpiryInterval)}${given("rm", receiveMaximum)}`;
      return `${name} sp=${sessionPresent ? 1 : 0}${code(packet.reasonCode)}${limits}`;
    }
    case "publish":
      return publishInShort(packet);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `${name} ${packet.packetId}${code(packet.reasonCode)}`;
    case "subscribe": {
      const filters = packet.subscriptions.map(({ filter, qos, noLocal, retainAsPublished }) =>
        `${filter} q${qos}${noLocal ? " nl" : ""}${retainAsPublished ? " rap" : ""}`
      );
      return `${name} ${packet.packetId} [${filters.join(", ")}]${given("id", packet.subscriptionIdentifier)}`;
    }
    case "unsubscribe":
      return `${name} ${packet.packetId} [${packet.filters.join(", ")}]`;
    case "suback":
    case "unsuback":
      return `${name} ${packet.packetId} [${packet.reasonCodes.map(hex).join(", ")}]`;
    case "disconnect":
      return `${name}${code(packet.reasonCode)}${given("sei", packet.sessionExpiryInterval)}`;
    case "auth":
      return `${name}${code(packet.reasonCode)}`;
    case "pingreq":
    case "pingresp":
      return name;
    default:
      return packet satisfies never;
  }
}

function connectInShort(packet: WireConnect): string {
  const { protocolVersion, cleanStart, keepAlive, will, sessionExpiryInterval, receiveMaximum } = packet;
  const version = protocolVersion === 4 ? "v3.1.1" : `v${protocolVersion}`;
  const own = given("sei", sessionExpiryInterval) + given("rm", receiveMaximum) + given("ka", keepAlive);
  if (will === undefined) return `CONNECT ${version} cs=${cleanStart ? 1 : 0}${own}`;
  const delay = given("delay", will.willDelayInterval);
  return `CONNECT ${version} cs=${cleanStart ? 1 : 0}${own} will=${
    textOf(will.payload)
  }@${will.topic} q${will.qos}${delay}`;
}

function publishInShort(packet: WirePublish): string {
  const { topic, payload, qos, retain, dup, packetId, messageExpiryInterval, topicAlias, subscriptionIdentifiers } =
    packet;
  const marks = `${retain ? " retain" : ""}${dup ? " dup" : ""}`;
  const own = given("mei", messageExpiryInterval) + given("alias", topicAlias) + given("ids", subscriptionIdentifiers);
  return `PUBLISH${packetId === undefined ? "" : ` ${packetId}`} ${textOf(payload)}@${topic} q${qos}${marks}${own}`;
}

function given(name: string, value: unknown): string {
  return value === undefined ? "" : ` ${name}=${value}`;
}

function code(value: number): string {
  return value === 0 ? "" : ` ${hex(value)}`;
}

function hex(value: number): string {
  return value < 0x10 ? String(value) : `0x${value.toString(16)}`;
}
