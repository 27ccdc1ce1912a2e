/** How packets cross a link: as they are, or as bytes that are cut and joined anywhere. */
import { parser } from "mqtt-packet";
import { PacketReader } from "../../../examples/broker/codec.ts";
import { type ClientPacket, DEFAULT_LIMITS, type ProtocolVersion, type ServerPacket } from "../../../mod.ts";
import { fromMqttPacket } from "../../../src/hosts/mqtt_packet.ts";
import type { Random } from "../../../src/testing/mod.ts";
import { asBuffer, encode } from "../../support/mqtt_packet_codec.ts";

/** What arrives at once. */
export type Chunk = readonly (ClientPacket | ServerPacket)[] | Uint8Array;

/** One connection's way to cross. */
export interface Wire {
  toServer(packets: readonly ClientPacket[], chance: Random): readonly Chunk[];
  readAtServer(chunk: Chunk): { readonly packets: readonly ClientPacket[]; readonly fault?: number };
  toClient(packets: readonly ServerPacket[], chance: Random): readonly Chunk[];
  readAtClient(chunk: Chunk): readonly ServerPacket[];
  sizeOf(chunk: Chunk): number;
}

/** About what a packet takes besides topic and payload. */
const PACKET_BYTES = 8;

/** Packets as they are, together or one by one. */
export class PacketWire implements Wire {
  toServer(packets: readonly ClientPacket[], chance: Random): readonly Chunk[] {
    if (packets.length < 2) return [packets];
    const cut = chance.below(packets.length + 1);
    return [packets.slice(0, cut), packets.slice(cut)].filter(({ length }) => length > 0);
  }
  readAtServer(chunk: Chunk): { readonly packets: readonly ClientPacket[] } {
    // What goes to the server on this wire are the packets that the client gave.
    return { packets: chunk as readonly ClientPacket[] };
  }
  toClient(packets: readonly ServerPacket[]): readonly Chunk[] {
    return [packets];
  }
  readAtClient(chunk: Chunk): readonly ServerPacket[] {
    // What goes to the client on this wire are the packets that the server gave.
    return chunk as readonly ServerPacket[];
  }
  sizeOf(chunk: Chunk): number {
    return chunk instanceof Uint8Array ? chunk.length : chunk.reduce((sum, packet) => sum + sizeOfPacket(packet), 0);
  }
}

function sizeOfPacket(packet: ClientPacket | ServerPacket): number {
  return PACKET_BYTES + (packet.type === "publish" ? packet.topic.length + packet.payload.length : 0);
}

/** Bytes, as real codecs write and read them. */
export class ByteWire implements Wire {
  readonly #version: ProtocolVersion;
  readonly #reader = new PacketReader(DEFAULT_LIMITS.maximumPacketSize);
  readonly #parser;
  #got: ServerPacket[] = [];

  constructor(version: ProtocolVersion) {
    this.#version = version;
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on("packet", (parsed) => {
      const result = fromMqttPacket(parsed);
      if (!result.ok) throw new Error(`The server sent what cannot be read: ${result.reasonCode}`);
      // What comes from the server is a server's packet.
      this.#got.push(result.packet as ServerPacket);
    });
    this.#parser.on("error", (error) => {
      throw error;
    });
  }

  toServer(packets: readonly ClientPacket[], chance: Random): readonly Chunk[] {
    return this.#cut(packets, chance);
  }
  readAtServer(chunk: Chunk): { readonly packets: readonly ClientPacket[]; readonly fault?: number } {
    if (!(chunk instanceof Uint8Array)) throw new Error("Bytes cross this wire");
    this.#reader.push(chunk);
    return this.#reader.take();
  }
  toClient(packets: readonly ServerPacket[], chance: Random): readonly Chunk[] {
    return this.#cut(packets, chance);
  }
  readAtClient(chunk: Chunk): readonly ServerPacket[] {
    if (!(chunk instanceof Uint8Array)) throw new Error("Bytes cross this wire");
    this.#got = [];
    this.#parser.parse(asBuffer(chunk));
    return this.#got;
  }
  sizeOf(chunk: Chunk): number {
    return chunk.length;
  }

  /** None for what this codec refuses to write. */
  #bytesOf(packet: ClientPacket | ServerPacket): readonly Uint8Array[] {
    try {
      return [encode(packet, this.#version)];
    } catch (error) {
      if (packet.type !== "subscribe") throw error;
      return [];
    }
  }

  #cut(packets: readonly (ClientPacket | ServerPacket)[], chance: Random): readonly Uint8Array[] {
    const parts = packets.flatMap((packet) => this.#bytesOf(packet));
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const cuts = [0, ...Array.from({ length: chance.below(3) }, () => chance.below(bytes.length)), bytes.length];
    cuts.sort((a, b) => a - b);
    return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end)).filter(({ length }) => length > 0);
  }
}
