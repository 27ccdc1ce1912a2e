/**
 * The example broker as a process of its own.
 *
 * @module
 */
import { ServerProcess } from "./server_process.ts";

/** A broker in a process of its own, whatever its program. */
export interface RunningBroker extends AsyncDisposable {
  /** Where it listens. */
  readonly url: string;
  /** All that it has printed. */
  readonly output: string;
  readonly pid: number;
  /** Kills it where it stands, and waits until it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop, and returns its exit code. */
  stop(signal?: "SIGTERM" | "SIGINT"): Promise<number>;
}

/** A broker that runs, until it is killed, stopped or disposed of. */
export class BrokerProcess implements RunningBroker {
  readonly #server: ServerProcess;

  private constructor(server: ServerProcess) {
    this.#server = server;
  }

  /** Starts a broker on a free port, and waits until it has said where it listens and what it stores to. */
  static start(...args: readonly string[]): Promise<BrokerProcess> {
    return BrokerProcess.startIn({}, ...args);
  }

  /** The same, with more in its environment. */
  static async startIn(
    environment: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ): Promise<BrokerProcess> {
    const server = await ServerProcess.start({
      name: "broker",
      args: ["examples/broker/main.ts", "--port", "0", ...args],
      environment,
      readUrl: (output) => /^storing in .+$/m.test(output) ? /^listening on (ws:\S+)$/m.exec(output)?.[1] : undefined,
    });
    return new BrokerProcess(server);
  }

  /** Where it listens. */
  get url(): string {
    return this.#server.url;
  }

  /** Where it listens, for HTTP. */
  get httpUrl(): string {
    return this.url.replace("ws:", "http:").replace("/mqtt", "/");
  }

  /** All that it has printed. */
  get output(): string {
    return this.#server.output;
  }

  get pid(): number {
    return this.#server.pid;
  }

  /** Kills it where it stands, and waits until it is gone. */
  kill(): Promise<void> {
    return this.#server.kill();
  }

  /** Asks it to stop, and returns its exit code. */
  stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number> {
    return this.#server.stop(signal);
  }

  /** Its exit code, once it has ended and all that it printed was read. */
  exited(): Promise<number> {
    return this.#server.exited();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** Where brokers keep sessions, for as long as a test runs. */
export interface BrokerData<Broker extends RunningBroker = BrokerProcess> extends AsyncDisposable {
  /** Starts a broker that keeps its sessions here. */
  start(...args: readonly string[]): Promise<Broker>;
}

/** A kind of place for sessions, and of brokers that keep them there. */
export interface DataKind<Broker extends RunningBroker = BrokerProcess> {
  /** Begins the names of tests. */
  readonly name: string;
  /** Whether a broker that was killed counts as gone by the end of its lease; otherwise from when the next one looks. */
  readonly hasLease?: boolean;
  make(): Promise<BrokerData<Broker>>;
}

/** A folder of its own for a database, removed at the end. */
export class DataFolder implements BrokerData {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(): Promise<DataFolder> {
    return new DataFolder(await Deno.makeTempDir({ prefix: "edge-mqtt-" }));
  }

  /** The arguments that let a broker store here. */
  get args(): readonly string[] {
    return ["--data", `${this.path}/sessions.db`];
  }

  start(...args: readonly string[]): Promise<BrokerProcess> {
    return BrokerProcess.start(...this.args, ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Deno KV on a file. */
export const DENO_KV: DataKind = { name: "Deno KV", make: DataFolder.make };

/** The memory of the process: brokers share nothing. */
export const MEMORY: DataKind = {
  name: "memory",
  make: () =>
    Promise.resolve({
      start: (...args) => BrokerProcess.start("--store", "memory", ...args),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
};
