import assert from "node:assert/strict";
import { plain } from "../../../support/redis/resp.ts";
import { slotOf } from "../../../support/redis/slots.ts";
import { ask, run, withCluster } from "./support.ts";

const READ_BOTH = "return { redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]) }";

/** Keys whose slots are spread over all nodes. */
const KEYS = Array.from({ length: 60 }, (_, index) => `key ${index}`);

// A cluster takes seconds to form: one is enough for all.
Deno.test("a cluster behind Upstash's protocol", (test) =>
  withCluster(async (upstash, cluster) => {
    await test.step("a key's slot is what Redis says, hash tags and binary keys included", async () => {
      await run(upstash, "FLUSHALL");
      await using connection = await cluster.nodes[0]?.connect();
      const keys = [...KEYS, "{a}b", "x{a}y{b}", "{}a", "a{", "a}b{", "{{a}}", Uint8Array.of(0, 255, 123, 1, 125), ""];
      const slots = await connection?.pipeline(keys.map((key) => ["CLUSTER", "KEYSLOT", key]));
      assert.deepEqual(keys.map(slotOf), slots);
    });

    await test.step("each command of a pipeline goes to the node of its key, and the answers come in order", async () => {
      await run(upstash, "FLUSHALL");
      const [, stored] = await ask(upstash, "/pipeline", KEYS.map((key) => ["SET", key, `value of ${key}`]));
      assert.deepEqual(stored, KEYS.map(() => ({ result: "OK" })));
      const [, read] = await ask(upstash, "/pipeline", KEYS.flatMap((key) => [["GET", key], ["ECHO", key]]));
      assert.deepEqual(read, KEYS.flatMap((key) => [{ result: `value of ${key}` }, { result: key }]));
      assert.equal(await run(upstash, "DBSIZE"), KEYS.length);
      for (const node of cluster.nodes) {
        await using connection = await node.connect();
        const size = plain(await connection.command(["DBSIZE"]));
        assert.ok(Number(size) > 0 && Number(size) < KEYS.length);
      }
    });

    await test.step("scripts are known to all nodes once they are loaded", async () => {
      await run(upstash, "FLUSHALL");
      const script = "#!lua flags=allow-key-locking\nreturn redis.call('INCR', KEYS[1])";
      const digest = await run(upstash, "SCRIPT", "LOAD", script);
      for (const key of KEYS) assert.equal(await run(upstash, "EVALSHA", digest, 1, key), 1);
      await run(upstash, "SCRIPT", "FLUSH");
      for (const key of KEYS) assert.match(String(await run(upstash, "EVALSHA", digest, 1, key)), /^NOSCRIPT/);
    });

    await test.step("keys of different slots are refused by the node", async () => {
      await run(upstash, "FLUSHALL");
      await run(upstash, "SET", "{a}1", "v");
      assert.deepEqual(await run(upstash, "EVAL", READ_BOTH, 2, "{a}1", "{a}2"), ["v", null]);
      assert.match(String(await run(upstash, "EVAL", READ_BOTH, 2, "{a}1", "{b}2")), /^CROSSSLOT/);
      assert.match(String(await run(upstash, "DEL", "{a}1", "{b}2")), /^CROSSSLOT/);
      assert.deepEqual(await ask(upstash, "/multi-exec", [["GET", "{a}1"], ["SET", "{a}2", 1]]), [200, [
        { result: "v" },
        {
          result: "OK",
        },
      ]]);
      assert.equal((await ask(upstash, "/multi-exec", [["GET", "{a}1"], ["SET", "{b}2", 1]]))[0], 400);
    });

    await test.step("the calls of scripts are counted on all nodes", async () => {
      await run(upstash, "FLUSHALL");
      const script = "redis.call('INCR', KEYS[1]) return redis.call('GET', KEYS[1])";
      const reading = await upstash.meter.measure(() =>
        ask(upstash, "/pipeline", KEYS.map((key) => ["EVAL", script, 1, key]))
      );
      assert.deepEqual(
        [reading.requests, reading.commands, reading.scriptCalls, reading.billed],
        [1, KEYS.length, 2 * KEYS.length, 3 * KEYS.length],
      );
    });
  }));
