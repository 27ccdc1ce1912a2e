import type { SessionError } from "../errors.ts";
import type { DropReason, EndReason } from "../machine/change.ts";
import type { Diagnosis } from "../machine/effect.ts";

/** A client is connected: its CONNACK with success has been sent. */
export interface ClientConnected {
  /** Tells this event from the others. */
  readonly type: "connected";
  /** The Client Identifier. */
  readonly clientId: string;
  /** Session Present. */
  readonly resumed: boolean;
}
/** A connection has ended, and what it leaves is stored. */
export interface ClientDisconnected {
  /** Tells this event from the others. */
  readonly type: "disconnected";
  /** Absent when it never got a session. */
  readonly clientId?: string;
  /** Why: the 5.0 reason code of the close; 0x80 when the transport was lost. */
  readonly reasonCode: number;
}
/** A connection took the session from a living one. */
export interface SessionTakenOver {
  /** Tells this event from the others. */
  readonly type: "takeover";
  /** The Client Identifier. */
  readonly clientId: string;
  /** The node that held it. */
  readonly nodeId: string;
}
/** A connection of this node learned that its session belongs to another. */
export interface ConnectionSuperseded {
  /** Tells this event from the others. */
  readonly type: "superseded";
  /** The Client Identifier. */
  readonly clientId: string;
}
/** A message was lost to a session. */
export interface MessageLost {
  /** Tells this event from the others. */
  readonly type: "dropped";
  /** The Client Identifier. */
  readonly clientId: string;
  /** Why. */
  readonly reason: DropReason;
  /** Known where the message was at hand. */
  readonly topic?: string;
}
/** A message was not retained: it was refused to its publisher, or went to the subscribers alone. */
export interface RetainedRefused {
  /** Tells this event from the others. */
  readonly type: "retainedRefused";
  /** The Client Identifier of the publisher; `""` for the host. */
  readonly clientId: string;
  /** The Topic Name. */
  readonly topic: string;
  /** Whether it is too large by itself, or too much is retained already. */
  readonly reason: "tooLarge" | "full";
}
/** A session has ended. */
export interface SessionOver {
  /** Tells this event from the others. */
  readonly type: "ended";
  /** The Client Identifier. */
  readonly clientId: string;
  /** Why. */
  readonly reason: EndReason;
}
/** A subscription of a session that goes on was removed: `authorize` refused it. */
export interface RevokedSubscription {
  /** Tells this event from the others. */
  readonly type: "subscriptionRevoked";
  /** The Client Identifier. */
  readonly clientId: string;
  /** The Topic Filter as the client wrote it. */
  readonly filter: string;
}
/** The client acknowledged a message, or refused it with a code of 0x80 and above. */
export interface MessageDelivered {
  /** Tells this event from the others. */
  readonly type: "delivered";
  /** The Client Identifier. */
  readonly clientId: string;
  /** Its place in the log. */
  readonly sequence: number;
  /** The 5.0 reason code; 0 for success. */
  readonly reasonCode: number;
}
/** A commit was carried out. */
export interface BatchesCommitted {
  /** Tells this event from the others. */
  readonly type: "commit";
  /** How many batches left together. */
  readonly batches: number;
  /** From the first attempt to the answer, in milliseconds of the monotonic clock. */
  readonly durationMs: number;
  /** 1 unless it had to be repeated. */
  readonly attempts: number;
}
/** An attempt to commit failed; it is repeated unless `final`. */
export interface CommitFailed {
  /** Tells this event from the others. */
  readonly type: "commitFailed";
  /** Counts up from 1. */
  readonly attempt: number;
  /** Whether it is given up. */
  readonly final: boolean;
  /** What happened. */
  readonly error: SessionError;
}
/** Something hints at a fault of the peer. */
export interface PeerDiagnosed {
  /** Tells this event from the others. */
  readonly type: "diagnosed";
  /** The Client Identifier. */
  readonly clientId: string;
  /** What was noticed. */
  readonly diagnosis: Diagnosis;
  /** The Packet Identifier it is about, where there is one. */
  readonly packetId?: number;
  /** The 5.0 reason code; 0 for success. */
  readonly reasonCode?: number;
}
/** A client reads too slowly: nothing more is fed to it for now. */
export interface ConnectionStalled {
  /** Tells this event from the others. */
  readonly type: "stalled";
  /** The Client Identifier. */
  readonly clientId: string;
  /** How much waits in its transport. */
  readonly bufferedBytes: number;
}
/** The node could not say that it lives for so long that it has closed its connections. */
export interface LeaseLost {
  /** Tells this event from the others. */
  readonly type: "leaseLost";
  /** This run of this node. */
  readonly nodeId: string;
}
/**
 * Work failed that is tried again: what goes on in the background when it next falls due, and a look-up in the `store` at
 * once. Of a look-up this tells that it has begun to be repeated, not each repetition.
 */
export interface WorkFailed {
  /** Tells this event from the others. */
  readonly type: "workFailed";
  /** What it was about. */
  readonly work:
    | "session"
    | "group"
    | "node"
    | "outbox"
    | "sweep"
    | "lease"
    | "doorbell"
    | "publish"
    | "due"
    | "queue"
    | "store"
    | "retained"
    | "callback";
  /** The Client Identifier. */
  readonly clientId?: string;
  /** What happened. */
  readonly error: unknown;
}

/** What a broker tells its observer: the material of metrics and logs. Never a payload, never a credential. */
export type BrokerEvent =
  | ClientConnected
  | ClientDisconnected
  | SessionTakenOver
  | ConnectionSuperseded
  | MessageLost
  | RetainedRefused
  | SessionOver
  | RevokedSubscription
  | MessageDelivered
  | BatchesCommitted
  | CommitFailed
  | PeerDiagnosed
  | ConnectionStalled
  | LeaseLost
  | WorkFailed;

/** Takes what a broker tells. What it throws is ignored: watching must not change what is watched. */
export type Observe = (event: BrokerEvent) => void;

/** An observer that cannot break anything. */
export function harmless<Event>(observe: ((event: Event) => void) | undefined): (event: Event) => void {
  if (observe === undefined) return () => {};
  return (event) => {
    try {
      observe(event);
    } catch {
      // The observer's fault is its own.
    }
  };
}
