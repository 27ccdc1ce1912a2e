/**
 * A page whose network comes and goes and whose life ends at random moments, while messages go both ways.
 *
 * @module
 */
import assert from "node:assert/strict";
import { unlessStill, unlessStuck } from "../../e2e/support/unless_stuck.ts";
import { type Random, random } from "../../../src/testing/mod.ts";
import type { Handled } from "./roaming_page.ts";
import { assertArrived, type RoamingScene } from "./roaming_scene.ts";
import { call, type EvaluatingPage } from "./site.ts";

const LEVELS = [1, 2] as const;

/** A network event or the end of a life comes after at most so many pieces that pass. */
const PIECES = 12;

/** So many messages of each level are published right before the life of a page ends. */
const LAST_WORDS = 5;

/** A slow disk is not stuck while so many messages are handled in the time that a test waits. */
const HANDLED_AT_ONCE = 100;

/** What a browser does. */
export interface RoamingBrowser {
  /** Opens the first page. */
  open(url: string): Promise<EvaluatingPage>;
  /** Ends the life of a page, and starts the one that goes on. */
  next(page: EvaluatingPage, start: (page: EvaluatingPage) => Promise<void>): Promise<EvaluatingPage>;
  /** Takes the network away from the browser, or gives it back. */
  setOffline(isOffline: boolean): Promise<void>;
}

/** How a run goes. */
export interface RoamingPlan {
  readonly seed: number;
  /** Each way and at each level. */
  readonly messages: number;
  /** How often the life of a page ends. */
  readonly ends: number;
}

/** What happened in a run, beside what it promises. */
export interface RoamingReport {
  readonly ends: number;
  readonly cuts: number;
  readonly offline: number;
  /** How often the browser alone said that it was offline. */
  readonly pretended: number;
  /** At the peer and at the page, QoS 1 messages that came more than once. */
  readonly repeated: readonly [number, number];
  /** What the page published and may have lost, since its life ended before that was known. */
  readonly unknown: number;
}

/** Plays a run; fails unless all promises are kept. */
export async function roam(scene: RoamingScene, browser: RoamingBrowser, plan: RoamingPlan): Promise<RoamingReport> {
  const run = new Run(scene, browser, plan);
  await run.play();
  return await run.judge();
}

class Run {
  readonly #scene: RoamingScene;
  readonly #browser: RoamingBrowser;
  readonly #plan: RoamingPlan;
  readonly #random: Random;
  /** Topics to the peer: all that a page was asked to publish, and those that it says are stored. */
  readonly #published = new Set<string>();
  readonly #stored = new Set<string>();
  readonly #toPage = new Set<string>();
  #nextNumber = 0;
  #sent = 0;
  #cuts = 0;
  #offline = 0;
  #pretended = 0;
  #page: EvaluatingPage | undefined;
  #life = 0;
  #failure: unknown;

  constructor(scene: RoamingScene, browser: RoamingBrowser, plan: RoamingPlan) {
    this.#scene = scene;
    this.#browser = browser;
    this.#plan = plan;
    this.#random = random(plan.seed);
  }

  async play(): Promise<void> {
    const { ends, messages } = this.#plan;
    const share = Math.ceil(messages / (ends + 1));
    this.#page = await this.#browser.open(this.#scene.site.url);
    await this.#scene.start(this.#page, { isNew: true });
    for (let life = 0; life < ends; life++) {
      this.#sendToPage(share);
      void this.#publish(share);
      for (let events = this.#random.below(3); events > 0; events--) await this.#disturb();
      await this.#somewhen();
      // The end comes while these are on their way to the store, or before.
      void this.#publish(LAST_WORDS);
      await this.#end();
    }
    this.#sendToPage(messages);
    while (this.#stored.size < messages * LEVELS.length) await this.#publish(share);
    await this.#publish(share);
  }

  async judge(): Promise<RoamingReport> {
    const { peer } = this.#scene;
    await unlessStuck("sending of the peer", peer.sent());
    await peer.has(this.#stored, () => call(this.#live, "handledCount")).catch(async (error: Error) => {
      const found = [await call(this.#live, "told"), await call(this.#live, "owed")];
      throw new Error(`${error.message}; the page says ${JSON.stringify(found)}`);
    });
    for (let topics = 0; topics < this.#toPage.size;) {
      topics = Math.min(topics + HANDLED_AT_ONCE, this.#toPage.size);
      await unlessStuck("handling at the page", call(this.#live, "untilHandled", topics)).catch(
        async (error: Error) => {
          const found = [await call(this.#live, "told"), await call(this.#live, "owed")];
          const written = new Set((await call<readonly Handled[]>(this.#live, "handled")).map(({ topic }) => topic));
          throw new Error(
            `${error.message}: ${topics} of ${this.#toPage.size}, ${written.size} are written down; the page says ${
              JSON.stringify(found)
            }`,
          );
        },
      );
    }
    assert.equal(this.#failure, undefined);
    assert.deepEqual(await call(this.#live, "told"), []);
    const handled = await call<readonly Handled[]>(this.#live, "handled");
    const [toPeer, toPage] = [
      { way: "to the peer", arrived: peer.arrived, stored: this.#stored, published: this.#published },
      { way: "to the page", arrived: handled, stored: this.#toPage, published: this.#toPage },
    ];
    for (const qos of LEVELS) {
      assertArrived({ ...toPeer, qos });
      assertArrived({ ...toPage, qos });
    }
    return {
      ends: this.#plan.ends,
      cuts: this.#cuts,
      offline: this.#offline,
      pretended: this.#pretended,
      repeated: [repeatedOf(toPeer.arrived), repeatedOf(handled)],
      unknown: this.#published.size - this.#stored.size,
    };
  }

  get #live(): EvaluatingPage {
    assert.ok(this.#page !== undefined);
    return this.#page;
  }

  /**
   * The network is cut; or it is away until the page has noticed and published something all the same; or only the browser
   * says so, whatever it does with connections that are there.
   */
  async #disturb(): Promise<void> {
    await this.#somewhen();
    const { network } = this.#scene;
    const kind = this.#random.below(5);
    if (kind < 2) {
      this.#cuts++;
      return network.cut();
    }
    if (kind === 2) {
      this.#pretended++;
      await this.#browser.setOffline(true);
      // A page that loses its connection right then may learn of what is stored by its acknowledgement alone.
      const noticed = call(this.#live, "untilOnline", false).catch(() => {});
      await Promise.race([this.#publish(3), noticed]);
      return await this.#browser.setOffline(false);
    }
    this.#offline++;
    network.isDown = true;
    network.cut();
    // A browser that is offline hears nothing of the end of a connection.
    await unlessStuck("going offline", call(this.#live, "untilOnline", false));
    await this.#browser.setOffline(true);
    await this.#publish(3);
    await this.#browser.setOffline(false);
    network.isDown = false;
  }

  async #end(): Promise<void> {
    const ending = this.#live;
    this.#life++;
    this.#page = await this.#browser.next(ending, (page) => this.#scene.start(page, { isNew: false }));
  }

  #somewhen(): Promise<void> {
    return unlessStuck("waiting for bytes", this.#scene.network.passed(this.#random.below(PIECES)));
  }

  #sendToPage(count: number): void {
    for (const end = Math.min(this.#sent + count, this.#plan.messages); this.#sent < end; this.#sent++) {
      for (const qos of LEVELS) {
        const topic = `to/page/qos${qos}/${this.#sent}`;
        this.#toPage.add(topic);
        this.#scene.peer.send(topic, `payload of ${topic}`, qos);
      }
    }
  }

  async #publish(count: number): Promise<void> {
    const page = this.#live;
    const life = this.#life;
    const from = this.#nextNumber;
    this.#nextNumber += count;
    for (let number = from; number < from + count; number++) {
      for (const qos of LEVELS) this.#published.add(`to/peer/qos${qos}/${number}`);
    }
    try {
      const publishing = call<readonly string[]>(page, "publish", from, count, LEVELS);
      // What is published while a client replays waits for that, and that for all that comes in between.
      const stored = await unlessStill("publishing", publishing, () => call(page, "handledCount"));
      for (const topic of stored) this.#stored.add(topic);
    } catch (error) {
      // What a page would have answered whose life has ended is not known.
      if (this.#life === life) this.#failure ??= error;
    }
  }
}

function repeatedOf(arrived: readonly Handled[]): number {
  return arrived.length - new Set(arrived.map(({ topic }) => topic)).size;
}
