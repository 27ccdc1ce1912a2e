/**
 * What the server tells its page: types that both sides share.
 *
 * @module
 */

/** The broker's node, a process of its own. */
export interface NodeState {
  readonly status: "starting" | "running" | "down";
  /** Since when, in epoch milliseconds. */
  readonly since: number;
}

/** Where a message is on its way to its receiver. */
export type Phase = "waiting" | "sent" | "released";

/** A message that a session owes its receiver. */
export interface LogEntry {
  readonly sequence: number;
  /** Absent while it waits: it gets one when its turn comes. */
  readonly packetId?: number;
  readonly qos: number;
  /** Absent once the message is the receiver's (released): only its identifier is kept. */
  readonly topic?: string;
  /** The first characters of the payload. */
  readonly payload?: string;
  readonly phase: Phase;
  readonly expiresAt?: number;
}

/** A session as the broker's store has it. */
export interface StoredLook {
  readonly state: "attached" | "detached";
  readonly incarnation: string;
  readonly ownerNode?: string;
  readonly connectedAt: number;
  readonly disconnectedAt?: number;
  /** When it ends; absent while attached, and if it never does. */
  readonly endsAt?: number;
  readonly sessionExpiryInterval: number;
  readonly queuedMessages: number;
  readonly dropped: number;
  /** The beginning of the log. */
  readonly log: readonly LogEntry[];
  readonly inboundIds: readonly number[];
  readonly subscriptions: readonly { readonly filter: string; readonly qos: number }[];
}

/** One answer to the page. */
export interface Look {
  /** The server's clock, in epoch milliseconds. */
  readonly now: number;
  readonly node: NodeState;
  /** Absent when there is no such session. */
  readonly session?: StoredLook;
  /** Why the store cannot be looked into. */
  readonly hidden?: string;
}

/** How much of a log is told. */
export const SHOWN_MESSAGES = 50;

/** How much of a payload is told, in bytes. */
export const SHOWN_BYTES = 80;
