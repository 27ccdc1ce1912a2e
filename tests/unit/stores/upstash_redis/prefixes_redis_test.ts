/** Stores of different prefixes share a database, and nothing else. */
import assert from "node:assert/strict";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { compareStores } from "../../../../src/testing/mod.ts";
import { openRig, type Rig } from "./redis_kit.ts";

/** Beginnings of each other, what escaping makes of them, patterns, and what means something in keys. */
const PREFIXES: readonly string[] = [
  "a",
  "a/1",
  "a%2f1",
  "a%252f1",
  "a/",
  "a/1/",
  "a/1/{shared}",
  "session-{node}",
  "{shared}",
  "é",
  "e\u0301",
  "%c3%a9",
  "*",
  "?",
  "[a]",
  "a\0",
  "a b",
  "A",
  "\ud800",
  "%ud800",
  "1",
];

async function keysWritten(rig: Rig, before: readonly string[]): Promise<string[]> {
  const known = new Set(before);
  return (await rig.keys()).filter((key) => !known.has(key));
}

Deno.test("stores of any two prefixes live on one database as if each had its own", async () => {
  await using rig = await openRig();
  // All of them at once, with the same names of clients, nodes, filters and batches.
  const histories = await Promise.allSettled(
    PREFIXES.map((prefix) => compareStores(memoryStore(), rig.store({ prefix }), { seed: 3, steps: 75 })),
  );
  for (const [index, history] of histories.entries()) {
    assert.equal(history.status, "fulfilled", `prefix ${PREFIXES[index]}: ${JSON.stringify(history)}`);
  }
});

Deno.test("no key of one prefix is another's, and none changes while another store works", async () => {
  await using rig = await openRig();
  let before = await rig.contents();
  for (const [index, prefix] of PREFIXES.entries()) {
    await compareStores(memoryStore(), rig.store({ prefix }), { seed: 5, steps: 50 });
    const after = await rig.contents();
    for (const [key, value] of before) assert.deepEqual(after.get(key), value, `${prefix} has changed ${key}`);
    assert.ok(after.size - before.size >= 6, `prefix ${index} has written ${after.size - before.size} keys`);
    before = after;
  }
});

Deno.test("keys are printable ASCII under their prefix, and a hash tag in a prefix is none", async () => {
  await using rig = await openRig();
  for (const prefix of PREFIXES) {
    const before = await rig.keys();
    const kit = rig.kit(rig.store({ prefix }));
    await kit.detach(await kit.subscribe(await kit.open("{é}"), "f/{x}"));
    const written = await keysWritten(rig, before);
    const roots = new Set(written.map((key) => key.slice(0, key.indexOf("/"))));
    assert.equal(roots.size, 1, written.join(" "));
    for (const key of written) {
      assert.match(key, /^[!-~]+$/);
      // Whatever the names are, the only braces are those around the part that says where a key lives.
      assert.match(key, /^[^{}]*\{[^{}]+\}[^{}]*$/);
    }
  }
});

Deno.test("a prefix that is empty or too long is refused at construction", async () => {
  await using rig = await openRig();
  for (const prefix of ["", "x".repeat(257), "é".repeat(43)]) {
    assert.throws(() => rig.store({ prefix }), RangeError, prefix.slice(0, 9));
  }
  rig.store({ prefix: "x".repeat(256) });
});
