/**
 * What pages run: one session in IndexedDB, which a test fills, reads and takes from another page.
 *
 * @module
 */
import { type IndexedDbStore, indexedDbStore } from "@edge-mqtt/session/idb-keyval";
import type { CommitResult, Guard } from "../../../src/store/session_store.ts";
import { SessionError } from "../../../src/errors.ts";

const START = 1_700_000_000_000;
const LIMITS = { maximumMessages: 1_000_000, maximumBytes: 2 ** 40, whenFull: "dropOldest" } as const;

/** How a commit went: its outcome, or the error. */
export interface Told {
  readonly outcome?: string;
  readonly code?: string;
  readonly message?: string;
  /** The name of the error that caused it. */
  readonly cause?: string;
}

/** The page's session. */
interface Open {
  readonly store: IndexedDbStore;
  guard: Guard;
}

/** A page has one; it is set when its session is opened. */
const page: { open?: Open; lastBatch: number; heard: number } = { lastBatch: 0, heard: 0 };

/** Opens the store and acquires the session, whoever owns it; whether it was there. */
export async function open(database: string): Promise<boolean> {
  const store = indexedDbStore({ database });
  const id = crypto.randomUUID();
  await store.renewNode(id, START + 120_000);
  const answer = await store.acquire({
    token: id,
    nodeId: id,
    incarnation: id,
    whenOwned: "take",
    page: { messages: 1, bytes: 1 },
    now: START,
    terms: {
      clientId: "c",
      mustBeNew: false,
      cleanStart: false,
      sendAhead: 0,
      releaseWillOnCleanStart: false,
      resumeAcrossVersions: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: START,
        sessionExpiryInterval: 3_600,
        endsAfterMs: 3_600_000,
        onTakeover: "discard",
        sentLimit: 0,
      },
    },
  });
  if (answer.outcome !== "acquired") throw new Error(answer.outcome);
  page.open = { store, guard: answer.guard };
  return answer.resumed;
}

/** Lets go of the database. */
export async function close(): Promise<void> {
  await page.open?.store.close();
}

/** Puts messages into the log of the session in one commit. */
export async function put(texts: readonly string[]): Promise<Told> {
  return await told(texts.map((text) => new TextEncoder().encode(text)));
}

/** Puts a message that does not compress, of this many bytes; its digest, or how it failed. */
export async function putLarge(bytes: number): Promise<Told & { readonly digest: string }> {
  const payload = new Uint8Array(bytes);
  for (let start = 0; start < bytes; start += 65_536) crypto.getRandomValues(payload.subarray(start, start + 65_536));
  return { ...await told([payload]), digest: await digestOf(payload) };
}

/** Puts this many numbered messages, this many in a commit. */
export async function putMany(count: number, together: number): Promise<void> {
  for (let start = 0; start < count; start += together) {
    const { outcome, message } = await put(Array.from({ length: together }, (_, index) => String(start + index)));
    if (outcome !== "committed") throw new Error(message ?? outcome);
  }
}

/** Puts pairs, numbered on from here, one after the other until the page dies; tells the site of each that is committed. */
export async function putPairs(from: number): Promise<void> {
  for (let number = from;; number++) {
    const { outcome, message } = await put([`${number} one`, `${number} other`]);
    if (outcome !== "committed") throw new Error(message ?? outcome);
    fetch(`/committed/${number}`).catch(() => {});
  }
}

/** The log as texts, in order. */
export async function log(): Promise<readonly string[]> {
  return (await payloads()).map((payload) => new TextDecoder().decode(payload));
}

/** The digests of the log's messages, in order. */
export async function digests(): Promise<readonly string[]> {
  return await Promise.all((await payloads()).map(digestOf));
}

/** Counts what is heard of this page's node from now on. */
export async function listen(): Promise<void> {
  const { store, guard } = opened();
  const stored = await store.read(guard.clientId);
  const nodeId = stored?.owner?.nodeId ?? "";
  (async () => {
    for await (const _ of store.watch?.(nodeId, new AbortController().signal) ?? []) page.heard++;
  })();
}

/** How often it was heard. */
export function heard(): number {
  return page.heard;
}

/** Delivers to the session without owning it, as another page's broker would. */
export async function deliver(text: string): Promise<string> {
  const { store, guard } = opened();
  const { clientId, incarnation } = guard;
  const [result] = await store.commit([{
    id: crypto.randomUUID(),
    changes: [],
    deliveries: [delivery(new TextEncoder().encode(text), clientId, incarnation)],
    limits: LIMITS,
    now: START,
  }]);
  return result?.outcome ?? "";
}

/** Opens the store without owning anything, to deliver to a session that another page owns. */
export async function look(database: string): Promise<void> {
  const store = indexedDbStore({ database });
  const stored = await store.read("c");
  if (stored === undefined) throw new Error("there is no session");
  page.open = { store, guard: stored.guard };
}

async function told(payloads: readonly Uint8Array[]): Promise<Told> {
  try {
    return { outcome: (await commit(payloads)).outcome };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    const cause = error.cause instanceof Error ? error.cause.name : String(error.cause);
    return { code: error.code, message: error.message, cause };
  }
}

async function commit(payloads: readonly Uint8Array[]): Promise<CommitResult> {
  const open = opened();
  const { clientId, incarnation } = open.guard;
  const [result] = await open.store.commit([{
    id: String(++page.lastBatch),
    guard: open.guard,
    changes: [],
    deliveries: payloads.map((payload) => delivery(payload, clientId, incarnation)),
    limits: LIMITS,
    now: START,
  }]);
  if (result === undefined) throw new Error("no answer");
  if (result.outcome === "committed" && result.guard !== undefined) open.guard = result.guard;
  return result;
}

function delivery(payload: Uint8Array, clientId: string, incarnation: string) {
  return {
    message: { topic: "t", payload, qos: 1, retain: false, properties: {}, publisher: "c", publishedAt: START },
    receivers: [{ clientId, incarnation, qos: 1, retain: false, subscriptionIdentifiers: [] }],
  } as const;
}

async function payloads(): Promise<readonly Uint8Array[]> {
  const { store, guard } = opened();
  const found: Uint8Array[] = [];
  for (let after = 0;;) {
    const { messages, through, tail } = await store.readQueue(guard, { after, messages: 1_000, bytes: 1 << 24 });
    found.push(...messages.map(({ payload }) => payload));
    if (through >= tail) return found;
    after = through;
  }
}

async function digestOf(payload: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", payload.slice());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function opened(): Open {
  if (page.open === undefined) throw new Error("nothing is open");
  return page.open;
}
