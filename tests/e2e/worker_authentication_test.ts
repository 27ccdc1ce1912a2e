import assert from "node:assert/strict";
import { authenticateBy } from "../../examples/cloudflare/authenticate.ts";
import type { Environment } from "../../examples/cloudflare/settings.ts";

Deno.test("the worker lets in who brings its password; without one anybody where that is said, and else nobody", async () => {
  const connect = { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 } as const;
  const isLetIn = async (environment: Partial<Environment>, password?: string) => {
    const authenticate = authenticateBy(environment as Environment);
    const given = password === undefined ? {} : { password: new TextEncoder().encode(password) };
    return (await authenticate({ ...connect, ...given }, { signal: new AbortController().signal })).ok;
  };
  assert.equal(await isLetIn({ MQTT_PASSWORD: "open" }, "open"), true);
  assert.equal(await isLetIn({ MQTT_PASSWORD: "open" }, "Open"), false);
  assert.equal(await isLetIn({ MQTT_PASSWORD: "open", ALLOW_ANYONE: "true" }), false);
  assert.equal(await isLetIn({ ALLOW_ANYONE: "true" }), true);
  assert.equal(await isLetIn({}), false);
  assert.equal(await isLetIn({}, ""), false);
});
