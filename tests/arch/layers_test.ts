import assert from "node:assert/strict";
import { breaches } from "./layers.ts";
import { cycles, type ModuleGraph, moduleGraph, reachable, shippedSources, specifiersOf } from "./module_graph.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("every import of the shipped modules goes down the layers", async () => {
  assert.deepEqual(breaches(moduleGraph(await shippedSources(ROOT))), []);
});

/** A graph of one import; both ends exist unless the target is foreign. */
function edge(from: string, to: string): ModuleGraph {
  return new Map([[from, [to]], ...(to.endsWith(".ts") ? [[to, []] as const] : [])]);
}

const FORBIDDEN: readonly (readonly [from: string, to: string])[] = [
  ["src/errors.ts", "src/mqtt/qos.ts"],
  ["src/mqtt/topic.ts", "src/machine/step.ts"],
  ["src/machine/step.ts", "src/routing/share.ts"],
  ["src/routing/share.ts", "src/machine/step.ts"],
  ["src/machine/step.ts", "src/store/keys.ts"],
  ["src/store/keys.ts", "src/stores/memory.ts"],
  ["src/store/key_value/head.ts", "src/runtime/broker.ts"],
  ["src/stores/memory.ts", "src/runtime/broker.ts"],
  ["src/stores/deno_kv.ts", "src/stores/memory.ts"],
  ["src/runtime/broker.ts", "src/stores/memory.ts"],
  ["src/runtime/broker.ts", "src/testing/fake_clock.ts"],
  ["src/hosts/aedes.ts", "src/stores/memory.ts"],
  ["src/hosts/aedes.ts", "src/hosts/mqttjs.ts"],
  ["src/hosts/mqtt_packet.ts", "src/machine/step.ts"],
  ["src/hosts/mqtt_packet/to.ts", "src/store/keys.ts"],
  ["src/testing/mod.ts", "src/hosts/aedes.ts"],
  ["src/store/keys.ts", "src/mqtt/_varint.ts"],
  ["src/store/keys.ts", "src/store/key_value/_pack.ts"],
  ["src/store/keys.ts", "mod.ts"],
  ["src/elsewhere/x.ts", "src/errors.ts"],
  ["src/machine/policy.ts", "fast-check"],
  ["src/mqtt/topic.ts", "valibot"],
  ["src/runtime/broker.ts", "node:crypto"],
  ["src/stores/memory.ts", "@upstash/redis"],
  ["src/runtime/client.ts", "idb-keyval"],
];

for (const [from, to] of FORBIDDEN) {
  Deno.test(`layers forbid ${from} to import ${to}`, () => {
    assert.equal(breaches(edge(from, to)).length, 1);
  });
}

const ALLOWED: readonly (readonly [from: string, to: string])[] = [
  ["src/machine/step.ts", "src/mqtt/qos.ts"],
  ["src/machine/rules/will.ts", "src/machine/state/session.ts"],
  ["src/store/key_value/head.ts", "src/store/keys.ts"],
  ["src/store/key_value/head.ts", "src/store/key_value/_pack.ts"],
  ["src/store/session_store.ts", "src/machine/change.ts"],
  ["src/stores/deno_kv.ts", "src/store/key_value/driver.ts"],
  ["src/stores/upstash_redis/store.ts", "@upstash/redis/cloudflare"],
  ["src/stores/idb_keyval.ts", "idb-keyval"],
  ["src/machine/policy.ts", "valibot"],
  ["src/hosts/aedes.ts", "src/runtime/broker.ts"],
  ["src/hosts/mqtt_packet.ts", "src/hosts/mqtt_packet/to.ts"],
  ["src/testing/mod.ts", "src/stores/memory.ts"],
  ["mod.ts", "src/stores/memory.ts"],
];

for (const [from, to] of ALLOWED) {
  Deno.test(`layers allow ${from} to import ${to}`, () => {
    assert.deepEqual(breaches(edge(from, to)), []);
  });
}

Deno.test("layers forbid mod.ts to reach a backend other than memory, even through others", () => {
  const graph = new Map([["mod.ts", ["src/runtime/a.ts"]], ["src/runtime/a.ts", ["src/stores/deno_kv.ts"]]]);
  graph.set("src/stores/deno_kv.ts", []);
  assert.ok(breaches(graph).some((breach) => breach.startsWith("mod.ts reaches src/stores/deno_kv.ts")));
});

Deno.test("layers report an import of a file that is not there", () => {
  assert.deepEqual(breaches(moduleGraph(new Map([["src/mqtt/a.ts", 'import { b } from "./b.ts";']]))), [
    "src/mqtt/a.ts imports src/mqtt/b.ts: there is no such file",
  ]);
});

Deno.test("the module graph sees every form of import, and nothing in comments and texts", () => {
  const source = `
    import { a } from "./a.ts"; import type { B } from "./b.ts"; import "./c.ts";
    export { d } from "./d.ts"; export * from "./e.ts"; export const local = 1;
    const f = await import("./f.ts"); let g: import("./g.ts").G;
    // import "./comment.ts";
    const text = 'import "./text.ts"';`;
  assert.deepEqual([...specifiersOf(source)].sort(), "abcdefg".split("").map((name) => `./${name}.ts`));
});

Deno.test("the module graph resolves what a relative specifier leads to", () => {
  const sources = new Map([[
    "src/machine/rules/will.ts",
    'import "../step.ts"; import "valibot"; import "../step.ts";',
  ]]);
  assert.deepEqual(moduleGraph(sources).get("src/machine/rules/will.ts"), ["src/machine/step.ts", "valibot"]);
});

Deno.test("a cycle is found once, whatever leads into it", () => {
  const graph = new Map([["x", ["a"]], ["a", ["b"]], ["b", ["c"]], ["c", ["a"]], ["y", ["b"]]]);
  assert.deepEqual(cycles(graph), [["a", "b", "c", "a"]]);
  assert.deepEqual([...reachable(graph, "b")].sort(), ["a", "b", "c"]);
});
