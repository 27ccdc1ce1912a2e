/** The codes that a server may send, per packet: section 2.4 of MQTT 5.0 and the tables of 3.1.1. */
import type { WirePacket } from "./observation.ts";

const TAKEN = new Set([0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]);
const RELEASED = new Set([0x00, 0x92]);

// deno-fmt-ignore
const OF_VERSION_5: Readonly<Record<string, ReadonlySet<number>>> = {
  connack: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ]),
  puback: TAKEN,
  pubrec: TAKEN,
  pubrel: RELEASED,
  pubcomp: RELEASED,
  suback: new Set([0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  unsuback: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  disconnect: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96,
    0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ]),
  auth: new Set([0x00, 0x18]),
};

const ZERO = new Set([0]);
const OF_VERSION_4: Readonly<Record<string, ReadonlySet<number>>> = {
  connack: new Set([0, 1, 2, 3, 4, 5]),
  puback: ZERO,
  pubrec: ZERO,
  pubrel: ZERO,
  pubcomp: ZERO,
  suback: new Set([0x00, 0x01, 0x02, 0x80]),
  unsuback: new Set(),
};

/** The first code of a packet that its version does not allow there. */
export function illegalCode(packet: WirePacket, version: 4 | 5): number | undefined {
  const legal = (version === 5 ? OF_VERSION_5 : OF_VERSION_4)[packet.type];
  if (legal === undefined) return undefined;
  if ("reasonCodes" in packet) return packet.reasonCodes.find((code) => !legal.has(code));
  return "reasonCode" in packet && !legal.has(packet.reasonCode) ? packet.reasonCode : undefined;
}

/**
 * Whether a refused CONNECT surely changed nothing. Of a server that had trouble it is not certain: the session may be
 * this client's, and nobody could say so.
 */
export function leavesSessionAlone(code: number, version: 4 | 5): boolean {
  if (version === 4) return code !== 3;
  return code !== 0x80 && code !== 0x83 && code !== 0x88 && code !== 0x89;
}
