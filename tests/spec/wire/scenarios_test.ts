import { deepEqual, equal, ok } from "node:assert/strict";
import reference from "../rows.json" with { type: "json" };
import { needsStart } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

Deno.test("scenarios are data: JSON keeps all of them", () => {
  deepEqual(JSON.parse(JSON.stringify(SCENARIOS)), SCENARIOS);
});

Deno.test("each scenario shows rows of the reference that bind the server, in a version that they name", () => {
  for (const { name, rows, version } of SCENARIOS) {
    ok(rows.length > 0, name);
    for (const row of rows) {
      const of = reference.rows.find((each) => each.row === row);
      ok(of !== undefined, `${row} in "${name}" is no row`);
      const isBound = of.role.includes("S") || ["WL-22"].includes(row);
      ok(isBound, `${row} in "${name}" does not bind the server`);
      const versions = of.version === "both" ? ["3.1.1", "5.0"] : [of.version];
      ok(versions.includes(version === 5 ? "5.0" : "3.1.1"), `${row} in "${name}" is not of version ${version}`);
    }
  }
});

Deno.test("no two scenarios of a version have the same name", () => {
  const names = SCENARIOS.map(({ name, version }) => `${version} ${name}`);
  deepEqual(names.filter((name, index) => names.indexOf(name) < index), []);
});

Deno.test("most rows that show on the wire have a scenario", () => {
  const rows = new Set(SCENARIOS.filter((each) => !needsStart(each)).flatMap((scenario) => scenario.rows));
  equal(rows.size >= 220, true, `${rows.size} rows`);
});

Deno.test("a client is used after it was opened, and a broker that is restarted closes them all", () => {
  for (const { name, steps } of SCENARIOS) {
    const open = new Set<string>();
    for (const step of steps) {
      if (step.do === "restart") open.clear();
      if (!("client" in step)) continue;
      if (step.do === "open") open.add(step.client);
      ok(open.has(step.client), `${step.client} in "${name}" is not open`);
    }
  }
});
