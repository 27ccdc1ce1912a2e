import assert from "node:assert/strict";
import { memoryStore } from "../../../src/stores/memory.ts";
import { random, scheduler } from "../../../src/testing/mod.ts";

/** The order in which ten calls are carried out. */
async function order(seed: number): Promise<string> {
  const tasks = scheduler({ seed });
  const carriedOut: number[] = [];
  const target = tasks.wrap({ call: (id: number) => Promise.resolve(carriedOut.push(id)) });
  const calls = Array.from({ length: 10 }, (_, id) => target.call(id));
  assert.equal(await tasks.runAll(), 10);
  await Promise.all(calls);
  return carriedOut.join();
}

Deno.test("the scheduler draws the same order from the same seed, and others from others", async () => {
  assert.equal(await order(1), await order(1));
  const orders = new Set<string>();
  for (let seed = 0; seed < 20; seed++) orders.add(await order(seed));
  assert.ok(orders.size > 15, `${orders.size} orders of 20 seeds`);
});

Deno.test("the scheduler carries nothing out before its release, and what is released by hand first", async () => {
  const tasks = scheduler();
  const store = tasks.wrap(memoryStore());
  const done: string[] = [];
  const first = store.read("a").then(() => done.push("first"));
  const second = store.directory.inspect("a").then(() => done.push("second"));
  await tasks.settle();
  assert.deepEqual(done, []);
  assert.deepEqual(tasks.pending().map(({ name, kind }) => [name, kind]), [["read", "call"], [
    "directory.inspect",
    "call",
  ]]);
  const [, chosen] = tasks.pending();
  assert.equal((await tasks.runOne(chosen?.id))?.name, "directory.inspect");
  assert.deepEqual(done, ["second"]);
  await tasks.runAll();
  await Promise.all([first, second]);
  assert.equal(await tasks.runOne(), undefined);
});

Deno.test("with replies apart, an answer can be overtaken by a later call's", async () => {
  const tasks = scheduler({ replies: "apart" });
  const happened: string[] = [];
  const target = tasks.wrap({ call: (name: string) => Promise.resolve(happened.push(`${name} done`)) });
  const calls = [
    target.call("a").then(() => happened.push("a told")),
    target.call("b").then(() => happened.push("b told")),
  ];
  for (const id of [1, 2]) await tasks.runOne(id);
  const [, replyOfB] = tasks.pending();
  await tasks.runOne(replyOfB?.id);
  assert.deepEqual(happened, ["a done", "b done", "b told"]);
  await tasks.runAll();
  await Promise.all(calls);
});

Deno.test("a call that fails fails for its caller", async () => {
  const tasks = scheduler();
  const failed = assert.rejects(tasks.schedule("boom", () => Promise.reject(new Error("no"))), /no/);
  await tasks.runAll();
  await failed;
});

Deno.test("running all names the seed when it does not end", async () => {
  const tasks = scheduler({ seed: 77 });
  const again = (): Promise<unknown> => tasks.schedule("again", () => Promise.resolve()).then(again);
  void again();
  await assert.rejects(tasks.runAll(50), /seed 77/);
});

Deno.test("random numbers are those of their seed, spread over the range", () => {
  const one = random(3);
  const other = random(3);
  const counts = new Array<number>(10).fill(0);
  for (let step = 0; step < 10_000; step++) {
    const value = one.below(10);
    assert.equal(other.below(10), value);
    counts[value] = (counts[value] ?? 0) + 1;
  }
  for (const count of counts) assert.ok(count > 850 && count < 1_150, counts.join());
  assert.deepEqual(random(1).shuffle([1, 2, 3, 4]).toSorted(), [1, 2, 3, 4]);
  assert.throws(() => random(1).pick([]), RangeError);
  const ids = new Set(Array.from({ length: 1_000 }, () => one.id()));
  assert.equal(ids.size, 1_000);
});
