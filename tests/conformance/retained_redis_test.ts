import assert from "node:assert/strict";
import { upstashRedisRetained } from "../../src/stores/upstash_redis/mod.ts";
import { retainedConformance, type RetainedUnderTest } from "../../src/testing/mod.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";

/** A store on a server of its own. */
async function onUpstash(): Promise<RetainedUnderTest> {
  const redis = await startRedis();
  const upstash = await startUpstash({ redis });
  const open = () => upstashRedisRetained({ url: upstash.url, token: upstash.token });
  return {
    retained: open(),
    close: async () => {
      await upstash[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
    },
    reopen: () => Promise.resolve(open()),
  };
}

retainedConformance({ test: Deno.test, name: "Upstash Redis", store: onUpstash });

const LIMITS = { maximumMessages: Infinity, maximumBytes: Infinity };

Deno.test("a request of a writer that comes behind a later one changes nothing", async () => {
  const subject = await onUpstash();
  try {
    const { retained } = subject;
    const put = (payload: string, writer: string, number: number) => {
      const message = {
        topic: "t",
        payload: new TextEncoder().encode(payload),
        qos: 1,
        retain: true,
        properties: {},
        publisher: "p",
        publishedAt: 1,
      } as const;
      return retained.put([{ message }], { limits: LIMITS, now: 1, order: { writer, number } });
    };
    await put("1", "a", 2);
    await put("2", "b", 1);
    await assert.rejects(put("late", "a", 1), { code: "OUTCOME_UNKNOWN" });
    await assert.rejects(put("twice", "a", 2), { code: "OUTCOME_UNKNOWN" });
    const [found] = await retained.read(["t"], { now: 1 });
    assert.equal(new TextDecoder().decode(found?.payload), "2");
    assert.deepEqual(await put("3", "a", 3), ["stored"]);
  } finally {
    await subject.close();
  }
});
