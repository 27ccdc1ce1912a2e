/**
 * The brokers of a soak: each a process, which may be gone at the moment.
 *
 * @module
 */
import type { BrokerProcess } from "../e2e/support/broker_process.ts";
import type { Chance } from "./chance.ts";
import { type Engine, mebibytes } from "./engine.ts";
import { pauseExactly } from "./tempo.ts";

/** Between two attempts to start a broker, whose store may be gone as well. */
const RETRY_MS = 500;

interface Running {
  readonly broker: BrokerProcess;
  readonly since: number;
}

/** The brokers. */
export class Nodes implements AsyncDisposable {
  readonly #engine: Engine;
  readonly #args: readonly string[];
  readonly #over = new AbortController();
  readonly #running: (Running | undefined)[];
  /** What brokers have said on their way, by kind of line. */
  readonly complaints = new Map<string, number>();

  private constructor(engine: Engine, args: readonly string[]) {
    this.#engine = engine;
    this.#args = args;
    this.#running = Array.from({ length: engine.nodes }, () => undefined);
  }

  /** Starts them all. */
  static async start(engine: Engine, args: readonly string[]): Promise<Nodes> {
    const nodes = new Nodes(engine, args);
    await Promise.all(nodes.#running.map((_, index) => nodes.start(index)));
    return nodes;
  }

  /** How many run. */
  get count(): number {
    return this.#running.filter((running) => running !== undefined).length;
  }

  /** How many there are when all run. */
  get most(): number {
    return this.#running.length;
  }

  /** Where one of them listens that runs. */
  url(chance: Chance): string | undefined {
    const running = this.#running.filter((entry) => entry !== undefined);
    return running[chance.whole(0, running.length - 1)]?.broker.url;
  }

  /** Whether this one runs. */
  runs(index: number): boolean {
    return this.#running[index] !== undefined;
  }

  /** Kills one where it stands. */
  async kill(index: number): Promise<void> {
    await this.#end(index, (broker) => broker.kill());
  }

  /** Asks one to stop, and waits until it has. Its exit code. */
  async stop(index: number): Promise<number> {
    let code = 0;
    await this.#end(index, async (broker) => {
      code = await broker.stop();
    });
    return code;
  }

  /** Starts one, however often that takes. */
  async start(index: number): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        const broker = await this.#engine.start(...this.#args, "--node", `node-${index}`);
        if (this.#over.signal.aborted) return await broker.kill();
        this.#running[index] = { broker, since: Date.now() };
        return;
      } catch (error) {
        this.#complain(String(error));
        await pauseExactly(RETRY_MS, this.#over.signal);
      }
    }
  }

  /** How much memory each takes, for a person. */
  async memory(): Promise<string> {
    const lines = await Promise.all(this.#running.map(async (entry, index) => {
      if (entry === undefined) return `node-${index} is gone`;
      const status = await Deno.readTextFile(`/proc/${entry.broker.pid}/status`).catch(() => "");
      const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
      return `node-${index} ${mebibytes(resident)} after ${Math.round((Date.now() - entry.since) / 1_000)} s`;
    }));
    return lines.join(", ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running.map((_, index) => this.kill(index)));
  }

  async #end(index: number, end: (broker: BrokerProcess) => Promise<unknown>): Promise<void> {
    const entry = this.#running[index];
    if (entry === undefined) return;
    this.#running[index] = undefined;
    await end(entry.broker);
    this.#complain(entry.broker.output);
  }

  /** Counts lines that are alike: numbers and names in them differ. */
  #complain(output: string): void {
    for (const line of output.split("\n")) {
      if (line === "" || /^(listening|storing|stopping) /.test(line)) continue;
      const kind = line.replace(/[\w-]{20,}/g, "…").replace(/\d+/g, "N");
      this.complaints.set(kind, (this.complaints.get(kind) ?? 0) + 1);
    }
  }
}
