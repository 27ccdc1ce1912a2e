/**
 * A real Chromium as a process of its own, driven by playwright-core over its debugging port.
 *
 * @module
 */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** It is let talk to this machine alone, and asks for nothing. */
const ARGS: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--no-default-browser-check",
  "--remote-debugging-port=0",
];

/** A browser that is not ready after so long hangs. */
const START_LIMIT_MS = 60_000;

/** How a browser is started. */
export interface ChromiumOptions {
  /** Where it keeps what pages store; otherwise a folder of its own, which is removed at the end. */
  readonly folder?: string;
  /** Further arguments. */
  readonly args?: readonly string[];
}

/** A Chromium that runs until it is disposed of. Its one context keeps what pages store on disk. */
export interface Chromium extends AsyncDisposable {
  /** As playwright-core drives it. */
  readonly browser: Browser;
  /** The context whose pages share what they store. */
  readonly context: BrowserContext;
  /** Its first process. */
  readonly pid: number;
  /** Opens a page in the context. */
  open(url: string): Promise<Page>;
  /** Ends it where it stands, as a crash or the loss of power would. */
  kill(): Promise<void>;
}

/** Starts Chromium. */
export async function launchChromium({ folder, args = [] }: ChromiumOptions = {}): Promise<Chromium> {
  const profile = folder ?? await Deno.makeTempDir({ prefix: "edge-mqtt-chromium-" });
  const child = new Deno.Command("chromium", {
    args: [...ARGS, `--user-data-dir=${profile}`, ...args, "about:blank"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const kill = async (): Promise<void> => {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.status;
    // Its other processes share what it says its words by: when that is closed, they have ended too.
    await drained;
  };
  const { address, drained } = readAddress(child.stderr);
  const dispose = async (): Promise<void> => {
    await kill();
    if (folder === undefined) await Deno.remove(profile, { recursive: true });
  };
  try {
    const browser = await chromium.connectOverCDP(await address);
    const [context] = browser.contexts();
    if (context === undefined) throw new Error("Chromium has no context");
    return {
      browser,
      context,
      pid: child.pid,
      kill,
      open: async (url) => {
        const page = await context.newPage();
        await page.goto(url);
        return page;
      },
      [Symbol.asyncDispose]: async () => {
        await browser.close().catch(() => {});
        await dispose();
      },
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** Crashes the process of a page, and waits until that is noticed. */
export async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent("crash");
  const session = await page.context().newCDPSession(page);
  // It is not answered: whoever could is no more.
  session.send("Page.crash").catch(() => {});
  await crashed;
}

/** Reads what it says until it has said where it listens, and on until it ends. */
function readAddress(stderr: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const { promise: address, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  const limit = setTimeout(() => reject(new Error(`Chromium did not get ready: ${said}`)), START_LIMIT_MS);
  const drain = async (): Promise<void> => {
    for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
      said = (said + text).slice(-10_000);
      const found = /DevTools listening on (ws:\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    }
    reject(new Error(`Chromium ended: ${said}`));
    clearTimeout(limit);
  };
  const ready = address.finally(() => clearTimeout(limit));
  return { address: ready, drained: drain() };
}
