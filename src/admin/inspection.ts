/**
 * A session as a person looks at it: everything but the payloads.
 *
 * @module
 */
import type { SessionHead, SessionSnapshot } from "../machine/snapshot.ts";
import { messageBytes } from "../mqtt/message.ts";
import { packetIdOf } from "../mqtt/packet_id.ts";
import type { QoS } from "../mqtt/qos.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { Will } from "../mqtt/will.ts";
import { together } from "../store/call.ts";
import type { SessionStore, StoredSession } from "../store/session_store.ts";
import type { SessionSummary } from "../store/directory.ts";

/** A subscription with its Topic Filter. */
export interface InspectedSubscription extends Subscription {
  /** The Topic Filter as the client wrote it. */
  readonly filter: string;
}

/** A Will; its payload only where that was asked for. */
export interface InspectedWill extends Omit<Will, "payload"> {
  /** How long the payload is. */
  readonly payloadBytes: number;
  /** The payload itself. */
  readonly payload?: Uint8Array;
}

/** A delivery that has begun, and counts as sent even where a crash came first. */
export interface InspectedExchange {
  /** Its place in the log. */
  readonly sequence: number;
  /** Its Packet Identifier; absent for QoS 0. */
  readonly packetId?: number;
  /** What it waits for; `lost`: QoS 0 that may have been sent, and is not sent again. */
  readonly phase: "awaitPuback" | "awaitPubrec" | "awaitPubcomp" | "lost";
  /** Its level and topic; absent once PUBREC came, since the message is gone then. */
  readonly qos?: QoS;
  /** The Topic Name. */
  readonly topic?: string;
  /** What it counts for, in bytes of `messageBytes`. */
  readonly bytes?: number;
}

/** When something will happen to a session by time alone, in epoch milliseconds. */
export interface InspectedDeadlines {
  /** The Session Expiry Interval in force, in seconds. */
  readonly sessionExpiryInterval: number;
  /** When it ends; absent while a connection owns it, and if it never ends. */
  readonly endsAt?: number;
  /** When its Will is published. */
  readonly willDueAt?: number;
  /** Until when the node of its owner is known to be alive; after that the connection counts as lost. */
  readonly ownerUntil?: number;
}

/** All that is stored of a session, but for the messages that wait. */
export interface SessionInspection {
  /** The line of the directory. */
  readonly summary: SessionSummary;
  /** Raised by every change of owner. */
  readonly epoch: number;
  /** Raised by every commit of the owner. */
  readonly version: number;
  /** The reason code with which the latest connection ended; absent while it lasts. */
  readonly disconnectReason?: number;
  /** By Topic Filter, in the order of its characters. */
  readonly subscriptions: readonly InspectedSubscription[];
  /** The Will of the latest connection, until it is published or deleted. */
  readonly will?: InspectedWill;
  /** Started deliveries to the client, oldest first. */
  readonly outbound: readonly InspectedExchange[];
  /** Whether there are more of them than were asked for. */
  readonly moreOutbound: boolean;
  /** Every log entry up to this sequence counts as started. */
  readonly sentLimit: number;
  /** Packet Identifiers of QoS 2 messages from the client that were accepted and not yet released. */
  readonly inbound: readonly number[];
  /** Packet Identifiers out of circulation until the session ends. */
  readonly quarantine: readonly number[];
  /** How many messages of its outbox still have to be delivered; at most 100 are counted. */
  readonly owed: number;
  /** When time alone will move it. */
  readonly deadlines: InspectedDeadlines;
}

/** How closely a session is looked at. */
export interface InspectOptions {
  /** Whether the Will comes with its payload. Default: false. */
  readonly payload?: boolean;
  /** At most so many started deliveries are listed. Default: 100. */
  readonly exchanges?: number;
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/** The most entries of an outbox that are counted. */
const MOST_OWED = 100;

/** Looks at a session, without a trace; `undefined` when there is none. */
export async function inspectSession(
  store: SessionStore,
  clientId: string,
  { payload = false, exchanges = 100, signal }: InspectOptions,
): Promise<SessionInspection | undefined> {
  const call = signal === undefined ? {} : { signal };
  const [stored, summary] = await together([store.read(clientId, call), store.directory.inspect(clientId, call)]);
  if (stored === undefined || summary === undefined) return undefined;
  const { snapshot, guard } = stored;
  const { head, will } = snapshot;
  const [{ outbound, more }, owed] = await together([
    startedOf(store, stored, exchanges, call),
    store.readOutbox(guard.incarnation, MOST_OWED, call),
  ]);
  return {
    summary,
    epoch: guard.epoch,
    version: guard.version,
    ...(head.disconnectReason === undefined ? {} : { disconnectReason: head.disconnectReason }),
    subscriptions: [...snapshot.subscriptions].map(([filter, options]) => ({ filter, ...options })).sort(byFilter),
    ...(will === undefined ? {} : { will: inspectedWill(will, payload) }),
    outbound,
    moreOutbound: more,
    sentLimit: head.sentLimit,
    inbound: inOrder(snapshot.inbound),
    quarantine: inOrder(snapshot.quarantine),
    owed: owed.length,
    deadlines: deadlinesOf(head, stored.ownerUntil),
  };
}

async function startedOf(
  store: SessionStore,
  { snapshot, guard }: StoredSession,
  most: number,
  call: { readonly signal?: AbortSignal },
): Promise<{ readonly outbound: readonly InspectedExchange[]; readonly more: boolean }> {
  const { sentLimit } = snapshot.head;
  const found: InspectedExchange[] = releasedOf(snapshot);
  for (let after = 0; after < sentLimit;) {
    const page = await store.readQueue(guard, { after, messages: most + 1, bytes: 1_048_576 }, call);
    for (const message of page.messages) {
      const { sequence, qos, topic } = message;
      if (sequence > sentLimit) break;
      const packetId = snapshot.outbound.get(sequence)?.packetId ?? packetIdOf(sequence);
      const phase = qos === 0 ? "lost" : qos === 1 ? "awaitPuback" : "awaitPubrec";
      const bytes = messageBytes(message);
      found.push({ sequence, ...(qos === 0 ? {} : { packetId }), phase, qos, topic, bytes });
    }
    if (page.through >= page.tail || found.length > most) break;
    after = page.through;
  }
  found.sort((a, b) => a.sequence - b.sequence);
  return { outbound: found.slice(0, most), more: found.length > most };
}

/** Exchanges of which only PUBCOMP is missing: their messages are gone. */
function releasedOf({ outbound }: SessionSnapshot): InspectedExchange[] {
  return [...outbound].flatMap(([sequence, { packetId, phase }]) =>
    phase === "released" ? [{ sequence, packetId, phase: "awaitPubcomp" as const }] : []
  );
}

function inspectedWill({ payload, ...will }: Will, withPayload: boolean): InspectedWill {
  return { ...will, payloadBytes: payload.length, ...(withPayload ? { payload } : {}) };
}

function deadlinesOf(head: SessionHead, ownerUntil: number | undefined): InspectedDeadlines {
  const { sessionExpiryInterval, endsAt, willDueAt, attached } = head;
  return {
    sessionExpiryInterval,
    ...(endsAt === undefined || attached ? {} : { endsAt }),
    ...(willDueAt === undefined ? {} : { willDueAt }),
    ...(ownerUntil === undefined ? {} : { ownerUntil }),
  };
}

function byFilter(a: InspectedSubscription, b: InspectedSubscription): number {
  return a.filter < b.filter ? -1 : 1;
}

function inOrder(ids: ReadonlySet<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}
