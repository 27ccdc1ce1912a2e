import assert from "node:assert/strict";
import { PROJECT_ROOT } from "../support/deno.ts";
import { filesUnder } from "../support/files.ts";
import { ALL_CHECKS, checksFor } from "./checks.ts";
import { CHOSEN_FAULTS } from "./chosen.ts";
import { AREAS, drawOrder } from "./draw.ts";
import { editsOf } from "./edits.ts";
import { EQUIVALENT_FAULTS } from "./equivalent.ts";
import { changedLines, locate, mutated } from "./mutant.ts";
import { editableSources } from "./sources.ts";

/** A claim that nobody could see a fault is worth doubting: there may not be many. */
const MOST_EQUIVALENT = 16;

const sources = await editableSources(PROJECT_ROOT);

function sourceOf(file: string): string {
  const found = sources.find((each) => each.file === file);
  assert.ok(found !== undefined, `${file} is not there`);
  return found.source;
}

Deno.test("each chosen fault is told by a text that its file holds once, and changes one line of it", () => {
  for (const fault of CHOSEN_FAULTS) {
    const source = sourceOf(fault.file);
    assert.equal(changedLines(source, locate(fault, source)).length, 1, fault.name);
  }
});

Deno.test("chosen faults have names of their own, and say what they break", () => {
  assert.equal(new Set(CHOSEN_FAULTS.map(({ name }) => name)).size, CHOSEN_FAULTS.length);
  for (const { name, breaks } of CHOSEN_FAULTS) assert.notEqual(breaks, "", name);
});

Deno.test("a fault whose text is not there, or there twice, is told by its name", () => {
  const fault = { name: "the fault", file: "a.ts", text: "a", replacement: "b", breaks: "it" };
  assert.throws(() => locate(fault, "b"), /"the fault": its text is not there in a.ts/);
  assert.throws(() => locate(fault, "a a"), /"the fault": its text is there more than once in a.ts/);
});

const EDITS: readonly (readonly [source: string, becomes: readonly string[]])[] = [
  ["f(a < b);", ["{}", "f(a <= b);"]],
  ["g = a !== b;", ["g = a === b;"]],
  ["g = (a) >= (b);", ["g = (a) > (b);"]],
  ["g = n - 1;", ["g = n - 2;", "g = n - 0;"]],
  ["g = n > 0;", ["g = n >= 0;", "g = n > 1;"]],
  ["g = !a && b;", ["g = a && b;", "g = !a || b;"]],
  ["g = a ?? b;", ["g = (b);"]],
  ["g = Math.min(a, b);", ["g = Math.max(a, b);"]],
  ["a.b = c;", ["{}"]],
  ["while (a) { a.b = c; }", []],
  ["await a.b();", ["{}"]],
  ["const a = f<B>(1 * 2); // a < b", []],
  ['type A = 1 | 2; const a = "1 < 2";', []],
];

for (const [source, becomes] of EDITS) {
  Deno.test(`the edits of ${source} are found`, () => {
    assert.deepEqual(editsOf(source).map((edit) => mutated(source, edit)).toSorted(), becomes.toSorted());
  });
}

Deno.test("the same seed draws the same faults, and another one others", () => {
  const names = (seed: number) => drawOrder(sources, seed).map((area) => area.slice(0, 20).map(({ name }) => name));
  assert.deepEqual(names(7), names(7));
  assert.notDeepEqual(names(7), names(8));
});

Deno.test("a change of a source draws no other faults elsewhere", () => {
  const changed = sources.map((each) => {
    if (each.file !== "src/machine/step.ts") return each;
    const source = `\nf(1 < 2);\n${each.source}`;
    return { ...each, source, edits: editsOf(source) };
  });
  const elsewhere = (all: typeof sources) =>
    drawOrder(all, 1).map((area) =>
      area.slice(0, 100).flatMap(({ file, name }) => file === "src/machine/step.ts" ? [] : [name])
    );
  const [machine = [], ...others] = elsewhere(changed);
  const [before = [], ...same] = elsewhere(sources);
  assert.deepEqual(others, same);
  assert.ok(before.filter((name) => !machine.includes(name)).length < 3);
});

Deno.test("each area gives faults of its own, one a line, of a line", () => {
  for (const [index, mutants] of drawOrder(sources, 1).entries()) {
    assert.ok(mutants.length > 40, `${AREAS[index]} gives ${mutants.length} faults`);
    const lines = mutants.map((mutant) => {
      assert.ok(mutant.file.startsWith(AREAS[index] ?? ""), mutant.file);
      const changed = changedLines(sourceOf(mutant.file), mutant);
      assert.equal(changed.length, 1, mutant.name);
      return `${mutant.file}:${changed[0]?.number}`;
    });
    assert.equal(new Set(lines).size, lines.length);
  }
});

Deno.test("a fault that counts as none can be drawn, says why, and is one of few", () => {
  assert.ok(EQUIVALENT_FAULTS.length <= MOST_EQUIVALENT);
  for (const { file, line, becomes, because } of EQUIVALENT_FAULTS) {
    const source = sourceOf(file);
    const found = editsOf(source).some((edit) => {
      const [changed] = changedLines(source, edit);
      return changed?.before === line && changed.after === becomes;
    });
    assert.ok(found, `${file}: ${line}`);
    assert.ok(because.length > 20, line);
  }
});

Deno.test("every source that faults are drawn from has checks, and every check has tests", async () => {
  for (const { file } of sources) assert.notEqual(checksFor(file).length, 0);
  assert.throws(() => checksFor("src/elsewhere.ts"), RangeError);
  const tests = await filesUnder("tests", PROJECT_ROOT);
  for (const { name, files } of ALL_CHECKS) {
    assert.ok(files === undefined || tests.some((file) => files.test(file)), name);
  }
});
