import assert from "node:assert/strict";
import { Miniflare } from "miniflare";
import { bundleForUpstash } from "./support/upstash_bundle.ts";

/** Answers a request for a case with how it failed, and any other with how many there are. */
const MAIN = `
import { casesOn, failureOf } from "./upstash.mjs";
export default {
  async fetch(request, env) {
    const cases = casesOn(JSON.parse(env.CONNECTION));
    const index = new URL(request.url).searchParams.get("case");
    return Response.json(index === null ? cases.length : await failureOf(cases[index]) ?? null);
  },
};
`;

Deno.test({
  name: "workerd keeps every promise of a store through Upstash Redis",
  // Miniflare leaves a port and a timer behind, which do not keep the process.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: everyPromise,
});

async function everyPromise(): Promise<void> {
  await using bundle = await bundleForUpstash();
  const worker = new Miniflare({
    modules: [
      { type: "ESModule", path: "main.mjs", contents: MAIN },
      { type: "ESModule", path: bundle.file, contents: await Deno.readTextFile(`${bundle.folder}/${bundle.file}`) },
    ],
    compatibilityDate: "2026-04-01",
    bindings: { CONNECTION: JSON.stringify(bundle.connection) },
    // Otherwise it looks up where this machine is.
    cf: false,
  });
  try {
    const ask = async (query: string) => await (await worker.dispatchFetch(`http://worker/${query}`)).json();
    const count = Number(await ask(""));
    assert.ok(count > 50, `${count} cases`);
    for (let index = 0; index < count; index++) assert.equal(await ask(`?case=${index}`), null);
  } finally {
    await worker.dispose();
  }
}
