/** What the actors of all scenarios do with a store. */
import { SessionError } from "../../errors.ts";
import type { SessionChange } from "../../machine/change.ts";
import type { AcquireTerms } from "../../machine/request.ts";
import type { SessionHead } from "../../machine/snapshot.ts";
import type {
  Acquired,
  AcquireRefusal,
  AcquireRequest,
  CommitBatch,
  CommitResult,
  Delivery,
  DeliveryReceiver,
  Guard,
  QueueLimits,
  SessionStore,
} from "../../store/session_store.ts";
import { attachedHead, bytesOf, message, ROOMY } from "../conformance/kit.ts";

/** The client that all scenarios are about, and one more that only receives. */
export const CLIENT = "client";
export const OTHER = "other";

/** The topic that they subscribe to, and that all publish to. */
export const TOPIC = "t";

/** The limit of a queue that is soon full. */
export const TWO: QueueLimits = { ...ROOMY, maximumMessages: 2 };

/** A session ends so long after its connection. */
export const ENDS_AFTER_MS = 60_000;

/** A head of a session of a minute. */
export function head(choice: Partial<SessionHead> = {}): SessionHead {
  return attachedHead({ sessionExpiryInterval: 60, endsAfterMs: ENDS_AFTER_MS, ...choice });
}

/** What an acquire may be told; the rest is made up. */
export type AcquireChoice = Partial<Omit<AcquireRequest, "terms">> & { readonly terms?: Partial<AcquireTerms> };

/** The hands of one actor. All ids that it makes up are of its name. */
export class Hand {
  readonly name: string;
  readonly store: SessionStore;
  readonly now: number;
  #lives = 0;

  constructor(name: string, store: SessionStore, now: number) {
    this.name = name;
    this.store = store;
    this.now = now;
  }

  /** Acquires, again and again until it is known what came of it, each time with an id of its own for a new session. */
  acquire(choice: AcquireChoice = {}): Promise<Acquired | AcquireRefusal> {
    const { terms, ...rest } = choice;
    return untilKnown(() =>
      this.store.acquire({
        token: `token-${this.name}`,
        nodeId: nodeOf(this.name),
        incarnation: `life-${++this.#lives}-${this.name}`,
        whenOwned: "take",
        page: { messages: 10, bytes: 10_000 },
        now: this.now,
        ...rest,
        terms: {
          clientId: CLIENT,
          mustBeNew: false,
          cleanStart: false,
          head: head({ connectedAt: this.now }),
          sendAhead: 1,
          releaseWillOnCleanStart: true,
          resumeAcrossVersions: false,
          ...terms,
        },
      })
    );
  }

  /** Commits one batch, again and again until it is known what came of it. */
  async commit(id: string, batch: Partial<CommitBatch>): Promise<CommitResult> {
    const whole: CommitBatch = {
      id: `${id}-${this.name}`,
      changes: [],
      deliveries: [],
      limits: ROOMY,
      now: this.now,
      ...batch,
    };
    const [result] = await untilKnown(() => this.store.commit([whole]));
    return result ?? { outcome: "superseded" };
  }

  /** Commits changes; the next guard, or `undefined` once the session is another's or has ended. */
  async change(
    id: string,
    guard: Guard | undefined,
    changes: readonly SessionChange[],
    more: Partial<CommitBatch> = {},
  ): Promise<Guard | undefined> {
    if (guard === undefined) return undefined;
    const result = await this.commit(id, { guard, changes, ...more });
    return result.outcome === "committed" ? result.guard : undefined;
  }

  /** Publishes a text. */
  publish(
    text: string,
    receivers: readonly DeliveryReceiver[] | undefined,
    limits: QueueLimits = ROOMY,
  ): Promise<CommitResult> {
    return this.commit(`publish-${text}`, { deliveries: [this.delivery(text, receivers)], limits });
  }

  /** A text on its way. */
  delivery(text: string, receivers: readonly DeliveryReceiver[] | undefined): Delivery {
    return { message: message({ topic: TOPIC, payload: bytesOf(text), publisher: this.name }), receivers };
  }

  /** Those who subscribe to the topic, as the index knows them. */
  async subscribers(): Promise<readonly DeliveryReceiver[]> {
    const [matches = []] = await untilKnown(() => this.store.matchSubscriptions([TOPIC]));
    return matches.map(({ clientId, incarnation, subscription }) => receiverOf(clientId, incarnation, subscription.qos))
      .sort((a, b) => a.clientId < b.clientId || (a.clientId === b.clientId && a.incarnation < b.incarnation) ? -1 : 1);
  }
}

/** A receiver. */
export function receiverOf(clientId: string, incarnation: string, qos: 0 | 1 | 2 = 1): DeliveryReceiver {
  return { clientId, incarnation, qos, retain: false, subscriptionIdentifiers: [] };
}

/** So often a call is tried again whose outcome is unknown: more often than a run holds faults. */
const ATTEMPTS = 8;

/** Repeats a call until it is known what came of it (D8). */
export async function untilKnown<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1;; attempt++) {
    try {
      return await call();
    } catch (error) {
      const isPassing = error instanceof SessionError &&
        (error.code === "OUTCOME_UNKNOWN" || error.code === "STORE_UNAVAILABLE");
      if (!isPassing || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The node of an actor. */
export function nodeOf(name: string): string {
  return `node-${name}`;
}
