/** Filters with many subscribers: their lists are spread over numbered fields, and name exactly those who subscribe. */
import assert from "node:assert/strict";
import type { SessionChange } from "../../../../src/machine/change.ts";
import type { QoS } from "../../../../src/mqtt/qos.ts";
import type { Guard, SessionStore } from "../../../../src/store/session_store.ts";
import { type Kit, PLAIN } from "../../../../src/testing/conformance/kit.ts";
import { type Random, random } from "../../../../src/testing/mod.ts";
import { inParallel, openRig, piecesOf, type Rig } from "./redis_kit.ts";

const FILTER = "hot/topic";
const OTHERS = ["hot/+", "#"];

/** Clients with sessions, whose subscriptions a map keeps too. */
class Crowd {
  readonly kit: Kit;
  readonly guards = new Map<string, Guard>();
  /** Client and filter → incarnation and QoS. */
  readonly model = new Map<string, string>();
  readonly #store: SessionStore;

  constructor(rig: Rig, store: SessionStore) {
    this.#store = store;
    this.kit = rig.kit(store);
  }

  /** Opens sessions, new ones where there were some. */
  async open(clientIds: readonly string[]): Promise<void> {
    await inParallel(clientIds, async (clientId) => {
      const { guard } = await this.kit.acquire(clientId, { terms: { cleanStart: true } });
      this.guards.set(clientId, guard);
      for (const filter of [FILTER, ...OTHERS]) this.model.delete(keyOf(clientId, filter));
    }, 8);
  }

  /** Makes or changes subscriptions; without a QoS it ends them. */
  async subscribe(
    clientIds: readonly string[],
    filter: string,
    qosOf: (index: number) => QoS | undefined,
  ): Promise<void> {
    for (const group of piecesOf(clientIds, 100)) {
      const results = await this.#store.commit(group.map((clientId, index) => {
        const qos = qosOf(index);
        const change: SessionChange = qos === undefined
          ? { type: "deleteSubscription", filter }
          : { type: "putSubscription", filter, subscription: { ...PLAIN, qos } };
        const guard = this.guards.get(clientId) ?? assert.fail(clientId);
        if (qos === undefined) this.model.delete(keyOf(clientId, filter));
        else this.model.set(keyOf(clientId, filter), `${guard.incarnation} ${qos}`);
        return this.kit.batch({ guard, changes: [change] });
      }));
      for (const [index, result] of results.entries()) {
        if (result.outcome !== "committed" || result.guard === undefined) assert.fail(result.outcome);
        this.guards.set(group[index] ?? "", result.guard);
      }
    }
  }

  /** Ends sessions. */
  async end(clientIds: readonly string[]): Promise<void> {
    for (const group of piecesOf(clientIds, 100)) {
      await this.#store.commit(group.map((clientId) => {
        for (const filter of [FILTER, ...OTHERS]) this.model.delete(keyOf(clientId, filter));
        const guard = this.guards.get(clientId) ?? assert.fail(clientId);
        this.guards.delete(clientId);
        return this.kit.batch({ guard, changes: [{ type: "endSession", reason: "expired" }] });
      }));
    }
  }

  /** Insists that a store finds what the map says, each once. */
  async check(store: SessionStore, told: string): Promise<void> {
    const [found = []] = await store.matchSubscriptions([FILTER]);
    const named = found.map(({ clientId, filter, incarnation, subscription }) => {
      return `${keyOf(clientId, filter)} ${incarnation} ${subscription.qos}`;
    });
    const expected = Array.from(this.model, ([key, value]) => `${key} ${value}`);
    assert.deepEqual(named.sort(), expected.sort(), told);
  }
}

function keyOf(clientId: string, filter: string): string {
  return `${clientId} ${filter}`;
}

function clientIdsOf(count: number, name = "c"): string[] {
  return Array.from({ length: count }, (_, index) => `${name}${index}`);
}

async function fieldsOf(rig: Rig): Promise<readonly string[]> {
  return await rig.run("HKEYS", await rig.keyOf("/routes")) as readonly string[];
}

function levelOf(fields: readonly string[], part: string): number {
  return Math.log2(fields.filter((field) => field.startsWith(`${part}/`)).length);
}

function some(chance: Random, all: readonly string[]): string[] {
  return chance.shuffle(all).slice(0, chance.below(all.length / 3));
}

Deno.test("thousands come and go at random, and every store finds exactly those who subscribe", async () => {
  await using rig = await openRig();
  const seed = Math.floor(Math.random() * 2 ** 32);
  const chance = random(seed);
  const store = rig.store();
  const crowd = new Crowd(rig, store);
  const all = [...clientIdsOf(2_000), "long ".repeat(90), "é/;\0"];
  await store.admitFilters([FILTER, ...OTHERS]);
  await crowd.open(all);
  await crowd.subscribe(all, FILTER, () => 0);
  // One that looks each time, and one that looks seldom, so that it remembers lists as they were long ago.
  const [watching, seldom] = [rig.store(), rig.store()];
  const deepest = levelOf(await fieldsOf(rig), "hot%2ftopic");
  assert.ok(deepest > 3, `level ${deepest}`);
  for (let round = 0; round < 18; round++) {
    const told = `round ${round} of seed ${seed}`;
    // At first more come than go, then fewer.
    const stays = round < 9 ? 0.9 : 0.2;
    const qosOf = () => chance.chance(stays) ? chance.pick<QoS>([0, 1, 2]) : undefined;
    await crowd.subscribe(some(chance, all), FILTER, qosOf);
    await crowd.subscribe(some(chance, all).slice(0, 100), chance.pick(OTHERS), qosOf);
    await crowd.open(some(chance, all).slice(0, 20));
    await crowd.check(store, told);
    await crowd.check(watching, told);
    if (round % 5 === 4) await crowd.check(seldom, told);
    await crowd.check(rig.store(), told);
  }
  await crowd.end(all.slice(0, 1_000));
  await crowd.check(seldom, `seed ${seed}`);
  await crowd.end([...crowd.guards.keys()]);
  for (const each of [store, watching, seldom]) await crowd.check(each, `seed ${seed}, at the end`);
  assert.deepEqual(await fieldsOf(rig), ["!"]);
  // It begins anew, for stores that remember it as spread too.
  await crowd.open(["last"]);
  await crowd.subscribe(["last"], FILTER, () => 1);
  for (const each of [store, watching, seldom]) await crowd.check(each, `seed ${seed}, after the end`);
});

Deno.test("two stores that subscribe and end at once lose nobody's subscription and leave none behind", async () => {
  await using rig = await openRig();
  const crowds = ["a", "b"].map((name) => ({ crowd: new Crowd(rig, rig.store()), all: clientIdsOf(700, name) }));
  await Promise.all(crowds.map(async ({ crowd, all }, seed) => {
    const chance = random(seed);
    await crowd.kit.store.admitFilters([FILTER]);
    await crowd.open(all);
    for (let round = 0; round < 8; round++) {
      await crowd.subscribe(some(chance, all), FILTER, () => chance.chance(0.7) ? 1 : undefined);
    }
    const gone = some(chance, all);
    await crowd.end(gone);
  }));
  const [{ crowd: a } = assert.fail(), { crowd: b } = assert.fail()] = crowds;
  for (const [key, value] of b.model) a.model.set(key, value);
  for (const store of [a.kit.store, b.kit.store, rig.store()]) await a.check(store, "after both");
  await a.end([...a.guards.keys()]);
  await b.end([...b.guards.keys()]);
  assert.deepEqual(await fieldsOf(rig), ["!"]);
});

Deno.test("a match is one HMGET, once a store knows the shapes and how far lists are spread", async () => {
  await using rig = await openRig();
  const crowd = new Crowd(rig, rig.store());
  await crowd.kit.store.admitFilters([FILTER, ...OTHERS]);
  await crowd.open(clientIdsOf(800));
  await crowd.subscribe(clientIdsOf(800), FILTER, () => 1);
  const store = rig.store();
  const costOf = async () => (await rig.upstash.meter.measure(() => store.matchSubscriptions([FILTER]))).byName;
  // Shapes, then the list's level, then its parts.
  assert.deepEqual(await costOf(), { HMGET: 3 });
  assert.deepEqual(await costOf(), { HMGET: 1 });
  assert.deepEqual(await costOf(), { HMGET: 1 });
  // Within a level, who comes and goes costs no more.
  await crowd.subscribe(clientIdsOf(100), FILTER, () => undefined);
  assert.deepEqual(await costOf(), { HMGET: 1 });
  await crowd.end(clientIdsOf(800));
  assert.deepEqual(await costOf(), { HMGET: 1 });
  await crowd.check(store, "at the end");
});

Deno.test("whoever subscribes all the time is found by every match, while the list is spread and emptied beside it", async () => {
  await using rig = await openRig();
  const crowd = new Crowd(rig, rig.store());
  await crowd.kit.store.admitFilters([FILTER]);
  const steady = clientIdsOf(120, "steady");
  const passing = clientIdsOf(1_200, "passing");
  await crowd.open([...steady, ...passing]);
  await crowd.subscribe(steady, FILTER, () => 2);
  let done = false;
  let levels = 0;
  const come = async (): Promise<void> => {
    for (let round = 0; round < 2; round++) {
      for (const qos of [1, undefined] as const) {
        for (const group of piecesOf(passing, 60)) await crowd.subscribe(group, FILTER, () => qos);
        levels = Math.max(levels, levelOf(await fieldsOf(rig), "hot%2ftopic"));
      }
    }
    done = true;
  };
  const publish = async (makeStore: () => SessionStore): Promise<number> => {
    let matches = 0;
    while (!done) {
      const [found = []] = await makeStore().matchSubscriptions([FILTER]);
      const ids = found.map(({ clientId }) => clientId);
      assert.equal(new Set(ids).size, ids.length, "somebody is named twice");
      const missing = new Set(steady);
      for (const clientId of ids) missing.delete(clientId);
      assert.equal(missing.size, 0, `match ${matches} misses ${[...missing]}`);
      matches++;
    }
    return matches;
  };
  const store = rig.store();
  const [matches, others] = await Promise.all([publish(() => store), publish(() => rig.store()), come()]);
  assert.ok(matches > 10 && others > 10, `${matches} and ${others} matches`);
  assert.ok(levels >= 3, `level ${levels}`);
});

Deno.test("a subscription takes the place of what an earlier session of its client has left behind", async () => {
  await using rig = await openRig();
  const crowd = new Crowd(rig, rig.store());
  await crowd.kit.store.admitFilters([FILTER]);
  await crowd.open(["c1", "c12"]);
  await crowd.subscribe(["c1", "c12"], FILTER, () => 2);
  // As when its keys had ended by themselves.
  for (const key of (await rig.keys()).filter((key) => key.includes("{cc1}"))) await rig.run("DEL", key);
  await crowd.open(["c1"]);
  await crowd.subscribe(["c1"], FILTER, () => 1);
  await crowd.check(crowd.kit.store, "after the second life began");
  await crowd.end(["c1", "c12"]);
  assert.deepEqual(await fieldsOf(rig), ["!"]);
});
