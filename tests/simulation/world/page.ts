/**
 * A client that is a page in a browser: what it promised stands in a store that outlives it, and it may be reloaded, be
 * open twice, and go offline.
 *
 * @module
 */
import type { ServerPacket } from "../../../mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import { DENO_KV_LIMITS } from "../../../src/stores/deno_kv.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { intercept } from "../../../src/testing/intercept.ts";
import { type MapDriver, mapDriver, type Random, random } from "../../../src/testing/mod.ts";
import type { PageObservation } from "../oracle/page_observation.ts";
import type { PagePlan } from "../plan/pages.ts";
import type { Action, ClientPlan, FilterPlan, Plan } from "../plan/plan.ts";
import type { ConnectChoice, Outgoing } from "./client.ts";
import type { Journal } from "./journal.ts";
import type { Link, LinkOwner } from "./link.ts";
import { PageLocks } from "./page_locks.ts";
import { FaultCounter, Gate, type GateOwner, textOf, TIGHT } from "./storage.ts";
import { type Browser, nameOf, Tab } from "./tab.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What a page needs of the world. */
export interface PageWorld {
  readonly time: VirtualTime;
  readonly journal: Journal;
  open(owner: LinkOwner & { readonly plan: ClientPlan }, node: number | undefined): Link;
  readonly isHealed: boolean;
}

/** It stays away for so long after its connection was lost, in milliseconds. */
const RETURNS_AFTER_MS = 300;

/** A browser with the pages of one client. */
export class Page implements Browser {
  readonly name: string;
  readonly plan: ClientPlan;
  readonly page: PagePlan;
  readonly time: VirtualTime;
  readonly locks: PageLocks;
  readonly sends: FaultCounter;
  readonly wanted = new Map<string, FilterPlan>();
  /** For the world, which treats all clients alike. */
  readonly isRude = false;
  detachedAt: number | undefined;
  expiry: number;
  readonly #world: PageWorld;
  readonly #faults: FaultCounter;
  readonly #chance: Random;
  readonly #shared: SessionStore | undefined;
  readonly #driver: MapDriver | undefined;
  readonly #texts = new Map<number, string>();
  #tabs: Tab[] = [];
  #opened = 0;
  #offlineUntil = 0;
  #hasLeft = false;

  constructor(
    world: PageWorld,
    name: string,
    plan: ClientPlan,
    page: PagePlan,
    { seed, pageFaults = [] }: Plan,
    index: number,
  ) {
    this.#world = world;
    this.time = world.time;
    this.name = name;
    this.plan = plan;
    this.page = page;
    this.expiry = plan.sessionExpiryInterval;
    this.locks = new PageLocks(page.locks);
    this.#chance = random(seed ^ Math.imul(index + 1, 0x2545f491));
    const own = pageFaults.filter(({ client }) => client === index).map((fault) => ({ ...fault, node: 0 }));
    this.#faults = new FaultCounter(own.filter(({ call }) => call !== "send"));
    this.sends = new FaultCounter(own.filter(({ call }) => call === "send"));
    for (const filter of plan.filters) this.wanted.set(filter.filter, filter);
    if (page.store.kind === "memory") this.#shared = memoryStore();
    else {
      const { limits } = page.store;
      this.#driver = mapDriver({ limits: limits === "none" ? {} : limits === "denoKv" ? DENO_KV_LIMITS : TIGHT });
    }
    world.journal.count("page");
    this.#openTab();
  }

  get link(): Link | undefined {
    return this.#tab?.link;
  }

  // What the world does.

  connect(choice: ConnectChoice): void {
    this.#offlineUntil = 0;
    this.expiry = choice.expiry ?? this.plan.sessionExpiryInterval;
    const tab = this.#tab ?? this.#openTab();
    tab.link?.cut(this.#chance.chance(0.3) && !this.#world.isHealed);
    tab.connect(choice);
  }

  do(action: Extract<Action, { readonly client: number }>, nextText: () => string): void {
    const { journal, time } = this.#world;
    const tab = this.#tab;
    switch (action.do) {
      case "connect":
        return this.connect(action);
      case "disconnect": {
        const { reasonCode, expiry } = action;
        const changes = this.plan.version === 5 && expiry !== undefined && this.expiry > 0;
        if (changes && this.link !== undefined) this.expiry = expiry;
        return tab?.disconnect(reasonCode, changes ? expiry : undefined);
      }
      case "cut":
        return this.link?.cut(action.silent);
      case "publish":
        return this.#publish(action, nextText);
      case "subscribe":
        this.wanted.set(action.filter.filter, action.filter);
        return tab?.subscribe(action.filter);
      case "unsubscribe":
        return this.wanted.delete(action.filter) ? tab?.unsubscribe(action.filter) : undefined;
      case "stopReading":
        return this.link?.stopReading(action.ms);
      case "reload":
        if (tab === undefined) return;
        journal.count(action.how === "dies" ? "page reload" : "page closes in order");
        if (action.how === "dies") return tab.die(action.forMs);
        tab.leave().then(() => this.#openLater(action.forMs));
        return;
      case "tab": {
        journal.count("second tab");
        const opened = this.#openTab();
        return action.connects ? opened.connect({ clean: false, will: true }) : undefined;
      }
      case "offline":
        journal.count("page offline");
        this.#offlineUntil = time.now + action.forMs;
        this.link?.cut(false);
        time.after(action.forMs, () => this.#return());
        return;
      case "ping":
      case "reauthenticate":
      case "sharesNoLocal":
      case "holdAnswers":
      case "rude":
      case "end":
        return;
      default:
        return action satisfies never;
    }
  }

  /** Nothing goes wrong any more: one page is left, and comes back. */
  heal(): void {
    this.#faults.isHealed = this.sends.isHealed = true;
    this.#offlineUntil = 0;
    const [last, ...others] = this.#tabs.filter(({ isOver }) => !isOver).reverse();
    for (const tab of others) tab.die(0);
    if (last === undefined) this.#openTab();
    this.#return();
  }

  /** One more message after all: it must arrive as well. */
  probe(text: string): void {
    this.#tab?.publish({ topic: "t/0", text, qos: 1, retain: false });
  }

  async report(): Promise<void> {
    const tab = this.#tab;
    const { outgoing = [], unhandled = 0, state = "closed" } = await tab?.client.inspect() ?? {};
    this.see({
      type: "atRest",
      at: this.time.now,
      client: this.name,
      tab: tab?.number ?? 0,
      online: state === "online",
      outgoing: outgoing.map(({ sequence, phase }) => `${this.textOf(sequence) ?? sequence} ${phase}`),
      unhandled,
    });
  }

  leave(): void {
    this.#hasLeft = true;
    for (const tab of this.#tabs) tab.die(0);
  }

  /** For the world, which treats all clients alike: Keep Alive is the client's own. */
  rest(): void {}

  // For its pages.

  storeOf(owner: GateOwner, tab: number): SessionStore {
    const plan = { ...this.page.store, delivery: "commit", watch: false } as const;
    const gate = new Gate(
      this.time,
      this.#world.journal,
      {
        name: `${this.name}/${tab}`,
        get isAlive() {
          return owner.isAlive;
        },
        die: (ms) => owner.die(ms),
      },
      plan,
      this.#chance,
      this.#faults,
    );
    const { driver, shared } = { driver: this.#driver, shared: this.#shared };
    const store = driver === undefined ? gate.wrap(shared as SessionStore) : keyValueStore(gate.wrap(driver), {
      capabilities: { fencing: "strict", durability: "process", consistency: "strong", watch: "none" },
      newId: this.#chance.id,
    });
    return intercept(store, async (call, run) => {
      const result = await run();
      this.#learn(call.name, call.args, result);
      return result;
    });
  }

  open(owner: LinkOwner, node: number | undefined): Link {
    const { plan } = this;
    return this.#world.open({
      name: owner.name,
      plan,
      take: (packet: ServerPacket, link: Link) => owner.take(packet, link),
      lost: (link: Link) => owner.lost(link),
    }, node);
  }

  see(observation: PageObservation): void {
    this.#world.journal.seePage(observation);
  }

  textOf(sequence: number): string | undefined {
    return this.#texts.get(sequence);
  }

  get handlesMs(): number {
    return this.#world.isHealed ? 0 : this.page.handlesMs;
  }

  failsToTake(): boolean {
    const { failsOneIn } = this.page;
    return !this.#world.isHealed && failsOneIn > 0 && this.#chance.below(failsOneIn) === 0;
  }

  died(tab: Tab, forMs: number): void {
    this.#tabs = this.#tabs.filter((other) => other !== tab);
    if (this.#hasLeft || this.#tabs.some(({ isOver }) => !isOver)) return;
    this.#world.journal.count("page dies");
    this.#openLater(this.#world.isHealed ? 0 : forMs);
  }

  lost(tab: Tab, link: Link): void {
    this.detachedAt = link.toldAt ?? this.time.now;
    if (tab !== this.#tab && tab.isUnwanted) return;
    this.time.after(RETURNS_AFTER_MS, () => {
      if (this.#isOffline || this.#hasLeft) return;
      tab.connect({ clean: false, will: true });
    });
  }

  takenOver(tab: Tab): void {
    this.#tabs = this.#tabs.filter((other) => other !== tab);
    this.#world.journal.count("tab taken over");
    if (this.#tabs.every(({ isOver }) => isOver)) this.#openLater(RETURNS_AFTER_MS);
  }

  /** The page that the user looks at: the last one that was opened. */
  get #tab(): Tab | undefined {
    return this.#tabs.findLast(({ isOver }) => !isOver);
  }

  get #isOffline(): boolean {
    return this.#offlineUntil > this.time.now;
  }

  #openTab(): Tab {
    const tab = new Tab(this, ++this.#opened);
    this.#tabs.push(tab);
    return tab;
  }

  #openLater(ms: number): void {
    this.time.after(ms, () => {
      if (this.#hasLeft || this.#tab !== undefined) return;
      this.#openTab();
      this.#return();
    });
  }

  #return(): void {
    if (!this.#isOffline && !this.#hasLeft) this.#tab?.connect({ clean: false, will: true });
  }

  #publish(action: Extract<Action, { readonly do: "publish" }>, nextText: () => string): void {
    const { topic, qos, retain = false, expiry, padding } = action;
    // The page that was open before, where there are two.
    const tab = action.second === true ? this.#tabs.filter(({ isOver }) => !isOver).at(-2) : this.#tab;
    if (tab === undefined) return;
    if (tab.link === undefined) this.#world.journal.count("published offline", action.times);
    if (action.second === true) this.#world.journal.count("published by an older tab", action.times);
    for (let time = 0; time < action.times; time++) {
      const text = padding === 0 ? nextText() : `${nextText()} ${".".repeat(padding)}`;
      const message: Outgoing = { topic, text, qos, retain, ...(expiry === undefined ? {} : { expiry }) };
      tab.publish(message);
    }
  }

  /** Where messages stand in the log. */
  #learn(name: string, args: readonly unknown[], result: unknown): void {
    if (name === "readQueue") return this.#learnPage(result as Awaited<ReturnType<SessionStore["readQueue"]>>, args);
    if (name !== "commit") return;
    // These are the arguments and the answer of this call.
    const batches = args[0] as Parameters<SessionStore["commit"]>[0];
    const results = result as Awaited<ReturnType<SessionStore["commit"]>>;
    for (const [index, answer] of results.entries()) {
      if (answer.outcome !== "committed") continue;
      for (const [place, { message, receivers = [] }] of (batches[index]?.deliveries ?? []).entries()) {
        const outcome = answer.deliveries[place]?.[0];
        if (outcome?.outcome !== "appended" || receivers[0]?.clientId !== this.name) continue;
        this.#texts.set(outcome.sequence, nameOf(textOf(message)));
      }
    }
  }

  #learnPage({ messages }: Awaited<ReturnType<SessionStore["readQueue"]>>, args: readonly unknown[]): void {
    const guard = args[0] as Parameters<SessionStore["readQueue"]>[0];
    if (guard.clientId !== this.name) return;
    for (const message of messages) this.#texts.set(message.sequence, nameOf(textOf(message)));
  }
}
