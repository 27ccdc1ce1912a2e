/**
 * One epoch: new clients, faults, then calm and the verdict.
 *
 * @module
 */
import type { Observation, SessionReport, Violation } from "../simulation/oracle/observation.ts";
import { quiet, swept } from "./calm.ts";
import type { Chance } from "./chance.ts";
import { type Client, type ClientCounts, makeClients } from "./clients.ts";
import type { Counts } from "./counts.ts";
import type { Engine } from "./engine.ts";
import { endSession, forgetRetained } from "./farewell.ts";
import { Journal, type Reader } from "./journal.ts";
import { Killer } from "./killer.ts";
import type { Life, Surroundings } from "./life.ts";
import type { Nodes } from "./nodes.ts";
import { retainedTopics } from "./retained_traffic.ts";
import type { Tempo } from "./tempo.ts";
import { groupsUnder } from "./traffic.ts";

/** Nothing takes longer when all is well, on a slow machine as well. */
const CALM_CAP_MS = 90_000;

/** What an epoch is made of. */
export interface EpochOptions {
  readonly number: number;
  readonly engine: Engine;
  readonly nodes: Nodes;
  readonly chance: Chance;
  readonly tempo: Tempo;
  readonly clients: ClientCounts;
  /** A process is struck whenever clients have heard about so many packets. */
  readonly packetsPerFault: number;
  /** It is struck so often at most. */
  readonly mostFaults: number;
  /** Each client does so much, if the signal does not come before. */
  readonly rounds: number;
  /** Ends the faults. */
  readonly signal: AbortSignal;
  /** Longer than a lease with its grace. */
  readonly horizonMs: number;
  readonly reader: Reader;
  violated(violation: Violation, seen: readonly Observation[]): void;
  print(line: string): void;
}

/** An epoch that is under way. */
export class Epoch {
  readonly #options: EpochOptions;
  readonly #journal: Journal;
  readonly #clients: readonly Client[];
  /** Begins all topics of which nothing is retained, and those of which something is. */
  readonly #root: string;
  readonly #retainedRoot: string;

  constructor(options: EpochOptions) {
    this.#options = options;
    this.#journal = new Journal(options.reader, options.violated);
    const { number, nodes, tempo, chance, clients } = options;
    this.#root = `soak/${number}`;
    this.#retainedRoot = `retained/${number}`;
    const around: Surroundings = {
      journal: this.#journal,
      tempo,
      root: this.#root,
      url: (chance) => nodes.url(chance),
    };
    this.#clients = makeClients(number, clients, around, this.#retainedRoot, chance);
  }

  /** What has happened so far. */
  get counts(): Counts {
    return this.#journal.counts;
  }

  /** Lives through it. */
  async run(): Promise<void> {
    const lives = this.#clients.map(({ life }) => life);
    const staying = new AbortController();
    const stays: Promise<void>[] = [];
    try {
      await this.#faults(lives);
      this.#journal.note("calm");
      stays.push(...lives.map((life) => life.stay(staying.signal)));
      await this.#verdict(lives);
    } finally {
      staying.abort();
      await Promise.all(stays);
      await Promise.all(lives.map((life) => life.dispose()));
    }
    await this.#leave();
  }

  async #faults(lives: readonly Life[]): Promise<void> {
    const { engine, nodes, chance, tempo, rounds, signal, packetsPerFault, mostFaults } = this.#options;
    const done = new AbortController();
    const faults = AbortSignal.any([signal, done.signal]);
    const killing = new Killer({
      engine,
      nodes,
      journal: this.#journal,
      chance: chance.fork(),
      tempo,
      packetsPerFault,
      mostFaults,
    })
      .run(faults);
    await Promise.all(lives.map((life) => life.run(rounds, faults)));
    done.abort();
    await killing;
  }

  async #verdict(lives: readonly Life[]): Promise<void> {
    const { engine, nodes, horizonMs, print } = this.#options;
    const opened = await engine.open?.();
    try {
      const began = Date.now();
      const size = await opened?.size() ?? "in memory";
      print(`epoch ${this.#options.number}: calm; ${await nodes.memory()}; ${size}`);
      const asked = { lives, groups: groupsUnder(this.#root), journal: this.#journal, opened, horizonMs };
      const { outstanding: left, reports: sessions } = await quiet(asked, CALM_CAP_MS);
      this.#journal.finish(sessions);
      for (const text of left.slice(0, 20)) print(`outstanding after ${CALM_CAP_MS} ms of calm: ${text}`);
      if (left.length > 0) this.#journal.violated("quiet in the end", "", left.join("; "));
      print(
        `epoch ${this.#options.number}: quiet after ${Date.now() - began} ms of calm${
          opened === undefined ? "" : this.#dropped(sessions)
        }`,
      );
      for (const misdeed of this.#journal.misdeeds) print(`misbehaved: ${misdeed}`);
    } finally {
      opened?.close();
    }
  }

  /** Counts what was dropped, and tells it by reason. */
  #dropped(sessions: readonly SessionReport[]): string {
    const byReason = new Map<string, number>();
    for (const { dropped } of sessions) {
      for (const [reason, count = 0] of Object.entries(dropped)) {
        this.counts.dropped += count;
        byReason.set(reason, (byReason.get(reason) ?? 0) + count);
      }
    }
    return [...byReason].map(([reason, count]) => `, dropped as ${reason}: ${count}`).join("");
  }

  /** Ends all sessions of the epoch; the store forgets them. */
  async #leave(): Promise<void> {
    const { engine, nodes, chance, horizonMs, print } = this.#options;
    const url = () => nodes.url(chance);
    await Promise.all(this.#clients.map(({ life: { clientId }, version }) => endSession(url, clientId, version)));
    await forgetRetained(url, retainedTopics(this.#retainedRoot));
    const opened = await engine.open?.();
    if (opened === undefined) return;
    try {
      const left = await swept(opened, horizonMs, CALM_CAP_MS);
      for (const text of left.slice(0, 20)) print(`left behind: ${text}`);
      if (left.length > 0) this.#journal.violated("swept in the end", "", left.join("; "));
      print(`epoch ${this.#options.number}: all sessions ended; ${await opened.size()}`);
    } finally {
      opened.close();
    }
  }
}
