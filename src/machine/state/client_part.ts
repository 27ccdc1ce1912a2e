import type { QoS } from "../../mqtt/qos.ts";
import type { ConnectRequest, SubscribeRequested, UnsubscribeRequested } from "../client_event.ts";

/** A SUBSCRIBE or UNSUBSCRIBE that was sent and is not answered. */
export interface OpenRequest {
  readonly ref: number;
  readonly answer: "suback" | "unsuback";
  /** How many codes the answer has. */
  readonly filters: number;
}

/** What the client's role remembers beside the session and its connection. */
export interface ClientPart {
  /** How long the answer to a PINGREQ is waited for, in milliseconds. */
  readonly pingTimeoutMs: number;
  /** Entries up to here were started by an earlier connection. */
  startedThrough: number;
  /** Of those, entries up to here were started in a session that the server has no more. */
  lostThrough: number;
  /** The highest sequence of the log, as far as is known. */
  tail: number;
  /** The Client Identifier that a server made for it. */
  assigned: string | undefined;
  /** Requests that wait for a connection, or for an identifier. */
  waiting: (SubscribeRequested | UnsubscribeRequested)[];
}

/** What lives and dies with a connection, beside what both roles keep. */
export interface ClientConnection {
  /** Without its credentials. */
  readonly request: Omit<ConnectRequest, "password" | "username" | "authenticationData">;
  /** As CONNECT says it, which need not be what was asked for (C3). */
  readonly cleanStart: boolean;
  /** By Packet Identifier. */
  readonly requests: Map<number, OpenRequest>;
  /** When the last packet left. */
  lastSentAt: number;
  /** When the PINGREQ left that is not answered. */
  pingSentAt: number | undefined;
  /** The longest time between two packets, in milliseconds; 0 allows any. */
  keepAliveMs: number;
  wildcardSubscriptionAvailable: boolean;
  subscriptionIdentifiersAvailable: boolean;
  sharedSubscriptionAvailable: boolean;
}

/** What the peer takes of PUBLISH packets. */
export interface PeerLimits {
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
}
