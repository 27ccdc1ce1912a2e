import type { ClientPacket, ServerPacket } from "../../mqtt/packet.ts";
import * as REASON from "../../mqtt/reason.ts";
import type { ParsedMqttPacket } from "./parsed_packet.ts";

/** A packet that cannot be taken. */
export interface RefusedPacket {
  /** Tells it from a packet that can be taken. */
  readonly ok: false;
  /** What to close the connection with: 0x81 malformed, 0x82 protocol error, or 0x84 for an unknown protocol name. */
  readonly reasonCode: number;
  /** The field of the `mqtt-packet` object that was wrong, for logs; never its value. */
  readonly field: string;
}

/** A packet in this library's form. */
export interface TakenPacket {
  /** Tells it from one that cannot be taken. */
  readonly ok: true;
  /** The packet; all its bytes are copies. */
  readonly packet: ClientPacket | ServerPacket;
}

/** It can be taken. */
export function taken(packet: ClientPacket | ServerPacket): TakenPacket {
  return { ok: true, packet };
}

/** It cannot, because of this field. */
export function malformed(field: string): RefusedPacket {
  return { ok: false, reasonCode: REASON.malformedPacket, field };
}

/** Whether the packet is known to have a smaller Remaining Length than this. */
export function isShorterThan(packet: ParsedMqttPacket, length: number): boolean {
  return typeof packet.length === "number" && packet.length >= 0 && packet.length < length;
}
