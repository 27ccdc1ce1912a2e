/** What people are told of the sessions in a store. */
import type { DropReason, EndReason } from "../machine/change.ts";
import type { StoreCallOptions } from "./call.ts";

/** A line of the directory. */
export interface SessionSummary {
  /** The client. */
  readonly clientId: string;
  /** The session of it. */
  readonly incarnation: string;
  /** Whether a connection owns it. */
  readonly attached: boolean;
  /** The node of that connection. */
  readonly ownerNode?: string;
  /** Of the latest connection: 4 is MQTT 3.1.1. */
  readonly protocolVersion: 4 | 5;
  /** When the latest connection began, in epoch milliseconds. */
  readonly connectedAt: number;
  /** When it ended; absent while it lasts. */
  readonly disconnectedAt?: number;
  /** `endsAt` of the session's head: when it ends, in epoch milliseconds. */
  readonly endsAt?: number;
  /** How many subscriptions it has. */
  readonly subscriptions: number;
  /** Messages in the log, in flight or waiting. */
  readonly queuedMessages: number;
  /** What they count for, in bytes of `messageBytes`. */
  readonly queuedBytes: number;
  /** Lost messages by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** Which sessions a listing names. */
export interface DirectoryQuery extends StoreCallOptions {
  /** At most this many. */
  readonly limit: number;
  /** Where the last page ended. */
  readonly cursor?: string;
}

/** A page of the directory. */
export interface DirectoryPage {
  /** At most as many as were asked for. */
  readonly sessions: readonly SessionSummary[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** Something that became of a session. Times are in epoch milliseconds, by the clock of whoever did it. */
export type JournalEntry =
  /** A connection began it, or went on with it. */
  | {
    readonly type: "began" | "resumed";
    readonly at: number;
    /** The epoch that this owner got. */
    readonly epoch: number;
    /** The node that got it: the first 32 characters of its name, escaped as in keys. */
    readonly nodeId: string;
    /** The node of the living owner that it was taken from. */
    readonly superseded?: string;
    /** What ended the session before it, in the same step. */
    readonly ended?: "expired" | "cleanStart" | "takenOver";
    /** Messages that the one before it had lost, by reason, as far as there was room. */
    readonly dropped?: Readonly<Partial<Record<DropReason, number>>>;
  }
  /** Its connection ended; `byOther` says that somebody else found so: its node was lost, or an administrator did it. */
  | {
    readonly type: "detached";
    readonly at: number;
    readonly epoch: number;
    /** The MQTT 5.0 reason code. */
    readonly reasonCode: number;
    readonly byOther: boolean;
  }
  /** Somebody changed it without owning it: a Will fell due, or an administrator did something. */
  | { readonly type: "changed"; readonly at: number; readonly epoch: number }
  /** It ended; `dropped` tells which messages it had lost, by reason, as far as there was room. */
  | {
    readonly type: "ended";
    readonly at: number;
    readonly epoch: number;
    readonly reason: EndReason;
    readonly dropped?: Readonly<Partial<Record<DropReason, number>>>;
  };

/** What the sessions of a principal hold, as far as they began under a quota. */
export interface PrincipalUsage {
  /** How many there are. */
  readonly sessions: number;
  /** What waits in their logs or is in flight, in bytes of `messageBytes`. */
  readonly queuedBytes: number;
}

/** For people, not for the hot path. */
export interface SessionDirectory {
  /** Names sessions, in no order that means anything. */
  list(query: DirectoryQuery): Promise<DirectoryPage>;
  /** Tells of one session; `undefined` when there is none. */
  inspect(clientId: string, options?: StoreCallOptions): Promise<SessionSummary | undefined>;
  /**
   * What became of the sessions of a client, oldest first: as many of the newest entries as a store keeps, at least the last
   * five. It goes over from one session of a client to the next, and stays for a day after the last has ended, unless that
   * was with its connection, its interval being 0; empty when nothing is known. Stores need not keep it for a Client Identifier of more than 256 bytes once its session has ended.
   */
  journal(clientId: string, options?: StoreCallOptions): Promise<readonly JournalEntry[]>;
  /** Tells of the sessions of a principal that count; present where the capabilities say that they are counted. */
  usage?(principal: string, options?: StoreCallOptions): Promise<PrincipalUsage>;
}
