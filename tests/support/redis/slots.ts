/**
 * The slots of Redis Cluster.
 *
 * @module
 */
import { bytesOf } from "./resp_codec.ts";

/** How many there are. */
export const SLOTS = 16_384;

/** The slot of a key: of what is between its first braces, or of the whole. */
export function slotOf(key: string | Uint8Array): number {
  const bytes = bytesOf(key);
  const open = bytes.indexOf(0x7b);
  const close = open < 0 ? -1 : bytes.indexOf(0x7d, open + 1);
  return crc16(close > open + 1 ? bytes.subarray(open + 1, close) : bytes) % SLOTS;
}

/** CRC-16 as XMODEM has it. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
