import assert from "node:assert/strict";
import { type Check, checksFor } from "./checks.ts";
import { judge, Plain, RedCheck } from "./judge.ts";
import type { Mutant } from "./mutant.ts";
import { firstFailure, lastFile, type Run, type RunLimits, type Tree } from "./tree.ts";
import { firstUsable } from "./usable.ts";

const MUTANT: Mutant = {
  name: "a fault",
  file: "src/machine/step.ts",
  origin: "chosen",
  start: 0,
  end: 1,
  replacement: "",
};
const [FIRST, SECOND] = checksFor(MUTANT.file).map(({ name }) => name);

/** A tree in which a check goes as is said for the tree as it is and for the mutant. */
function tree(
  goes: (check: string, isFaulty: boolean, limits: RunLimits) => Run["outcome"],
): Tree & { ran: string[] } {
  let isFaulty = false;
  const ran: string[] = [];
  return {
    ran,
    has: () => true,
    check: ({ name }: Check, limits) => {
      ran.push(`${name}${isFaulty ? ", faulty" : ""}`);
      const outcome = goes(name, isFaulty, limits);
      return Promise.resolve({ outcome, output: "", durationMs: 9_000, silentMs: 1_000 });
    },
    withFault: async (_mutant, use) => {
      isFaulty = true;
      try {
        return await use();
      } finally {
        isFaulty = false;
      }
    },
  };
}

Deno.test("a mutant is stopped at the first check that catches it", async () => {
  const work = tree((check, isFaulty) => isFaulty && check === SECOND ? "failed" : "passed");
  const { caughtBy } = await judge(MUTANT, work, new Plain(tree(() => "passed")));
  assert.equal(caughtBy?.name, SECOND);
  assert.deepEqual(work.ran, [`${FIRST}, faulty`, `${SECOND}, faulty`]);
});

Deno.test("a mutant is first looked for where it was seen before, and everywhere if it is not there", async () => {
  const file = "tests/unit/machine/step_test.ts";
  const sightings = { [MUTANT.name]: file };
  const there = tree((_check, isFaulty) => isFaulty ? "failed" : "passed");
  const { caughtBy } = await judge(MUTANT, there, new Plain(tree(() => "passed")), { sightings });
  assert.equal(caughtBy?.name, FIRST);
  assert.deepEqual(there.ran, [`${FIRST}: ${file}, faulty`]);
  const elsewhere = tree((check, isFaulty) => isFaulty && check === SECOND ? "failed" : "passed");
  assert.equal((await judge(MUTANT, elsewhere, new Plain(tree(() => "passed")), { sightings })).caughtBy?.name, SECOND);
  assert.deepEqual(elsewhere.ran, [`${FIRST}: ${file}, faulty`, `${FIRST}, faulty`, `${SECOND}, faulty`]);
});

Deno.test("a mutant that no check catches survives all of them", async () => {
  const work = tree(() => "passed");
  assert.equal((await judge(MUTANT, work, new Plain(tree(() => "passed")))).caughtBy, undefined);
  assert.equal(work.ran.length, checksFor(MUTANT.file).length);
});

Deno.test("a check that fails without any fault catches nothing", async () => {
  const plain = new Plain(tree(() => "failed"));
  await assert.rejects(judge(MUTANT, tree(() => "failed"), plain), RedCheck);
});

Deno.test("a check is run once on the tree as it is, and a mutant may take, and be silent, several times as long", async () => {
  const asItIs = tree(() => "passed");
  const plain = new Plain(asItIs);
  const limits: RunLimits[] = [];
  const work = tree((_check, _isFaulty, each) => {
    limits.push(each);
    return "tooLong";
  });
  for (let round = 0; round < 2; round++) assert.match((await judge(MUTANT, work, plain)).sign ?? "", /too long/);
  assert.deepEqual(asItIs.ran, [FIRST]);
  for (const { durationMs, silentMs } of limits) {
    assert.ok(durationMs >= 36_000);
    assert.ok(silentMs >= 4_000 && silentMs < durationMs);
  }
});

Deno.test("the file that ran last is that of the first failure", () => {
  const output =
    "running 0 tests from ./tests/a_test.ts\nrunning 1 test from ./tests/b_test.ts\nb ... FAILED\n\n ERRORS \n";
  assert.equal(lastFile(output), "tests/b_test.ts");
  assert.equal(lastFile("seed 7: order: a 2 came before 1"), undefined);
});

Deno.test("the test that failed first is named", () => {
  const output =
    "a ... ok\n\n ERRORS \n\na sentence: b => ./tests/unit/a_test.ts:12:6\nerror: Error\n\nc => ./tests/c.ts:1:1\n";
  assert.equal(firstFailure(output), "a sentence: b");
  assert.equal(firstFailure("seed 7: order: a 2 came before 1\nseed 9: other"), "seed 7: order: a 2 came before 1");
  assert.equal(firstFailure("error: Module not found"), undefined);
});

Deno.test("of drawn faults the first whose types are right are taken, and one of a file is asked about at a time", async () => {
  const named = (name: string, file: string): Mutant => ({ ...MUTANT, name, file });
  const orders = [
    [named("a", "1"), named("b", "1"), named("c", "2"), named("d", "2")],
    [named("e", "3"), named("f", "4")],
    [named("g", "5")],
  ];
  const asked: string[][] = [];
  const usable = await firstUsable(orders, [2, 1, 3], (mutants) => {
    asked.push(mutants.map(({ name }) => name));
    return Promise.resolve(mutants.filter(({ name }) => ["a", "e"].includes(name)));
  });
  assert.deepEqual(usable.map(({ name }) => name), ["b", "c", "f", "g"]);
  assert.deepEqual(asked, [["a", "e", "g"], ["b", "c", "f"]]);
});
