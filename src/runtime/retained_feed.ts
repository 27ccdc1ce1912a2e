import type { RetainedLoaded, RetainedSettled } from "../machine/event.ts";
import type { LoadRetainedRequest } from "../machine/request.ts";
import { hasExpired, type Message, messageBytes } from "../mqtt/message.ts";
import { isSameMessage } from "../mqtt/same_message.ts";
import type { RetainedEntry } from "../store/retained_store.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import type { Mailbox } from "./mailbox.ts";

/** The connection, as its retained messages see it. */
export interface RetainedOwner {
  readonly clientId: string;
  readonly mailbox: Mailbox;
  /** How far the session has been told that its log goes. */
  readonly knownTail: number;
  tell(event: RetainedLoaded | RetainedSettled): void;
  troubled(error: unknown): void;
}

/** What is on its way into the log. */
interface Page {
  readonly ref: number;
  /** The position before its first message. */
  readonly after: string;
  readonly entries: readonly RetainedEntry[];
  /** How far the log was known to go before any of it was read. */
  readonly tail: number;
}

/** What became of a page. */
interface Settling {
  /** Whether something else may have come into the log before some of it. */
  readonly needsLook: boolean;
  readonly refusedAfter: string | undefined;
}

/**
 * Brings retained messages to the machine of one session, page by page, and sees to it that the last message of a topic in
 * its log is the last one that was retained.
 *
 * A message that was retained after a page was read may come into the log before it: its publisher has found the
 * subscription. Then the log has grown by more than the page, and what has changed meanwhile is put behind it. Whatever
 * stood there before the page is known to be older, for a message is retained before it is routed.
 */
export class RetainedFeed {
  readonly #context: BrokerContext;
  readonly #owner: RetainedOwner;
  #postponed: LoadRetainedRequest | undefined;
  #page: Page | undefined;
  /** What is to be told once nothing of this session waits in its outbox. */
  #settling: Settling | undefined;
  /** What the log took although it had no room for something before it: that is read again, and must not come twice. */
  readonly #taken = new Map<string, Message>();
  #ended = false;

  constructor(context: BrokerContext, owner: RetainedOwner) {
    this.#context = context;
    this.#owner = owner;
  }

  /** The machine wants a page; it gets it once the subscription is stored, and nothing waits before it. */
  load(request: LoadRetainedRequest): void {
    const { mailbox } = this.#owner;
    if (mailbox.movesSubscriptions || mailbox.behindOutbox) this.#postponed = request;
    else this.#context.tasks.add(this.#read(request).catch((error) => this.#failed(error)));
  }

  /** Something was committed, or the outbox of the session was found empty. */
  look(): void {
    const postponed = this.#postponed;
    this.#postponed = undefined;
    if (postponed !== undefined) this.load(postponed);
    this.#settle();
  }

  /** A batch of the session is committed. */
  committed(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): void {
    const page = this.#page;
    if (page === undefined || this.#settling !== undefined) return;
    const messages = new Set(page.entries.map(({ message }) => message));
    let next = page.tail + 1;
    let found = 0;
    let needsLook = false;
    let refusedAfter: string | undefined;
    const taken: Message[] = [];
    for (const [index, { message }] of batch.deliveries.entries()) {
      if (!messages.has(message)) continue;
      found++;
      const outcome: ReceiverOutcome | undefined = result.deliveries[index]?.[0];
      if (outcome?.outcome === "appended" && outcome.sequence === next) next++;
      else needsLook = true;
      const isFull = outcome?.outcome === "dropped" &&
        (outcome.reason === "queueFullNewest" || outcome.reason === "queueFullOldest");
      if (isFull) refusedAfter ??= positionBefore(page, message);
      else if (refusedAfter !== undefined) taken.push(message);
    }
    if (refusedAfter === undefined) this.#taken.clear();
    for (const { position, message } of page.entries) if (taken.includes(message)) this.#taken.set(position, message);
    // Another batch of this session; that of the page is yet to come.
    if (found === 0) return;
    this.#settling = { needsLook, refusedAfter };
    this.#settle();
  }

  /** Nothing is brought any more. */
  clear(): void {
    this.#ended = true;
    this.#postponed = undefined;
    this.#page = undefined;
    this.#settling = undefined;
  }

  async #read({ ref, filter, after, messages, bytes }: LoadRetainedRequest): Promise<void> {
    const { retention, options } = this.#context;
    const tail = this.#owner.knownTail;
    for (let reached = after;;) {
      const page = await retention?.reads.page({ filter, after: reached, messages, bytes });
      if (this.#ended) return;
      const { unreadable = 0 } = page ?? {};
      const entries = page?.entries.filter((entry) => this.#isWanted(entry)) ?? [];
      for (let count = 0; count < unreadable; count++) {
        options.observe({ type: "dropped", clientId: this.#owner.clientId, reason: "unreadable" });
      }
      const next = page?.after;
      // Where much is passed over nothing has to be stored on the way.
      if (entries.length === 0 && next !== undefined) {
        reached = next;
        continue;
      }
      this.#page = { ref, after, entries, tail };
      const told = entries.map(({ message }) => message);
      return this.#owner.tell({
        type: "retainedLoaded",
        ref,
        messages: told,
        ...(next === undefined ? {} : { after: next }),
      });
    }
  }

  /** Whether a message is to go into the log: it has not come before, and there could ever be room for it. */
  #isWanted({ message, position }: RetainedEntry): boolean {
    const taken = this.#taken.get(position);
    if (taken !== undefined && isSameMessage(taken, message)) return false;
    const { queue, observe } = this.#context.options;
    if (messageBytes(message) <= queue.maximumBytes) return true;
    observe({ type: "dropped", clientId: this.#owner.clientId, reason: "queueFullNewest", topic: message.topic });
    return false;
  }

  #settle(): void {
    const settling = this.#settling;
    const page = this.#page;
    if (settling === undefined || page === undefined || this.#owner.mailbox.behindOutbox) return;
    this.#settling = undefined;
    this.#page = undefined;
    this.#context.tasks.add(this.#settled(page, settling).catch((error) => this.#failed(error)));
  }

  async #settled(page: Page, { needsLook, refusedAfter }: Settling): Promise<void> {
    // The arrivals of the commit are told first.
    await undefined;
    const tail = this.#owner.knownTail;
    const changed = needsLook ? await this.#changes(page) : [];
    if (this.#ended) return;
    if (changed.length > 0) {
      const entries = changed.map((message) => ({ message, position: "" }));
      this.#page = { ref: page.ref, after: "", entries, tail };
    }
    this.#owner.tell({
      type: "retainedSettled",
      ref: page.ref,
      changed,
      ...(refusedAfter === undefined ? {} : { refusedAfter }),
    });
  }

  /** What is retained by now in the place of what was read; a message without payload where nothing is. */
  async #changes({ entries }: Page): Promise<readonly Message[]> {
    const now = this.#context.options.environment.now();
    const found = await this.#context.retention?.reads.topics(entries.map(({ message }) => message.topic)) ?? [];
    return entries.flatMap(({ message }, index) => {
      const current = found[index];
      if (current !== undefined) return isSameMessage(current, message) ? [] : [current];
      const { payload, topic, qos } = message;
      if (payload.length === 0 || hasExpired(message, now)) return [];
      return [{ topic, qos, payload: NOTHING, retain: false, properties: {}, publisher: "", publishedAt: now }];
    });
  }

  #failed(error: unknown): void {
    if (!this.#ended) this.#owner.troubled(error);
  }
}

const NOTHING = new Uint8Array();

function positionBefore({ after, entries }: Page, message: Message): string {
  const index = entries.findIndex((entry) => entry.message === message);
  return entries[index - 1]?.position ?? after;
}
