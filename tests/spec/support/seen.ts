/** What a client saw: packets as short texts, so that an expectation reads like a trace, and how a connection ended. */
import { equal } from "node:assert/strict";
import type { ServerPacket } from "../../../src/mqtt/packet.ts";
import type { Version } from "./both_versions.ts";
import { type Client, type PacketOf, read } from "./rig.ts";

/**
 * A packet as text: `m1 q1 #2 dup` for a PUBLISH of payload m1, `pubrel #2` or `pubrel #2 0x92` for an acknowledgement,
 * `connack present`, `disconnect 0x82`, else the type.
 */
export function trace(packet: ServerPacket): string {
  return renamed(packet, (packetId) => packetId);
}

/** The trace of a packet, with other names for the identifiers that the broker has chosen. */
function renamed(packet: ServerPacket, nameOf: (packetId: number) => number): string {
  switch (packet.type) {
    case "connack":
      return `connack ${packet.sessionPresent ? "present" : "new"}${code(packet.reasonCode)}`;
    case "publish": {
      const id = packet.packetId === undefined ? "" : ` #${nameOf(packet.packetId)}`;
      return `${read(packet.payload)} q${packet.qos}${id}${packet.dup ? " dup" : ""}`;
    }
    case "pubrel":
      return `pubrel #${nameOf(packet.packetId)}${code(packet.reasonCode)}`;
    case "puback":
    case "pubrec":
    case "pubcomp":
      return `${packet.type} #${packet.packetId}${code(packet.reasonCode)}`;
    case "disconnect":
      return `${packet.type}${code(packet.reasonCode)}`;
    default:
      return packet.type;
  }
}

function code(reasonCode: number): string {
  return reasonCode === 0 ? "" : ` 0x${reasonCode.toString(16).padStart(2, "0")}`;
}

/** Takes all that came, as texts. */
export function traces(client: Client): readonly string[] {
  return client.takeAll().map(trace);
}

/** The payloads of all messages that have not been taken; whatever else came is taken and left out. */
export function payloads(client: Client): readonly string[] {
  return client.takeAll().flatMap((packet) => packet.type === "publish" ? [read(packet.payload)] : []);
}

/** The types of all packets that have not been taken, and takes them. */
export function types(client: Client): readonly string[] {
  return client.takeAll().map((packet) => packet.type);
}

/** The identifier of a PUBLISH that must have one. */
export function idOf(packet: PacketOf<"publish">): number {
  equal(typeof packet.packetId, "number", "a PUBLISH of QoS 1 or 2 has a Packet Identifier");
  // The line above has compared the type.
  return packet.packetId as number;
}

/** Takes the next packet: a PUBLISH of this payload and QoS above 0, sent for the first time. Answers its identifier. */
export function takeFirst(client: Client, payload: string, qos: 1 | 2): number {
  const packet = client.take("publish");
  const id = idOf(packet);
  equal(trace(packet), `${payload} q${qos} #${id}`);
  return id;
}

/** Connected or lost, a client whose connection the broker must not have closed. */
export function stillOpen(client: Client): void {
  equal(client.closed, false, `the broker has closed the connection: ${client.timeline.join(", ")}`);
}

/** The broker closed with this code and said nothing else; a 5.0 client was told by a DISCONNECT, a 3.1.1 client not. */
export function closedWith(client: Client, version: Version, reasonCode: number): void {
  if (version === 5) equal(client.take("disconnect").reasonCode, reasonCode);
  client.quiet();
  equal(client.closed, true);
}

/** The broker refused the CONNECT with this code, said nothing else and closed. */
export function refused(client: Client, reasonCode: number): PacketOf<"connack"> {
  const connack = client.take("connack");
  equal(connack.reasonCode, reasonCode);
  equal(connack.sessionPresent, false);
  client.quiet();
  equal(client.timeline.join(), "connack,close");
  return connack;
}

/**
 * Gives the outbound packet identifiers of a session short names, 1 for the first one seen: which numbers a server
 * takes is its own affair, that a resend has the same one is not.
 */
export class PacketIds {
  readonly #ids: number[] = [];

  /** The short name of an identifier. */
  nameOf(packetId: number): number {
    const at = this.#ids.indexOf(packetId);
    return at === -1 ? this.#ids.push(packetId) : at + 1;
  }

  /** The identifier behind a short name. */
  idOf(name: number): number {
    const packetId = this.#ids[name - 1];
    if (packetId === undefined) throw new RangeError(`No packet identifier has the name ${name}`);
    return packetId;
  }

  /** Takes all that came, as texts with short names. */
  traces(client: Client): readonly string[] {
    return client.takeAll().map((packet) => renamed(packet, (packetId) => this.nameOf(packetId)));
  }
}
