import type { Ending } from "./scenario.ts";
import { openTransport } from "./transport.ts";

/** How long a broker may take until it can be reached, and until it has ended when asked. */
const LIMIT_MS = 30_000;
const ASK_AGAIN_MS = 50;

/** A broker that a command starts, in a process group of its own. */
export class BrokerCommand implements AsyncDisposable {
  readonly #command: string;
  readonly #url: string;
  #child: Deno.ChildProcess | undefined;
  #said: Promise<string> = Promise.resolve("");

  constructor(command: string, url: string) {
    this.#command = command;
    this.#url = url;
  }

  /** Starts it, and waits until it can be reached. */
  async start(): Promise<void> {
    const child = new Deno.Command("sh", {
      args: ["-c", this.#command],
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#child = child;
    this.#said = new Response(child.stderr).text();
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    const until = performance.now() + LIMIT_MS;
    while (!await isReachable(this.#url)) {
      if (hasEnded || performance.now() > until) {
        await this.end("kill");
        throw new Error(`Cannot reach ${this.#url} after starting the broker:\n${await this.#said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
  }

  /** Kills it, or asks it to stop and waits. */
  async end(how: Ending): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    signal(child.pid, how === "kill" ? "SIGKILL" : "SIGTERM");
    const timer = setTimeout(() => signal(child.pid, "SIGKILL"), LIMIT_MS);
    await child.status;
    await this.#said;
    clearTimeout(timer);
  }

  /** Ends it and starts it again. */
  async restart(how: Ending): Promise<void> {
    await this.end(how);
    await this.start();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end("kill");
  }
}

function signal(group: number, name: Deno.Signal): void {
  try {
    Deno.kill(-group, name);
  } catch (error) {
    // Nobody of the group is left.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function isReachable(url: string): Promise<boolean> {
  const closed = Promise.withResolvers<void>();
  try {
    const transport = await openTransport(url, { bytes: () => {}, closed: () => closed.resolve() });
    transport.end();
    await closed.promise;
    return true;
  } catch {
    return false;
  }
}
