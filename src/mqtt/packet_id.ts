/** The highest Packet Identifier; 0 is none ([MQTT-2.2.1-3]). */
export const MAX_PACKET_ID = 65_535;

/** Whether a number can be a Packet Identifier: a whole number from 1 to 65 535. */
export function isPacketId(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 1 && value <= MAX_PACKET_ID;
}

/**
 * The Packet Identifier that a message of the log takes unless another holds it: `sequence mod 65535 + 1`.
 *
 * It is derived, so a resend after a crash uses the same one without its ever having been stored ([MQTT-4.4.0-1]).
 */
export function packetIdOf(sequence: number): number {
  return sequence % MAX_PACKET_ID + 1;
}
