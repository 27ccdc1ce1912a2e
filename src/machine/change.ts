import type { Message } from "../mqtt/message.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { Will } from "../mqtt/will.ts";
import type { OutboundMark, SessionHead, SessionSnapshot } from "./snapshot.ts";

/** Why a message was lost to a session. Every loss is counted under one of these. */
export type DropReason =
  /** Its Message Expiry Interval had passed before delivery started ([MQTT-3.3.2-5]). */
  | "expired"
  /** Larger than the client's Maximum Packet Size ([MQTT-3.1.2-25]). */
  | "tooLarge"
  /** The queue was at its limit and this was its oldest droppable message. */
  | "queueFullOldest"
  /** The queue was at its limit and this message came last. */
  | "queueFullNewest"
  /** A later message took its place: of its topic only the last one is kept. */
  | "replaced"
  /** The messages under its rule were at their limit and this was the oldest that could give way. */
  | "filterFullOldest"
  /** The messages under its rule were at their limit and this message came last. */
  | "filterFullNewest"
  /** QoS 0 for a session that is not connected. */
  | "notConnected"
  /** QoS 0 that may have been sent before a crash, or that a slow connection could not take. */
  | "atMostOnce"
  /** Its stored row could not be read; the row is kept aside. */
  | "unreadable"
  /** Client: it may have been sent in a session that the server has no more ([MQTT-3.2.2-5]). */
  | "sessionLost"
  /** Client: the server takes no message of its level, or none to be retained ([MQTT-3.2.2-11], [MQTT-3.2.2-14]). */
  | "notSupported"
  /** An administrator emptied the queue. */
  | "purged"
  /** It waited for a shared group whose last member left ([MQTT] 4.8.2). */
  | "groupEnded"
  /** Its receiver may not have it, as the host says. */
  | "notAuthorized";

/** Why a session ended. */
export type EndReason =
  | "expired"
  | "cleanStart"
  | "disconnected"
  | "takenOver"
  | "administrative";

/** The head after the step: whole, since it is small. */
export interface PutHead {
  /** Tells this change from the others. */
  readonly type: "putHead";
  /** The head that replaces the stored one, its `sentLimit` included. */
  readonly head: SessionHead;
}
/** Log entries up to this sequence count as started from now on. */
export interface PutSentLimit {
  /** Tells this change from the others. */
  readonly type: "putSentLimit";
  /**
   * The highest sequence that may now be sent; never below the stored one while attached, but in a client's own log, from
   * which nothing gives way.
   */
  readonly sentLimit: number;
}
/** Stores the Will of this connection. */
export interface PutWill {
  /** Tells this change from the others. */
  readonly type: "putWill";
  /** The Will that replaces a stored one. */
  readonly will: Will;
}
/** Removes the Will: published, or deleted by DISCONNECT. */
export interface DeleteWill {
  /** Tells this change from the others. */
  readonly type: "deleteWill";
}
/** Makes or replaces a subscription. */
export interface PutSubscription {
  /** Tells this change from the others. */
  readonly type: "putSubscription";
  /** The Topic Filter as the client wrote it; a shared one with its `$share/` prefix. */
  readonly filter: string;
  /** The options, which replace those of an identical filter ([MQTT-3.8.4-3]). */
  readonly subscription: Subscription;
}
/** Ends a subscription. */
export interface DeleteSubscription {
  /** Tells this change from the others. */
  readonly type: "deleteSubscription";
  /** The Topic Filter as the client wrote it. */
  readonly filter: string;
}
/** Marks a started log entry. */
export interface PutOutboundMark {
  /** Tells this change from the others. */
  readonly type: "putOutboundMark";
  /** The place of the entry in the log. */
  readonly sequence: number;
  /** What is remembered of it; it replaces an earlier mark. */
  readonly mark: OutboundMark;
}
/** Removes a mark whose log entry is gone already. */
export interface DeleteOutboundMark {
  /** Tells this change from the others. */
  readonly type: "deleteOutboundMark";
  /** The place that the entry had in the log. */
  readonly sequence: number;
}
/** Removes an entry from the log: its payload is needed no more. A mark of phase `sent` goes with it. */
export interface DeleteQueued {
  /** Tells this change from the others. */
  readonly type: "deleteQueued";
  /** The place of the entry in the log. */
  readonly sequence: number;
  /** What the entry counted for, as `messageBytes` tells. */
  readonly bytes: number;
  /** Present when the message was lost rather than delivered. */
  readonly dropped?: DropReason;
}
/** Remembers an inbound QoS 2 message as accepted. */
export interface PutInboundId {
  /** Tells this change from the others. */
  readonly type: "putInboundId";
  /** The client's Packet Identifier, 1 to 65 535. */
  readonly packetId: number;
}
/** Forgets it: it was released. */
export interface DeleteInboundId {
  /** Tells this change from the others. */
  readonly type: "deleteInboundId";
  /** The client's Packet Identifier, 1 to 65 535. */
  readonly packetId: number;
}
/** Takes an outbound Packet Identifier out of circulation, until the peer has another session. */
export interface PutQuarantine {
  /** Tells this change from the others. */
  readonly type: "putQuarantine";
  /** The Packet Identifier, 1 to 65 535. */
  readonly packetId: number;
}
/** Puts it back into circulation: the peer says that it has another session, which knows nothing of it. */
export interface DeleteQuarantine {
  /** Tells this change from the others. */
  readonly type: "deleteQuarantine";
  /** The Packet Identifier, 1 to 65 535. */
  readonly packetId: number;
}
/** The copy of a retained message that one subscription gets. */
export interface RetainedCopy {
  /** The lower of the published and the granted level. */
  readonly qos: QoS;
  /** Whether it is told as retained: always, but where it tells that nothing is retained any more. */
  readonly retain: boolean;
  /** That of the subscription, if it has one. */
  readonly subscriptionIdentifiers: readonly number[];
}
/** Hands a message to its receivers in the same commit. It changes nothing of this session. */
export interface PublishMessage {
  /** Tells this change from the others. */
  readonly type: "publishMessage";
  /** The `ref` of the request that routed it; absent for a Will, whose receivers nobody has looked up yet. */
  readonly ref?: number;
  /** The message, with the level and the RETAIN flag at which it was published. */
  readonly message: Message;
  /**
   * Client: where it goes. `log`: published by the application, it goes into the log of this session. `inbox`: it came
   * from the server, and is the application's. Absent for a server, which routes it.
   */
  readonly to?: "log" | "inbox";
  /** Client: the Subscription Identifiers with which it came. */
  readonly subscriptionIdentifiers?: readonly number[];
  /** Server: a retained message for this session alone, which goes into its own log as this copy. It has no `ref`. */
  readonly copy?: RetainedCopy;
}
/** Ends the session: all of it is gone with this change. */
export interface EndSession {
  /** Tells this change from the others. */
  readonly type: "endSession";
  /** Why it ends. */
  readonly reason: EndReason;
}

/** What must be durable before the effects of its step may run. Changes are copies: nothing in them changes later. */
export type Change =
  | PutHead
  | PutSentLimit
  | PutWill
  | DeleteWill
  | PutSubscription
  | DeleteSubscription
  | PutOutboundMark
  | DeleteOutboundMark
  | DeleteQueued
  | PutInboundId
  | DeleteInboundId
  | PutQuarantine
  | DeleteQuarantine
  | PublishMessage
  | EndSession;

/** A change of the session itself, as a store carries it out. */
export type SessionChange = Exclude<Change, PublishMessage>;

/** A snapshot whose collections may be written to: its own copy. */
export interface SnapshotDraft {
  /** The numbers that decide its life. */
  head: SessionHead;
  /** The Will, until it is published or deleted. */
  will: Will | undefined;
  /** Topic Filter to options. */
  readonly subscriptions: Map<string, Subscription>;
  /** Sequence to mark. */
  readonly outbound: Map<number, OutboundMark>;
  /** Outbound Packet Identifiers out of circulation. */
  readonly quarantine: Set<number>;
  /** Inbound QoS 2 messages that are not released. */
  readonly inbound: Set<number>;
}

/**
 * The one definition of what a change means: the snapshot after the changes, or `undefined` once the session ended.
 *
 * The argument is left as it was. Law (tested on every run): for any step, `applyChanges(before, changes)` equals
 * `snapshot(session)` after it. Changes of the log alone ({@linkcode DeleteQueued} of an entry without a mark) leave
 * the snapshot as it was, for the log is not in it.
 */
export function applyChanges(snapshot: SessionSnapshot, changes: readonly Change[]): SessionSnapshot | undefined {
  const draft = draftOf(snapshot);
  for (const change of changes) {
    if (change.type === "endSession") return undefined;
    applyChange(draft, change);
  }
  const { will, ...rest } = draft;
  return {
    clientId: snapshot.clientId,
    incarnation: snapshot.incarnation,
    ...rest,
    ...(will === undefined ? {} : { will }),
  };
}

/** A copy of a snapshot that may be written to. */
export function draftOf(snapshot: SessionSnapshot): SnapshotDraft {
  return {
    head: snapshot.head,
    will: snapshot.will,
    subscriptions: new Map(snapshot.subscriptions),
    outbound: new Map(snapshot.outbound),
    quarantine: new Set(snapshot.quarantine),
    inbound: new Set(snapshot.inbound),
  };
}

/** Carries one change out in a draft: what {@linkcode applyChanges} does, for who makes many. */
export function applyChange(draft: SnapshotDraft, change: Exclude<Change, EndSession>): void {
  switch (change.type) {
    case "putHead":
      draft.head = change.head;
      return;
    case "putSentLimit":
      draft.head = { ...draft.head, sentLimit: change.sentLimit };
      return;
    case "putWill":
      draft.will = change.will;
      return;
    case "deleteWill":
      draft.will = undefined;
      return;
    case "putSubscription":
      draft.subscriptions.set(change.filter, change.subscription);
      return;
    case "deleteSubscription":
      draft.subscriptions.delete(change.filter);
      return;
    case "putOutboundMark":
      draft.outbound.set(change.sequence, change.mark);
      return;
    case "deleteOutboundMark":
      draft.outbound.delete(change.sequence);
      return;
    case "deleteQueued":
      if (draft.outbound.get(change.sequence)?.phase === "sent") draft.outbound.delete(change.sequence);
      return;
    case "putInboundId":
      draft.inbound.add(change.packetId);
      return;
    case "deleteInboundId":
      draft.inbound.delete(change.packetId);
      return;
    case "putQuarantine":
      draft.quarantine.add(change.packetId);
      return;
    case "deleteQuarantine":
      draft.quarantine.delete(change.packetId);
      return;
    case "publishMessage":
      return;
    default:
      change satisfies never;
  }
}
