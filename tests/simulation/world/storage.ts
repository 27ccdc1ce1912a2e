/** Where sessions live: a store of a drawn kind, and each node's own, faulty way to it. */
import { type RetainedStore, SessionError, type SessionStore } from "../../../mod.ts";
import type { Message } from "../../../mod.ts";
import type { CommitBatch } from "../../../src/store/session_store.ts";
import type { DriverLimits } from "../../../src/store/key_value/driver.ts";
import { keyValueRetained, keyValueStore } from "../../../src/store/key_value/mod.ts";
import { DENO_KV_LIMITS } from "../../../src/stores/deno_kv.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { intercept, type InterceptedCall } from "../../../src/testing/intercept.ts";
import { type MapDriver, mapDriver, type Random, random } from "../../../src/testing/mod.ts";
import type { FaultPlan, Plan, StorePlan } from "../plan/plan.ts";
import { COMMIT } from "./commit_options.ts";
import type { Journal } from "./journal.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** So little that most steps take several commits. */
export const TIGHT: Partial<DriverLimits> = {
  ...DENO_KV_LIMITS,
  valueBytes: 4_096,
  keysPerGet: 3,
  entriesPerList: 4,
  checksPerCommit: 20,
  mutationsPerCommit: 60,
  bytesPerCommit: 40_000,
  keyBytesPerCommit: 16_000,
};

/** Everything that stays when nodes die. */
export class Storage {
  readonly #plan: StorePlan;
  readonly #shared: SessionStore | undefined;
  readonly driver: MapDriver | undefined;
  /** Where retained messages live, if any do. */
  readonly #retained: MapDriver;
  readonly #ids: Random;

  constructor(plan: Plan) {
    const { store } = plan;
    this.#plan = store;
    this.#ids = random(plan.seed ^ 0x5eed);
    this.#retained = mapDriver({ limits: limitsOf(store) });
    if (store.kind === "memory") {
      const few = store.maxReceivers === undefined ? {} : { maxReceiversPerCommit: store.maxReceivers };
      this.#shared = memoryStore(few);
    } else {
      this.driver = mapDriver({ limits: limitsOf(store) });
    }
  }

  /** The store, without anything between. */
  get direct(): SessionStore {
    return this.#shared ?? this.#overDriver(this.driver);
  }

  /** A run of a node's own way to the store: each of its calls goes through the gate. */
  behind(gate: Gate): SessionStore {
    const { driver } = this;
    const store = driver === undefined ? gate.wrap(this.direct) : this.#overDriver(gate.wrap(driver));
    return this.#plan.delivery === "outbox" ? outboxOnly(store) : store;
  }

  /** A run of a node's own way to retained messages. */
  retainedBehind(gate: Gate): RetainedStore {
    return keyValueRetained(gate.wrap(this.#retained), { durability: "process", newId: this.#ids.id });
  }

  #overDriver(driver: MapDriver | undefined): SessionStore {
    if (driver === undefined) throw new Error("There is no driver");
    const { maxReceivers, watch } = this.#plan;
    return keyValueStore(driver, {
      capabilities: {
        fencing: "strict",
        durability: "process",
        consistency: "strong",
        watch: watch ? "everywhere" : "none",
      },
      newId: this.#ids.id,
      ...(maxReceivers === undefined ? {} : { maxReceiversPerCommit: maxReceivers }),
    });
  }
}

function limitsOf({ limits }: StorePlan): Partial<DriverLimits> {
  return limits === "none" ? {} : limits === "denoKv" ? DENO_KV_LIMITS : TIGHT;
}

/** As a store in which receivers live apart from the publisher: whatever is delivered stands in an outbox first. */
function outboxOnly(store: SessionStore): SessionStore {
  const capabilities = { ...store.capabilities, delivery: "outbox" as const };
  const behind = (batch: CommitBatch): CommitBatch =>
    batch.outbox === undefined && batch.deliveries.length > 0 ? { ...batch, behindOutbox: true } : batch;
  return new Proxy(store, {
    get: (target, property) => {
      if (property === "capabilities") return capabilities;
      if (property === "commit") {
        return (batches: readonly CommitBatch[], call?: { readonly signal?: AbortSignal }) =>
          target.commit(batches.map(behind), call);
      }
      return Reflect.get(target, property, target);
    },
  });
}

/** What a gate tells its node. */
export interface GateOwner {
  readonly name: string;
  readonly isAlive: boolean;
  /** The plan says that it dies now. */
  die(forMs: number): void;
}

/** Between a node and the store: calls take time, fail as the plan says, and end with the node. */
export class Gate {
  readonly #time: VirtualTime;
  readonly #journal: Journal;
  readonly #owner: GateOwner;
  readonly #latency: readonly [number, number];
  readonly #chance: Random;
  readonly #faults: FaultCounter;
  readonly #hidesWatch: boolean;
  readonly #isDriver: boolean;

  constructor(
    time: VirtualTime,
    journal: Journal,
    owner: GateOwner,
    plan: Pick<StorePlan, "latencyMs" | "watch" | "kind">,
    chance: Random,
    faults: FaultCounter,
  ) {
    this.#time = time;
    this.#journal = journal;
    this.#owner = owner;
    this.#latency = plan.latencyMs;
    this.#chance = chance;
    this.#faults = faults;
    this.#hidesWatch = !plan.watch;
    this.#isDriver = plan.kind === "keyValue";
  }

  wrap<Target extends object>(target: Target): Target {
    const wrapped = intercept(target, (call, run) => this.#through(call, run));
    if (!this.#hidesWatch || !("capabilities" in target)) return wrapped;
    const capabilities = { ...(target as Target & Pick<SessionStore, "capabilities">).capabilities, watch: "none" };
    return new Proxy(wrapped, {
      has: (inner, property) => property !== "watch" && Reflect.has(inner, property),
      get: (inner, property) => {
        if (property === "watch") return undefined;
        return property === "capabilities" ? capabilities : Reflect.get(inner, property, inner);
      },
    });
  }

  #delay(): number {
    const [least, most] = this.#latency;
    return most === 0 ? 0 : least + this.#chance.below(most - least + 1);
  }

  /**
   * How late a call may still be carried out. What begins a session is not carried out once it was given up: nothing
   * would tell it from a new CONNECT (README, "What is not tried"). Of calls of a driver any may be that.
   */
  #lateness(name: string, ms: number): number {
    return this.#isDriver || name === "acquire" ? Math.min(ms, COMMIT.timeoutMs * 0.9) : ms;
  }

  #through(call: InterceptedCall, run: () => Promise<unknown>): Promise<unknown> {
    const owner = this.#owner;
    const rule = this.#faults.next(call.name);
    const fault = rule?.fault;
    const [there, back] = [this.#delay(), this.#delay()];
    const note = (what: string) => this.#journal.note(() => `${owner.name} ${call.name} ${what}`);
    if (rule !== undefined) {
      this.#journal.count(`fault ${rule.fault}`);
      note(`meets ${rule.fault}`);
    }
    return new Promise((resolve, reject) => {
      const answer = (give: () => void, late: number) => {
        this.#time.after(late, () => {
          if (owner.isAlive) give();
        });
      };
      const fail = (code: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN") =>
        answer(() => reject(new SessionError(code, `Cannot ${call.name}: the plan says so`)), back);
      const carryOut = () => {
        run().then((result) => {
          if (this.#journal.isTold && !isIdle(call, result)) note(`→ ${brief(call, result)}`);
          if (fault === "crashAfter" && owner.isAlive) owner.die(rule?.ms ?? 0);
          else if (fault === "failsAfter") fail("OUTCOME_UNKNOWN");
          else if (fault !== "replyLost") {
            answer(() => resolve(result), fault === "answersLate" ? back + (rule?.ms ?? 0) : back);
          }
        }, (error) => {
          note(`→ ${error}`);
          answer(() => reject(error), back);
        });
      };
      this.#time.after(fault === "startsLate" ? there + this.#lateness(call.name, rule?.ms ?? 0) : there, () => {
        switch (fault) {
          case "crashBefore":
            if (owner.isAlive) owner.die(rule?.ms ?? 0);
            return;
          case "failsBefore":
            return fail("STORE_UNAVAILABLE");
          case "failsUnknown":
            return fail("OUTCOME_UNKNOWN");
          case "neverStarts":
            return;
          default:
            // What is on its way arrives, even if its sender is gone.
            return carryOut();
        }
      });
    });
  }
}

/** Finds the fault of each call, over all runs of a node. */
export class FaultCounter {
  readonly #rules: readonly FaultPlan[];
  readonly #seen = new Map<string, number>();
  #calls = 0;
  /** Until when faults are met. */
  isHealed = false;

  constructor(rules: readonly FaultPlan[]) {
    this.#rules = rules;
  }

  next(name: string): FaultPlan | undefined {
    const nth = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, nth);
    this.#calls++;
    if (this.isHealed) return undefined;
    return this.#rules.find((rule) =>
      rule.call === undefined ? rule.nth === this.#calls : rule.call === name && rule.nth === nth
    );
  }
}

const IDLE_CALLS: readonly string[] = ["nextDueAt", "renewNode"];

/** Whether a call only shows that nothing is to be done. */
function isIdle({ name }: InterceptedCall, result: unknown): boolean {
  if (IDLE_CALLS.includes(name) || (Array.isArray(result) && result.length === 0)) return true;
  return name === "list" && typeof result === "object" && result !== null && "entries" in result &&
    Array.isArray(result.entries) && result.entries.length === 0;
}

/** A call and its answer, as a person would tell it. */
function brief(call: InterceptedCall, result: unknown): string {
  const text = JSON.stringify({ args: call.args, result }, (key, value) => {
    if (key === "signal") return undefined;
    if (value instanceof Uint8Array) return new TextDecoder().decode(value);
    if (value instanceof Map) return [...value];
    if (value instanceof Set) return [...value];
    return value;
  });
  return text === undefined ? "" : text.slice(0, 1_500);
}

/** The text of a message. */
export function textOf(message: Pick<Message, "payload">): string {
  return new TextDecoder().decode(message.payload);
}
