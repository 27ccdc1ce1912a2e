/**
 * The face of a store for those who move sessions between stores, and for those who mend one. Brokers need none of it.
 *
 * @module
 */
import type { DropReason } from "../machine/change.ts";
import type { SessionSnapshot } from "../machine/snapshot.ts";
import type { QueuedMessage } from "../mqtt/message.ts";
import type { LoggedTerms } from "./waiting_terms.ts";

/** What every call may take last, as in all of the port. */
export interface MaintenanceCall {
  /** Checked before anything is sent. */
  readonly signal?: AbortSignal;
}

/** A session whole, but for the messages of its log and its outbox. */
export interface SessionImage {
  /** The session as it is stored, whether somebody owns it or not. */
  readonly snapshot: SessionSnapshot;
  /** Raised by every change of owner. */
  readonly epoch: number;
  /** Raised by every commit of the owner: an image of another version is of another moment. */
  readonly version: number;
  /** Until when the node of its owner is known to be alive, in epoch milliseconds; absent when nobody owns it. */
  readonly ownerUntil?: number;
  /** The SHA-256 of the principal that it is bound to, in hexadecimal digits; absent when there is no binding. */
  readonly principal?: string;
  /** Whether it counts against the quota of its principal. Absent where it does not, or the store counts none. */
  readonly counts?: true;
  /** The highest sequence of its log. */
  readonly tail: number;
  /** The number of the latest entry of its outbox; it never starts again. */
  readonly outboxTail: number;
  /** Lost messages by reason. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** What became of the sessions of the client, as the store keeps it: at most 640 characters. */
  readonly journal: string;
}

/** A message of a log that is restored, with the terms under which it waits. */
export interface RestoredMessage extends QueuedMessage {
  /** As pages of a log tell them. */
  readonly terms?: LoggedTerms;
}

/** What is to be restored. */
export interface RestoreRequest {
  /** The session, which nobody owns: its head is that of a detached one. */
  readonly image: SessionImage;
  /**
   * The messages of its log, by rising sequence, page by page. When this throws, nothing is restored and the error is passed
   * on.
   */
  readonly messages: AsyncIterable<readonly RestoredMessage[]>;
  /** The caller's clock, in epoch milliseconds. */
  readonly now: number;
}

/**
 * What became of a restore. `restored`: the session stands as it stood, with the same incarnation, sequences, identifiers
 * and counts; its epoch and version are one higher. `exists`: the client has a session, of this incarnation, and nothing was
 * changed.
 */
export type RestoreResult =
  | { readonly outcome: "restored" }
  | { readonly outcome: "exists"; readonly incarnation: string };

/** What is wrong with the rows of a store. */
export type FindingKind =
  /** A subscription that publishers do not find. */
  | "routeMissing"
  /** A route whose subscription is no more, or is another one. */
  | "routeOrphaned"
  /** A session that nobody would look at when its time comes. */
  | "dueMissing"
  /** A moment at which nothing is due. */
  | "dueOrphaned"
  /** An owned session that would not be found when its node is lost. */
  | "ownedMissing"
  /** An entry by which a node owns a session that it does not own. */
  | "ownedOrphaned"
  /** Rows of a session that has ended, which nobody would sweep. */
  | "rowsOrphaned"
  /** An outbox with entries that nobody would work off. */
  | "outboxForgotten"
  /** A session that counts against the quota of its principal, and is not found there. */
  | "placeMissing"
  /** A place under a quota that no session has. */
  | "placeOrphaned"
  /** A record that cannot be read; it is left as it is. */
  | "unreadable";

/** Something that is wrong. */
export interface Finding {
  /** What. */
  readonly kind: FindingKind;
  /** The key that it was found under, and, where more than one thing stands there, what of it. */
  readonly key: string;
  /** The client that it concerns, as far as that is known; a long Client Identifier as its digest. */
  readonly clientId?: string;
  /** Whether it was repaired. What is not may have changed meanwhile: the next examination tells. */
  readonly repaired: boolean;
}

/** How a store is examined. */
export interface ExamineQuery extends MaintenanceCall {
  /** Where the last page ended. */
  readonly cursor?: string;
  /** About how many rows are looked at. */
  readonly limit: number;
  /** Whether what is found is repaired, so that living brokers are not disturbed. */
  readonly repair: boolean;
  /** The caller's clock, in epoch milliseconds. */
  readonly now: number;
}

/** A page of an examination. */
export interface Examination {
  /** How many rows were looked at. */
  readonly examined: number;
  /** What was found. */
  readonly findings: readonly Finding[];
  /** Absent on the last page. */
  readonly cursor?: string;
}

/** What a store offers beyond the needs of a broker. */
export interface StoreMaintenance {
  /** Reads a session whole; `undefined` when there is none. Its log is read with `readQueue`. */
  readImage(clientId: string, options?: MaintenanceCall): Promise<SessionImage | undefined>;
  /**
   * Puts a session in place of none, whole or not at all: until then nothing of it can be seen, and what a crash leaves of it
   * goes by itself.
   *
   * @throws {RangeError} If somebody owns the session of the image, or a filter was not admitted.
   */
  restore(request: RestoreRequest, options?: MaintenanceCall): Promise<RestoreResult>;
  /** Looks for rows that do not fit together, page by page, and repairs what it can. */
  examine(query: ExamineQuery): Promise<Examination>;
}

/**
 * Throws unless nobody owns the session of an image.
 *
 * @throws {RangeError} If somebody does.
 */
export function checkImage({ snapshot }: SessionImage): void {
  if (!snapshot.head.attached) return;
  throw new RangeError("Cannot restore a session: its head says that a connection owns it");
}
