/**
 * Taking a session, and reading what it holds.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { intervalEndsAt } from "../../machine/rules/lifecycle.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import { type FencedSession, takeClient } from "../../runtime/client/opening.ts";
import type { Observe } from "../../runtime/observe.ts";
import { isWorthRepeating, persistently } from "../../runtime/within.ts";
import type { ClientStore } from "../../store/client_store.ts";
import type { PageLimit } from "../../store/session_store.ts";
import type { IncomingEntry, OutgoingEntry } from "./entries.ts";
import type { ResolvedMqttJsOptions } from "./options.ts";

/** How much of a log is read at once. */
export const PAGE: PageLimit = { messages: 512, bytes: 1_048_576 };

/** What is read and not repeated for ever. */
export type Ask = <Value>(what: string, call: (signal: AbortSignal) => Promise<Value>) => Promise<Value>;

/** A session with what its log held when it was taken. */
export interface Opened<Entry> {
  readonly taken: FencedSession;
  readonly entries: readonly Entry[];
  readonly tail: number;
}

/** Both sessions of a client. */
export interface OpenedPair {
  readonly outgoing: Opened<OutgoingEntry>;
  readonly incoming: Opened<IncomingEntry>;
}

/** Calls of the store that may be repeated. */
export function asking({ environment, commit, observe }: ResolvedMqttJsOptions): Ask {
  return (what, call) => persistently({ environment, commit, observe: failuresFor(observe) }, what, call);
}

/** Tells that the store has begun to fail, and is asked again. */
export function failuresFor(observe: ResolvedMqttJsOptions["observe"]): Observe {
  return (event) => {
    const begins = event.type === "workFailed" || (event.type === "commitFailed" && event.attempt === 1);
    if (!begins || !(event.error instanceof SessionError) || !isWorthRepeating(event.error)) return;
    observe({ type: "storeFailed", error: event.error });
  };
}

/** Takes the session of a client, and all that it holds. `lost` aborts once another page is to have it. */
export async function openPair(
  store: ClientStore,
  ask: Ask,
  options: ResolvedMqttJsOptions,
  lost: AbortSignal,
): Promise<OpenedPair> {
  const { clientId, environment, commit, observe, protocolVersion, sessionExpiryInterval } = options;
  const headOf = (before: SessionHead): SessionHead => ({
    protocolVersion,
    attached: true,
    connectedAt: hasExpired(before, environment.now()) ? 0 : before.connectedAt,
    sessionExpiryInterval,
    onTakeover: "discard",
    sentLimit: before.sentLimit,
  });
  const taken = await takeClient(
    { store, environment, commit, observe: failuresFor(observe), lost, headOf },
    clientId,
  );
  if (taken === undefined) {
    throw new SessionError("CLOSED", `Cannot take the session of "${clientId}": another page has taken it`);
  }
  return {
    outgoing: await openOutgoing(store, ask, taken.session),
    incoming: await openIncoming(store, ask, taken.inbox),
  };
}

/** Whether the server has, as far as can be told from here, no session any more that belongs to what is stored. */
function hasExpired(head: SessionHead, now: number): boolean {
  // Of a page that crashed nobody knows when its connection ended: then the server tells.
  return head.sessionExpiryInterval === 0 || (intervalEndsAt(head) ?? Infinity) <= now;
}

/** All that is published and not acknowledged, in order. */
async function openOutgoing(store: ClientStore, ask: Ask, taken: FencedSession): Promise<Opened<OutgoingEntry>> {
  const { snapshot, head } = taken;
  const entries: OutgoingEntry[] = [];
  for (const [sequence, { packetId, phase }] of snapshot.outbound) {
    if (phase === "released") {
      entries.push(outgoing({ messageId: packetId, sequence, released: true, maybeSent: true }));
    }
  }
  const tail = await readAll(store, ask, taken, (message) => {
    const { sequence, expiresAt } = message;
    const messageId = snapshot.outbound.get(sequence)?.packetId ?? packetIdOf(sequence);
    const bytes = messageBytes(message);
    entries.push(outgoing({ messageId, sequence, bytes, expiresAt, maybeSent: sequence <= head.sentLimit }));
  });
  return { taken, entries: entries.sort((one, other) => one.sequence - other.sequence), tail };
}

/** All that was received and not handled, in order. */
async function openIncoming(store: ClientStore, ask: Ask, taken: FencedSession): Promise<Opened<IncomingEntry>> {
  const { outbound } = taken.snapshot;
  const entries: IncomingEntry[] = [];
  const tail = await readAll(store, ask, taken, (message) => {
    const { sequence } = message;
    entries.push({
      messageId: outbound.get(sequence)?.packetId ?? packetIdOf(sequence),
      sequence,
      bytes: messageBytes(message),
      stored: true,
      removed: false,
      handling: undefined,
      packet: undefined,
    });
  });
  return { taken, entries, tail };
}

/** Reads a log to its end; answers its highest sequence. */
async function readAll(
  store: ClientStore,
  ask: Ask,
  { guard }: FencedSession,
  take: (message: QueuedMessage) => void,
): Promise<number> {
  for (let after = 0;;) {
    const page = await ask("read a queue", (signal) => store.readQueue(guard, { after, ...PAGE }, { signal }));
    for (const message of page.messages) take(message);
    if (page.through >= page.tail) return page.tail;
    after = page.through;
  }
}

function outgoing(known: Partial<OutgoingEntry> & Pick<OutgoingEntry, "messageId" | "sequence">): OutgoingEntry {
  return {
    bytes: 0,
    expiresAt: undefined,
    released: false,
    stored: true,
    removed: false,
    maybeSent: false,
    sentOn: 0,
    packet: undefined,
    ...known,
  };
}
