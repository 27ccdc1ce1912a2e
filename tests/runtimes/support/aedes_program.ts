/**
 * aedes' own suite for persistences, for Node: over Upstash Redis where CONNECTION names a server, otherwise in memory.
 *
 * @module
 */
import { env } from "node:process";
import { runSuite } from "../../unit/hosts/aedes/support/suite.ts";
import { memoryRetained, memoryStore } from "../../../src/stores/memory.ts";
import { upstashRedisRetained, upstashRedisStore } from "../../../src/stores/upstash_redis/mod.ts";

const { CONNECTION } = env;
if (CONNECTION === undefined) {
  runSuite("memory", () => ({ store: memoryStore(), retained: memoryRetained() }));
} else {
  runSuite("Upstash Redis", () => {
    const options = { prefix: crypto.randomUUID() };
    const server = JSON.parse(CONNECTION);
    return { store: upstashRedisStore(server, options), retained: upstashRedisRetained(server, options) };
  });
}
