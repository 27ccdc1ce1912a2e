/**
 * The page's server as a process of its own, with a broker's node below it.
 *
 * @module
 */
import { PAGE_HEADER } from "../../../examples/browser/page_header.ts";
import type { Look } from "../../../examples/browser/look.ts";
import { PROJECT_ROOT } from "../../support/deno.ts";
import { unlessStuck } from "./unless_stuck.ts";

/** How a page's server is started. */
export interface PageProcessOptions {
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server that runs until it is stopped or disposed of. Its data are in a folder of its own, removed at the end. */
export class PageProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #reading: Promise<unknown>;
  readonly #output: string[];
  /** Where the page is. */
  readonly url: string;

  private constructor(
    child: Deno.ChildProcess,
    { folder, reading, output, url }: {
      readonly folder: string;
      readonly reading: Promise<unknown>;
      readonly output: string[];
      readonly url: string;
    },
  ) {
    this.#child = child;
    this.#folder = folder;
    this.#reading = reading;
    this.#output = output;
    this.url = url;
  }

  /** Starts it on a free port, and waits until the page and the node are there. */
  static async start({ args = [], environment = {} }: PageProcessOptions = {}): Promise<PageProcess> {
    const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-page-" });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "examples/browser/main.ts", "--port", "0", "--data", `${folder}/s.db`, ...args],
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
      const url = /^page at (http:\S+)$/m.exec(output.join(""))?.[1];
      if (url !== undefined) ready(url);
    };
    const reading = Promise.all([readText(child.stdout, heard), readText(child.stderr, heard)]);
    const url = await unlessStuck("starting a page", Promise.race([listening, reading.then(() => undefined)]));
    if (url === undefined) {
      await Deno.remove(folder, { recursive: true });
      throw new Error(`The page's server ended before it listened:\n${output.join("")}`);
    }
    return new PageProcess(child, { folder, reading, output, url });
  }

  /** Where MQTT is spoken. */
  get mqttUrl(): string {
    return `${this.url.replace("http:", "ws:")}mqtt`;
  }

  /** All that it has printed. */
  get output(): string {
    return this.#output.join("");
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
  async stop(): Promise<number> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    const { code } = await unlessStuck("stopping a page", this.#child.status);
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function readText(stream: ReadableStream<Uint8Array>, heard: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) heard(decoder.decode(chunk, { stream: true }));
}
