import assert from "node:assert/strict";
import type { RedisServer } from "../support/redis/redis_server.ts";
import { exchange, HEARD_PER_BURST } from "./support/exchange.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import { RedisData } from "./support/redis_data.ts";
import type { Version } from "./support/wire_client.ts";

const BURST = 150;
const KILLS = 8;

/** A kill comes up to so much after the packet that called for it: any step of a commit may be under way. */
const DRIFT_MS = 6;

for (const version of [4, 5] satisfies Version[]) {
  const name = `MQTT ${version === 4 ? "3.1.1" : "5.0"}: a Redis that is killed again and again in the middle of ` +
    "traffic, and comes back from its file, loses nothing that was acknowledged, and doubles no QoS 2 message";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    await using data = await RedisData.make({ appendOnly: true });
    await using broker = await data.start();
    const killer = new Killer(data.redis, random);
    await exchange({ url: broker.url }, version, {
      burst: BURST,
      again: () => killer.kills < KILLS,
      begins: () => killer.plan(KILLS, BURST * HEARD_PER_BURST),
      heard: () => killer.heard(),
    });
    await killer.settled();
    assert.equal(killer.kills, KILLS);
    console.log(`until the broker's next packet after Redis was back: ${killer.waits.join(", ")} ms`);
  });
}

/** Kills a Redis at random moments and starts it again. */
class Killer {
  readonly #redis: RedisServer;
  readonly #random: () => number;
  #moments: number[] = [];
  #heard = 0;
  #backAt: number | undefined;
  #restarting: Promise<void> | undefined;
  kills = 0;
  /** How long after each restart the broker was heard again. */
  readonly waits: number[] = [];

  constructor(redis: RedisServer, random: () => number) {
    this.#redis = redis;
    this.#random = random;
  }

  /** Plans kills for the next `packets` that are heard. */
  plan(kills: number, packets: number): void {
    this.#moments = Array.from({ length: kills }, () => this.#random() * packets).sort((one, two) => one - two);
  }

  /** A client has heard a packet. */
  heard(): void {
    if (this.#backAt !== undefined) this.waits.push(Math.round(performance.now() - this.#backAt));
    this.#backAt = undefined;
    this.#heard++;
    if (this.#restarting !== undefined || this.#heard < (this.#moments[0] ?? Infinity)) return;
    this.#moments.shift();
    this.#restarting = this.#restart().finally(() => this.#restarting = undefined);
  }

  /** Ends when no kill is under way. */
  async settled(): Promise<void> {
    await this.#restarting;
  }

  async #restart(): Promise<void> {
    // Chance, not waiting: nothing depends on how long this takes.
    await new Promise((resolve) => setTimeout(resolve, this.#random() * DRIFT_MS));
    await this.#redis.kill();
    await this.#redis.restart();
    this.kills++;
    this.#backAt = performance.now();
  }
}
