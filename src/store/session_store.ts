/**
 * The port between a broker and whatever keeps its sessions.
 *
 * A store compares numbers, appends with limits and keeps rows; it knows no MQTT. Every call takes an optional
 * `signal`, checked before anything is sent; an abort after that leaves the outcome unknown. A call that fails throws a
 * `SessionError`: `STORE_UNAVAILABLE` when nothing happened, `OUTCOME_UNKNOWN` when it may have.
 *
 * @module
 */
import type { DropReason, SessionChange } from "../machine/change.ts";
import type { AcquireTerms } from "../machine/request.ts";
import type { SessionSnapshot } from "../machine/snapshot.ts";
import type { Claim, Message, QueuedMessage } from "../mqtt/message.ts";
import type { Receiver, SubscriptionMatch } from "../routing/resolve.ts";
import type { StoreCallOptions } from "./call.ts";
import type { StoreCapabilities } from "./capabilities.ts";
import type { SessionDirectory } from "./directory.ts";
import type { DueOptions, DueWork, SweepWork } from "./due_work.ts";
import type { StoreMaintenance } from "./maintenance.ts";
import type { LoggedTerms, WaitingTerms } from "./waiting_terms.ts";

/**
 * The right to change a session: valid until anyone else commits for it.
 *
 * Opaque to callers: a store may keep more in it. Each `committed` result carries the next one.
 */
export interface Guard {
  /** The client whose session it is. */
  readonly clientId: string;
  /** The session: another one of the same client has another. */
  readonly incarnation: string;
  /** Raised by every change of owner. */
  readonly epoch: number;
  /** Raised by every commit of the owner. */
  readonly version: number;
}

/** A page of a log is at most this large; it always holds one message if there is one. */
export interface PageLimit {
  /** The most messages. */
  readonly messages: number;
  /** The most bytes of `messageBytes`. */
  readonly bytes: number;
}

/** Asks for a session. */
export interface AcquireRequest {
  /** What the CONNECT asks for. */
  readonly terms: AcquireTerms;
  /**
   * Unique to this connection: while it owns the session, repeating the request with it repeats the answer and changes
   * nothing. Snapshot, guard and page are those of the moment, so that a process that forgot all can go on.
   *
   * Once it owns the session no more, whoever saw to that, a request with it is refused as `stale` and changes nothing,
   * however long it was on its way. A store remembers the last eight tokens that acquired the session of a client, also
   * where an acquire ended one and began the next. It forgets them where a session ends in a commit: what comes after that
   * is a new request.
   */
  readonly token: string;
  /**
   * Whether the token is known to have had the session: where it does not own it any more, or there is none, the request is
   * refused as `stale` and begins nothing. For a process that forgot all, and may ask long after: of the terms only the
   * Client Identifier counts then.
   */
  readonly isReload?: boolean;
  /** The node that will own the session. */
  readonly nodeId: string;
  /**
   * The id that a new session gets. It is never used twice: a repeated request carries another one, since the session
   * that the first began may have ended by then. The token is what tells that it is a repetition.
   */
  readonly incarnation: string;
  /** Who may have it: compared with the stored one, absent on both sides when there is no binding. Never a secret. */
  readonly principal?: string;
  /**
   * How many sessions of this principal there may be for a new one to begin; only with a principal, and where the
   * capabilities say that they are counted. Sessions count that began under a quota, until they end. One that goes on, or
   * that takes the place of one of the same client that counts, is never refused.
   */
  readonly quota?: number;
  /** `take` supersedes a living owner, `refuse` leaves it. */
  readonly whenOwned: "take" | "refuse";
  /** How much of the log comes with the answer. */
  readonly page: PageLimit;
  /** The caller's clock, in epoch milliseconds. */
  readonly now: number;
}

/** The session is the caller's. */
export interface Acquired {
  /** Tells it from a refusal. */
  readonly outcome: "acquired";
  /** Whether stored state goes on. */
  readonly resumed: boolean;
  /** The session as it stands after the acquire: attached, with the head and Will of the terms. */
  readonly snapshot: SessionSnapshot;
  /** The `sentLimit` before this acquire; 0 for a new session. */
  readonly startedThrough: number;
  /** For the first commit of the new owner. */
  readonly guard: Guard;
  /** The beginning of the log. */
  readonly queue: QueuePage;
  /** Whether publishes of this session still wait in its outbox, so that later ones must queue behind them. */
  readonly outboxPending: boolean;
  /** The living owner that was superseded, so that its connection can be closed at once where it is near. */
  readonly superseded?: { readonly nodeId: string; readonly token: string };
  /** The session that ended in this acquire, what ended it, and whether its outbox may hold something. */
  readonly ended?: {
    readonly incarnation: string;
    readonly reason: "expired" | "cleanStart" | "takenOver";
    readonly owes: boolean;
  };
}

/**
 * The session is not to be had, and nothing was changed. The reasons are looked at in this order, of whatever is stored,
 * even past its end.
 */
export interface AcquireRefusal {
  /** Tells it from an answer. */
  readonly outcome: "refused";
  /**
   * `stale`: the token has had it, and has it no more; also of any `isReload` whose token does not own it. `principal`: it belongs to another. `exists`: `mustBeNew` met a stored
   * one. `owned`: a living owner keeps it. `unsettled`: it would end, and its head says that it `borrows`. `quota`: its
   * principal has as many sessions as it may have.
   */
  readonly reason: "stale" | "principal" | "exists" | "owned" | "unsettled" | "quota";
}

/** A page of a session's log. */
export interface QueuePage {
  /** In order of sequence. */
  readonly messages: readonly QueuedMessage[];
  /** The highest sequence covered: those up to it that are not in the page are gone. At the end, the tail. */
  readonly through: number;
  /** The highest sequence of the log, 0 when nothing was ever appended. */
  readonly tail: number;
  /** Rows that could not be read: set aside, counted, and skipped. */
  readonly unreadable: number;
  /** The terms of messages of the page that came under some, by sequence; absent where none did. */
  readonly terms?: ReadonlyMap<number, LoggedTerms>;
}

/** Where to read a log. */
export interface QueuePosition extends PageLimit {
  /** Entries with a higher sequence. */
  readonly after: number;
}

/** A session that is read, not owned. */
export interface StoredSession {
  /** The session as it is stored, whether somebody owns it or not. */
  readonly snapshot: SessionSnapshot;
  /** For work that commits without owning (D6), and raises the epoch. */
  readonly guard: Guard;
  /** Who owns it, while attached. */
  readonly owner?: { readonly nodeId: string; readonly token: string };
  /** Until when that owner's node is known to be alive; 0 when the node has no row. Present while attached. */
  readonly ownerUntil?: number;
}

/** What an appender keeps to. */
export interface QueueLimits {
  /** The most messages that wait or are in flight. */
  readonly maximumMessages: number;
  /** The most bytes of `messageBytes` that wait or are in flight. */
  readonly maximumBytes: number;
  /**
   * What gives way at the limit. `dropOldest`: the oldest never-started ones (above the `sentLimit` of the receiver's
   * head), lower priorities before higher ones and of each those of QoS 0 before any other, for a message of QoS 0 none
   * but those; where that makes no room, nothing gives way and what comes is dropped. `dropNewest`: what comes. `reject`: as `dropNewest`, and a batch whose messages
   * nobody takes, since at least one queue was full, is refused whole (D11); an outbox step never is.
   */
  readonly whenFull: "dropOldest" | "dropNewest" | "reject";
}

/** A receiver as the store sees it. */
export interface DeliveryReceiver extends Receiver {
  /** Append only while a node owns the session: QoS 0 for the connected (D10). Else it is dropped as `notConnected`. */
  readonly onlyIfOwned?: boolean;
  /** Append only while this token owns the session. Else it is dropped as `notConnected`. */
  readonly ownedBy?: string;
  /** The log that the message is moved from: kept with the copy. */
  readonly claimed?: Claim;
}

/** A message on its way into its receivers' logs. */
export interface Delivery {
  /** What is delivered; level and RETAIN of each copy are its receiver's. */
  readonly message: Message;
  /**
   * How its copies wait. An outbox does not keep it: whoever works it off gives it again.
   */
  readonly terms?: WaitingTerms;
  /** Whom it goes to, in order; `undefined` leaves that to the first outbox step. */
  readonly receivers: readonly DeliveryReceiver[] | undefined;
}

/** What became of a message at one receiver. */
export type ReceiverOutcome =
  /** It stands in the log. `ownerNode` owns the session now; `dropped` counts what gave way. */
  | {
    readonly outcome: "appended";
    readonly clientId: string;
    readonly incarnation: string;
    readonly sequence: number;
    readonly ownerNode?: string;
    readonly dropped?: readonly DropReason[];
  }
  /** The queue was full; it was counted under the reason. */
  | {
    readonly outcome: "dropped";
    readonly clientId: string;
    readonly incarnation: string;
    readonly reason: DropReason;
  }
  /** That incarnation has ended: the index named too much. */
  | { readonly outcome: "ended"; readonly clientId: string; readonly incarnation: string }
  /** It stands in the outbox and follows. */
  | { readonly outcome: "owed"; readonly clientId: string; readonly incarnation: string };

/** A message that waits in an outbox for its receivers. */
export interface OutboxEntry {
  /** The outbox: the incarnation of the publishing session, or the id of the batch that had none. */
  readonly outboxId: string;
  /** Its place in that outbox. */
  readonly number: number;
  /** What is owed. */
  readonly message: Message;
  /** In the order fixed by the first step; absent until then. */
  readonly receivers?: readonly DeliveryReceiver[];
  /** How many of them have been served. */
  readonly cursor: number;
}

/**
 * One step of working an outbox off: appends the batch's deliveries and moves the cursor, in one commit.
 *
 * An entry whose receivers are fixed by somebody else, or that is gone, supersedes the step: so does repeating it.
 */
export interface OutboxMove {
  /** The outbox that is worked off. */
  readonly outboxId: string;
  /** The entry of it. */
  readonly number: number;
  /** The cursor on which the step builds; another one supersedes it. */
  readonly from: number;
  /** The cursor after the step; at the number of receivers the entry is removed. */
  readonly to: number;
  /** Fixes the receivers of an entry that had none, in order. */
  readonly receivers?: readonly DeliveryReceiver[];
}

/**
 * Changes that are made whole or not at all.
 *
 * Only where its names or parts are too large for one commit of the backend does a store divide a batch, as its caller
 * would have: behind a subscription, or an entry that is gone. Such a batch may stop between two parts when its owner is
 * superseded or the store fails, and its deliveries come with the last part.
 */
export interface CommitBatch {
  /**
   * Unique: repeating the last batch of a session, before anybody else changes it, answers as it did the first time and
   * changes nothing. A store that does not remember what became of a delivery answers an empty list for it, and never
   * guesses: the caller looks for itself, and takes it that something is owed. Without a guard nothing is remembered: a
   * cursor guards an outbox step, and a session-less publish happens at least once.
   */
  readonly id: string;
  /** Absent for a publish without a session, and for an outbox step, which its cursor guards. */
  readonly guard?: Guard;
  /** Set by work that commits without owning: the epoch rises, and whoever owned the session is superseded. */
  readonly raiseEpoch?: { readonly token: string };
  /**
   * Carried out before the deliveries. Filters of new subscriptions were admitted, and what `deleteQueued` names was read
   * from the log, though it may have given way since.
   */
  readonly changes: readonly SessionChange[];
  /** Messages that go into logs in the same commit. */
  readonly deliveries: readonly Delivery[];
  /** All deliveries go behind the outbox of this session, which is not empty. */
  readonly behindOutbox?: boolean;
  /** The step of an outbox that the deliveries belong to. */
  readonly outbox?: OutboxMove;
  /**
   * Entries of the guarded log move into others: unless each that is deleted stands there, and each receiver takes its
   * copy with this commit and without another giving way, it is refused as `notTaken`. Only where the store `claims`.
   */
  readonly isWhole?: boolean;
  /** Nodes that are to hear of news for a client with this commit. */
  readonly rings?: readonly { readonly nodeId: string; readonly clientId: string }[];
  /** For the deliveries. */
  readonly limits: QueueLimits;
  /** The caller's clock, in epoch milliseconds. */
  readonly now: number;
}

/** What became of a batch. */
export type CommitResult =
  | {
    readonly outcome: "committed";
    /** The next guard; absent without a guard, and once the session has ended. */
    readonly guard?: Guard;
    /** One list per delivery, one entry per receiver, in order; empty for a delivery without receivers. */
    readonly deliveries: readonly (readonly ReceiverOutcome[])[];
  }
  /** Somebody else owns the session, it has ended, or the outbox has moved on. Nothing was changed. */
  | { readonly outcome: "superseded" }
  /** `queueFull`: with `reject`, nobody could take the message. `notTaken`: see `isWhole`. Nothing was changed. */
  | { readonly outcome: "refused"; readonly reason: "queueFull" | "notTaken" };

/** A place where sessions live. */
export interface SessionStore {
  /** What this store promises. */
  readonly capabilities: StoreCapabilities;
  /**
   * Names it among all stores that pages of one origin can reach: where pages keep the peace by locks, those of another
   * store are others. Absent where no other page can have it, or nobody can tell.
   */
  readonly scope?: string;
  /** Takes a session, in one atomic step (D1). */
  acquire(request: AcquireRequest, options?: StoreCallOptions): Promise<Acquired | AcquireRefusal>;
  /** Reads a session without owning it; `undefined` when there is none. */
  read(clientId: string, options?: StoreCallOptions): Promise<StoredSession | undefined>;
  /** Carries batches out, each whole or not at all, and answers in their order. */
  commit(batches: readonly CommitBatch[], options?: StoreCallOptions): Promise<readonly CommitResult[]>;
  /** Reads a page of the log of the guard's incarnation; an empty one when that has ended. */
  readQueue(guard: Guard, position: QueuePosition, options?: StoreCallOptions): Promise<QueuePage>;
  /** Reads what an outbox still holds, oldest first. */
  readOutbox(outboxId: string, limit: number, options?: StoreCallOptions): Promise<readonly OutboxEntry[]>;
  /** Every subscription that matches each topic; one list per topic. It may name ended incarnations, never too few. */
  matchSubscriptions(
    topics: readonly string[],
    options?: StoreCallOptions,
  ): Promise<readonly (readonly SubscriptionMatch[])[]>;
  /**
   * Whether each filter can be routed: `false` when it would bring one shape too many (D7), or is longer than the store
   * can hold. Admitting is for good.
   */
  admitFilters(filters: readonly string[], options?: StoreCallOptions): Promise<readonly boolean[]>;
  /**
   * What is due at `now`, earliest first. A node whose lease is over by `now` and that owns nothing is forgotten: do not ask
   * with a time to come while brokers live.
   */
  listDue(now: number, options: DueOptions): Promise<readonly DueWork[]>;
  /** When the next work falls due, a lease at its end without any grace; `undefined` when none is known. */
  nextDueAt(options?: StoreCallOptions): Promise<number | undefined>;
  /** Removes rows of an ended incarnation, and of no other. */
  sweep(work: SweepWork, options?: StoreCallOptions): Promise<void>;
  /** Says that a node is alive until `until`; 0 releases it, once it owns no session any more. */
  renewNode(nodeId: string, until: number, options?: StoreCallOptions): Promise<void>;
  /**
   * The clients of this node with news: messages were appended, or the session was taken; clears what it returns.
   *
   * A commit need not ring the node that owns its own session, nor an acquire the one that acquires.
   */
  readRings(nodeId: string, options?: StoreCallOptions): Promise<readonly string[]>;
  /** Yields when `readRings` is worth calling. */
  watch?(nodeId: string, signal: AbortSignal): AsyncIterable<void>;
  /** Lists what is stored. */
  readonly directory: SessionDirectory;
  /** For export, import and repair; absent where a store offers none. */
  readonly maintenance?: StoreMaintenance;
}
