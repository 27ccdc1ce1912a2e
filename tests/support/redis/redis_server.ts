/**
 * A real redis-server as a process of its own.
 *
 * @module
 */
import { RespConnection, RespStatus, textOf } from "./resp.ts";
import { freePort } from "../free_port.ts";

/** Another process may take a free port between our looking and the server's start. */
const START_ATTEMPTS = 5;

/** The time between two looks at a server that is starting. */
const POLL_MS = 5;

/** A server that is not ready after so long hangs. */
const START_LIMIT_MS = 20_000;

/** How a server keeps its data. */
export interface RedisOptions {
  /** Whether each write is on disk before it is acknowledged, so that a restart brings everything back; default no. */
  readonly appendOnly?: boolean;
  /** Where it keeps files; otherwise a folder of its own, which is removed at the end. */
  readonly folder?: string;
  /** Further arguments, such as `--cluster-enabled yes`. */
  readonly args?: readonly string[];
}

/** Starts a server on a free port of this machine, and waits until it answers. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const ownFolder = options.folder === undefined;
  const folder = options.folder ?? await Deno.makeTempDir({ prefix: "edge-mqtt-redis-" });
  try {
    for (let attempt = 1;; attempt++) {
      const port = freePort();
      try {
        return new RedisServer(await launch(port, folder, options), { port, folder, ownFolder, options });
      } catch (error) {
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    if (ownFolder) await Deno.remove(folder, { recursive: true });
    throw error;
  }
}

interface Place {
  readonly port: number;
  readonly folder: string;
  readonly ownFolder: boolean;
  readonly options: RedisOptions;
}

/** A server that runs until it is killed, stopped or disposed of. */
export class RedisServer implements AsyncDisposable {
  readonly #place: Place;
  #child: Deno.ChildProcess;

  /** Use {@link startRedis}. */
  constructor(child: Deno.ChildProcess, place: Place) {
    this.#child = child;
    this.#place = place;
  }

  /** Where it listens on 127.0.0.1; the same after a restart. */
  get port(): number {
    return this.#place.port;
  }

  /** Where its files are. */
  get folder(): string {
    return this.#place.folder;
  }

  /** Its process; another one after a restart. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Opens a connection, which the caller closes. */
  connect(): Promise<RespConnection> {
    return RespConnection.connect(this.port);
  }

  /** Kills it where it stands, and waits until it is gone. */
  async kill(): Promise<void> {
    await end(this.#child, "SIGKILL");
  }

  /** Asks it to stop, and waits until it is gone. */
  async stop(): Promise<void> {
    await end(this.#child, "SIGTERM");
  }

  /** Starts it again in the same place; one that still runs is stopped first. */
  async restart(): Promise<void> {
    await this.stop();
    const { port, folder, options } = this.#place;
    this.#child = await launch(port, folder, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    if (this.#place.ownFolder) await Deno.remove(this.folder, { recursive: true });
  }
}

async function launch(port: number, folder: string, options: RedisOptions): Promise<Deno.ChildProcess> {
  const durability = options.appendOnly
    ? ["--appendonly", "yes", "--appendfsync", "always"]
    : ["--save", "", "--appendonly", "no"];
  const child = new Deno.Command("redis-server", {
    args: ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder, ...durability, ...options.args ?? []],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await ready(port, child);
    return child;
  } catch (error) {
    await end(child, "SIGKILL");
    throw error;
  }
}

/** Waits until this very process answers, and has read its files. */
async function ready(port: number, child: Deno.ChildProcess): Promise<void> {
  let ended = false;
  child.status.then(() => ended = true);
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  while (!ended && !limit.aborted) {
    if (await answers(port, child.pid)) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`redis-server on port ${port} ${ended ? "ended" : "did not get ready"}`);
}

/** Whether the server on a port is this process and does its work. */
async function answers(port: number, pid: number): Promise<boolean> {
  try {
    await using connection = await RespConnection.connect(port);
    const [pong, info] = await connection.pipeline([["PING"], ["INFO", "server"]]);
    const about = info instanceof Uint8Array ? textOf(info) : "";
    return pong instanceof RespStatus && about.includes(`process_id:${pid}\r\n`);
  } catch {
    return false;
  }
}

async function end(child: Deno.ChildProcess, signal: Deno.Signal): Promise<void> {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
  await child.status;
}
