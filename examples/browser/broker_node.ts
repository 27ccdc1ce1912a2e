/**
 * The broker's node as a process that can be killed where it stands, and started again.
 *
 * @module
 */
import type { NodeState } from "./look.ts";

/** How long a node may take to start or to stop. */
const PATIENCE_MS = 30_000;

/** One node at a time over the same data. */
export class BrokerNode {
  readonly #args: readonly string[];
  readonly #print: (line: string) => void;
  #child: Deno.ChildProcess | undefined;
  #state: NodeState = { status: "down", since: Date.now() };
  #url: string | undefined;
  #starting: Promise<void> | undefined;

  /** What the node prints, but for where it listens, goes to `print`. */
  constructor(args: readonly string[], print: (line: string) => void) {
    this.#args = args;
    this.#print = print;
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Where it takes MQTT connections; absent while it is down. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Starts it, unless it runs; rejects when it ends before it listens. */
  start(): Promise<void> {
    this.#starting ??= this.#start().finally(() => this.#starting = undefined);
    return this.#starting;
  }

  /** Kills it where it stands. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    signal(child, "SIGKILL");
    await child.status;
    this.#gone(child);
  }

  /** Asks it to stop, and returns when it has. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    signal(child, "SIGTERM");
    const timer = setTimeout(() => signal(child, "SIGKILL"), PATIENCE_MS);
    await child.status;
    clearTimeout(timer);
    this.#gone(child);
  }

  async #start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", new URL("node.ts", import.meta.url).href, ...this.#args],
      // It outlives Ctrl-C in the terminal: its parent stops it, once.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#state = { status: "starting", since: Date.now() };
    const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
    const hears = (line: string) => {
      const url = /^listening on (ws:\S+)$/.exec(line)?.[1];
      if (url === undefined) return this.#print(line);
      if (this.#child !== child) return;
      this.#url = url;
      this.#state = { status: "running", since: Date.now() };
      resolve();
    };
    readLines(child.stdout, hears);
    readLines(child.stderr, hears);
    child.status.then(() => {
      this.#gone(child);
      reject(new Error("the broker's node ended before it listened"));
    });
    await listening;
  }

  #gone(child: Deno.ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = this.#url = undefined;
    this.#state = { status: "down", since: Date.now() };
  }
}

function signal(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch {
    // It has ended by itself.
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, heard: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) heard(line);
  }
  if (rest !== "") heard(rest);
}
