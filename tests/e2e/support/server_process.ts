/**
 * A program of the project that serves, as a process of its own.
 *
 * @module
 */
import { PROJECT_ROOT } from "../../support/deno.ts";
import { unlessStuck } from "./unless_stuck.ts";

/** How a server is started. */
export interface ServerStart {
  /** What it is, for people. */
  readonly name: string;
  /** The program, its path from the project's root, and its arguments. */
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it listens, once what it has printed tells that it is ready. */
  readonly readUrl: (output: string) => string | undefined;
}

/** A server that runs, until it is killed, stopped or disposed of. */
export class ServerProcess implements AsyncDisposable {
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #output: string[];
  readonly #reading: Promise<unknown>;
  /** Where it listens. */
  readonly url: string;

  private constructor(
    { name }: ServerStart,
    child: Deno.ChildProcess,
    { output, reading, url }: {
      readonly output: string[];
      readonly reading: Promise<unknown>;
      readonly url: string;
    },
  ) {
    this.#name = name;
    this.#child = child;
    this.#output = output;
    this.#reading = reading;
    this.url = url;
  }

  /** Starts it, and waits until it is ready. */
  static async start(start: ServerStart): Promise<ServerProcess> {
    const { name, args, environment = {}, readUrl } = start;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", ...args],
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
      const url = readUrl(output.join(""));
      if (url !== undefined) ready(url);
    };
    const reading = Promise.all([readText(child.stdout, heard), readText(child.stderr, heard)]);
    const url = await unlessStuck(`starting a ${name}`, Promise.race([listening, reading.then(() => undefined)]));
    if (url === undefined) throw new Error(`The ${name} ended before it listened:\n${output.join("")}`);
    return new ServerProcess(start, child, { output, reading, url });
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

  /** Asks it to stop, and returns its exit code once all that it started has ended too. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number> {
    this.#signal(signal);
    return await this.exited();
  }

  /** Its exit code, once it has ended and all that it printed was read. */
  async exited(): Promise<number> {
    const { code } = await unlessStuck(`stopping a ${this.#name}`, this.#child.status);
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
