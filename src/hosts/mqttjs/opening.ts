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
import { type Persistence, persistently } from "../../runtime/within.ts";
import type { Acquired, PageLimit, QueuePage, SessionStore, StoredSession } from "../../store/session_store.ts";
import type { IncomingEntry, OutgoingEntry } from "./entries.ts";
import type { ResolvedMqttJsOptions } from "./options.ts";

/** How much of a log is read at once. */
export const PAGE: PageLimit = { messages: 512, bytes: 1_048_576 };

/** What is read and not repeated for ever. */
export type Ask = <Value>(what: string, call: (signal: AbortSignal) => Promise<Value>) => Promise<Value>;

/** A session with what its log held when it was taken. */
export interface Opened<Entry> {
  readonly acquired: Acquired;
  readonly entries: readonly Entry[];
  readonly tail: number;
}

/** Calls of the store that may be repeated. */
export function asking({ environment, commit, observe }: ResolvedMqttJsOptions): Ask {
  const persistence: Persistence = commit;
  return (what, call) =>
    persistently(environment, persistence, what, call, (event) => {
      if (event.type === "workFailed" && event.error instanceof SessionError) {
        observe({ type: "storeFailed", error: event.error });
      }
    });
}

/** Whether the server has, as far as can be told from here, no session any more that belongs to what is stored. */
export function hasExpired({ snapshot: { head } }: StoredSession, now: number): boolean {
  // Of a page that crashed nobody knows when its connection ended: then the server tells.
  return head.sessionExpiryInterval === 0 || (intervalEndsAt(head) ?? Infinity) <= now;
}

/** Takes one session. */
export async function acquire(
  store: SessionStore,
  ask: Ask,
  options: ResolvedMqttJsOptions,
  clientId: string,
  connectedAt: number,
): Promise<Acquired> {
  const { environment, protocolVersion, sessionExpiryInterval } = options;
  const token = environment.randomId();
  const head: SessionHead = {
    protocolVersion,
    attached: true,
    connectedAt,
    sessionExpiryInterval,
    onTakeover: "discard",
    sentLimit: 0,
  };
  const answer = await ask("acquire a session", (signal) =>
    store.acquire({
      terms: {
        clientId,
        mustBeNew: false,
        cleanStart: false,
        head,
        sendAhead: 0,
        releaseWillOnCleanStart: false,
        resumeAcrossVersions: true,
      },
      token,
      nodeId: `mqttjs-${token}`,
      incarnation: environment.randomId(),
      whenOwned: "take",
      page: PAGE,
      now: environment.now(),
    }, { signal }));
  if (answer.outcome === "acquired") return answer;
  throw new SessionError("CLOSED", `Cannot take the session of "${options.clientId}": ${answer.reason}`);
}

/** All that is published and not acknowledged, in order. */
export async function openOutgoing(store: SessionStore, ask: Ask, acquired: Acquired): Promise<Opened<OutgoingEntry>> {
  const { snapshot, startedThrough } = acquired;
  const entries: OutgoingEntry[] = [];
  for (const [sequence, { packetId, phase }] of snapshot.outbound) {
    if (phase === "released") {
      entries.push(outgoing({ messageId: packetId, sequence, released: true, maybeSent: true }));
    }
  }
  const tail = await readAll(store, ask, acquired, (message) => {
    const { sequence, expiresAt } = message;
    const messageId = snapshot.outbound.get(sequence)?.packetId ?? packetIdOf(sequence);
    const bytes = messageBytes(message);
    entries.push(outgoing({ messageId, sequence, bytes, expiresAt, maybeSent: sequence <= startedThrough }));
  });
  return { acquired, entries: entries.sort((one, other) => one.sequence - other.sequence), tail };
}

/** All that was received and not handled, in order. */
export async function openIncoming(store: SessionStore, ask: Ask, acquired: Acquired): Promise<Opened<IncomingEntry>> {
  const { outbound } = acquired.snapshot;
  const entries: IncomingEntry[] = [];
  const tail = await readAll(store, ask, acquired, (message) => {
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
  return { acquired, entries, tail };
}

/** Reads a log to its end; answers its highest sequence. */
async function readAll(
  store: SessionStore,
  ask: Ask,
  { queue, guard }: Acquired,
  take: (message: QueuedMessage) => void,
): Promise<number> {
  let page: QueuePage = queue;
  for (;;) {
    for (const message of page.messages) take(message);
    if (page.through >= page.tail) return page.tail;
    const after = page.through;
    page = await ask("read a queue", (signal) => store.readQueue(guard, { after, ...PAGE }, { signal }));
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
