import assert from "node:assert/strict";
import { readMonitorLine } from "../../../support/redis/monitor.ts";
import { ask, run, withUpstash } from "./support.ts";

const SCRIPT = "redis.call('HSET', KEYS[1], 'f', ARGV[1]) redis.call('HGET', KEYS[1], 'f') return redis.call('TIME')";

Deno.test("commands and the calls inside of scripts are billed, however many requests carry them", () =>
  withUpstash(async (upstash) => {
    const digest = await run(upstash, "SCRIPT", "LOAD", SCRIPT);
    const reading = await upstash.meter.measure(async () => {
      await ask(upstash, "/pipeline", [["SET", "k", "v"], ["EVALSHA", digest, 1, "h", "v"], ["GET", "k"]]);
      await ask(upstash, "/multi-exec", [["INCR", "n"], ["EVALSHA", digest, 1, "h", "v"]]);
      await ask(upstash, "/", ["EVALSHA", digest, 1, "h", "v"]);
      await ask(upstash, "/", ["PING"], { authorization: "Bearer wrong" });
    });
    assert.equal(reading.requests, 4);
    assert.equal(reading.commands, 6);
    assert.equal(reading.scriptCalls, 9);
    assert.equal(reading.billed, 15);
    assert.deepEqual(reading.byName, { SET: 1, EVALSHA: 3, GET: 1, INCR: 1 });
    assert.deepEqual(reading.scriptCallsByName, { HSET: 3, HGET: 3, TIME: 3 });
    assert.deepEqual(reading.keysOutsideKeys, []);
  }));

Deno.test("the meter is exact under load, and leaves out what others run", () =>
  withUpstash(async (upstash, redis) => {
    await using other = await redis.connect();
    await upstash.meter.start();
    const script = "for i = 1, 100 do redis.call('INCR', KEYS[1]) end";
    const foreign = other.pipeline(Array.from({ length: 100 }, () => ["EVAL", script, "1", "theirs"]));
    await Promise.all(Array.from({ length: 100 }, () => ask(upstash, "/", ["EVAL", script, 1, "ours"])));
    await foreign;
    const { commands, scriptCalls } = await upstash.meter.stop();
    assert.deepEqual([commands, scriptCalls], [100, 10_000]);
  }));

Deno.test("bytes are those of whole requests and replies", () =>
  withUpstash(async (upstash) => {
    const body = ["SET", "k", "v".repeat(5000)];
    const reading = await upstash.meter.measure(() => ask(upstash, "/", body));
    assert.equal(reading.requestBodyBytes, JSON.stringify(body).length);
    assert.equal(reading.responseBodyBytes, '{"result":"OK"}'.length);
    assert.ok(reading.requestBytes > reading.requestBodyBytes + 50);
    assert.ok(reading.responseBytes > reading.responseBodyBytes + 50);
  }));

Deno.test("keys that a script touches without naming them are told", () =>
  withUpstash(async (upstash) => {
    const script = `
      redis.call('HSET', KEYS[1], 'f', 'v')
      redis.call('HGET', 'hidden é "', 'f')
      redis.call('DEL', KEYS[2], 'deleted')
      redis.call('ZADD', KEYS[2], 1, 'member')
      return redis.call('PUBLISH', 'channel', 'message')`;
    await upstash.meter.start();
    await run(upstash, "EVAL", script, 2, "a", "b", "hidden");
    const { keysOutsideKeys, billed } = await upstash.meter.stop();
    assert.deepEqual(keysOutsideKeys, [{ call: "HGET", key: 'hidden é "' }, { call: "DEL", key: "deleted" }]);
    assert.equal(billed, 6);
  }));

Deno.test("the meter counts from its start to its stop, and can be read between", () =>
  withUpstash(async (upstash) => {
    await assert.rejects(upstash.meter.read(), /not started/);
    await run(upstash, "PING");
    await upstash.meter.start();
    await run(upstash, "PING");
    assert.equal((await upstash.meter.read()).billed, 1);
    await run(upstash, "PING");
    assert.equal((await upstash.meter.stop()).billed, 2);
    await assert.rejects(upstash.meter.stop(), /not started/);
    assert.equal((await upstash.meter.measure(() => run(upstash, "PING"))).billed, 1);
  }));

Deno.test("a meter whose Redis ends says so, rather than count too little", () =>
  withUpstash(async (upstash, redis) => {
    await upstash.meter.start();
    await redis.restart();
    await assert.rejects(upstash.meter.stop(), /ended/);
  }));

Deno.test("a line of MONITOR is read byte by byte", () => {
  const line = String.raw`1700000000.000001 [0 lua] "SET" "a \"b\\" "\x00\n\xff x41" ""`;
  assert.deepEqual(readMonitorLine(line), { client: "lua", command: ["SET", 'a "b\\', "\0\n\xff x41", ""] });
});
