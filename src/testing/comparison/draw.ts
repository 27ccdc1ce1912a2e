/** What a random history is made of: few names, so that they meet; values that a machine would send. */
import type { SessionChange } from "../../machine/change.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import type { SessionHead, SessionSnapshot } from "../../machine/snapshot.ts";
import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import type { AcquireRequest, DeliveryReceiver, QueueLimits } from "../../store/session_store.ts";
import type { WaitingGroup, WaitingTerms } from "../../store/waiting_terms.ts";
import type { Random } from "../random.ts";

/** The clients of a history. */
export const CLIENT_IDS: readonly string[] = ["a", "b", "a/b", "é\u0001", "x".repeat(300)];

/** Its nodes. */
export const NODE_IDS: readonly string[] = ["node-a", "node-b", "node-c"];

/** Its filters. */
export const FILTERS: readonly string[] = ["t/1", "t/+", "t/#", "#", "+/1", "other", `${"deep/".repeat(60)}x`];

/** The topics that are published and looked up. */
export const TOPICS: readonly string[] = ["t/1", "t/2", "other", "t", `${"deep/".repeat(60)}x`];

const QOS: readonly QoS[] = [0, 1, 2];

/** A session that a history knows, with what identifies it in both stores. */
export interface Target {
  readonly clientId: string;
  readonly incarnation: string;
}

/** An acquire request at a moment. */
export function drawAcquire(chance: Random, now: number): AcquireRequest {
  const clientId = chance.pick(CLIENT_IDS);
  const endsAfterMs = chance.pick([undefined, 0, 5_000, 60_000]);
  const hasWill = chance.chance(0.4);
  const head: SessionHead = {
    protocolVersion: chance.chance(0.9) ? 5 : 4,
    attached: true,
    connectedAt: now,
    sessionExpiryInterval: endsAfterMs === undefined ? 0xffff_ffff : endsAfterMs / 1_000,
    ...(endsAfterMs === undefined ? {} : { endsAfterMs }),
    ...(endsAfterMs === 0 ? { endsAt: 0 } : {}),
    ...(hasWill ? { willAfterMs: chance.pick([0, 2_000, 90_000]) } : {}),
    onTakeover: chance.chance(0.5) ? "release" : "discard",
    sentLimit: 0,
  };
  return {
    terms: {
      clientId,
      mustBeNew: chance.chance(0.05),
      cleanStart: chance.chance(0.2),
      head,
      ...(hasWill ? { will: drawWill(chance, now) } : {}),
      sendAhead: chance.below(4),
      releaseWillOnCleanStart: chance.chance(0.5),
      resumeAcrossVersions: chance.chance(0.5),
    },
    token: chance.id(),
    nodeId: chance.pick(NODE_IDS),
    incarnation: chance.id(),
    ...(clientId === "b" ? { principal: chance.chance(0.9) ? "owner" : "another" } : {}),
    whenOwned: chance.chance(0.8) ? "take" : "refuse",
    page: { messages: 1 + chance.below(10), bytes: 1 + chance.below(300) },
    now,
  };
}

function drawWill(chance: Random, now: number): Will {
  const { topic, payload, qos, retain, properties } = drawMessage(chance, now);
  return { topic, payload, qos, retain, properties, willDelayInterval: 0, messageExpiryInterval: 9 };
}

/** A message at a moment; now and then a large one. */
export function drawMessage(chance: Random, now: number): Message {
  const payload = new Uint8Array(chance.chance(0.03) ? 90_000 : chance.below(20)).fill(chance.below(256));
  return {
    topic: chance.pick(TOPICS),
    payload,
    qos: chance.pick(QOS),
    retain: chance.chance(0.2),
    properties: chance.chance(0.2) ? { contentType: "text", userProperties: [["name", String(chance.below(9))]] } : {},
    publisher: chance.pick(CLIENT_IDS),
    publishedAt: now,
    ...(chance.chance(0.2) ? { expiresAt: now + chance.below(10_000) } : {}),
  };
}

/** Some receivers among the sessions that a history has seen, ended ones too. */
export function drawReceivers(chance: Random, targets: readonly Target[]): DeliveryReceiver[] {
  if (targets.length === 0) return [];
  return chance.shuffle(targets).slice(0, chance.below(4)).map(({ clientId, incarnation }) => ({
    clientId,
    incarnation,
    qos: chance.pick(QOS),
    retain: chance.chance(0.2),
    subscriptionIdentifiers: chance.chance(0.2) ? [1, 7] : [],
    ...(chance.chance(0.2) ? { onlyIfOwned: true } : {}),
  }));
}

/** Limits that are met now and then. */
export function drawLimits(chance: Random): QueueLimits {
  return {
    maximumMessages: chance.pick([2, 4, 1_000]),
    maximumBytes: chance.pick([40, 1_000_000]),
    whenFull: chance.pick(["dropOldest", "dropNewest", "reject"]),
  };
}

/** Terms that meet each other; often none. */
export function drawTerms(chance: Random): WaitingTerms | undefined {
  if (chance.chance(0.5)) return undefined;
  const group: WaitingGroup = {
    name: chance.pick(["g", "h"]),
    maximumMessages: chance.pick([1, 2, 100]),
    maximumBytes: chance.pick([30, 100_000]),
    whenFull: chance.pick(["dropOldest", "dropNewest"]),
  };
  return {
    ...(chance.chance(0.5) ? { slot: chance.pick(["one", "two", "é ;"]) } : {}),
    ...(chance.chance(0.5) ? { group } : {}),
    ...(chance.chance(0.5) ? { priority: chance.below(3) } : {}),
  };
}

/** What the changes of a batch build on. */
export interface ChangeGround {
  readonly snapshot: SessionSnapshot;
  readonly log: readonly QueuedMessage[];
  readonly tail: number;
  readonly now: number;
}

/** Some changes of a session. */
export function drawChanges(chance: Random, ground: ChangeGround): SessionChange[] {
  const drawn = Array.from({ length: chance.below(4) }, () => drawChange(chance, ground));
  // No machine removes a message twice, and a store that counts without looking need not notice.
  const changes = drawn.filter((change, index) =>
    change.type !== "deleteQueued" ||
    drawn.findIndex((other) => other.type === "deleteQueued" && other.sequence === change.sequence) === index
  );
  if (chance.chance(0.15)) changes.push({ type: "putHead", head: leftAt(chance, ground) });
  if (chance.chance(0.05)) changes.push({ type: "endSession", reason: "administrative" });
  return changes;
}

function leftAt(chance: Random, { snapshot, now }: ChangeGround): SessionHead {
  const head = detachedHead(snapshot.head, now, 0);
  return chance.chance(0.5) ? head : { ...head, endsAt: now + chance.below(20_000) };
}

function drawChange(chance: Random, { snapshot, log, tail }: ChangeGround): SessionChange {
  const sequence = 1 + chance.below(tail + 2);
  switch (chance.below(10)) {
    case 0:
    case 1:
      return { type: "putSubscription", filter: chance.pick(FILTERS), subscription: drawSubscription(chance) };
    case 2:
      return { type: "deleteSubscription", filter: chance.pick(FILTERS) };
    case 3:
      return { type: "putSentLimit", sentLimit: snapshot.head.sentLimit + chance.below(3) };
    case 4:
      return {
        type: "putOutboundMark",
        sequence,
        mark: { packetId: 1 + chance.below(9), phase: chance.pick(["sent", "released"]), pubrecOrder: chance.below(9) },
      };
    case 5:
      return { type: "deleteOutboundMark", sequence };
    case 6:
      return { type: "putInboundId", packetId: 1 + chance.below(5) };
    case 7:
      return {
        type: chance.pick(["deleteInboundId", "putQuarantine", "deleteQuarantine"]),
        packetId: 1 + chance.below(5),
      };
    case 8:
      return { type: "deleteWill" };
    default: {
      if (log.length === 0) return { type: "deleteWill" };
      const message = chance.pick(log);
      return {
        type: "deleteQueued",
        sequence: message.sequence,
        bytes: messageBytes(message),
        ...(chance.chance(0.3) ? { dropped: "expired" } : {}),
      };
    }
  }
}

function drawSubscription(chance: Random): Subscription {
  return {
    qos: chance.pick(QOS),
    noLocal: chance.chance(0.3),
    retainAsPublished: chance.chance(0.3),
    retainHandling: chance.pick([0, 1, 2]),
    ...(chance.chance(0.3) ? { subscriptionIdentifier: 1 + chance.below(1_000) } : {}),
  };
}
