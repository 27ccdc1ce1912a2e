/** What clients saw, in words short enough to compare. */
import { equal } from "node:assert/strict";
import type { ServerPacket } from "../../../src/mqtt/packet.ts";
import { type Client, type PacketOf, read } from "./rig.ts";

/** The payloads of all messages that have not been taken; whatever else came is taken and left out. */
export function payloads(client: Client): readonly string[] {
  return client.takeAll().flatMap((packet) => packet.type === "publish" ? [read(packet.payload)] : []);
}

/** The types of all packets that have not been taken, and takes them. */
export function types(client: Client): readonly string[] {
  return client.takeAll().map((packet) => packet.type);
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

/** The broker closed with this code, said before in 5.0 and not at all in 3.1.1. */
export function closedWith(client: Client, version: number, reasonCode: number): void {
  if (version === 5) equal(client.take("disconnect").reasonCode, reasonCode);
  client.quiet();
  equal(client.closed, true);
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

  /** A packet of the server in a few words. */
  words(packet: ServerPacket): string {
    switch (packet.type) {
      case "connack":
        return `connack ${packet.sessionPresent} ${packet.reasonCode}`;
      case "publish": {
        const id = packet.packetId === undefined ? "-" : this.nameOf(packet.packetId);
        return `publish #${id} ${read(packet.payload)}${packet.dup ? " dup" : ""}`;
      }
      case "pubrel":
        return `pubrel #${this.nameOf(packet.packetId)} ${packet.reasonCode}`;
      case "puback":
      case "pubrec":
      case "pubcomp":
        return `${packet.type} ${packet.packetId} ${packet.reasonCode}`;
      default:
        return packet.type;
    }
  }

  /** All packets that have not been taken, and takes them. */
  wordsOf(client: Client): readonly string[] {
    return client.takeAll().map((packet) => this.words(packet));
  }
}
