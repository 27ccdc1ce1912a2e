import assert from "node:assert/strict";
import { bundleForUpstash } from "./support/upstash_bundle.ts";

/** Prints how many cases there were, then what failed. */
const MAIN = `
import { casesOn, failureOf } from "./upstash.mjs";
const cases = casesOn(JSON.parse(process.argv[2]));
const failures = [];
for (const each of cases) failures.push(await failureOf(each));
console.log(JSON.stringify({ count: cases.length, failures: failures.filter((each) => each !== undefined) }));
`;

Deno.test("Node keeps every promise of a store through Upstash Redis", async () => {
  await using bundle = await bundleForUpstash();
  await Deno.writeTextFile(`${bundle.folder}/main.mjs`, MAIN);
  const { success, stdout, stderr } = await new Deno.Command("node", {
    args: ["main.mjs", JSON.stringify(bundle.connection)],
    cwd: bundle.folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const { count, failures } = JSON.parse(new TextDecoder().decode(stdout));
  assert.deepEqual(failures, []);
  assert.ok(count > 50, `${count} cases`);
});
