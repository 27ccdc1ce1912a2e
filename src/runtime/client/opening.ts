/**
 * Takes a client's session and its inbox from the store.
 *
 * What the head of a session says of the server decides what is lost, so it must be the one that the owner before has left
 * last. An acquire writes a head of its own over it, and an owner commits until it is superseded: nobody could read it
 * soon enough. So only a session that is new is acquired; one that is there is taken by a commit that is carried out where
 * the session is still the one that was read, and supersedes whoever had it.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { clientAcquireTerms } from "../../machine/client_terms.ts";
import type { SessionHead, SessionSnapshot } from "../../machine/snapshot.ts";
import { together } from "../../store/call.ts";
import type { ClientStore } from "../../store/client_store.ts";
import type { CommitBatch, Guard, QueuePage, StoredSession } from "../../store/session_store.ts";
import type { SessionSummary } from "../../store/directory.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { BrokerEnvironment } from "../environment.ts";
import type { Observe } from "../observe.ts";
import type { CommitOptions } from "../options.ts";
import { persistently } from "../within.ts";
import { inboxOf } from "./inbox_of.ts";

/** What taking works with. */
export interface TakingOptions {
  readonly store: ClientStore;
  readonly environment: BrokerEnvironment;
  readonly commit: CommitOptions;
  readonly observe: Observe;
  /** Aborts once another page is to have the session: then nothing is taken any more. */
  readonly lost: AbortSignal;
  /** The head that is stored with the taking, given the one before. Absent: that one stays. */
  readonly headOf?: (before: SessionHead) => SessionHead;
}

/** What opening works with. */
export interface OpeningOptions extends TakingOptions {
  /** How much of each log comes along. */
  readonly page: { readonly messages: number; readonly bytes: number };
}

/** A session that is this page's, its log unread. */
export interface FencedSession {
  /** As the owner before has left it. */
  readonly snapshot: SessionSnapshot;
  /** The head as it is stored now. */
  readonly head: SessionHead;
  /** For the first commit. */
  readonly guard: Guard;
}

/** A session that is this page's. */
export interface TakenSession extends FencedSession {
  /** The beginning of the log. */
  readonly queue: QueuePage;
}

/** A session that is this page's, and its inbox. */
export interface OpenedClient {
  readonly session: TakenSession;
  readonly inbox: TakenSession;
  /** What the log holds. */
  readonly summary: SessionSummary | undefined;
}

/** Takes both: whoever had them is superseded. `undefined` where another page has taken them since. */
export async function takeClient(
  options: TakingOptions,
  clientId: string,
): Promise<{ readonly session: FencedSession; readonly inbox: FencedSession } | undefined> {
  const inboxId = inboxOf(clientId);
  // Of two pages the one that took the session last gets the inbox as well: the other had looked at it before that.
  const [stored, storedInbox] = await together([look(options, clientId), look(options, inboxId)]);
  const session = await take(options, clientId, stored, () => Promise.resolve(true));
  if (session === undefined) return undefined;
  const isOurs = async (): Promise<boolean> => (await look(options, clientId))?.guard.epoch === session.guard.epoch;
  const inbox = await take(options, inboxId, storedInbox, isOurs);
  return inbox === undefined ? undefined : { session, inbox };
}

/** Takes both, and reads how their logs begin. `undefined` where another page has taken them since. */
export async function openClient(options: OpeningOptions, clientId: string): Promise<OpenedClient | undefined> {
  const taken = await takeClient(options, clientId);
  if (taken === undefined) return undefined;
  const { session, inbox } = taken;
  const { store } = options;
  const [queue, inboxQueue, summary] = await together([
    firstPage(options, session),
    firstPage(options, inbox),
    persistently(options, "look at a session", (signal) => store.directory.inspect(clientId, { signal })),
  ]);
  return { session: { ...session, queue }, inbox: { ...inbox, queue: inboxQueue }, summary };
}

/** So often it may have changed since it was looked at, however long a store takes. */
const ATTEMPTS = 8;

/** Takes a session, given how it was found, as long as it is for this page to take. */
async function take(
  options: TakingOptions,
  clientId: string,
  found: StoredSession | undefined,
  mayGoOn: () => Promise<boolean>,
): Promise<FencedSession | undefined> {
  const { environment, commit, lost } = options;
  const startedAt = environment.monotonic();
  let stored = found;
  for (let attempt = 1; !lost.aborted; attempt++) {
    const taken = stored === undefined ? await begin(options, clientId) : await fence(options, stored);
    if (taken !== undefined) return taken;
    if (attempt >= ATTEMPTS && environment.monotonic() - startedAt >= commit.repeatForMs) {
      throw new SessionError("CLOSED", "Cannot open a session: it changes again and again");
    }
    stored = await look(options, clientId);
    if (!await mayGoOn()) return undefined;
  }
  return undefined;
}

/** Begins a session where there is none. */
async function begin(options: TakingOptions, clientId: string): Promise<FencedSession | undefined> {
  const { store, environment, headOf = (head: SessionHead) => head } = options;
  const token = environment.randomId();
  const nodeId = `client-${environment.randomId()}`;
  const terms = clientAcquireTerms(clientId, undefined);
  const head = headOf(terms.head);
  const answer = await persistently(options, "acquire a session", (signal) =>
    store.acquire({
      terms: { ...terms, head, mustBeNew: true },
      token,
      nodeId,
      incarnation: environment.randomId(),
      whenOwned: "take",
      page: { messages: 1, bytes: 1 },
      now: environment.now(),
    }, { signal }));
  if (answer.outcome === "acquired") {
    const { snapshot, guard } = answer;
    return { snapshot, head: snapshot.head, guard };
  }
  if (answer.reason === "exists" || answer.reason === "stale") return undefined;
  throw new SessionError("CLOSED", `Cannot open a session: the store refused it as ${answer.reason}`);
}

/** Takes a session as it was read; `undefined` where it is that one no more. */
async function fence(options: TakingOptions, { snapshot, guard }: StoredSession): Promise<FencedSession | undefined> {
  const { store, environment, headOf } = options;
  const head = headOf?.(snapshot.head);
  const batch: CommitBatch = {
    id: environment.randomId(),
    guard,
    raiseEpoch: { token: environment.randomId() },
    changes: head === undefined ? [] : [{ type: "putHead", head }],
    deliveries: [],
    limits: UNLIMITED,
    now: environment.now(),
  };
  const [result] = await persistently(options, "take a session", (signal) => store.commit([batch], { signal }));
  if (result?.outcome !== "committed" || result.guard === undefined) return undefined;
  return { snapshot, head: head ?? snapshot.head, guard: result.guard };
}

function look(options: TakingOptions, clientId: string): Promise<StoredSession | undefined> {
  return persistently(options, "read a session", (signal) => options.store.read(clientId, { signal }));
}

function firstPage(options: OpeningOptions, { guard }: FencedSession): Promise<QueuePage> {
  const { store, page } = options;
  return persistently(options, "read a log", (signal) => store.readQueue(guard, { after: 0, ...page }, { signal }));
}
