/**
 * The real `mqtt-packet` around the host under test: packets of this library to bytes and back.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { generate, parser } from "mqtt-packet";
import { type ParsedMqttPacket, toMqttPacket } from "../../src/hosts/mqtt_packet.ts";
import type { ClientPacket, ProtocolVersion, ServerPacket } from "../../src/mqtt/packet.ts";

/** A Buffer over the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The bytes of a packet, as `mqtt-packet` writes them. */
export function encode(packet: ClientPacket | ServerPacket, version: ProtocolVersion): Buffer {
  return generate(toMqttPacket(packet, version, asBuffer), { protocolVersion: version });
}

/** What a parser said about some bytes. */
export interface Parsed {
  readonly packets: readonly ParsedMqttPacket[];
  readonly errors: readonly unknown[];
}

/** Feeds bytes to a new parser, and collects all that it emits. What the parser itself throws counts as an error. */
export function parse(bytes: Uint8Array, version: ProtocolVersion): Parsed {
  const packets: ParsedMqttPacket[] = [];
  const errors: unknown[] = [];
  const parsing = parser({ protocolVersion: version });
  parsing.on("packet", (packet) => packets.push(packet));
  parsing.on("error", (error) => errors.push(error));
  try {
    parsing.parse(asBuffer(bytes));
  } catch (error) {
    errors.push(error);
  }
  return { packets, errors };
}
