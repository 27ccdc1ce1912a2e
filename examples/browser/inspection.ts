/**
 * A session, as the broker's store has it: read beside the broker's node, so that it is seen while the node is down.
 *
 * @module
 */
import type { QueuedMessage, SessionSnapshot, SessionStore } from "@edge-mqtt/session";
import { type LogEntry, SHOWN_BYTES, SHOWN_MESSAGES, type StoredLook } from "./look.ts";

/** How much of a log is read at once. */
const PAGE_BYTES = 262_144;

/** Looks at the session of a client; `undefined` when there is none. */
export async function lookAt(store: SessionStore, clientId: string): Promise<StoredLook | undefined> {
  const signal = AbortSignal.timeout(5_000);
  const [summary, stored] = await Promise.all([
    store.directory.inspect(clientId, { signal }),
    store.read(clientId, { signal }),
  ]);
  // Two reads: in between it may have come or gone, and the next look tells.
  if (summary === undefined || stored === undefined) return undefined;
  const page = await store.readQueue(stored.guard, { after: 0, messages: SHOWN_MESSAGES, bytes: PAGE_BYTES }, {
    signal,
  });
  const { ownerNode, disconnectedAt, endsAt, queuedMessages, dropped } = summary;
  const { head, inbound, subscriptions } = stored.snapshot;
  return {
    state: summary.attached ? "attached" : "detached",
    incarnation: summary.incarnation,
    ...(ownerNode === undefined ? {} : { ownerNode }),
    connectedAt: summary.connectedAt,
    ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
    ...(endsAt === undefined || summary.attached ? {} : { endsAt }),
    sessionExpiryInterval: head.sessionExpiryInterval,
    queuedMessages,
    dropped: Object.values(dropped).reduce((sum, count) => sum + count, 0),
    log: logOf(stored.snapshot, page.messages),
    inboundIds: [...inbound].sort((a, b) => a - b),
    subscriptions: [...subscriptions].map(([filter, { qos }]) => ({ filter, qos })),
  };
}

/** What is owed, in the order of the log; what was released comes first, for it was first. */
export function logOf(snapshot: SessionSnapshot, messages: readonly QueuedMessage[]): readonly LogEntry[] {
  const { outbound, head } = snapshot;
  const entries: LogEntry[] = [...outbound]
    .filter(([, { phase }]) => phase === "released")
    .sort(([, a], [, b]) => a.pubrecOrder - b.pubrecOrder)
    .map(([sequence, { packetId }]) => ({ sequence, packetId, qos: 2, phase: "released" }));
  for (const { sequence, qos, topic, payload, expiresAt } of messages) {
    const isSent = sequence <= head.sentLimit;
    entries.push({
      sequence,
      // Without a mark it is the one that follows from the place in the log.
      ...(isSent && qos > 0 ? { packetId: outbound.get(sequence)?.packetId ?? sequence % 65_535 + 1 } : {}),
      qos,
      topic,
      payload: previewOf(payload),
      phase: isSent ? "sent" : "waiting",
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
  }
  return entries.slice(0, SHOWN_MESSAGES);
}

/** The beginning of a payload as text. */
export function previewOf(payload: Uint8Array): string {
  const text = new TextDecoder().decode(payload.subarray(0, SHOWN_BYTES));
  return payload.length > SHOWN_BYTES ? `${text}…` : text;
}
