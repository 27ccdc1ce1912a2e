import { upstashRedisRetained, upstashRedisStore } from "../../../../src/stores/upstash_redis/mod.ts";
import { startRedis } from "../../../support/redis/redis_server.ts";
import { startUpstash } from "../../../support/redis/upstash_server.ts";
import { runSuite } from "./support/suite.ts";

const redis = await startRedis();
const upstash = startUpstash({ redis });
const { url, token } = upstash;
let prefixes = 0;
runSuite("Upstash Redis", () => {
  const options = { prefix: `case-${prefixes++}` };
  return {
    store: upstashRedisStore({ url, token }, options),
    retained: upstashRedisRetained({ url, token }, options),
  };
});

Deno.test.afterAll(async () => {
  await upstash[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});
