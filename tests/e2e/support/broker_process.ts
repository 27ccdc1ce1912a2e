/**
 * The example broker as a process of its own.
 *
 * @module
 */
import { PROJECT_ROOT } from "../../support/deno.ts";
import { unlessStuck } from "./unless_stuck.ts";

/** A broker that runs, until it is killed, stopped or disposed of. */
export class BrokerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: string[];
  readonly #reading: Promise<unknown>;
  /** Where it listens. */
  readonly url: string;

  private constructor(child: Deno.ChildProcess, output: string[], reading: Promise<unknown>, url: string) {
    this.#child = child;
    this.#output = output;
    this.#reading = reading;
    this.url = url;
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
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/broker/main.ts", "--port", "0", ...args],
      cwd: PROJECT_ROOT,
      env: { NO_COLOR: "1", ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output: string[] = [];
    let ready: (url: string) => void = () => {};
    const listening = new Promise<string>((resolve) => ready = resolve);
    const heard = (text: string) => {
      output.push(text);
      const all = output.join("");
      const url = /^listening on (ws:\S+)$/m.exec(all)?.[1];
      if (url !== undefined && /^storing in .+$/m.test(all)) ready(url);
    };
    const reading = Promise.all([readText(child.stdout, heard), readText(child.stderr, heard)]);
    const url = await unlessStuck("starting a broker", Promise.race([listening, reading.then(() => undefined)]));
    if (url === undefined) throw new Error(`The broker ended before it listened:\n${output.join("")}`);
    return new BrokerProcess(child, output, reading, url);
  }

  /** Where it listens, for HTTP. */
  get httpUrl(): string {
    return this.url.replace("ws:", "http:").replace("/mqtt", "/");
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output.join("");
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Kills it where it stands, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.exited();
  }

  /** Asks it to stop, and returns its exit code. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number> {
    this.#signal(signal);
    return await this.exited();
  }

  /** Its exit code, once it has ended and all that it printed was read. */
  async exited(): Promise<number> {
    const { code } = await unlessStuck("stopping a broker", this.#child.status);
    await this.#reading;
    return code;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
  }
}

async function readText(stream: ReadableStream<Uint8Array>, heard: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) heard(decoder.decode(chunk, { stream: true }));
}

/** Where brokers keep sessions, for as long as a test runs. */
export interface BrokerData extends AsyncDisposable {
  /** Starts a broker that keeps its sessions here. */
  start(...args: readonly string[]): Promise<BrokerProcess>;
}

/** A kind of place for sessions. */
export interface DataKind {
  /** Begins the names of tests. */
  readonly name: string;
  make(): Promise<BrokerData>;
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
