/** One page that is open: a client of this package, until it is closed or dies where it stands. */
import type { ServerPacket } from "../../../mod.ts";
import type { ClientConnection, ClientNews, ReceivedMessage, SessionClient } from "../../../src/runtime/client/mod.ts";
import { sessionClient } from "../../../src/runtime/client/mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import type { PageObservation } from "../oracle/page_observation.ts";
import type { ClientPlan, FilterPlan } from "../plan/plan.ts";
import type { PagePlan } from "../plan/pages.ts";
import { bytes, type ConnectChoice, type Outgoing } from "./client.ts";
import { COMMIT } from "./commit_options.ts";
import type { Link, LinkOwner } from "./link.ts";
import type { PageLocks } from "./page_locks.ts";
import { type FaultCounter, type GateOwner, textOf } from "./storage.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What a page needs of its browser, and tells it. */
export interface Browser {
  readonly name: string;
  readonly plan: ClientPlan;
  readonly page: PagePlan;
  readonly time: VirtualTime;
  readonly locks: PageLocks;
  readonly sends: FaultCounter;
  /** Filters that the application wants. */
  readonly wanted: ReadonlyMap<string, FilterPlan>;
  /** A page's own, faulty way to the store that outlives it. */
  storeOf(owner: GateOwner, tab: number): SessionStore;
  open(owner: LinkOwner, node: number | undefined): Link;
  see(observation: PageObservation): void;
  /** The text of a message of the log, if any page has ever read or written it. */
  textOf(sequence: number): string | undefined;
  /** The application takes so long for a message now, in milliseconds. */
  readonly handlesMs: number;
  /** Whether the application fails to take this message now. */
  failsToTake(): boolean;
  died(tab: Tab, forMs: number): void;
  lost(tab: Tab, link: Link): void;
  takenOver(tab: Tab): void;
}

/** A page that is open. */
export class Tab implements LinkOwner, GateOwner {
  readonly name: string;
  readonly number: number;
  isAlive = true;
  /** Another page has the session, or this one was closed. */
  isOver = false;
  /** The server said that another connection has the session. */
  isUnwanted = false;
  link: Link | undefined;
  readonly client: SessionClient;
  readonly #browser: Browser;
  readonly #granted = new Set<string>();
  #connection: ClientConnection | undefined;
  #reading: Promise<void> = Promise.resolve();
  #wills = 0;
  #isTaken = false;

  constructor(browser: Browser, number: number) {
    this.#browser = browser;
    this.name = browser.name;
    this.number = number;
    const { page, plan, time } = browser;
    const { receiveMaximum } = plan;
    const startedAt = time.now;
    let ids = 0;
    this.client = sessionClient({
      store: browser.storeOf(this, number),
      clientId: browser.name,
      connect: {
        protocolVersion: plan.version,
        keepAlive: plan.keepAlive,
        ...(plan.version === 5 ? { sessionExpiryInterval: plan.sessionExpiryInterval } : {}),
      },
      onMessage: (message) => this.#take(message),
      observe: (news) => this.#hear(news),
      locks: browser.locks.behind(this),
      limits: {
        ...(page.sendAhead === undefined ? {} : { sendAhead: page.sendAhead }),
        maximumInFlight: page.maximumInFlight,
        pageMessages: page.pageMessages,
        ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      },
      queue: { maximumMessages: page.queueMessages, maximumUnhandled: page.maximumUnhandled },
      commit: COMMIT,
      environment: {
        now: () => time.now,
        monotonic: () => time.now - startedAt,
        randomId: () => `${browser.name}-${number}-${++ids}`,
        wake: (at, callback) => time.after(at - time.now, () => this.isAlive && callback()),
      },
    });
    this.#see({ type: "tabOpened" });
    this.client.open().catch(() => {});
  }

  connect(choice: ConnectChoice): void {
    if (!this.isAlive || this.isOver || this.link !== undefined) return;
    const { plan, time } = this.#browser;
    const { will } = plan;
    const link = this.link = this.#browser.open(this, choice.node);
    this.#see({ type: "dialed", connection: link.number, clean: choice.clean });
    if (!link.isOpen) return void (this.link = undefined);
    this.#reading = Promise.resolve();
    this.#connection = this.client.connect({
      send: (packet) => {
        if (!this.isAlive || this.link !== link) return;
        const rule = this.#browser.sends.next("send");
        if (rule?.fault === "crashBefore") return this.die(rule.ms);
        link.send(packet);
        if (rule?.fault === "crashAfter") this.die(rule.ms);
      },
      close: () => {
        if (this.isAlive) link.close();
      },
    }, {
      cleanStart: choice.clean,
      ...(plan.version === 5 && choice.expiry !== undefined ? { sessionExpiryInterval: choice.expiry } : {}),
      ...(will === undefined || !choice.will ? {} : {
        will: {
          topic: will.topic,
          payload: bytes(`w${++this.#wills}.${this.name}.${this.number}`),
          qos: will.qos,
          retain: false,
          properties: {},
          willDelayInterval: plan.version === 5 ? will.delay : 0,
        },
      }),
    });
    this.#connection.done.then(() => {
      // The host closes what is over, as every codec does.
      if (this.isAlive && this.link === link) time.after(0, () => this.link === link && link.close());
    });
  }

  publish({ topic, text, qos, retain, expiry }: Outgoing): void {
    if (!this.isAlive || this.isOver) return;
    const isV5 = this.#browser.plan.version === 5;
    const interval = expiry === undefined ? {} : { messageExpiryInterval: expiry };
    const message = { topic, qos, retain: retain && isV5, ...interval };
    const name = nameOf(text);
    const told = { type: "asked", text: name, topic, qos, retain: message.retain, bytes: text.length } as const;
    this.#see({ ...told, ...(expiry === undefined ? {} : { expiry }) });
    const { stored, done } = this.client.publish({ ...message, payload: bytes(text) });
    stored.then(() => this.#see({ type: "stored", text: name }), () => {});
    done.then((outcome) => this.#see({ type: "settled", text: name, outcome }), () => {});
  }

  subscribe(filter: FilterPlan): void {
    if (!this.isAlive || this.isOver) return;
    const isV5 = this.#browser.plan.version === 5;
    const { identifier, filter: name, qos, noLocal, retainAsPublished } = filter;
    this.client.subscribe(
      [{ filter: name, qos, noLocal: isV5 && noLocal, retainAsPublished: isV5 && retainAsPublished }],
      isV5 && identifier !== undefined ? { subscriptionIdentifier: identifier } : {},
    ).then((outcome) => {
      if (outcome.outcome === "answered") this.#granted.add(name);
    }, () => {});
  }

  unsubscribe(filter: string): void {
    if (!this.isAlive || this.isOver) return;
    this.#granted.delete(filter);
    this.client.unsubscribe([filter]).catch(() => {});
  }

  disconnect(reasonCode: 0 | 4, expiry: number | undefined): void {
    if (!this.isAlive || this.isOver || this.link === undefined) return;
    const interval = expiry === undefined ? {} : { sessionExpiryInterval: expiry };
    this.#see({ type: "disconnects", ...(expiry === undefined ? {} : { expiry }) });
    this.client.disconnect({ reasonCode, ...interval }).catch(() => {});
  }

  /** Closes in order. */
  async leave(): Promise<void> {
    if (!this.isAlive) return;
    this.isOver = true;
    await this.client[Symbol.asyncDispose]();
    if (!this.isAlive) return;
    if (!this.#isTaken) this.#see({ type: "tabEnded", how: "closed" });
    this.isAlive = false;
    this.#browser.locks.gone(this);
  }

  /** The page is gone, between any two things that it does. */
  die(forMs: number): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    this.isOver = true;
    this.#see({ type: "tabEnded", how: "dead" });
    const { link } = this;
    link?.close();
    this.#browser.locks.gone(this);
    this.#browser.died(this, forMs);
  }

  take(packet: ServerPacket, link: Link): void {
    const connection = this.#connection;
    if (!this.isAlive || this.link !== link || connection === undefined) return;
    // Nothing is read while the client has no room.
    this.#reading = this.#reading.then(() => this.isAlive ? connection.receive([packet]) : undefined);
  }

  lost(link: Link): void {
    if (this.link !== link) return;
    this.link = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    if (this.isAlive) connection?.closed();
    this.#browser.lost(this, link);
  }

  /** Asks for every filter that is not granted. */
  #subscribeAll(isAnew: boolean): void {
    if (isAnew) this.#granted.clear();
    for (const filter of this.#browser.wanted.values()) {
      if (!this.#granted.has(filter.filter)) this.subscribe(filter);
    }
  }

  #hear(news: ClientNews): void {
    if (!this.isAlive) return;
    switch (news.type) {
      case "accepted":
        return this.#subscribeAll(!news.sessionPresent);
      case "takenOver":
        this.isOver = this.#isTaken = true;
        this.#see({ type: "tabEnded", how: "takenOver" });
        return this.#browser.takenOver(this);
      case "serverDisconnected":
        this.isUnwanted ||= !news.mayReconnect;
        return;
      case "messageLost": {
        const text = news.sequence === undefined ? undefined : this.#browser.textOf(news.sequence);
        return this.#see({ type: "lost", reason: news.reason, ...(text === undefined ? {} : { text }) });
      }
      case "workFailed":
        return this.#see({ type: "failed", work: news.work, error: String(news.error) });
      case "diagnosed":
        return this.#see({ type: "failed", work: "diagnosed", error: JSON.stringify(news) });
      default:
        return;
    }
  }

  #take(message: ReceivedMessage): void | Promise<void> {
    const { time } = this.#browser;
    const { key, qos, topic } = message;
    const text = nameOf(textOf(message));
    this.#see({ type: "handed", text, topic, qos, ...(key === undefined ? {} : { key }) });
    const isTaken = !this.#browser.failsToTake();
    const end = () => {
      if (!isTaken) throw new Error("The application cannot take it now");
      if (key !== undefined) this.#see({ type: "taken", key });
    };
    const { handlesMs } = this.#browser;
    if (handlesMs === 0) return end();
    return new Promise((resolve, reject) => {
      time.after(handlesMs, () => {
        if (!this.isAlive) return;
        try {
          resolve(end());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #see(what: Told): void {
    const { time, name } = this.#browser;
    // What is told is one of them with what all of them have.
    if (this.isAlive || what.type === "tabEnded") {
      this.#browser.see({ ...what, at: time.now, client: name, tab: this.number } as PageObservation);
    }
  }
}

/** What tells a message from others, without its padding. */
export function nameOf(text: string): string {
  const [name = ""] = text.split(" ");
  return name;
}

/** What a page tells, without what all of it has. */
type Told = PageObservation extends infer One ? One extends PageObservation ? Omit<One, "at" | "client" | "tab"> : never
  : never;
