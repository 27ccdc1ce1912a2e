import type { DropReason } from "../machine/change.ts";
import type { Event, MessagesAppended, QueueLoaded } from "../machine/event.ts";
import type { LoadQueueRequest } from "../machine/request.ts";
import type { Message, QueuedMessage } from "../mqtt/message.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { Guard, QueuePage } from "../store/session_store.ts";
import { Arrivals } from "./arrivals.ts";
import type { BrokerContext } from "./context.ts";
import { type Entitled, mayDeliver, withheldMessages } from "./entitlement.ts";
import { SlowReader } from "./slow_reader.ts";
import type { Transport } from "./transport.ts";
import { persistently } from "./within.ts";

/** The connection, as its feed sees it. */
export interface FeedOwner extends Entitled {
  /** The right to read the log; absent before the session is acquired. */
  readonly guard: Guard | undefined;
  tell(event: Event): void;
  /** Entries of the log came by. */
  saw(messages: readonly QueuedMessage[]): void;
  requestClose(reasonCode: number): void;
  troubled(error: unknown): void;
  /** There is room again. */
  readsAgain(): void;
}

/** Brings the log of a session to its machine, as fast as the client reads and no faster. */
export class QueueFeed {
  readonly #context: BrokerContext;
  readonly #owner: FeedOwner;
  readonly #arrivals = new Arrivals();
  readonly #slow: SlowReader;
  #heldLoad: LoadQueueRequest | undefined;
  /** The last of those that wait for a verdict of the host, in order; `undefined` when none does. */
  #judging: Promise<void> | undefined;
  #cleared = false;

  constructor(context: BrokerContext, transport: Transport, owner: FeedOwner) {
    const { options } = context;
    this.#context = context;
    this.#owner = owner;
    this.#slow = new SlowReader(transport, options, {
      stalled: (bufferedBytes) => options.observe({ type: "stalled", clientId: owner.clientId, bufferedBytes }),
      readsAgain: () => this.#readsAgain(),
      gaveUp: () => owner.requestClose(REASON.quotaExceeded),
    });
  }

  /** Whether too much waits in the transport. */
  get isSlow(): boolean {
    return this.#slow.isSlow();
  }

  /** Whether the host is asked about messages that the session has yet to be told of. */
  get isJudging(): boolean {
    return this.#judging !== undefined;
  }

  /** How far the session has been told that its log goes. */
  get tail(): number {
    return this.#arrivals.tail;
  }

  /** The session was acquired with this page. */
  begin(page: QueuePage): void {
    this.#arrivals.tail = page.tail;
    this.#countUnreadable(page);
  }

  /** The transport may have sent what waited. */
  look(): void {
    this.#slow.look();
  }

  /** A commit of this node has put a message into the log. */
  arrived(message: QueuedMessage): void {
    this.#arrivals.add(message);
  }

  /** All messages of that commit have been told. */
  takeArrivals(): void {
    const event = this.#arrivals.take(!this.isSlow);
    // About what a group has just handed over the host was asked then.
    if (event !== undefined) this.#tell(event, event.messages?.filter(({ claimed }) => claimed === undefined));
  }

  /** The log has grown. */
  grownTo(tail: number): void {
    const event = this.#arrivals.grow(tail);
    if (event !== undefined) this.#owner.tell(event);
  }

  /** A QoS 0 copy; it is lost where the client does not read. */
  offerQos0(message: Message, receiver: Receiver): void {
    const { retain, subscriptionIdentifiers } = receiver;
    if (this.isSlow) return this.#lose(message, "atMostOnce");
    const { options } = this.#context;
    this.#judge(() => mayDeliver(options, this.#owner, { topic: message.topic, qos: 0 }), (isAllowed) => {
      if (!isAllowed) return this.#lose(message, "notAuthorized");
      this.#owner.tell({ type: "qos0Offered", message, retain, subscriptionIdentifiers });
    });
  }

  /** The machine wants a page; it gets it once the client reads. */
  load(request: LoadQueueRequest): void {
    if (this.isSlow) {
      this.#heldLoad = request;
      return;
    }
    this.#read(request, (page) => {
      this.grownTo(page.tail);
      const { messages, through } = page;
      this.#tell({ type: "queueLoaded", messages, through }, messages);
    });
  }

  /** The log may have grown: looks, and takes what is new along. */
  probe(): void {
    const { pageMessages, pageBytes } = this.#context.options.limits;
    const after = this.#arrivals.tail;
    const size = this.isSlow ? { messages: 1, bytes: 1 } : { messages: pageMessages, bytes: pageBytes };
    this.#read({ after, ...size }, (page) => {
      const isWhole = page.through === page.tail && page.messages.length === page.tail - after;
      if (!isWhole || this.isSlow) return this.grownTo(page.tail);
      for (const message of page.messages) this.#arrivals.add(message);
      this.takeArrivals();
    });
  }

  /** The transport is gone. */
  stop(): void {
    this.#slow.stop();
  }

  /** Nothing is fed any more. */
  clear(): void {
    this.stop();
    this.#cleared = true;
    this.#arrivals.clear();
    this.#heldLoad = undefined;
  }

  /** Tells of messages, and which of them the client may not have. */
  #tell(event: MessagesAppended | QueueLoaded, messages: readonly QueuedMessage[] = []): void {
    const { options } = this.#context;
    this.#judge(
      () => withheldMessages(options, this.#owner, messages),
      (withheld) => this.#owner.tell(withheld.length === 0 ? event : { ...event, withheld }),
    );
  }

  /** Uses a verdict of the host, after all that wait for theirs. Without one nothing can be delivered. */
  #judge<Verdict>(ask: () => Verdict | Promise<Verdict>, use: (verdict: Verdict) => void): void {
    let verdict: Verdict | Promise<Verdict>;
    try {
      verdict = ask();
    } catch (error) {
      verdict = Promise.reject(error);
    }
    const before = this.#judging;
    if (before === undefined && !(verdict instanceof Promise)) return use(verdict);
    const both = Promise.all([verdict, before]);
    const turn: Promise<void> = both.then(([found]) => {
      if (!this.#cleared) use(found);
    }).catch((error) => {
      if (!this.#cleared) this.#owner.troubled(error);
    }).then(() => {
      if (this.#judging === turn) this.#judging = undefined;
    });
    this.#judging = turn;
    this.#context.tasks.ask(turn);
  }

  #lose({ topic }: Message, reason: DropReason): void {
    this.#context.options.observe({ type: "dropped", clientId: this.#owner.clientId, reason, topic });
  }

  #read(position: Omit<LoadQueueRequest, "type">, use: (page: QueuePage) => void): void {
    const { options, tasks } = this.#context;
    const { guard } = this.#owner;
    if (guard === undefined) return;
    const { after, messages, bytes } = position;
    tasks.add(
      persistently(
        options,
        "read a queue",
        (signal) => options.store.readQueue(guard, { after, messages, bytes }, { signal }),
      ).then((page) => {
        this.#countUnreadable(page);
        this.#owner.saw(page.messages);
        use(page);
      }).catch((error) => this.#owner.troubled(error)),
    );
  }

  #readsAgain(): void {
    const held = this.#heldLoad;
    this.#heldLoad = undefined;
    if (held !== undefined) this.load(held);
    this.#owner.readsAgain();
  }

  #countUnreadable(page: QueuePage): void {
    for (let count = 0; count < page.unreadable; count++) {
      this.#context.options.observe({ type: "dropped", clientId: this.#owner.clientId, reason: "unreadable" });
    }
  }
}
