/** One run of a small world: a fresh store, its actors, and what is known of both. */
import { SessionError } from "../../errors.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { START } from "../conformance/kit.ts";
import { intercept } from "../intercept.ts";
import { Actor, type Gate, type HeldCall } from "./actor.ts";
import { type Contents, RowReader } from "./contents.ts";
import { FINALES, playFinale } from "./finale.ts";
import { CLIENT, Hand, OTHER } from "./hand.ts";
import { type Names, textOf } from "./names.ts";
import { answered, begin, called, crashed, type Judgement, stepped, Violation } from "./referee.ts";
import { type Choice, nameOf } from "./schedule.ts";
import { type Scenario, timeOf } from "./scenario.ts";
import { type Look, look, numbersOf } from "./shown.ts";
import { type Happening, lineOf } from "./telling.ts";

/** A store that is explored: empty when it is made. */
export interface ExploredStore {
  /**
   * Opens the store for one of those who act, as a process of its own would: the same contents, nothing else in common.
   * Whatever it awaits goes through the gate: the calls of the store itself, or those of the driver or client below it.
   */
  readonly open: (gate: Gate) => SessionStore;
  /**
   * All that is stored, row by row, in an order that hangs on the rows alone. Two states that show the same rows are
   * taken for one and the same. Without it that is what the port shows, which does for a store whose own calls go
   * through the gate, and remembers nothing but what it was told; never for calls below.
   */
  readonly contents?: () => Promise<readonly unknown[]> | readonly unknown[];
  /** Whether a row may name sessions that have ended. Of other rows none may do so once all was swept. Default: none may. */
  readonly mayOutlive?: (row: unknown) => boolean;
  /** Called at the end of each run. */
  readonly close?: () => Promise<void> | void;
}

/** What all runs of a walk share. */
export interface Ground {
  readonly make: () => Promise<ExploredStore> | ExploredStore;
  readonly scenario: Scenario;
  /** Who acts, of the parts of the scenario. */
  readonly actors: readonly string[];
  readonly names: Names;
  /** By the number of the contents, whatever their versions. */
  readonly looks: Map<number, Look>;
  /** Waits until nothing is left to do but what waits for something outside. */
  readonly drain: () => Promise<void>;
}

/** A run at rest, for another to get there without looking again. */
export interface Rest {
  readonly contents: Contents;
  readonly judgement: Judgement;
  readonly histories: readonly string[];
  /** Calls at the gate of each actor. */
  readonly waiting: readonly number[];
}

/** A run. */
export class World {
  readonly #ground: Ground;
  readonly #subject: ExploredStore;
  readonly #observer: SessionStore;
  readonly #actors: Actor[] = [];
  readonly #versions = new Map<string, string>();
  readonly #happenings: Happening[] = [];
  #histories: string[] = [];
  readonly #rows: RowReader;
  #contents: Contents = { number: -1, plain: -1 };
  #judgement: Judgement | undefined;
  /** Whether what happens now has not happened in an earlier run. */
  #isWatching = false;
  /** Whether nobody else acts: at the beginning, and at the end. */
  #isAlone = true;
  #violation: unknown;

  private constructor(ground: Ground, subject: ExploredStore) {
    this.#ground = ground;
    this.#subject = subject;
    this.#rows = new RowReader(ground.names, this.#versions);
    this.#observer = subject.open(this.#openActor("observer").gate);
  }

  /** Makes a store and its beginning, and lets all come to rest. */
  static async open(ground: Ground, known?: Rest): Promise<World> {
    const world = new World(ground, await ground.make());
    try {
      await world.#begin(known);
      return world;
    } catch (error) {
      await world.close();
      throw error instanceof Violation ? new Violation(error.message, world.lines()) : error;
    }
  }

  /** Ends the run. */
  async close(): Promise<void> {
    for (const actor of this.#actors) actor.crash();
    await this.#subject.close?.();
  }

  /** The run as it is now. */
  rest(): Rest {
    const judgement = this.#judgement;
    if (judgement === undefined) throw new Error("Cannot explore: the run has not begun");
    const waiting = this.#actors.map(({ pending }) => pending.length);
    return { contents: this.#contents, judgement, histories: [...this.#histories], waiting };
  }

  /**
   * Names the state: what is stored, what the store remembers, and all that each actor was ever told. An actor does the
   * same again when it is told the same, so from equal states all goes on alike. One who has ended or crashed does
   * nothing more, whatever it was told.
   */
  key(): string {
    const { names } = this.#ground;
    const { judgement } = this.rest();
    const parts = this.#actors.map((actor, index) => {
      if (actor.isGone) return "-";
      const partial = Array.from(actor.carriedOut, ([call, outcome]) => `${call.ordinal}:${this.#textOf(outcome)}`);
      const effect = judgement.open.get(actor.name)?.effect;
      const meant = effect === undefined ? "" : names.ofObject(effect.answers);
      return `${this.#histories[index]} ${partial.sort().join()} ${meant}`;
    });
    return [this.#contents.number, names.ofObject(judgement.now.ledger), ...parts].join("|");
  }

  /** Names the state for those who come after all: nobody of the others is left. */
  endKey(): string {
    return `${this.#contents.plain}|${this.#ground.names.ofObject(this.rest().judgement.now.ledger)}`;
  }

  /** What may come next; faults only where some are left. */
  choices(faultsLeft: number): Choice[] {
    const calls: Choice[] = [];
    const crashes: Choice[] = [];
    for (const [index, { isGone, pending }] of this.#actors.entries()) {
      if (isGone) continue;
      // First, so that a crash is tried where its actor stopped, not again after each step of others.
      if (faultsLeft > 0) crashes.push({ type: "crash", actor: index });
      for (const call of pending) {
        calls.push({ type: "call", actor: index, call });
        // To lose what was read changes nothing: it would be read again.
        if (faultsLeft > 0 && call.footprint.writes.length > 0) calls.push({ type: "lost", actor: index, call });
      }
    }
    if (calls.length === 0) return FINALES.map((finale): Choice => ({ type: "finale", finale }));
    return [...crashes, ...calls];
  }

  /** Takes a choice by its name. `known` is where that led before: then nothing is looked at. */
  async take(name: string, faultsLeft: number, known?: Rest): Promise<void> {
    const choice = this.choices(faultsLeft).find((each) => nameOf(each) === name);
    if (choice === undefined) throw new Error(`Cannot explore: ${name} is not to be had any more`);
    this.#isWatching = known === undefined;
    if (choice.type === "finale") return await this.#finish(choice.finale);
    const actor = this.#actorAt(choice.actor);
    if (choice.type === "crash") {
      const within = this.#judgement?.open.get(actor.name)?.call;
      this.#happenings.push({ actor: actor.name, what: "crash", ...(within === undefined ? {} : { within }) });
      actor.crash();
      this.#judgement = this.#judgement && crashed(this.#judgement, actor.name);
    } else await this.#carryOut(actor, choice.actor, choice.call, choice.type === "lost", known);
    if (known !== undefined) this.#restore(known);
    if (this.#violation !== undefined) throw this.#violation;
    if (actor.failure !== undefined) throw new Violation(`${actor.name} fails: ${actor.failure}`);
  }

  /** What happened, a line each. */
  lines(): readonly string[] {
    return this.#happenings.map((happening, index) => `${index + 1}. ${lineOf(happening)}`);
  }

  async #begin(known: Rest | undefined): Promise<void> {
    const { scenario, actors, names, drain } = this.#ground;
    const byName = new Map<string, { readonly actor: Actor; readonly hand: Hand }>();
    const handOf = (name: string): Hand => {
      let found = byName.get(name);
      if (found === undefined) {
        const actor = this.#openActor(name);
        const store = this.#watched(actor.name, this.#subject.open(actor.gate));
        const hand = new Hand(name, store, timeOf(scenario.parts[name] ?? {}));
        byName.set(name, found = { actor, hand });
      }
      return found.hand;
    };
    for (const name of actors) handOf(name);
    this.#isWatching = known === undefined;
    if (this.#isWatching) this.#judgement = begin(await this.#look());
    const beginning = await scenario.begin(handOf);
    this.#isAlone = false;
    if (this.#violation !== undefined) throw this.#violation;
    // From here on it differs from schedule to schedule.
    this.#happenings.length = 0;
    for (const [index, name] of actors.entries()) {
      const found = byName.get(name);
      const part = scenario.parts[name];
      if (found === undefined || part === undefined) throw new RangeError(`Cannot explore: nobody is called ${name}`);
      const { actor, hand } = found;
      this.#actors.push(actor);
      this.#histories.push(String(names.of("")));
      actor.shut();
      actor.start(() => part.act(hand, beginning));
      await actor.rest(drain, known?.waiting[index]);
      if (actor.failure !== undefined) throw new Violation(`${actor.name} fails: ${actor.failure}`);
    }
    if (known !== undefined) this.#restore(known);
    if (this.#violation !== undefined) throw this.#violation;
  }

  async #carryOut(
    actor: Actor,
    index: number,
    call: HeldCall,
    isLost: boolean,
    known: Rest | undefined,
  ): Promise<void> {
    const within = this.#judgement?.open.get(actor.name)?.call;
    const result = await settled(call.run());
    const outcome: PromiseSettledResult<unknown> = isLost
      ? { status: "rejected", reason: new SessionError("OUTCOME_UNKNOWN", "the answer was lost") }
      : result;
    const what = isLost ? "lost" : "call";
    this.#happenings.push({ actor: actor.name, call, what, outcome, ...(within === undefined ? {} : { within }) });
    this.#nameVersion(result, actor.name, call.ordinal);
    if (known === undefined) {
      const after = call.footprint.writes.length === 0 ? this.#judgement?.now.look : await this.#look();
      if (this.#judgement !== undefined && after !== undefined) {
        this.#judgement = stepped(this.#judgement, actor.name, after);
      }
    }
    const told = [...actor.carriedOut, [call, outcome] as const].sort(([a], [b]) => a.ordinal - b.ordinal);
    if (actor.settle(call, outcome)) {
      if (known === undefined) {
        const text = told.map(([each, result]) => `${each.ordinal}:${this.#textOf(result)}`).join();
        this.#histories[index] = String(this.#ground.names.of(`${this.#histories[index]} ${text}`));
      }
      const isPort = (): boolean => {
        // A call of the port itself has no siblings: scripts call one after the other.
        const [first] = actor.pending;
        return first !== undefined && this.#judgement?.open.get(actor.name)?.call.args[0] === first.args[0];
      };
      await actor.rest(() => isPort() ? Promise.resolve() : this.#ground.drain(), known?.waiting[index]);
    }
  }

  async #finish(finale: string): Promise<void> {
    this.#happenings.push({ actor: "finale", what: "finale" });
    this.#isAlone = true;
    const store = this.#watched("finale", this.#subject.open(this.#openActor("finale").gate));
    try {
      await playFinale(finale, this.#ground.scenario, store);
    } catch (error) {
      throw this.#violation ?? new Violation(`${finale}: ${error instanceof Error ? error.message : error}`);
    }
    for (const row of await this.#subject.contents?.() ?? []) {
      if (this.#subject.mayOutlive?.(row) === true) continue;
      const text = textOf(row, this.#versions);
      if (text.includes("life-")) throw new Violation(`${finale}: of an ended session this is left: ${text}`);
    }
  }

  /** A store whose calls the referee hears of. As long as nobody else acts, a call is one step. */
  #watched(name: string, store: SessionStore): SessionStore {
    return intercept(store, async (call, run) => {
      this.#judge((judgement) => called(judgement, name, call));
      const outcome = await settled(run());
      if (this.#isAlone && this.#isWatching) {
        this.#happenings.push({ actor: name, call, what: "call", outcome });
        const after = await this.#look();
        this.#judge((judgement) => stepped(judgement, name, after));
      }
      this.#judge((judgement) => answered(judgement, name, outcome));
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value;
    });
  }

  #judge(next: (judgement: Judgement) => Judgement): void {
    if (!this.#isWatching || this.#judgement === undefined || this.#violation !== undefined) return;
    try {
      this.#judgement = next(this.#judgement);
    } catch (violation) {
      this.#violation = violation;
    }
  }

  #restore({ contents, judgement, histories }: Rest): void {
    this.#contents = contents;
    this.#judgement = judgement;
    this.#histories = [...histories];
  }

  async #look(): Promise<Look> {
    const { names, looks } = this.#ground;
    const rows = await this.#subject.contents?.();
    if (rows !== undefined) {
      this.#contents = this.#rows.read(rows);
      const known = looks.get(this.#contents.plain);
      if (known !== undefined) return known;
    }
    const outboxIds = this.#judgement?.now.look.shown.outboxes.keys() ?? [];
    const seen = await look(this.#observer, [CLIENT, OTHER], outboxIds, START);
    if (rows === undefined) {
      const number = names.of(`${seen.text}\n${numbersOf(seen)}`);
      this.#contents = { number, plain: number };
    }
    looks.set(this.#contents.plain, seen);
    return seen;
  }

  #openActor(name: string): Actor {
    const actor: Actor = new Actor(name, async (call: HeldCall) => {
      const result = await settled(call.run());
      this.#nameVersion(result, name, call.ordinal);
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    actor.open();
    return actor;
  }

  #nameVersion(result: PromiseSettledResult<unknown>, name: string, ordinal: number): void {
    if (result.status === "rejected" || typeof result.value !== "object" || result.value === null) return;
    if (!("version" in result.value) || typeof result.value.version !== "string") return;
    this.#versions.set(result.value.version, `${name}#${ordinal}`);
  }

  #textOf(outcome: PromiseSettledResult<unknown>): number {
    const text = outcome.status === "rejected" ? `!${outcome.reason}` : textOf(outcome.value, this.#versions);
    return this.#ground.names.of(text);
  }

  #actorAt(index: number): Actor {
    const actor = this.#actors[index];
    if (actor === undefined) throw new Error("Cannot explore: there is no such actor");
    return actor;
  }
}

async function settled(promise: Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
  try {
    return { status: "fulfilled", value: await promise };
  } catch (reason) {
    return { status: "rejected", reason };
  }
}
