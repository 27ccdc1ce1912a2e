/**
 * The page's server as a process of its own, with a broker's node below it.
 *
 * @module
 */
import { PAGE_HEADER } from "../../../examples/browser/page_header.ts";
import type { Look } from "../../../examples/browser/look.ts";
import { ServerProcess } from "./server_process.ts";

/** How a page's server is started. */
export interface PageProcessOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server that runs until it is stopped or disposed of. Its data are in a folder of its own, removed at the end. */
export class PageProcess implements AsyncDisposable {
  readonly #server: ServerProcess;
  readonly #folder: string;

  private constructor(server: ServerProcess, folder: string) {
    this.#server = server;
    this.#folder = folder;
  }

  /** Starts it on a free port, and waits until the page and the node are there. */
  static async start({ args = [], environment = {} }: PageProcessOptions = {}): Promise<PageProcess> {
    const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-page-" });
    try {
      const server = await ServerProcess.start({
        name: "page",
        args: ["examples/browser/main.ts", "--port", "0", "--data", `${folder}/s.db`, ...args],
        environment,
        readUrl: (output) => /^page at (http:\S+)$/m.exec(output)?.[1],
      });
      return new PageProcess(server, folder);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Where the page is. */
  get url(): string {
    return this.#server.url;
  }

  /** Where MQTT is spoken. */
  get mqttUrl(): string {
    return `${this.url.replace("http:", "ws:")}mqtt`;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#server.output;
  }

  /** Asks as the page does; `undefined` headers leave those of the page. */
  request(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(new URL(path, this.url), { headers: { [PAGE_HEADER]: "1" }, ...init });
  }

  /** What the server tells of a session. */
  async look(clientId: string): Promise<Look> {
    return await (await this.request(`look?client=${encodeURIComponent(clientId)}`)).json();
  }

  /** Kills the node or starts it, as the page's buttons do. */
  async node(order: "kill" | "start"): Promise<Look> {
    return await (await this.request(`node/${order}`, { method: "POST" })).json();
  }

  /** Asks it to stop, and returns its exit code once all that it started has ended too. */
  stop(): Promise<number> {
    return this.#server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}
