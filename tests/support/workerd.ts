/**
 * A worker in `workerd` itself, as a process of its own that can be killed and started again on the same data.
 *
 * @module
 */
import * as workerd from "workerd";
import { runDeno } from "./deno.ts";

/** A worker: one module without imports, and the class of its Durable Objects. */
export interface WorkerScript {
  /** The text of the module. */
  readonly module: string;
  /** The class it exports, whose namespace is bound to `OBJECTS`. */
  readonly className: string;
}

/** How a worker is started. */
export interface WorkerdOptions {
  /** Where the objects are kept. */
  readonly data: string;
  /** Texts that the worker finds in its environment. */
  readonly bindings?: Readonly<Record<string, string>>;
}

/** A new folder for the data of a worker; what is in it outlives processes, and only where `isOnDisk` a loss of power. */
export async function dataFolder({ isOnDisk }: { readonly isOnDisk: boolean }): Promise<string> {
  // Each commit waits for its disk: a worker of which no more is asked than what it answers is quicker in memory.
  const isThere = !isOnDisk && await Deno.stat(MEMORY_DISK).then(({ isDirectory }) => isDirectory, () => false);
  return await Deno.makeTempDir({ prefix: "edge-mqtt-", ...(isThere ? { dir: MEMORY_DISK } : {}) });
}

/** Where Linux has a disk in memory. */
const MEMORY_DISK = "/dev/shm";

/** Packages of the older kind ask for parts of Node in this way; wrangler sees to it by itself. */
const REQUIRE = `import { createRequire } from "node:module"; const require = createRequire("/worker.mjs");\n`;

/** Bundles a program of the project as one module of JavaScript, as wrangler would. */
export async function bundleWorker(source: string, className: string): Promise<WorkerScript> {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-worker-" });
  try {
    const file = `${folder}/worker.mjs`;
    const { success, output } = await runDeno(["bundle", "--platform", "browser", "-o", file, source]);
    if (!success) throw new Error(`Cannot bundle ${source}: ${output}`);
    return { module: REQUIRE + await Deno.readTextFile(file), className };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where the program is: the package is of the old kind of modules, whose exports are a member of the default one. */
function executable(): string {
  const { default: exported } = workerd as unknown as { readonly default: { readonly default: string } };
  return exported.default;
}

/** How long it may take to start. */
const PATIENCE_MS = 60_000;

/** A `workerd` that runs, until it is killed, stopped or disposed of. */
export class Workerd implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  readonly #output: string[];
  readonly #folder: string;
  /** Where it listens, for HTTP, without a path. */
  readonly url: string;

  private constructor(
    { child, reading, output, folder, url }: {
      readonly child: Deno.ChildProcess;
      readonly reading: Promise<unknown>;
      readonly output: string[];
      readonly folder: string;
      readonly url: string;
    },
  ) {
    this.#child = child;
    this.#reading = reading;
    this.#output = output;
    this.#folder = folder;
    this.url = url;
  }

  /** Starts it on a free port. */
  static async start(script: WorkerScript, options: WorkerdOptions): Promise<Workerd> {
    const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-workerd-" });
    await Deno.writeTextFile(`${folder}/worker.mjs`, script.module);
    await Deno.writeTextFile(`${folder}/config.capnp`, configOf(script, options));
    const child = new Deno.Command(executable(), {
      // Where it listens is told on standard output.
      args: ["serve", "--experimental", "--control-fd=1", `${folder}/config.capnp`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output: string[] = [];
    const { promise: listening, resolve } = Promise.withResolvers<string>();
    const heard = (text: string): void => {
      output.push(text);
      const port = /"event":"listen","socket":"http","port":(\d+)/.exec(output.join(""))?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    };
    const reading = Promise.all([readText(child.stdout, heard), readText(child.stderr, heard)]);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), PATIENCE_MS));
    const url = await Promise.race([listening, reading.then(() => undefined), late]);
    clearTimeout(timer);
    if (url === undefined) throw new Error(`workerd did not listen:\n${output.join("")}`);
    return new Workerd({ child, reading, output, folder, url });
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output.join("");
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Kills it where it stands, and waits until it is gone. */
  kill(): Promise<void> {
    return this.stop("SIGKILL");
  }

  /** Ends it, and waits until it is gone. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    await this.#reading;
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

function configOf({ className }: WorkerScript, { data, bindings = {} }: WorkerdOptions) {
  const texts = Object.entries(bindings).map(([name, text]) => `(name = ${quote(name)}, text = ${quote(text)})`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
(name = "data", disk = (path = ${quote(data)}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.mjs", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-04-01",
  compatibilityFlags = ["nodejs_compat"],
  durableObjectNamespaces = [(
    className = ${quote(className)},
    uniqueKey = "edge-mqtt",
    enableSql = true,
  )],
  durableObjectStorage = (localDisk = "data"),
  bindings = [${[`(name = "OBJECTS", durableObjectNamespace = ${quote(className)})`, ...texts].join(", ")}],
);
`;
}

/** A text of Cap'n Proto. */
function quote(text: string): string {
  return JSON.stringify(text);
}

async function readText(stream: ReadableStream<Uint8Array>, heard: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) heard(decoder.decode(chunk, { stream: true }));
}
