/**
 * Drives the real machine from literal events. After every step the law of changes is checked: `applyChanges(before,
 * changes)` is the snapshot after it (D9).
 */
import assert from "node:assert/strict";
import {
  applyChanges,
  type ConnectPacket,
  type Event,
  openSession,
  type OutboundMark,
  type QueuedMessage,
  type ServerLimits,
  type Session,
  type SessionAcquired,
  type SessionHead,
  type SessionPolicy,
  type SessionSnapshot,
  snapshot,
  step,
  type StepResult,
  type Subscription,
  type Will,
} from "../../../src/machine/mod.ts";

/** A session to begin with: what differs from an empty one of client `c`, kept for an hour, connected at 0. */
export interface Given {
  readonly version?: 4 | 5;
  readonly connect?: Partial<ConnectPacket>;
  readonly policy?: Partial<SessionPolicy>;
  readonly limits?: Partial<ServerLimits>;
  readonly head?: Partial<SessionHead>;
  readonly will?: Will;
  readonly subscriptions?: Readonly<Record<string, Subscription>>;
  readonly outbound?: readonly (readonly [sequence: number, mark: OutboundMark])[];
  readonly quarantine?: Iterable<number>;
  readonly inbound?: readonly number[];
  readonly resumed?: boolean;
  readonly startedThrough?: number;
  /** The first page of the log. */
  readonly log?: readonly QueuedMessage[];
  readonly through?: number;
  readonly tail?: number;
  /** What happens once it is online, at 0. */
  readonly events?: readonly Event[];
}

/** Limits that CONNACK need not tell, but for Maximum Packet Size. */
export const PLAIN_LIMITS: Partial<ServerLimits> = {
  receiveMaximum: 65_535,
  maximumPacketSize: 1_000,
  topicAliasMaximum: 0,
  retainAvailable: true,
  sharedSubscriptionAvailable: true,
};

/** What CONNACK says under {@linkcode PLAIN_LIMITS}. */
export const PLAIN_CONNACK = { type: "connack", sessionPresent: true, reasonCode: 0, maximumPacketSize: 1_000 };

/** One message of the log: what differs from topic `a`, payload `p`, QoS 1. */
export function message(sequence: number, differing: Partial<QueuedMessage> = {}): QueuedMessage {
  return {
    sequence,
    topic: "a",
    payload: new TextEncoder().encode("p"),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "other",
    publishedAt: 0,
    subscriptionIdentifiers: [],
    ...differing,
  };
}

/** Steps, and checks the law of changes. */
export function stepped(session: Session, event: Event, now = 0): StepResult {
  const before = snapshot(session);
  const result = step(session, event, now);
  const start = before ?? (event.type === "sessionAcquired" ? event.snapshot : undefined);
  if (start !== undefined && event.type !== "superseded") {
    assert.deepEqual(snapshot(session), applyChanges(start, result.changes), "applyChanges tells the snapshot");
  }
  return result;
}

/** A session whose connection waits for its store. */
export function acquiring(given: Given = {}): Session {
  const session = openSession(undefined, {
    role: "server",
    limits: { ...PLAIN_LIMITS, ...given.limits },
    ...(given.policy === undefined ? {} : { policy: given.policy }),
  });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect(given) });
  stepped(session, { type: "authenticated", clientId: "c", assigned: false });
  return session;
}

/** The CONNECT that a given session begins with. */
export function connect(given: Given = {}): ConnectPacket {
  const version = given.version ?? 5;
  return {
    type: "connect",
    protocolVersion: version,
    clientId: "c",
    cleanStart: false,
    keepAlive: 0,
    ...(version === 5 ? { sessionExpiryInterval: 3_600 } : {}),
    ...(given.will === undefined ? {} : { will: given.will }),
    ...given.connect,
  };
}

/** The stored state that a given session begins with. */
export function stored(given: Given = {}): SessionSnapshot {
  return {
    clientId: "c",
    incarnation: "i",
    head: {
      protocolVersion: given.version ?? 5,
      attached: true,
      connectedAt: 0,
      sessionExpiryInterval: 3_600,
      endsAfterMs: 3_600_000,
      onTakeover: "discard",
      sentLimit: (given.startedThrough ?? 0) + 256,
      ...(given.will === undefined ? {} : { willAfterMs: given.will.willDelayInterval * 1_000 }),
      ...given.head,
    },
    ...(given.will === undefined ? {} : { will: given.will }),
    subscriptions: new Map(Object.entries(given.subscriptions ?? {})),
    outbound: new Map(given.outbound),
    quarantine: new Set(given.quarantine),
    inbound: new Set(given.inbound),
  };
}

/** The store's answer to a given session. */
export function acquired(given: Given = {}): SessionAcquired {
  const messages = given.log ?? [];
  const through = given.through ?? messages.at(-1)?.sequence ?? given.startedThrough ?? 0;
  return {
    type: "sessionAcquired",
    snapshot: stored(given),
    resumed: given.resumed ?? true,
    startedThrough: given.startedThrough ?? 0,
    messages,
    through,
    tail: given.tail ?? through,
  };
}

/** A session that is online, after all that was given. */
export function online(given: Given = {}): Session {
  const session = acquiring(given);
  stepped(session, acquired(given));
  for (const event of given.events ?? []) stepped(session, event);
  return session;
}

/** The packets that a step sends. */
export function sent(result: StepResult): readonly { readonly type: string }[] {
  return result.effects.flatMap((effect) => effect.type === "sendPacket" ? [effect.packet] : []);
}
