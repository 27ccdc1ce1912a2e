/**
 * A real Firefox as a process of its own, driven by puppeteer-core over WebDriver BiDi.
 *
 * @module
 */
import puppeteer, { type Browser, type Page } from "puppeteer-core";

/** A Firefox that runs until it is disposed of. */
export interface Firefox extends AsyncDisposable {
  /** As puppeteer-core drives it. */
  readonly browser: Browser;
  /** Opens a page; all share what they store. */
  open(url: string): Promise<Page>;
}

/** Starts Firefox, with a folder of its own that is removed at the end. */
export async function launchFirefox(): Promise<Firefox> {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-firefox-" });
  try {
    const browser = await puppeteer.launch({
      browser: "firefox",
      executablePath: "/usr/bin/firefox-esr",
      headless: true,
      userDataDir: folder,
      protocolTimeout: 600_000,
    });
    return {
      browser,
      open: async (url) => {
        const page = await browser.newPage();
        await page.goto(url);
        return page;
      },
      [Symbol.asyncDispose]: async () => {
        await browser.close();
        await Deno.remove(folder, { recursive: true }).catch(() => {});
      },
    };
  } catch (error) {
    await Deno.remove(folder, { recursive: true });
    throw error;
  }
}
