import type { ClientPacket, ServerPacket } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import { isLegalReasonCode } from "../mqtt/reason_code.ts";

/**
 * The way to one client, as the host offers it. All of it is synchronous: order is kept from the first byte.
 *
 * What it throws counts as a lost connection.
 */
export interface Transport {
  /** Sends a packet, or puts it in line. */
  send(packet: ServerPacket): void;
  /** Closes after what was sent. */
  close(): void;
  /** How many bytes wait to be sent; absent when that is not known. */
  bufferedBytes?(): number;
}

/** What a client is told beside the reason code of a close; nothing in 3.1.1. */
export interface CloseTexts {
  /** A text for diagnostics. */
  readonly reasonString?: string;
  /** Where to connect instead; with 0x9C (use another server) or 0x9D (server moved) alone. */
  readonly serverReference?: string;
}

/** Why a transport is gone. */
export type CloseCause = "transport" | "error";

/** One connection of a client, as its host sees it. */
export interface BrokerConnection {
  /** The Client Identifier, once the session is this connection's; `""` before. */
  readonly clientId: string;
  /**
   * Takes packets, in the order in which they came. It never rejects; while it has not ended, read no more from the
   * client.
   */
  receive(packets: readonly ClientPacket[]): Promise<void>;
  /** What came could not be read; the reason code says why: 0x81, 0x82 or 0x95. */
  malformed(reasonCode: number): void;
  /** The transport is gone. */
  closed(cause?: CloseCause): void;
  /**
   * Closes the connection with a 5.0 reason code; its Will and its session follow their own rules. Does nothing once it
   * is closing.
   *
   * @throws {RangeError} If a server may not send the code, or not with a Server Reference.
   */
  close(reasonCode: number, texts?: CloseTexts): void;
  /** The transport has sent what waited; a hint, where the host has one. */
  drained(): void;
  /** Ends when nothing of the connection is left to do: its last commit is made. */
  readonly done: Promise<void>;
}

/** Throws where a server may not close like this ([MQTT-3.14.2-1], §4.11). */
export function checkClose(reasonCode: number, { serverReference }: CloseTexts): void {
  if (!isLegalReasonCode("disconnect", "server", reasonCode)) {
    throw new RangeError(`Cannot close a connection: no server may say ${reasonCode}`);
  }
  const namesAnother = reasonCode === REASON.useAnotherServer || reasonCode === REASON.serverMoved;
  if (serverReference !== undefined && !namesAnother) {
    throw new RangeError(
      `Cannot close a connection: a Server Reference goes with 0x9C and 0x9D, not with ${reasonCode}`,
    );
  }
}
