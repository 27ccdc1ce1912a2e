import assert from "node:assert/strict";
import { doctor } from "../../../src/admin/mod.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { upstashRedisStore } from "../../../src/stores/upstash_redis/mod.ts";
import { startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import { contents, ENVIRONMENT, fill, move } from "./exported.ts";
import { mapStore } from "./support.ts";

/** Moves sessions to a store and on to another, and insists that they are what they were. */
async function thereAndBack(store: SessionStore): Promise<void> {
  const first = memoryStore();
  await fill(first);
  const model = mapStore();
  await move(first, model);
  await move(model, store);
  const found = await contents(store);
  assert.deepEqual(found, await contents(model));
  for await (const finding of doctor(store, { environment: ENVIRONMENT })) assert.fail(JSON.stringify(finding));
  const last = mapStore(2);
  await move(store, last);
  assert.deepEqual(await contents(last), found);
}

Deno.test("sessions that go to Upstash Redis and back are what they were, and nothing is amiss", async () => {
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  await thereAndBack(upstashRedisStore({ url: upstash.url, token: upstash.token }));
});

Deno.test("sessions that go to a Redis Cluster and back are what they were, and nothing is amiss", async () => {
  await using cluster = await startRedisCluster();
  await using upstash = startUpstash({ redis: cluster });
  await thereAndBack(upstashRedisStore({ url: upstash.url, token: upstash.token }, { cluster: true }));
});
