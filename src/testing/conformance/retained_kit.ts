import type { Message } from "../../mqtt/message.ts";
import type {
  RetainedLimits,
  RetainedOutcome,
  RetainedPage,
  RetainedPut,
  RetainedQuery,
  RetainedStore,
} from "../../store/retained_store.ts";
import { expect } from "./expect.ts";
import { bytesOf, message, START } from "./kit.ts";

/** What a factory makes: a retained store with nothing in it. */
export interface RetainedUnderTest {
  /** The store. */
  readonly retained: RetainedStore;
  /** Called at the end of each case, for the store that was opened last as well. */
  close(): Promise<void> | void;
  /** Opens what was stored anew, as a new process would; absent when the store does not outlive this one. */
  reopen?(): Promise<RetainedStore>;
}

/** One promise of the port, and how it is put to the test. */
export interface RetainedCase {
  readonly name: string;
  readonly run: (kit: RetainedKit) => Promise<void>;
}

/** No limit. */
export const UNLIMITED: RetainedLimits = { maximumMessages: Infinity, maximumBytes: Infinity };

/** The hands of a case. */
export class RetainedKit {
  store: RetainedStore;
  readonly #subject: RetainedUnderTest;
  #number = 0;

  constructor(subject: RetainedUnderTest) {
    this.#subject = subject;
    this.store = subject.retained;
  }

  /** Opens the store anew, where that can be. */
  async reopen(): Promise<void> {
    this.store = await this.#subject.reopen?.() ?? this.store;
  }

  /** Puts, in one call. */
  putAll(
    puts: readonly RetainedPut[],
    { limits = UNLIMITED, now = START }: { readonly limits?: RetainedLimits; readonly now?: number } = {},
  ): Promise<readonly RetainedOutcome[]> {
    return this.store.put(puts, { limits, now, order: { writer: "writer", number: ++this.#number } });
  }

  /** Puts one message. */
  async put(topic: string, payload: string, more: Partial<Message> = {}, limits?: RetainedLimits): Promise<string> {
    const put = { message: retained(topic, payload, more) };
    const [outcome] = await this.putAll([put], limits === undefined ? {} : { limits });
    return outcome ?? "nothing";
  }

  /** A page. */
  async page(filter: string, query: Partial<RetainedQuery> = {}, now: number = START): Promise<RetainedPage> {
    const whole = { filter, after: "", messages: 100, bytes: 1 << 20, ...query };
    const [page] = await this.store.match([whole], { now });
    expect(page !== undefined, "a query got no page");
    return page;
  }

  /** All messages of a filter, page by page. */
  async all(filter: string, size: Partial<RetainedQuery> = {}, now: number = START): Promise<readonly Message[]> {
    const found: Message[] = [];
    for (let after: string | undefined = ""; after !== undefined;) {
      const page: RetainedPage = await this.page(filter, { ...size, after }, now);
      found.push(...page.entries.map((entry) => entry.message));
      expect(page.after !== after, "a page leads nowhere");
      after = page.after;
    }
    return found;
  }

  /** `topic=payload` of all messages of a filter, sorted. */
  async texts(filter: string, size?: Partial<RetainedQuery>, now?: number): Promise<readonly string[]> {
    return (await this.all(filter, size, now)).map(text).sort();
  }
}

/** A retained message. */
export function retained(topic: string, payload: string, more: Partial<Message> = {}): Message {
  return message({ topic, payload: bytesOf(payload), retain: true, ...more });
}

/** `topic=payload`. */
export function text({ topic, payload }: Message): string {
  return `${topic}=${new TextDecoder().decode(payload)}`;
}
