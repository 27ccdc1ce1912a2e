/**
 * Clients roam between two nodes over one store whose answers come in any order, late, twice or never; networks break
 * with and without a word. What was acknowledged arrives, QoS 2 once, in order, and no session is lost.
 */
import assert from "node:assert/strict";
import { sessionBroker, type SessionStore } from "../../mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fakeClock, type Fault, faultyStore, random, scheduler } from "../../src/testing/mod.ts";
import { HonestClient } from "./support/honest_client.ts";
import { onMap } from "./support/stores.ts";
import { START } from "./support/world.ts";

const FAULTS: readonly Fault[] = ["failsBefore", "failsAfter", "failsUnknown", "replyLost", "neverStarts"];
const CALLS = ["commit", "commit", "commit", "acquire", "readRings", "readQueue", "matchSubscriptions", "readOutbox"];

async function roam(seed: number, store: SessionStore): Promise<void> {
  const chance = random(seed);
  const clock = fakeClock(START);
  const tasks = scheduler({ seed, replies: "apart" });
  const faults = faultyStore(store);
  const where = `seed ${seed}`;
  let ids = 0;
  const node = (nodeId: string) =>
    sessionBroker({
      store: tasks.wrap(faults.store),
      nodeId,
      environment: { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => `id-${++ids}` },
      commit: { timeoutMs: 1_000, repeatForMs: 4_000, repeatAfterMs: 100 },
      limits: { connectTimeoutMs: 1_000_000 },
      doorbellPollMs: 500,
    });
  const nodes = [node("a"), node("b")];
  for (const each of nodes) each.start();
  const subscribers = ["s1", "s2", "s3"].map((clientId) => new HonestClient(clientId, "t"));
  const publishers = ["p1", "p2"].map((clientId) => new HonestClient(clientId));
  const everyone = [...subscribers, ...publishers];
  const reconnect = () => {
    for (const client of everyone) if (client.gone) client.connect(chance.pick(nodes));
  };
  const calm = async () => {
    let quiet = 0;
    for (let round = 0; quiet < 12; round++) {
      assert(round < 400, `never came to rest (${where})`);
      await tasks.runAll();
      reconnect();
      await tasks.runAll();
      clock.advance(500);
      quiet = everyone.every((client) => client.settled) ? quiet + 1 : 0;
    }
  };
  reconnect();
  await calm();
  for (let turn = 0; turn < 60; turn++) {
    const dice = chance.below(12);
    if (dice < 4) chance.pick(publishers).publish(chance.chance(0.5) ? 1 : 2);
    else if (dice === 4) faults.inject({ call: chance.pick(CALLS), fault: chance.pick(FAULTS) });
    else if (dice === 5) {
      const client = chance.pick(everyone);
      if (client.isOpen) client.drop(chance.chance(0.5));
    } else if (dice === 6) reconnect();
    else if (dice === 7) clock.advance(chance.below(1_500));
    else await tasks.runOne();
  }
  faults.heal();
  await calm();
  await calm();

  for (const client of everyone) assert.deepEqual(client.faults, [], where);
  for (const publisher of publishers) {
    const all = publisher.sent.map(({ text }) => text);
    assert.deepEqual([...publisher.acknowledged].sort(), [...all].sort(), where);
    for (const subscriber of subscribers) {
      for (const qos of [1, 2]) {
        const wanted = publisher.sent.filter((sent) => sent.qos === qos).map(({ text }) => text);
        const got = subscriber.texts.filter((text) => wanted.includes(text));
        // QoS 1 may come again; the first time counts.
        const firsts = [...new Set(got)];
        assert.deepEqual(qos === 1 ? firsts : got, wanted, `QoS ${qos} (${where})`);
      }
    }
  }
  let closed = 0;
  for (const each of nodes) each.shutdown().then(() => closed++);
  for (let round = 0; round < 60 && closed < nodes.length; round++) {
    await tasks.runAll();
    clock.advance(500);
  }
  await tasks.runAll();
  assert.equal(closed, nodes.length, `a shutdown never ended (${where})`);
  assert.equal(clock.timers(), 0, `timers are left (${where})`);
  for (const { clientId, attached, queuedMessages } of (await store.directory.list({ limit: 100 })).sessions) {
    assert.deepEqual([clientId, attached, queuedMessages], [clientId, false, 0], where);
  }
}

const RUNS = Number(Deno.env.get("ROAMING_RUNS") ?? 12);
const FIRST = Number(Deno.env.get("ROAMING_SEED") ?? 1);

const STORES: readonly (readonly [name: string, make: (seed: number) => SessionStore])[] = [
  ["memory", (seed) => memoryStore({ maxReceiversPerCommit: 1 + seed % 4 })],
  ["key-value", () => onMap().store],
];

for (const [name, make] of STORES) {
  Deno.test(`${name}: clients that roam between nodes lose nothing and get QoS 2 once, in order`, async () => {
    for (let seed = FIRST; seed < FIRST + RUNS; seed++) await roam(seed, make(seed));
  });
}
