/// <reference lib="dom" />
/**
 * The example's page in a real browser, used as a person would use it.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BrowserContext, Locator, Page } from "playwright-core";

/** A message as the page lists it among what it owes. */
export interface DrawnEntry {
  readonly phase: string;
  readonly text: string;
}

/** A side of the drawing. */
export type SideName = "client" | "broker";

/** A page, and whatever it complained of. */
export class DrivenPage {
  readonly page: Page;
  /** Errors, warnings and breaches of the content security policy, as the browser told them. */
  readonly problems: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("console", (message) => {
      // That the node is down is told by the browser itself, and is what some tests are about.
      if (/WebSocket connection to .* failed/.test(message.text())) return;
      if (message.type() !== "log") this.problems.push(`${message.type()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problems.push(`error: ${error.message}`));
  }

  /** Opens the page; it has drawn what the server told once this ends. */
  static async open(context: BrowserContext, url: string): Promise<DrivenPage> {
    const driven = new DrivenPage(await context.newPage());
    await driven.page.goto(url);
    await driven.nodeIs("running");
    return driven;
  }

  /** Connects under an identifier. */
  async connect(clientId: string): Promise<void> {
    await this.page.getByLabel("Client identifier").fill(clientId);
    await this.press("Connect");
    await this.clientIs("online");
  }

  /** Presses a button by its name. */
  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  /** Subscribes, and waits until the broker's side shows it. */
  async subscribe(filter: string, qos: 0 | 1 | 2 = 2): Promise<void> {
    await this.page.getByLabel("Topic filter").fill(filter);
    await this.page.getByLabel("Up to QoS").selectOption(String(qos));
    await this.press("Subscribe");
    await this.page.locator("#subscriptions li", { hasText: filter }).waitFor();
  }

  /** Publishes, without waiting for anything. */
  async publish(topic: string, payload: string, qos: 0 | 1 | 2 = 2): Promise<void> {
    await this.page.getByLabel("Topic", { exact: true }).fill(topic);
    await this.page.getByLabel("Payload").fill(payload);
    await this.page.getByLabel("QoS", { exact: true }).selectOption(String(qos));
    await this.press("Publish");
  }

  /** Waits until the page says that it stands so. */
  async clientIs(state: "offline" | "connecting" | "online"): Promise<void> {
    await this.page.locator(`#client-pill[data-state="${state}"]`).waitFor();
  }

  /** Waits until the page says that the node stands so. */
  async nodeIs(state: "running" | "down"): Promise<void> {
    await this.page.locator(`#node-pill[data-state="${state}"]`).waitFor();
  }

  /** Waits until a side's diagram marks a state. */
  async drawn(side: SideName, state: string): Promise<void> {
    await this.page.locator(`#${side}-side .state.current[data-state="${state}"]`).waitFor();
  }

  /** What a side owes, one by one. */
  async log(side: SideName): Promise<readonly DrawnEntry[]> {
    return await this.page.locator(`#${side}-side .log li`).evaluateAll((entries) =>
      entries.map((entry) => ({
        phase: entry.getAttribute("data-phase") ?? "",
        text: entry.querySelector(".what")?.textContent ?? "",
      }))
    );
  }

  /** Waits until a side owes so many messages. */
  async owes(side: SideName, count: number): Promise<void> {
    await waitForCount(this.page.locator(`#${side}-side .log li`), count);
  }

  /** Waits until so many messages were received since the page was loaded, and returns them, the first one first. */
  async received(count: number): Promise<readonly string[]> {
    const entries = this.page.locator("#received li .what");
    await waitForCount(entries, count);
    return (await entries.allTextContents()).reverse();
  }

  /** Reloads the page by its own button, and waits until it is loaded again. */
  async reload(): Promise<void> {
    await Promise.all([this.page.waitForEvent("load"), this.press("Reload page")]);
  }

  /** Fails when the browser had to complain of anything. */
  assertNoProblems(): void {
    assert.deepEqual(this.problems, []);
  }
}

/** Waits until there are exactly so many. */
async function waitForCount(locator: Locator, count: number): Promise<void> {
  if (count > 0) await locator.nth(count - 1).waitFor({ state: "attached" });
  await locator.nth(count).waitFor({ state: "detached" });
}
