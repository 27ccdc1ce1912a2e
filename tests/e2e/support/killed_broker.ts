import type { BrokerData, RunningBroker } from "./broker_process.ts";
import type { Address } from "./mqttjs_client.ts";

/** A kill comes up to so much after the packet that called for it: any step of a commit may be under way. */
const DRIFT_MS = 6;

/** One broker after the other on the same database: each is killed at a random moment, and the next one started. */
export class KilledBroker implements AsyncDisposable {
  readonly #data: BrokerData<RunningBroker>;
  readonly #args: readonly string[];
  readonly #random: () => number;
  /** Where the one that runs listens. */
  readonly address: Address;
  #process: RunningBroker;
  #moments: number[] = [];
  #heard = 0;
  #restarting: Promise<void> | undefined;

  private constructor(
    process: RunningBroker,
    data: BrokerData<RunningBroker>,
    args: readonly string[],
    random: () => number,
  ) {
    this.#process = process;
    this.#data = data;
    this.#args = args;
    this.#random = random;
    this.address = { url: process.url };
  }

  /** Starts the first one. */
  static async start(
    data: BrokerData<RunningBroker>,
    args: readonly string[],
    random: () => number,
  ): Promise<KilledBroker> {
    return new KilledBroker(await data.start(...args), data, args, random);
  }

  /** Plans kills for the next `packets` that are heard. */
  plan(kills: number, packets: number): void {
    this.#heard = 0;
    this.#moments = Array.from({ length: kills }, () => this.#random() * packets).sort((one, other) => one - other);
  }

  /** A client has heard a packet: it may be the last one of this broker. */
  heard(): void {
    this.#heard++;
    if (this.#restarting !== undefined || this.#heard < (this.#moments[0] ?? Infinity)) return;
    this.#moments.shift();
    this.restart();
  }

  /** Kills it, and starts the next one. */
  restart(): Promise<void> {
    return this.#restarting ??= this.#replace().finally(() => this.#restarting = undefined);
  }

  /** Ends when no kill is under way. */
  async settled(): Promise<void> {
    await this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settled();
    await this.#process.kill();
  }

  async #replace(): Promise<void> {
    // Chance, not waiting: nothing depends on how long this takes.
    await new Promise((resolve) => setTimeout(resolve, this.#random() * DRIFT_MS));
    await this.#process.kill();
    this.#process = await this.#data.start(...this.#args);
    this.address.url = this.#process.url;
  }
}
