/**
 * What happens to processes.
 *
 * @module
 */
import type { Chance } from "./chance.ts";
import type { Engine } from "./engine.ts";
import type { Journal } from "./journal.ts";
import type { Nodes } from "./nodes.ts";
import { pauseExactly, type Tempo } from "./tempo.ts";

/** When nobody hears anything, the next fault comes after so long. */
const SILENCE_MS = 15_000;

/** A kill comes up to so much after the packet that called for it: any step of a commit may be under way. */
const DRIFT_MS = 6;

/** What it strikes at, and how. */
export interface KillerOptions {
  readonly engine: Engine;
  readonly nodes: Nodes;
  readonly journal: Journal;
  readonly chance: Chance;
  readonly tempo: Tempo;
  /** It strikes whenever clients have heard about so many packets. */
  readonly packetsPerFault: number;
  /** It strikes so often at most. */
  readonly mostFaults: number;
}

/** Kills, stops and starts processes until it is told to end; then everything runs. */
export class Killer {
  readonly #engine: Engine;
  readonly #nodes: Nodes;
  readonly #journal: Journal;
  readonly #chance: Chance;
  readonly #tempo: Tempo;
  readonly #packetsPerFault: number;
  readonly #mostFaults: number;
  readonly #returns = new Set<Promise<void>>();
  #keeperIsGone = false;

  constructor({ engine, nodes, journal, chance, tempo, packetsPerFault, mostFaults }: KillerOptions) {
    this.#engine = engine;
    this.#nodes = nodes;
    this.#journal = journal;
    this.#chance = chance;
    this.#tempo = tempo;
    this.#packetsPerFault = packetsPerFault;
    this.#mostFaults = mostFaults;
  }

  /** Goes on until the signal, and ends once everything is back. */
  async run(signal: AbortSignal): Promise<void> {
    for (let fault = 0; fault < this.#mostFaults && !signal.aborted; fault++) {
      const patience = new AbortController();
      const next = AbortSignal.any([signal, patience.signal]);
      const packets = Math.ceil(this.#chance.between(0.1, 1.9) * this.#packetsPerFault);
      await Promise.race([this.#journal.hears(packets, next), this.#tempo.pause(SILENCE_MS, next)]);
      patience.abort();
      if (signal.aborted) break;
      // Chance, not waiting: nothing depends on how long this takes.
      await pauseExactly(this.#chance.between(0, DRIFT_MS), signal);
      await this.#strike(signal);
    }
    await Promise.all(this.#returns);
  }

  async #strike(signal: AbortSignal): Promise<void> {
    const { keeper, nodes } = this.#engine;
    if (nodes === 1) return;
    const chance = this.#chance;
    // The last one is left in peace more often, so that its memory can be watched.
    const index = chance.weighed({ 0: 3, 1: 1 }) === "0" ? 0 : 1;
    switch (chance.weighed({ kill: 5, killAll: 0.5, stop: 1.5, keeper: keeper === undefined ? 0 : 4 })) {
      case "kill":
        return await this.#node(index, "kill", signal);
      case "killAll":
        await Promise.all([0, 1].map((each) => this.#node(each, "kill", signal)));
        return;
      case "stop":
        return await this.#node(index, "stop", signal);
      case "keeper":
        return await this.#keeper(signal);
    }
  }

  async #node(index: number, how: "kill" | "stop", signal: AbortSignal): Promise<void> {
    if (!this.#nodes.runs(index)) return;
    this.#journal.note(`node-${index}: ${how}`);
    if (how === "kill") {
      this.#journal.counts.kills++;
      await this.#nodes.kill(index);
    } else {
      this.#journal.counts.stops++;
      const code = await this.#nodes.stop(index);
      // While its store was gone it may be unable to say good-bye.
      if (code !== 0) this.#journal.note(`node-${index}: stopped with ${code}`);
    }
    this.#later(signal, async () => {
      await this.#nodes.start(index);
      this.#journal.note(`node-${index}: is back`);
    });
  }

  async #keeper(signal: AbortSignal): Promise<void> {
    const { keeper } = this.#engine;
    if (keeper === undefined || this.#keeperIsGone) return;
    this.#keeperIsGone = true;
    this.#journal.note("Redis: kill");
    this.#journal.counts.redisKills++;
    await keeper.kill();
    this.#later(signal, async () => {
      await keeper.restart();
      this.#keeperIsGone = false;
      this.#journal.note("Redis: is back");
    });
  }

  /** Brings something back after a while. */
  #later(signal: AbortSignal, back: () => Promise<void>): void {
    const length = this.#chance.happens(0.7) ? this.#chance.between(100, 1_500) : this.#chance.between(1_500, 5_000);
    const returning = this.#tempo.pause(length, signal).then(back);
    const done = returning.finally(() => this.#returns.delete(done));
    this.#returns.add(done);
  }
}
