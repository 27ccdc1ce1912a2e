import assert from "node:assert/strict";
import type { Effect, Faults } from "../support/redis/faults.ts";
import { exchange } from "./support/exchange.ts";
import { printedSeed, randomNumbers } from "./support/random.ts";
import { RedisData } from "./support/redis_data.ts";
import type { Version } from "./support/wire_client.ts";

/** Few at once, or most of them would share a request. */
const BURST = 8;
const FAULTS = 40;

/** The most requests between two faults. */
const MOST_BETWEEN = 12;

/** What may happen to a request; each drawn once before one comes again. */
const KINDS: readonly ((random: () => number) => Effect)[] = [
  () => ({ kind: "tear", applied: true }),
  () => ({ kind: "tear", applied: false }),
  () => ({ kind: "vanish", applied: true }),
  (random) => ({ kind: "truncate", bytes: Math.floor(random() * 200) }),
  () => ({ kind: "answer", status: 429, body: '{"error":"ERR max requests limit exceeded"}' }),
  () => ({ kind: "answer", status: 503, body: "<html>later</html>", contentType: "text/html" }),
  // Somebody on the way gave up although the work was done.
  () => ({ kind: "answer", status: 504, body: "<html>late</html>", contentType: "text/html", applied: true }),
];

/** Lets one request after the other fail, until stopped. */
class Mischief {
  readonly #faults: Faults;
  readonly #random: () => number;
  #left: ((random: () => number) => Effect)[] = [];
  #stopped = false;
  hits = 0;

  constructor(faults: Faults, random: () => number) {
    this.#faults = faults;
    this.#random = random;
  }

  next(): void {
    if (this.#stopped) return;
    if (this.#left.length === 0) this.#left = [...KINDS];
    const [kind] = this.#left.splice(Math.floor(this.#random() * this.#left.length), 1);
    assert.ok(kind);
    let before = Math.floor(this.#random() * MOST_BETWEEN);
    const fault = this.#faults.add(kind(this.#random), { when: () => before-- <= 0 });
    fault.hit.then(() => {
      this.hits++;
      this.next();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#faults.clear();
  }
}

for (const version of [4, 5] satisfies Version[]) {
  const name = `MQTT ${version === 4 ? "3.1.1" : "5.0"}: lost, cut and refused answers of the database lose no ` +
    "message, and double no QoS 2 message";

  Deno.test(name, async () => {
    const random = randomNumbers(printedSeed(name));
    await using data = await RedisData.make();
    await using broker = await data.start();
    const mischief = new Mischief(data.upstash.faults, random);
    try {
      await exchange({ url: broker.url }, version, {
        burst: BURST,
        again: () => mischief.hits < FAULTS,
        begins: () => mischief.next(),
        heard: () => {},
      });
    } finally {
      mischief.stop();
    }
    assert.ok(!broker.output.includes(data.upstash.token));
  });
}
