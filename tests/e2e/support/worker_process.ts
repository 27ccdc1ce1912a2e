/**
 * The worker of `examples/cloudflare` in `workerd`, a process of its own.
 *
 * @module
 */
import { bundleWorker, dataFolder, Workerd, type WorkerScript } from "../../support/workerd.ts";
import type { BrokerData, DataKind, RunningBroker } from "./broker_process.ts";

/** Bundled once in a process. */
let script: Promise<WorkerScript> | undefined;

/** A worker that runs, until it is killed, stopped or disposed of. */
export class WorkerProcess implements RunningBroker {
  readonly #workerd: Workerd;
  /** Where it listens. */
  readonly url: string;

  private constructor(workerd: Workerd) {
    this.#workerd = workerd;
    this.url = `${workerd.url.replace("http:", "ws:")}/mqtt`;
  }

  /** Starts one on the data of a folder; arguments are `--name value`, for what the worker reads as `NAME`. */
  static async start(data: string, args: readonly string[]): Promise<WorkerProcess> {
    script ??= bundleWorker("tests/e2e/support/forgetful_worker.ts", "Forgetful");
    const bindings: Record<string, string> = { ALLOW_ANYONE: "true" };
    for (let index = 0; index < args.length; index += 2) {
      bindings[(args[index] ?? "").replace(/^--/, "").replaceAll("-", "_").toUpperCase()] = args[index + 1] ?? "";
    }
    return new WorkerProcess(await Workerd.start(await script, { data, bindings }));
  }

  get output(): string {
    return this.#workerd.output;
  }

  get pid(): number {
    return this.#workerd.pid;
  }

  kill(): Promise<void> {
    return this.#workerd.kill();
  }

  async stop(signal?: "SIGTERM" | "SIGINT"): Promise<number> {
    await this.#workerd.stop(signal);
    return 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** A folder of its own for the objects, removed at the end. */
export class WorkerData implements BrokerData<WorkerProcess> {
  readonly #path: string;
  readonly #args: readonly string[];

  private constructor(path: string, args: readonly string[]) {
    this.#path = path;
    this.#args = args;
  }

  /** Makes one; all workers on it get these arguments. */
  static async make(...args: readonly string[]): Promise<WorkerData> {
    return new WorkerData(await dataFolder({ isOnDisk: false }), args);
  }

  start(...args: readonly string[]): Promise<WorkerProcess> {
    return WorkerProcess.start(this.#path, [...this.#args, ...args]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path, { recursive: true });
  }
}

/** Objects that lose their memory with this chance before each event that finds them at rest. */
export function forgetfulWorker(chance: number): DataKind<WorkerProcess> {
  return { name: "Cloudflare worker", hasLease: false, make: () => WorkerData.make("--forget", String(chance)) };
}
