/**
 * Bytes to packets and back, with npm `mqtt-packet`.
 *
 * WebSocket frames may split and join packets anywhere. The reader cuts the bytes into packets before it parses them:
 * a packet that is too large is refused by its fixed header alone, and no error can reach into the next packet.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { REASON } from "@edge-mqtt/session";
import {
  fromMqttPacket,
  type ParsedMqttPacket,
  reasonCodeOfParserError,
  toMqttPacket,
} from "@edge-mqtt/session/mqtt-packet";
import type { ClientPacket, ProtocolVersion, ServerPacket } from "@edge-mqtt/session/mqtt-packet";
import { generate, parser } from "mqtt-packet";

/** How much is handed out at once: about as much as fits one commit. */
const BATCH_BYTES = 262_144;

/** Above this an empty buffer is given back. */
const KEPT_BYTES = 65_536;

/** What the bytes so far hold. */
export interface Taken {
  readonly packets: readonly ClientPacket[];
  /** What came after them cannot be read: the reason code to close with. */
  readonly fault?: number;
}

/** The packets of one client. */
export class PacketReader {
  readonly #maximumPacketSize: number;
  readonly #parser: ReturnType<typeof parser>;
  #parsed: ParsedMqttPacket | undefined;
  #fault: number | undefined;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #version: ProtocolVersion;

  /** The version is that of a CONNECT which another reader has seen. */
  constructor(maximumPacketSize: number, version: ProtocolVersion = 4) {
    this.#maximumPacketSize = maximumPacketSize;
    this.#version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on("packet", (packet) => this.#parsed = packet);
    this.#parser.on("error", (error) => this.#fault = reasonCodeOfParserError(error));
  }

  /** The version that the client speaks, as far as it has said. */
  get version(): ProtocolVersion {
    return this.#version;
  }

  /** Bytes that were not taken out yet. */
  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** A copy of these bytes. */
  rest(): Uint8Array {
    return this.#buffer.slice(this.#start, this.#end);
  }

  /** Adds what came. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#buffer.length) this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Takes out the next packets; none when the next is not complete. */
  take(): Taken {
    const packets: ClientPacket[] = [];
    for (let bytes = 0; bytes < BATCH_BYTES;) {
      const size = this.#nextSize();
      if (typeof size !== "number") {
        if (size !== undefined) return { packets, fault: size.fault };
        break;
      }
      const packet = this.#parse(this.#buffer.subarray(this.#start, this.#start + size));
      if (typeof packet === "number") return { packets, fault: packet };
      packets.push(packet);
      bytes += size;
      this.#start += size;
    }
    if (this.#start === this.#end) this.clear();
    return { packets };
  }

  /** Forgets all bytes. */
  clear(): void {
    this.#start = this.#end = 0;
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = new Uint8Array(0);
  }

  #makeRoom(more: number): void {
    const waiting = this.#buffer.subarray(this.#start, this.#end);
    const needed = waiting.length + more;
    // At least doubled, so that a packet that comes byte by byte is not copied each time.
    if (needed > this.#buffer.length / 2) {
      const roomier = new Uint8Array(Math.max(1_024, needed * 2));
      roomier.set(waiting);
      this.#buffer = roomier;
    } else this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#start = 0;
    this.#end = waiting.length;
  }

  /** The size of the next packet once all of it is here; a fault as soon as its fixed header shows one. */
  #nextSize(): number | { readonly fault: number } | undefined {
    let remaining = 0;
    for (let index = 1; index <= 4; index++) {
      if (this.#start + index >= this.#end) return undefined;
      // The index is below the end.
      const byte = this.#buffer[this.#start + index] as number;
      remaining += (byte & 0x7f) * 128 ** (index - 1);
      if (byte >= 0x80) continue;
      const size = 1 + index + remaining;
      if (size > this.#maximumPacketSize) return { fault: REASON.packetTooLarge };
      return size <= this.bufferedBytes ? size : undefined;
    }
    return { fault: REASON.malformedPacket };
  }

  /** The packet in these bytes, or why it cannot be taken. */
  #parse(bytes: Uint8Array): ClientPacket | number {
    this.#parsed = undefined;
    try {
      this.#parser.parse(asBuffer(bytes));
    } catch (error) {
      this.#fault = reasonCodeOfParserError(error);
    }
    if (this.#fault === REASON.unsupportedProtocolVersion) return unknownConnect(bytes) ?? this.#fault;
    if (this.#fault !== undefined) return this.#fault;
    if (this.#parsed === undefined) return REASON.malformedPacket;
    const result = fromMqttPacket(this.#parsed);
    if (!result.ok) return result.reasonCode;
    if (result.packet.type === "connect") this.#version = result.packet.protocolVersion === 5 ? 5 : 4;
    // A packet that only a server sends has no business here; the rest is what clients send.
    return isFromClient(result.packet) ? result.packet : REASON.malformedPacket;
  }
}

/** A packet as bytes. */
export function encode(packet: ServerPacket, version: ProtocolVersion): Uint8Array {
  return generate(toMqttPacket(packet, version, asBuffer), { protocolVersion: version });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isFromClient(packet: ClientPacket | ServerPacket): packet is ClientPacket {
  switch (packet.type) {
    case "connack":
    case "suback":
    case "unsuback":
    case "pingresp":
      return false;
    default:
      return true;
  }
}

/** A CONNECT of a version that the parser does not know, as far as it can be answered. */
function unknownConnect(bytes: Uint8Array): ClientPacket | undefined {
  const name = bytes.findIndex((byte, index) => index > 0 && byte < 0x80) + 1;
  // 0, 4, "MQTT": what stands before the level in 3.1.1, 5.0 and whatever comes after them.
  const isMqtt = [0, 4, 0x4d, 0x51, 0x54, 0x54].every((byte, index) => bytes[name + index] === byte);
  const protocolVersion = bytes[name + 6];
  if (bytes[0] !== 0x10 || !isMqtt || protocolVersion === undefined) return undefined;
  return { type: "connect", protocolVersion, clientId: "", cleanStart: true, keepAlive: 0 };
}
