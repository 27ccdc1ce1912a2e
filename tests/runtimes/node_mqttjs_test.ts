import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { runDeno } from "../support/deno.ts";

/** The packages that the suite asks for, as Node looks for them. */
const PACKAGES = ["should", "should-equal", "should-format", "should-type", "should-type-adaptors", "should-util"];

/** The suite of the last `mqtt` that was published with its tests; its own runner's functions are those of Node here. */
const MAIN = `
import { createRequire } from "node:module";
import { afterEach, beforeEach, describe, it } from "node:test";
import { memoryStore, mqttjsSession } from "./session.mjs";

globalThis.it = (name, body) => it(name, (_context, done) => body(done));
globalThis.beforeEach = (body) => beforeEach((_context, done) => body(done));
globalThis.afterEach = (body) => afterEach((_context, done) => body(done));
const suite = createRequire(import.meta.url)("./abstract_store.cjs");
describe("outgoingStore", () => {
  suite((done) => {
    mqttjsSession(memoryStore(), { clientId: "suite" }).then((session) => done(null, session.options().outgoingStore), done);
  });
});
`;

/** The folder of a package, by a file of it. */
function packageFolder(name: string, entry: string): string {
  const [folder] = new RegExp(`^.*/${name}/[^/]+`).exec(entry) ?? [];
  assert.ok(folder !== undefined, entry);
  return folder;
}

Deno.test("Node: MQTT.js's own suite for stores passes over what a session publishes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "edge-mqtt-mqttjs-" });
  try {
    const bundle = ["bundle", "--platform", "browser", "-o", `${folder}/session.mjs`];
    const { success, output } = await runDeno([...bundle, "tests/runtimes/support/mqttjs_program.ts"]);
    assert.ok(success, output);
    await cp(fileURLToPath(import.meta.resolve("mqtt-v4suite/test/abstract_store.js")), `${folder}/abstract_store.cjs`);
    const should = fileURLToPath(import.meta.resolve("should"));
    for (const name of PACKAGES) {
      const entry = name === "should" ? should : createRequire(should).resolve(name);
      await cp(packageFolder(name, entry), `${folder}/node_modules/${name}`, { recursive: true });
    }
    await Deno.writeTextFile(`${folder}/main.test.mjs`, MAIN);
    const { stdout } = await new Deno.Command("node", {
      args: ["--test", "--test-reporter=tap", "main.test.mjs"],
      cwd: folder,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const report = new TextDecoder().decode(stdout);
    assert.match(report, /^# pass 6$/m, report);
    assert.match(report, /^# fail 0$/m, report);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
