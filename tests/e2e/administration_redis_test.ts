import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";
import { administer } from "./suites/administration.ts";

Deno.test("sessions in Upstash Redis are administered from the command line, and moved to another prefix", async () => {
  const folder = await Deno.makeTempDir();
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  const { url, token } = upstash;
  const env = { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token };
  try {
    await administer(
      { store: upstashRedisStore({ url, token }), args: ["--store", "upstash"], env },
      {
        store: upstashRedisStore({ url, token }, { prefix: "other" }),
        args: ["--store", "upstash", "--prefix", "other"],
        env,
      },
      folder,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
