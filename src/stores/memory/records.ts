/** What the memory store keeps. */
import type { DropReason } from "../../machine/change.ts";
import type { OutboundMark, SessionHead } from "../../machine/snapshot.ts";
import type { Message } from "../../mqtt/message.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import type { Drops } from "../../store/records/drops.ts";
import type { Acquired, CommitResult, DeliveryReceiver } from "../../store/session_store.ts";
import type { DueItem } from "./due_heap.ts";
import type { MessageLog } from "./log.ts";

/** Who owns a session, with what the acquire told it: a repeated acquire is told the same. */
export interface Owner extends Pick<Acquired, "resumed" | "startedThrough" | "superseded"> {
  readonly ended?: Omit<NonNullable<Acquired["ended"]>, "owes">;
  readonly nodeId: string;
  readonly token: string;
}

/** The last batch of a session, with its answer. */
export interface LastBatch {
  readonly id: string;
  readonly result: CommitResult;
}

/** A stored session. Collections are made when they are needed: most sessions never need most of them. */
export interface SessionRecord extends DueItem {
  readonly clientId: string;
  readonly incarnation: string;
  readonly principal: string | undefined;
  /** Of a session that was restored: the SHA-256 of its principal, which is all that was known of it. */
  readonly principalDigest?: string | undefined;
  epoch: number;
  version: number;
  head: SessionHead;
  owner: Owner | undefined;
  /** The last tokens that acquired the session of this client, oldest first. */
  tokens: readonly string[];
  will: Will | undefined;
  subscriptions: Map<string, Subscription> | undefined;
  outbound: Map<number, OutboundMark> | undefined;
  quarantine: Set<number> | undefined;
  inbound: Set<number> | undefined;
  log: MessageLog | undefined;
  dropped: Map<DropReason, number> | undefined;
  lastBatch: LastBatch | undefined;
  /** What became of the sessions of this client. */
  journal: string;
  /** The number of the last entry of its outbox; it never starts again, for the cursor guard stands on it. */
  lastOutboxNumber: number;
}

/** A session that ended in a commit: kept so that the batch can be repeated, until it is swept. */
export interface Tombstone extends DueItem {
  readonly clientId: string;
  readonly incarnation: string;
  readonly lastBatch: LastBatch;
}

/** The journal of a client whose session has ended. */
export interface EndedJournal extends DueItem {
  readonly clientId: string;
  readonly incarnation: string;
  readonly journal: string;
}

/** A message that waits for its receivers. */
export interface OutboxRecord {
  readonly number: number;
  readonly message: Message;
  receivers: readonly DeliveryReceiver[] | undefined;
  cursor: number;
}

/** An outbox that is not empty. */
export interface Outbox extends DueItem {
  readonly id: string;
  readonly entries: OutboxRecord[];
}

/** A node that owns sessions or is known to be alive. */
export interface NodeRecord {
  /** 0 while it was never heard of. */
  until: number;
  readonly owned: Set<SessionRecord>;
}

/** Lost messages of a session by reason. */
export function dropsOf({ dropped }: Pick<SessionRecord, "dropped">): Drops {
  return Object.fromEntries(dropped ?? []);
}
