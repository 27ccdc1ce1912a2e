import type { SessionChange } from "../../machine/change.ts";
import type { AcquireTerms } from "../../machine/request.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import type { Message, QueuedMessage } from "../../mqtt/message.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import type { StoreCapabilities } from "../../store/capabilities.ts";
import type {
  Acquired,
  AcquireRefusal,
  AcquireRequest,
  CommitBatch,
  CommitResult,
  DeliveryReceiver,
  Guard,
  QueueLimits,
  ReceiverOutcome,
  SessionStore,
} from "../../store/session_store.ts";
import type { PlantedFault } from "../plant_fault.ts";
import { expect } from "./expect.ts";
import { settlingStore } from "./settling_store.ts";

/** When the cases play. */
export const START = 1_700_000_000_000;

/** The lease that both nodes have at the start. */
export const LEASE_END: number = START + 120_000;

/** Limits that nothing in the suite comes near. */
export const ROOMY: QueueLimits = { maximumMessages: 100_000, maximumBytes: 1 << 30, whenFull: "dropOldest" };

/** A subscription with no options at all. */
export const PLAIN: Subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };

/** What a factory makes: a store with nothing in it. */
export interface StoreUnderTest {
  /** The store. */
  readonly store: SessionStore;
  /** Called at the end of each case, for the store that was opened last as well. */
  close(): Promise<void> | void;
  /** Opens what was stored anew, as a new process would; absent when the store does not outlive this one. */
  reopen?(): Promise<SessionStore>;
  /**
   * Opens what is stored a second time, as a process beside this one would; absent where nobody else can. It is closed by
   * `close`, too.
   */
  beside?(): Promise<SessionStore>;
  /** Plants a fault past the store, as `plantFault` does in a driver; whether it could. */
  plant?(fault: PlantedFault): Promise<boolean>;
}

/** One promise of the port, and how it is put to the test. */
export interface ConformanceCase {
  readonly name: string;
  /** Whether a store of these capabilities makes the promise. Default: every store does. */
  readonly applies?: (capabilities: StoreCapabilities, subject: StoreUnderTest) => boolean;
  readonly run: (kit: Kit) => Promise<void>;
}

/** A session that the case owns. */
export interface Owned {
  readonly clientId: string;
  readonly incarnation: string;
  readonly guard: Guard;
}

/** What of an acquire a case may choose; the rest is made up. */
export type AcquireChoice = Partial<Omit<AcquireRequest, "terms">> & { readonly terms?: Partial<AcquireTerms> };

/** The hands of a case: calls of the store with all that a case does not care for filled in. */
export class Kit {
  readonly subject: StoreUnderTest;
  /** The store; another one after a case has opened it anew. */
  store: SessionStore;
  readonly #idsBegin: string;
  #lastId = 0;

  constructor(subject: StoreUnderTest, idsBegin = "") {
    this.subject = subject;
    this.#idsBegin = idsBegin;
    this.store = settlingStore(subject.store);
  }

  /** Opens the store anew, where that can be. */
  async reopen(): Promise<void> {
    const store = await this.subject.reopen?.();
    if (store !== undefined) this.store = settlingStore(store);
  }

  /** Hands of the same case on another store, with ids of their own. */
  on(store: SessionStore): Kit {
    return new Kit({ store, close: () => {} }, "beside-");
  }

  /** An id that this case has not used. */
  id(word = "id"): string {
    return `${this.#idsBegin}${word}-${++this.#lastId}`;
  }

  /** Says that both nodes of the suite are alive until {@linkcode LEASE_END}. */
  async start(): Promise<void> {
    await this.store.renewNode("node-a", LEASE_END);
    await this.store.renewNode("node-b", LEASE_END);
  }

  /** An acquire request: by node-a, at the start, for a session that lasts an hour. */
  request(clientId: string, choice: AcquireChoice = {}): AcquireRequest {
    const { terms, ...rest } = choice;
    return {
      token: this.id("token"),
      nodeId: "node-a",
      incarnation: this.id("incarnation"),
      whenOwned: "take",
      page: { messages: 100, bytes: 1 << 20 },
      now: START,
      ...rest,
      terms: {
        clientId,
        mustBeNew: false,
        cleanStart: false,
        head: attachedHead(),
        sendAhead: 4,
        releaseWillOnCleanStart: false,
        resumeAcrossVersions: false,
        ...terms,
      },
    };
  }

  /** Acquires, whatever comes of it. */
  tryAcquire(clientId: string, choice?: AcquireChoice): Promise<Acquired | AcquireRefusal> {
    return this.store.acquire(this.request(clientId, choice));
  }

  /** Acquires, and fails if it is refused. */
  async acquire(clientId: string, choice?: AcquireChoice): Promise<Acquired> {
    const answer = await this.tryAcquire(clientId, choice);
    expect(answer.outcome === "acquired", `acquiring ${clientId.slice(0, 40)} was refused`);
    return answer;
  }

  /** A new session of a client. */
  async open(clientId: string, choice?: AcquireChoice): Promise<Owned> {
    const { guard } = await this.acquire(clientId, choice);
    return { clientId, incarnation: guard.incarnation, guard };
  }

  /** Commits one batch, whatever comes of it. */
  async commit(batch: Partial<CommitBatch>): Promise<CommitResult> {
    const [result] = await this.store.commit([this.batch(batch)]);
    expect(result !== undefined, "a commit of one batch answered nothing");
    return result;
  }

  /** A batch that changes nothing but what is given. */
  batch(batch: Partial<CommitBatch>): CommitBatch {
    return { id: this.id("batch"), changes: [], deliveries: [], limits: ROOMY, now: START, ...batch };
  }

  /** Changes a session, and fails if that is refused; the session with its next guard. */
  async change(session: Owned, changes: readonly SessionChange[], more: Partial<CommitBatch> = {}): Promise<Owned> {
    const result = await this.commit({ guard: session.guard, changes, ...more });
    expect(result.outcome === "committed", `changing ${session.clientId.slice(0, 40)} was ${result.outcome}`);
    return { ...session, guard: result.guard ?? session.guard };
  }

  /** Makes a subscription, its filter being admitted first. */
  async subscribe(session: Owned, filter: string, subscription: Subscription = PLAIN): Promise<Owned> {
    const [admitted] = await this.store.admitFilters([filter]);
    expect(admitted === true, `the filter ${filter.slice(0, 40)} was not admitted`);
    return await this.change(session, [{ type: "putSubscription", filter, subscription }]);
  }

  /** Ends the connection, as its owner does. */
  detach(session: Owned, head: Partial<SessionHead> = {}): Promise<Owned> {
    return this.change(session, [{ type: "putHead", head: { ...detachedAt(START), ...head } }]);
  }

  /** Delivers a message to some receivers without a session; the outcomes. */
  async deliver(
    receivers: readonly DeliveryReceiver[],
    choice: Partial<Message> = {},
    limits: QueueLimits = ROOMY,
  ): Promise<readonly ReceiverOutcome[]> {
    const result = await this.commit({ deliveries: [{ message: message(choice), receivers }], limits });
    expect(result.outcome === "committed", `delivering was ${result.outcome}`);
    return result.deliveries[0] ?? [];
  }

  /** Delivers messages of these payloads, one commit each. */
  async fill(session: Owned, payloads: readonly string[], choice: Partial<DeliveryReceiver> = {}): Promise<void> {
    for (const payload of payloads) await this.deliver([receiver(session, choice)], { payload: bytesOf(payload) });
  }

  /** The whole log of a session, page by page. */
  async log(session: Owned, page = { messages: 100, bytes: 1 << 20 }): Promise<readonly QueuedMessage[]> {
    const messages: QueuedMessage[] = [];
    for (let after = 0;;) {
      const found = await this.store.readQueue(session.guard, { after, ...page });
      messages.push(...found.messages);
      if (found.through >= found.tail) return messages;
      expect(found.through > after, "a page of the log leads nowhere");
      after = found.through;
    }
  }

  /** Payloads and sequences of the log. */
  async logTexts(session: Owned): Promise<readonly string[]> {
    return (await this.log(session)).map(({ payload, sequence }) => `${sequence}:${new TextDecoder().decode(payload)}`);
  }
}

/** A head of an attached session that lasts an hour. */
export function attachedHead(choice: Partial<SessionHead> = {}): SessionHead {
  return {
    protocolVersion: 5,
    attached: true,
    connectedAt: START,
    sessionExpiryInterval: 3_600,
    endsAfterMs: 3_600_000,
    onTakeover: "discard",
    sentLimit: 0,
    ...choice,
  };
}

/** The head that its connection leaves when it ends at a moment. */
export function detachedAt(at: number): SessionHead {
  return attachedHead({ attached: false, disconnectedAt: at, disconnectReason: 0, endsAt: at + 3_600_000 });
}

/** A Will. */
export function will(choice: Partial<Will> = {}): Will {
  return {
    topic: "will/topic",
    payload: bytesOf("gone"),
    qos: 1,
    retain: false,
    properties: {},
    willDelayInterval: 0,
    ...choice,
  };
}

/** A message. */
export function message(choice: Partial<Message> = {}): Message {
  return {
    topic: "a/b",
    payload: bytesOf("payload"),
    qos: 1,
    retain: false,
    properties: {},
    publisher: "publisher",
    publishedAt: START,
    ...choice,
  };
}

/** A session as a receiver of QoS 1. */
export function receiver(session: Owned, choice: Partial<DeliveryReceiver> = {}): DeliveryReceiver {
  const { clientId, incarnation } = session;
  return { clientId, incarnation, qos: 1, retain: false, subscriptionIdentifiers: [], ...choice };
}

/** A text in UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** What of the outcomes a case looks at. */
export function words(outcomes: readonly ReceiverOutcome[]): readonly string[] {
  return outcomes.map((told) => {
    if (told.outcome === "appended") return [`appended ${told.sequence}`, ...told.dropped ?? []].join(" ");
    return told.outcome === "dropped" ? `dropped ${told.reason}` : told.outcome;
  });
}
