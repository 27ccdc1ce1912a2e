import type { ProtocolVersion } from "../../mqtt/packet.ts";
import type { ConnectionLimits } from "../policy.ts";

/**
 * All that a connection at rest cannot learn from its session: with this and the stored session another process goes on
 * where this one was. No secret, no Topic Alias and nothing of a payload is in it.
 */
export interface RestingConnection {
  /** The version of its CONNECT. */
  readonly version: ProtocolVersion;
  /** The longest allowed silence in milliseconds; 0 allows any. */
  readonly silenceMs: number;
  /** When the client was last heard, in epoch milliseconds. */
  readonly lastReceivedAt: number;
  /** The Session Expiry Interval of the CONNECT packet, in seconds (SE-11). */
  readonly requestedExpiryInterval: number;
  /** The longest that a DISCONNECT may ask for, in seconds. */
  readonly longestExpiryInterval: number;
  /** The client's Maximum Packet Size; absent when it named none. */
  readonly maximumPacketSize?: number;
  /** The most PUBLISH packets of QoS 1 and 2 that may be unanswered by the client. */
  readonly sendQuota: number;
  /** What this connection is allowed, where it differs from the limits of its server. */
  readonly limits?: Partial<ConnectionLimits>;
  /** The method of its enhanced authentication, and whether the client is to go on with an exchange. */
  readonly authentication?: { readonly method: string; readonly awaitsClient: boolean };
  /** Entries of the log up to here have left on this connection, if they have not left the log: they are in flight. */
  readonly sentThrough: number;
  /** Entries up to here were started by an earlier connection, and are resent with DUP. */
  readonly startedThrough: number;
  /** The highest sequence started so far, by this connection or an earlier one. */
  readonly lastStarted: number;
  /** PUBRECs of a lower order came to an earlier connection: their PUBLISH costs no quota on this one (FC-17). */
  readonly firstPubrecOrder: number;
  /**
   * Unreleased inbound identifiers that this connection has not seen: they do not count against Receive Maximum (FC-15).
   * `all` where they are too many to name: then none counts that was there before.
   */
  readonly unseenInbound: ReadonlySet<number> | "all";
}
