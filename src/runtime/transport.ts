import type { ClientPacket, ServerPacket } from "../mqtt/packet.ts";

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
  /** The transport has sent what waited; a hint, where the host has one. */
  drained(): void;
  /** Ends when nothing of the connection is left to do: its last commit is made. */
  readonly done: Promise<void>;
}
