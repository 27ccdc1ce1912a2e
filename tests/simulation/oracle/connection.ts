/** What is known of one network connection: from the client's end, and what may be true at the server's. */
import type { Exchange } from "./authentication.ts";
import type { Client } from "./client.ts";
import type { Generation, Subscribed } from "./generation.ts";
import type { Transmission } from "./message.ts";
import type { WireConnect, WireDisconnect, WorldBounds } from "./observation.ts";
import type { Will } from "./will.ts";

/** A SUBSCRIBE or UNSUBSCRIBE that waits for its answer. */
export interface OpenRequest {
  readonly type: "subscribe" | "unsubscribe";
  readonly seq: number;
  readonly at: number;
  readonly filters: readonly string[];
  /** Of SUBSCRIBE. */
  readonly subscribed: readonly Subscribed[];
  /** Of UNSUBSCRIBE, for each filter: whether the subscription surely was there, surely was not, or that is not known. */
  readonly wasThere: readonly (boolean | undefined)[];
}

/** A PUBREL that waits for its PUBCOMP. */
export interface OpenRelease {
  readonly packetId: number;
  readonly seq: number;
  readonly at: number;
  /** The identifier surely is held by the server: this is the first PUBREL since its PUBREC. */
  readonly isHeld: boolean;
}

/** A network connection. */
export class Connection {
  readonly number: number;
  readonly client: Client;
  connect: WireConnect | undefined;
  connectSeq = Infinity;
  connectAt = Infinity;
  version: 4 | 5 = 5;
  /** Whether a CONNACK came, whatever it said. */
  isAnswered = false;
  /** CONNACK refused for a reason that leaves the session untouched for sure. */
  isRefused = false;
  /** When CONNACK gave it the session. */
  connackSeq = Infinity;
  connackAt = Infinity;
  receiveMaximum = 65_535;
  /** The Session Expiry Interval that may be in force, in milliseconds. */
  leastExpiryMs = 0;
  mostExpiryMs = 0;
  generation: Generation | undefined;
  will: Will | undefined;
  /** What was said to prove who the client is, where its CONNECT named a method. */
  exchange: Exchange | undefined;
  /** When another connection surely had taken the session over. */
  supersededSeq = Infinity;
  /** It is not known whether another connection that was made at the same time came before or after it. */
  isContested = false;
  isRude = false;
  lastReceivedAt = -Infinity;
  closedSeq = Infinity;
  closedAt = Infinity;
  closedBy: "client" | "server" | "broken" | undefined;
  /** The DISCONNECT that the client sent. */
  disconnect: WireDisconnect | undefined;
  serverDisconnected = false;
  /** What the client waits for, in the order in which it asked. */
  readonly pubacks: Transmission[] = [];
  readonly pubrecs: Transmission[] = [];
  readonly pubcomps: OpenRelease[] = [];
  readonly requests: Map<number, OpenRequest> = new Map();
  /** When each PINGREQ was sent that is not answered. */
  readonly pings: number[] = [];
  /** SUBSCRIBE packets before CONNACK. */
  readonly early: Subscribed[] = [];
  /** Identifiers of PUBLISH packets that came on this connection and that the client has not ended. */
  readonly unanswered: Set<number> = new Set();
  /** PUBREC packets that were sent here, and PUBREL packets that came, by identifier. */
  readonly pubrecsSent: Map<number, number> = new Map();
  readonly pubrelsGot: Map<number, number> = new Map();
  readonly aliases: Map<number, string> = new Map();
  readonly ownAliases: Map<number, string> = new Map();
  lastOrder = 0;
  lastReleaseOrder = 0;

  constructor(number: number, client: Client) {
    this.number = number;
    this.client = client;
  }

  get isOpen(): boolean {
    return this.closedBy === undefined;
  }

  /** Whether CONNACK gave it the session. */
  get isAccepted(): boolean {
    return this.connackSeq !== Infinity;
  }

  /** Whether what comes may have been sent before another connection took over. */
  get isLate(): boolean {
    return this.supersededSeq !== Infinity || this.isContested;
  }
}

/** Whether a CONNECT surely was carried out, if ever, before another one was sent. */
export function surelyBefore(earlier: Connection, later: Connection, bounds: WorldBounds): boolean {
  if (earlier.isAccepted) return earlier.connackSeq < later.connectSeq;
  return appliedUntil(earlier, bounds) < later.connectAt;
}

/** Until when an unanswered CONNECT may still be carried out. */
export function appliedUntil(connection: Connection, bounds: WorldBounds): number {
  if (connection.isAccepted) return connection.connackAt;
  return connection.closedAt + bounds.networkMs + bounds.detachMs;
}
