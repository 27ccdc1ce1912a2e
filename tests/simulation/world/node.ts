/** A broker node: it starts, lives by a clock of its own, dies where it stands, and starts again. */
import { type BrokerConnection, type SessionBroker, sessionBroker, type Transport } from "../../../mod.ts";
import { type Random, random } from "../../../src/testing/mod.ts";
import { FORBIDDEN, type NodePlan, type Plan } from "../plan/plan.ts";
import { COMMIT } from "./commit_options.ts";
import { hostOf, methodsOf } from "./host.ts";
import type { Journal } from "./journal.ts";
import { FaultCounter, Gate, type GateOwner, type Storage } from "./storage.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** How often a node looks for what is due, and for news that nothing tells of, in milliseconds. */
export const DUE_POLL_MS = 2_000;
export const DOORBELL_POLL_MS = 500;
/** How long past its lease a node is waited for. */
export const GRACE_MS = 1_000;

/** One run of a node, from its start to its death. */
class Life implements GateOwner {
  readonly name: string;
  isAlive = true;
  readonly #node: Node;

  constructor(node: Node, name: string) {
    this.#node = node;
    this.name = name;
  }

  die(forMs: number): void {
    this.#node.crash(forMs);
  }
}

/** A connection, as its node sees it: told when the node dies. */
export interface Accepted {
  nodeDied(): void;
}

/** A broker node. */
export class Node {
  readonly name: string;
  readonly faults: FaultCounter;
  broker: SessionBroker | undefined;
  clockMs: number;
  readonly #time: VirtualTime;
  readonly #journal: Journal;
  readonly #storage: Storage;
  readonly #plan: Plan;
  readonly #own: NodePlan;
  readonly #index: number;
  readonly #accepted = new Set<Accepted>();
  #life: Life | undefined;
  #lives = 0;
  #cancelWake = () => {};

  constructor(time: VirtualTime, journal: Journal, storage: Storage, plan: Plan, index: number) {
    this.#time = time;
    this.#journal = journal;
    this.#storage = storage;
    this.#plan = plan;
    this.#index = index;
    this.name = `n${index}`;
    // Every index of a node has a plan.
    this.#own = plan.nodes[index] as NodePlan;
    this.clockMs = this.#own.clockMs;
    this.faults = new FaultCounter(plan.faults.filter(({ node }) => node === index));
  }

  get isUp(): boolean {
    return this.#life !== undefined;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { name, broker: settings, seed, store } = { ...this.#plan, name: `${this.name}.${++this.#lives}` };
    const life = this.#life = new Life(this, name);
    const chance = random(seed ^ Math.imul(this.#lives * 64 + this.#index + 1, 0x9e3779b1));
    const gate = new Gate(this.#time, this.#journal, life, store, chance, this.faults);
    const startedAt = this.#time.now;
    let ids = 0;
    const { leaseMs } = settings;
    const broker = sessionBroker({
      store: this.#storage.behind(gate),
      ...(settings.retains === true ? { retained: this.#storage.retainedBehind(gate) } : {}),
      nodeId: this.name,
      environment: {
        now: () => this.#time.now + this.clockMs,
        monotonic: () => this.#time.now - startedAt,
        randomId: () => `${name}-${++ids}`,
        // As timers are on every platform: they count, whatever the clock is set to meanwhile.
        wake: (at, callback) =>
          this.#time.after(at - this.#time.now - this.clockMs, () => {
            if (life.isAlive) callback();
          }),
      },
      lease: { durationMs: leaseMs, renewEveryMs: leaseMs / 4, closeAfterMs: leaseMs * 3 / 4, graceMs: GRACE_MS },
      commit: COMMIT,
      duePollMs: DUE_POLL_MS,
      doorbellPollMs: DOORBELL_POLL_MS,
      queueQos0: settings.queueQos0,
      policy: settings.sharedNeverStarted === undefined ? {} : { sharedNeverStarted: settings.sharedNeverStarted },
      queueRules: settings.rules ?? [],
      ...(settings.quota === undefined ? {} : { quota: settings.quota }),
      ...hostOf(this.#plan, (verdict) => this.#verdict(verdict, chance)),
      queue: { maximumMessages: settings.queueMessages, whenFull: settings.whenFull },
      limits: {
        authenticationMethods: methodsOf(this.#plan),
        sendAhead: settings.sendAhead,
        pageMessages: settings.pageMessages,
        maximumInFlight: settings.maximumInFlight,
        receiveMaximum: settings.receiveMaximum,
        maximumSessionExpiryInterval: settings.maximumSessionExpiryInterval,
        ...(settings.maximumPacketSize === undefined ? {} : { maximumPacketSize: settings.maximumPacketSize }),
        ...(settings.maximumQoS === undefined ? {} : { maximumQoS: settings.maximumQoS }),
      },
      authorize: ({ topic }) => this.#verdict(!topic.startsWith(FORBIDDEN), chance),
      observe: (event) => {
        if (!life.isAlive) return;
        const what = event.type === "dropped" || event.type === "ended" ? `${event.type} ${event.reason}` : event.type;
        this.#journal.count(what);
        if (event.type !== "commit") this.#journal.note(() => `${name} ${JSON.stringify(event, errorsAsText)}`);
      },
    });
    this.broker = broker;
    this.#journal.note(() => `${name} starts`);
    const { wokenEveryMs } = this.#own;
    if (wokenEveryMs === undefined) broker.start();
    else this.#wakeEvery(wokenEveryMs, life);
  }

  /** Takes a connection in; `undefined` when nobody listens. */
  accept(transport: Transport, connection: Accepted): BrokerConnection | undefined {
    const { broker } = this;
    if (broker === undefined || this.#life === undefined) return undefined;
    const life = this.#life;
    this.#accepted.add(connection);
    return broker.accept({
      ...transport,
      send: (packet) => {
        if (life.isAlive) transport.send(packet);
      },
      close: () => {
        if (life.isAlive) transport.close();
      },
    });
  }

  /** It dies where it stands, and is started again later. */
  crash(forMs: number): void {
    if (this.#life === undefined) return;
    this.#journal.note(() => `${this.#life?.name} dies`);
    this.#journal.count("crash");
    this.#end(forMs);
  }

  /** It is asked to stop, and started again later. */
  async shutdown(forMs: number): Promise<void> {
    const { broker } = this;
    const life = this.#life;
    if (broker === undefined || life === undefined) return;
    this.#journal.note(() => `${life.name} is asked to stop`);
    await broker.shutdown();
    if (life === this.#life) this.#end(forMs);
  }

  runDue(): void {
    // What cannot be done now stays due.
    this.broker?.runDue().catch(() => {});
  }

  /** What the host says, at once or later. */
  #verdict<Verdict>(verdict: Verdict, chance: Random): Verdict | Promise<Verdict> {
    const { verdictMs } = this.#plan.broker;
    if (verdictMs === undefined) return verdict;
    const [least, most] = verdictMs;
    return new Promise((resolve) => this.#time.after(least + chance.below(most - least + 1), () => resolve(verdict)));
  }

  #end(forMs: number): void {
    if (this.#life === undefined) return;
    this.#life.isAlive = false;
    this.#life = undefined;
    this.broker = undefined;
    this.#cancelWake();
    for (const connection of this.#accepted) connection.nodeDied();
    this.#accepted.clear();
    this.#time.after(forMs, () => this.start());
  }

  #wakeEvery(ms: number, life: Life): void {
    this.#cancelWake = this.#time.after(ms, () => {
      if (!life.isAlive) return;
      this.runDue();
      this.#wakeEvery(ms, life);
    });
  }
}

function errorsAsText(_key: string, value: unknown): unknown {
  return value instanceof Error ? String(value) : value;
}
