/**
 * Hands what came to the application, one message at a time. What came at QoS 1 or 2 is stored, and gone once it was taken.
 *
 * @module
 */
import type { SessionError } from "../../errors.ts";
import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { ClientStore } from "../../store/client_store.ts";
import type { CommitBatch, CommitResult } from "../../store/session_store.ts";
import type { BrokerEnvironment } from "../environment.ts";
import type { CommitLane } from "../lane.ts";
import { EMPTY_LETTER, type Letter, Mailbox, type MailboxOwner } from "../mailbox.ts";
import type { ReceivedMessage } from "./options.ts";
import { pause } from "../within.ts";
import type { TakenSession } from "./opening.ts";

/** What the inbox works with. */
export interface InboxOptions {
  readonly store: ClientStore;
  readonly lane: CommitLane;
  readonly environment: BrokerEnvironment;
  readonly page: { readonly messages: number; readonly bytes: number };
  readonly onMessage: (message: ReceivedMessage) => void | Promise<void>;
  /** Reads the log of the inbox. */
  readonly read: (inbox: TakenSession, after: number) => ReturnType<ClientStore["readQueue"]>;
  /** The application could not take a message, or the store could not be read. */
  readonly failed: (error: unknown) => void;
  /** Something was taken: there may be room. */
  readonly taken: () => void;
  /** The inbox is another page's. */
  readonly lost: () => void;
  /** The store has not taken what was to be written down. */
  readonly storeFailed: (error: SessionError) => void;
}

/** The pause before a message is handed over again that was not taken, in milliseconds; it doubles up to a minute. */
const RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;

interface Handed {
  readonly message: Message;
  readonly subscriptionIdentifiers: readonly number[];
  /** 0 where it is not stored. */
  readonly sequence: number;
}

/** What waits for the application. */
export class ClientInbox implements MailboxOwner<never> {
  readonly #options: InboxOptions;
  readonly #taken: TakenSession;
  readonly #mailbox: Mailbox<never>;
  readonly #over = new AbortController();
  #waiting: Handed[] = [];
  /** The log has been read up to here, and goes as far as there. */
  #cursor: number;
  #tail: number;
  #handing: Promise<void> | undefined;

  constructor(options: InboxOptions, taken: TakenSession) {
    this.#options = options;
    this.#taken = taken;
    this.#mailbox = new Mailbox<never>({
      owner: this,
      lane: options.lane,
      capabilities: options.store.capabilities,
    });
    this.#mailbox.attach(taken.guard, false);
    this.#cursor = taken.queue.through;
    this.#tail = taken.queue.tail;
    this.#waiting = taken.queue.messages.map(handed);
    this.#kick();
  }

  /** Under which name and in which life messages are put into it. */
  get address(): { readonly clientId: string; readonly incarnation: string } {
    const { clientId, incarnation } = this.#taken.snapshot;
    return { clientId, incarnation };
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length + this.#tail - this.#cursor;
  }

  /** A commit of this page has put a message into it. */
  arrived(message: QueuedMessage): void {
    const isNext = message.sequence === this.#cursor + 1 && this.#cursor === this.#tail;
    this.#tail = Math.max(this.#tail, message.sequence);
    if (isNext) {
      this.#cursor = message.sequence;
      this.#waiting.push(handed(message));
    }
    this.#kick();
  }

  /** What a commit put into it is not known. */
  look(): void {
    this.#tail = Math.max(this.#tail, this.#cursor + 1);
    this.#kick();
  }

  /** A QoS 0 message: it takes its place behind those that came before. */
  offer(message: Message, subscriptionIdentifiers: readonly number[]): void {
    this.#waiting.push({ message, subscriptionIdentifiers, sequence: 0 });
    this.#kick();
  }

  /** Hands nothing over any more; what is being taken is waited for, and what was taken is written down. */
  async close(): Promise<void> {
    this.#over.abort();
    await this.#handing;
  }

  /** Whether all that was taken is written down. */
  get empty(): boolean {
    return this.#mailbox.empty;
  }

  /** For the commit that lets go of it. */
  get mailbox(): Mailbox<never> {
    return this.#mailbox;
  }

  runEffect(): void {}
  batchCommitted(_batch: CommitBatch, _result: Extract<CommitResult, { outcome: "committed" }>): boolean {
    return false;
  }
  publishRefused(): Letter<never> {
    return EMPTY_LETTER;
  }
  commitSuperseded(): void {
    this.#options.lost();
  }
  storeFailed(error: SessionError | undefined): void {
    if (error !== undefined) this.#options.storeFailed(error);
  }
  mailboxMoved(): void {
    this.#options.taken();
  }

  #kick(): void {
    if (this.#handing !== undefined || this.#over.signal.aborted) return;
    this.#handing = this.#handAll().finally(() => {
      this.#handing = undefined;
      if (this.size > 0) this.#kick();
    });
  }

  async #handAll(): Promise<void> {
    let retryMs = RETRY_MS;
    while (this.size > 0 && !this.#over.signal.aborted) {
      try {
        await this.#handOne();
        retryMs = RETRY_MS;
      } catch (error) {
        if (this.#over.signal.aborted) return;
        this.#options.failed(error);
        await pause(this.#options.environment, retryMs, this.#over.signal);
        retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
      }
    }
  }

  async #handOne(): Promise<void> {
    const next = this.#waiting[0];
    if (next === undefined) {
      const page = await this.#options.read(this.#taken, this.#cursor);
      this.#waiting.push(...page.messages.map(handed));
      this.#cursor = Math.max(this.#cursor, page.through);
      this.#tail = Math.max(this.#cursor, page.tail);
      return;
    }
    const { message, sequence } = next;
    await this.#options.onMessage(received(next, this.address.incarnation));
    this.#waiting.shift();
    if (sequence > 0) {
      const change = { type: "deleteQueued", sequence, bytes: messageBytes(message) } as const;
      this.#mailbox.post({ changes: [change], deliveries: [], effects: [] }, 0);
      this.#mailbox.flush();
    }
    this.#options.taken();
  }
}

function handed(message: QueuedMessage): Handed {
  return { message, subscriptionIdentifiers: message.subscriptionIdentifiers, sequence: message.sequence };
}

function received({ message, subscriptionIdentifiers, sequence }: Handed, incarnation: string): ReceivedMessage {
  const { topic, payload, qos, retain, properties, publishedAt } = message;
  const key = sequence === 0 ? {} : { key: `${incarnation}/${sequence}` };
  return { topic, payload, qos, retain, properties, subscriptionIdentifiers, receivedAt: publishedAt, ...key };
}
