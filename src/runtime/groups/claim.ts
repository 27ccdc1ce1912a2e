/** One claim: messages out of the log of a group and into those of its members, in one commit. */
import type { DropReason, SessionChange } from "../../machine/change.ts";
import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { minimumQoS } from "../../mqtt/qos.ts";
import type { CommitBatch, CommitResult, Delivery } from "../../store/session_store.ts";
import type { GroupContext } from "./context.ts";
import type { Dealt } from "./dealing.ts";
import type { GroupMember } from "./names.ts";

/** A message leaves the log of its group: to a member, or for good. */
export function removal(entry: QueuedMessage, dropped?: DropReason): SessionChange {
  const change = { type: "deleteQueued", sequence: entry.sequence, bytes: messageBytes(entry) } as const;
  return dropped === undefined ? change : { ...change, dropped };
}

/** The copy that a member gets of a message of a group. */
export function claimOf(
  { clientId, incarnation }: GroupMember,
  { entry, place: { member, subscription } }: Dealt,
): Delivery {
  const { sequence: _, subscriptionIdentifiers: _ids, claimed: _claimed, ...rest } = entry;
  const { qos, retain } = entry;
  const { subscriptionIdentifier } = subscription;
  const message: Message = rest;
  return {
    message,
    receivers: [{
      clientId: member.clientId,
      incarnation: member.incarnation,
      ownedBy: member.token,
      qos: minimumQoS(qos, subscription.qos),
      retain: retain && subscription.retainAsPublished,
      subscriptionIdentifiers: subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier],
      claimed: { clientId, incarnation, qos, retain },
    }],
  };
}

/** Commits a claim; whoever it is for hears of it in the same moment. */
export async function commitClaim(
  { lane, sessions }: GroupContext,
  batch: CommitBatch,
  dealt: readonly Dealt[],
): Promise<CommitResult> {
  for (const { place } of dealt) place.member.claims.begin(1);
  let isKnown = false;
  try {
    return await new Promise<CommitResult>((resolve, reject) =>
      lane.request({
        take: () => batch,
        settled: (result, repeated) => {
          if (result.outcome === "committed") sessions.deliver(batch, result);
          isKnown = !repeated;
          resolve(result);
        },
        failed: reject,
      })
    );
  } finally {
    // The lane has told them of what they got: that takes their room from here on.
    for (const { place } of dealt) {
      // One that is about to go is told of nothing any more.
      if (!isKnown || !place.member.live) place.member.claims.isUncertain = true;
      place.member.claims.end(1);
    }
  }
}
