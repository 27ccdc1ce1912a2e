/**
 * A whole world: nodes over one store, clients, the network between them, and what the plan does to all of it.
 *
 * @module
 */
import { JOURNAL_KEPT_MS } from "../../../src/store/records/journal.ts";
import { type Random, random } from "../../../src/testing/mod.ts";
import type { Observation, Violation } from "../oracle/observation.ts";
import type { PageObservation } from "../oracle/page_observation.ts";
import { sharedFiltersOf } from "../plan/groups.ts";
import type { Action, ClientPlan, Plan } from "../plan/plan.ts";
import { bytes, Client, type ClientWorld } from "./client.ts";
import { Journal } from "./journal.ts";
import { Link, type LinkOwner } from "./link.ts";
import { Node } from "./node.ts";
import { Page } from "./page.ts";
import { rudePackets } from "./rudeness.ts";
import { Storage } from "./storage.ts";
import { START, VirtualTime } from "./virtual_time.ts";
import { ByteWire, PacketWire } from "./wire.ts";

/** Within this what was asked last is answered, in milliseconds. */
const LAST_ANSWERS_MS = 1_000;
/** Within this all that has ended is swept away, in milliseconds. */
const SWEEP_MS = 10_000;
/** So long before the end of all quiet each page publishes once more, in milliseconds. */
const PROBE_MS = 3_500;
/** More than so long nobody looks at a group without a member. */
const GROUP_LOOK_MS = 3_700_000;
/** Rows that belong to no session: filters' shapes, and the bell of each node. */
const STAYS = /^mqtt\/\d+\/(shapes|bell\/)/;

/** A world that lives by a plan. */
export class World implements ClientWorld {
  readonly time: VirtualTime = new VirtualTime();
  readonly journal: Journal;
  readonly storage: Storage;
  readonly nodes: readonly Node[];
  readonly clients: readonly (Client | Page)[];
  isHealed = false;
  readonly #plan: Plan;
  readonly #chance: Random;
  #links = 0;
  #texts = 0;

  constructor(
    plan: Plan,
    see: (observation: Observation) => void,
    isTold: boolean,
    seePage?: (observation: PageObservation) => void,
  ) {
    this.#plan = plan;
    this.#chance = random(plan.seed ^ 0x11ec);
    this.journal = new Journal(this.time, see, isTold, seePage);
    this.storage = new Storage(plan);
    this.nodes = plan.nodes.map((_, index) => new Node(this.time, this.journal, this.storage, plan, index));
    this.clients = plan.clients.map((own, index) =>
      own.page === undefined
        ? new Client(this, `c${index}`, own)
        : new Page(this, `c${index}`, own, own.page, plan, index)
    );
  }

  nextText(): string {
    return `m${++this.#texts}`;
  }

  open(client: LinkOwner & { readonly plan: ClientPlan }, node: number | undefined): Link {
    const number = ++this.#links;
    const { networkMs, seed } = this.#plan;
    const wire = this.#plan.bytes ? new ByteWire(client.plan.version) : new PacketWire();
    const { time, journal } = this;
    const chance = random(seed ^ Math.imul(number, 0x85ebca6b));
    const up = this.nodes.filter(({ isUp }) => isUp);
    const target = this.#node(node) ?? up[this.#chance.below(up.length)] ?? this.nodes[0];
    if (target === undefined) throw new Error("There is no node");
    return new Link({ time, journal, chance, networkMs, number, wire }, client, target);
  }

  /** Lets all of the plan happen. */
  async live(): Promise<void> {
    for (const node of this.nodes) node.start();
    for (const action of this.#plan.actions) this.time.after(action.at, () => this.#do(action));
    await this.time.passUntil(START + this.#plan.lengthMs);
  }

  /** Nothing goes wrong any more, and whoever belongs here comes back. */
  async heal(forMs: number): Promise<void> {
    this.isHealed = true;
    this.journal.note(() => "all heals");
    for (const node of this.nodes) {
      node.faults.isHealed = true;
      node.clockMs = 0;
      node.start();
    }
    for (const client of this.clients) {
      client.heal();
      if (client instanceof Page) continue;
      client.second?.close();
      if (!client.plan.returns) continue;
      if (client.isRude) client.link?.close();
      else if (client.link === undefined) client.connect({ clean: false, will: true });
    }
    const pages = this.clients.filter((client) => client instanceof Page);
    await this.time.passUntil(this.time.now + forMs - PROBE_MS);
    for (const page of pages) page.probe(this.nextText());
    await this.time.passUntil(this.time.now + PROBE_MS);
    for (const page of pages) void page.report();
    for (const client of this.clients) client.rest();
    await this.time.passUntil(this.time.now + LAST_ANSWERS_MS);
  }

  /** Ends all that there is, and looks for what nobody would ever remove. */
  async leftOver(): Promise<readonly Violation[]> {
    const { driver } = this.storage;
    const [node] = this.nodes;
    const groups = sharedFiltersOf(this.#plan);
    if (node === undefined || (driver === undefined && groups.length === 0)) return [];
    const amiss = await this.#examine();
    if (amiss.length > 0) return amiss;
    for (const client of this.clients) client.leave();
    for (const { name } of this.clients) node.broker?.end(name).catch(() => {});
    await this.time.passUntil(this.time.now + SWEEP_MS);
    if (groups.length > 0) {
      // What a crash leaves of a member that is none is found when its group is looked at.
      for (const each of this.nodes) each.clockMs += GROUP_LOOK_MS;
      await this.time.passUntil(this.time.now + SWEEP_MS);
      const living = await this.#living(groups);
      if (living.length > 0) return [this.#leftBehind(`${living.join(", ")} outlives all of its members`)];
    }
    for (const each of this.nodes) void each.shutdown(SWEEP_MS * 2);
    await this.time.passUntil(this.time.now + SWEEP_MS);
    if (driver === undefined) return [];
    await this.#sweepJournals();
    const left = driver.entries().filter(({ key }) => !STAYS.test(key)).map(({ key }) => key);
    if (left.length === 0) return [];
    return [this.#leftBehind(`${left.length} rows stay behind when all has ended: ${left.slice(0, 5).join(" ")}`)];
  }

  #leftBehind(message: string): Violation {
    return { rule: "nothing left behind", at: this.time.now, client: "", message };
  }

  /** Those of some groups that are still there. */
  async #living(groups: readonly string[]): Promise<readonly string[]> {
    const { directory } = this.storage.direct;
    const found = await Promise.all(groups.map((filter) => directory.inspect(`\u0000${filter}`)));
    return groups.filter((_, index) => found[index] !== undefined);
  }

  /** Whether the index fits the sessions once all is at rest, as the store itself examines it. */
  async #examine(): Promise<readonly Violation[]> {
    const { maintenance } = this.storage.direct;
    const found: string[] = [];
    for (let cursor: string | undefined, pages = 0; maintenance !== undefined && pages < 10_000; pages++) {
      const page = await maintenance.examine({
        limit: 50,
        repair: false,
        now: this.time.now,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { kind, key } of page.findings) found.push(`${kind} ${key}`);
      ({ cursor } = page);
      if (cursor === undefined) break;
    }
    if (found.length === 0) return [];
    return [{ rule: "the index fits", at: this.time.now, client: "", message: found.slice(0, 5).join(", ") }];
  }

  /** What became of sessions is told for a day after their end. */
  async #sweepJournals(): Promise<void> {
    const store = this.storage.direct;
    const now = this.time.now + 2 * JOURNAL_KEPT_MS;
    for (let rounds = 0; rounds < 100; rounds++) {
      const sweeps = (await store.listDue(now, { limit: 100, graceMs: 0 })).flatMap((work) =>
        work.type === "sweep" ? [work.work] : []
      );
      if (sweeps.length === 0) return;
      for (const work of sweeps) await store.sweep(work);
    }
  }

  #node(index: number | undefined): Node | undefined {
    return index === undefined ? undefined : this.nodes[index];
  }

  #do(action: Action): void {
    const client = "client" in action ? this.clients[action.client] : undefined;
    const node = "node" in action ? this.nodes[action.node] : undefined;
    switch (action.do) {
      case "crash":
        return node?.crash(action.forMs);
      case "shutdown":
        return void node?.shutdown(action.forMs);
      case "clock":
        if (node !== undefined) node.clockMs += action.byMs;
        return this.journal.note(() => `the clock of ${node?.name} jumps by ${action.byMs} ms`);
      case "runDue":
        return node?.runDue();
      case "end":
        return client && node && this.#end(client, node);
      case "inspect":
        return void this.#inspect();
      case "hostPublish":
        return node && this.#hostPublish(node, action.topic, action.qos);
      default:
        if (client instanceof Page) return client.do(action, () => this.nextText());
        return client && this.#doAtClient(client, action);
    }
  }

  #doAtClient(client: Client, action: Extract<Action, { readonly client: number }>): void {
    switch (action.do) {
      case "connect":
        return this.#connect(client, action);
      case "disconnect":
        return client.disconnect(action.reasonCode, action.waits, action.expiry);
      case "cut":
        return client.link?.cut(action.silent);
      case "publish": {
        const { topic, qos, retain = false, expiry, padding } = action;
        for (let time = 0; time < action.times; time++) {
          const name = action.removes === true ? "" : this.nextText();
          const text = padding === 0 ? name : `${name} ${".".repeat(padding)}`;
          if (action.second === true) this.#publishBySecond(client, topic, text);
          else client.publish({ topic, text, qos, retain, ...(expiry === undefined ? {} : { expiry }) });
        }
        return;
      }
      case "subscribe":
        return client.subscribe(action.filter);
      case "unsubscribe":
        return client.unsubscribe(action.filter);
      case "sharesNoLocal":
        this.journal.count("shares with No Local");
        return client.shareNoLocal();
      case "ping":
        return client.ping();
      case "reauthenticate":
        return client.reauthenticate();
      case "holdAnswers":
        return client.holdAnswers(action.ms);
      case "stopReading":
        return client.link?.stopReading(action.ms);
      case "rude": {
        if (!client.isOnline) return;
        client.isRude = true;
        this.journal.see({ type: "misbehaved", at: this.time.now, client: client.name });
        this.journal.count("rude");
        const flood = this.#plan.broker.receiveMaximum + 2;
        return client.link?.send(...rudePackets(client, action.how, flood, () => this.nextText()));
      }
      // There is nobody to do so but a page.
      case "reload":
      case "tab":
      case "offline":
      case "end":
        return;
      default:
        return action satisfies never;
    }
  }

  #connect(client: Client, action: Extract<Action, { readonly do: "connect" }>): void {
    if (client.isRude) return;
    const connect = () => {
      const { node, clean, will, expiry } = action;
      const { link } = client;
      if (link !== undefined) {
        if (action.old === "keep") client.second = link;
        client.link = undefined;
        if (action.old === "close") link.close();
        if (action.old === "vanish") link.cut(true);
        this.journal.count(`connects again, old ${action.old}`);
      }
      client.connect({ node, clean, will, ...(expiry === undefined ? {} : { expiry }) });
    };
    const { atExpiry } = action;
    if (atExpiry === undefined) return connect();
    // In the very moment of its end, if that is a moment to come.
    if (client.link !== undefined || client.detachedAt === undefined || client.plan.version === 4) return;
    const at = client.detachedAt + client.expiry * 1_000 + atExpiry - this.#plan.networkMs[0];
    if (at < this.time.now || at > START + this.#plan.lengthMs) return;
    this.journal.count("connects as the session ends");
    this.time.after(at - this.time.now, () => {
      if (client.link === undefined) connect();
    });
  }

  #publishBySecond(client: Client, topic: string, text: string): void {
    if (client.second === undefined) return;
    this.journal.count("published by a second device");
    const packet = { type: "publish", qos: 1, retain: false, dup: false, properties: {} } as const;
    client.second.send({ ...packet, topic, packetId: 60_000 + this.#texts, payload: bytes(text) });
  }

  async #inspect(): Promise<void> {
    const { directory } = this.storage.direct;
    for (const { name } of this.clients) {
      const line = await directory.inspect(name);
      if (line === undefined) continue;
      const { queuedMessages } = line;
      this.journal.see({ type: "inspected", at: this.time.now, client: name, queuedMessages });
    }
  }

  #end(client: Client | Page, node: Node): void {
    const { broker } = node;
    if (broker === undefined) return;
    const at = this.time.now;
    this.journal.see({ type: "ended", at, client: client.name });
    broker.end(client.name).then(
      () => this.journal.see({ type: "ended", at: this.time.now, client: client.name, until: this.time.now }),
      () => {},
    );
  }

  #hostPublish(node: Node, topic: string, qos: 0 | 1 | 2): void {
    const { broker } = node;
    if (broker === undefined) return;
    const message = { topic, payload: bytes(this.nextText()), qos };
    const told = { type: "hostPublished", at: this.time.now, ...message } as const;
    this.journal.see(told);
    broker.publish(message).then(
      ({ accepted }) => accepted && this.journal.see({ ...told, at: this.time.now, until: this.time.now }),
      () => {},
    );
  }
}
