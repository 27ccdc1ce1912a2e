import assert from "node:assert/strict";
import { missing, type Requirement } from "../support/requirements.ts";

/** A requirement that `install` brings, unless it cannot. */
function requirement(name: string, options: { readonly there?: boolean; readonly installable?: boolean }): Requirement {
  let there = options.there ?? false;
  return {
    name,
    neededBy: [`/${name}/`],
    probe: () => Promise.resolve(there),
    install() {
      if (!options.installable) return Promise.reject(new Error("no package"));
      there = true;
      return Promise.resolve();
    },
    advice: "ask",
  };
}

const requirements = [
  requirement("there", { there: true }),
  requirement("installable", { installable: true }),
  requirement("unobtainable", {}),
  requirement("unneeded", {}),
];
const files = ["tests/there/a_test.ts", "tests/installable/a_test.ts", "tests/unobtainable/a_test.ts"];

Deno.test("without --install nothing is installed, and what lacks is named", async () => {
  const lacking = await missing(files, { install: false, requirements });
  assert.deepEqual(lacking.map(({ name }) => name), ["installable", "unobtainable"]);
});

Deno.test("with --install only what cannot be had still lacks", async () => {
  const lacking = await missing(files, { install: true, requirements });
  assert.deepEqual(lacking.map(({ name }) => name), ["unobtainable"]);
});
