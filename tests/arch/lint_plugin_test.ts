import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import plugin from "./lint_plugin.ts";

/** The rules that fire on a piece of code standing at a path of the project, each once. */
function fired(path: string, code: string): readonly string[] {
  const filename = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const rules = Deno.lint.runPlugin(plugin, filename, code).map(({ id }) => id.replace("edge-mqtt/", ""));
  return [...new Set(rules)].sort();
}

const BREACHES: readonly (readonly [rule: string, code: string])[] = [
  ["no-ambient", "const t = Date.now();"],
  ["no-ambient", "const t = new Date(0);"],
  ["no-ambient", "function f(at: Date): void {}"],
  ["no-ambient", "const record = { Date };"],
  ["no-ambient", "const x = Math.random();"],
  ["no-ambient", 'const x = Math["random"]();'],
  ["no-ambient", "const x = crypto.randomUUID();"],
  ["no-ambient", "globalThis.crypto.getRandomValues(bytes);"],
  ["no-ambient", "const t = performance.now();"],
  ["no-ambient", "const t = Temporal.Now.instant();"],
  ["no-ambient", "console.log(1);"],
  ["no-ambient", 'const x = Deno.env.get("X");'],
  ["no-ambient", "function f(kv: Deno.Kv): void {}"],
  ["no-ambient", "setTimeout(f, 1);"],
  ["no-ambient", "globalThis.setTimeout(f, 1);"],
  ["no-ambient", "const s = AbortSignal.timeout(1);"],
  ["no-ambient", "setInterval(f, 1);"],
  ["no-module-state", "let count = 0;"],
  ["no-module-state", "export let count = 0;"],
  ["no-module-state", "var count = 0;"],
  ["no-module-state", "const cache = new Map<string, number>();"],
  ["no-module-state", "const seen: WeakSet<object> = new WeakSet();"],
  ["named-exports", 'export * from "./a.ts";'],
  ["named-exports", "export default 1;"],
];

for (const [rule, code] of BREACHES) {
  Deno.test(`lint ${rule} fires in src on: ${code}`, () => {
    assert.deepEqual(fired("src/runtime/x.ts", code), [rule]);
    assert.deepEqual(fired("tests/unit/x_test.ts", code), [], "and is silent outside of src");
  });
}

Deno.test("lint lets the platform in through one room only", () => {
  const code = "const t = [Date.now(), performance.now(), crypto.randomUUID(), setTimeout(f, 1)];";
  assert.deepEqual(fired("src/runtime/environment.ts", code), []);
  assert.deepEqual(fired("src/runtime/broker.ts", code), ["no-ambient"]);
});

const WAITS: readonly string[] = [
  "async function f() {}",
  "const f = async () => {};",
  "const o = { async f() {} };",
  "class C { async f() {} }",
  "const x = await y;",
  "for await (const x of y) {}",
  "await using x = y;",
  "function f(): Promise<void> { throw 1; }",
  "const x = Promise.resolve(1);",
  'const x = import("./a.ts");',
];

for (const code of WAITS) {
  Deno.test(`lint no-async fires in the pure layers on: ${code}`, () => {
    for (const folder of ["mqtt", "machine/rules", "routing"]) {
      assert.deepEqual(fired(`src/${folder}/x.ts`, code), ["no-async"]);
    }
    assert.deepEqual(fired("src/store/x.ts", code), [], "and is silent in the layers that do I/O");
  });
}

const ALLOWED: readonly string[] = [
  "const digest = globalThis.crypto.subtle.digest;",
  "const header = { Date: 1, console: 2 };",
  "header.Date;",
  "interface Log { Date: number; setTimeout(ms: number): void }",
  "function f() { let count = 0; return new Map([[count, 1]]); }",
  'const NAMES: ReadonlyMap<number, string> = new Map([[1, "a"]]);',
  "const x = Math.floor(1.5);",
  'export { a } from "./a.ts";',
];

for (const code of ALLOWED) {
  Deno.test(`lint lets pass: ${code}`, () => {
    assert.deepEqual(fired("src/machine/x.ts", code), []);
  });
}
