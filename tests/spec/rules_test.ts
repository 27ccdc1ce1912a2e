import { equal, ok, throws } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { locate } from "../mutants/mutant.ts";
import { PROJECT_ROOT } from "../support/deno.ts";
import { chosenRules } from "./mutate.ts";
import reference from "./rows.json" with { type: "json" };
import { rulesOut } from "./rules.ts";

Deno.test("each rule that can be taken out stands in src once, and belongs to a row of the reference", async () => {
  const rules = rulesOut();
  ok(rules.length >= 20, `${rules.length} rules`);
  equal(new Set(rules.map(({ row }) => row)).size, rules.length);
  for (const { row, fault } of rules) {
    ok(reference.rows.some((each) => each.row === row), row);
    locate(fault, await readFile(new URL(fault.file, PROJECT_ROOT), "utf8"));
  }
});

Deno.test("a rule is asked for by its row, and all of them at once", () => {
  equal(chosenRules(["RT-03"])[0]?.fault.name, "a resend carries DUP 0");
  equal(chosenRules(["all"]).length, rulesOut().length);
  throws(() => chosenRules(["XX-99"]), TypeError);
  throws(() => chosenRules([]), TypeError);
});
