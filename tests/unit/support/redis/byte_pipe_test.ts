import assert from "node:assert/strict";
import { bytePipe } from "../../../support/redis/byte_pipe.ts";
import { startRedis } from "../../../support/redis/redis_server.ts";
import { RespConnection } from "../../../support/redis/resp.ts";
import { ask, withUpstash } from "./support.ts";

const LATENCY_MS = 40;

Deno.test("bytes come whole and in order through a pipe, both of RESP and of HTTP", () =>
  withUpstash(async (upstash, redis) => {
    await using short = bytePipe({ port: redis.port, latencyMs: 0 });
    await using long = bytePipe({ port: redis.port, latencyMs: LATENCY_MS });
    await using http = bytePipe({ port: upstash.port, latencyMs: LATENCY_MS });
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
    for (const { port } of [short, long]) {
      await using connection = await RespConnection.connect(port);
      await connection.command(["SET", "k", bytes]);
      assert.deepEqual(await connection.command(["GET", "k"]), bytes);
    }
    const value = "v".repeat(300_000);
    const piped = { url: `http://127.0.0.1:${http.port}`, token: upstash.token };
    assert.deepEqual(await ask(piped, "/pipeline", [["SET", "k", value], ["GET", "k"]]), [200, [
      { result: "OK" },
      { result: value },
    ]]);
  }));

Deno.test("an answer comes no sooner than the latency, and many are under way at once", async () => {
  await using redis = await startRedis();
  await using pipe = bytePipe({ port: redis.port, latencyMs: LATENCY_MS });
  await using connection = await RespConnection.connect(pipe.port);
  const start = performance.now();
  await connection.command(["PING"]);
  const single = performance.now() - start;
  // A timer may be early by the part of a millisecond that it rounds away, once each way.
  assert.ok(single > LATENCY_MS - 2, `${single} ms`);
  const pings: Promise<unknown>[] = [];
  for (let count = 0; count < 100; count++) {
    pings.push(connection.command(["PING"]));
    await Promise.resolve();
  }
  const together = performance.now();
  await Promise.all(pings);
  // One after the other they would take a hundred times the latency.
  assert.ok(performance.now() - together < 50 * LATENCY_MS);
});

Deno.test("an end that is torn off tears the other one off", async () => {
  await using redis = await startRedis();
  await using pipe = bytePipe({ port: redis.port, latencyMs: LATENCY_MS });
  const connection = await RespConnection.connect(pipe.port);
  await connection.command(["PING"]);
  const ended = new Promise<void>((resolve) => connection.onEnd = resolve);
  await redis.kill();
  await ended;
  await using other = await RespConnection.connect(pipe.port);
  await assert.rejects(other.command(["PING"]), /ended/);
});

Deno.test("a pipe that is disposed of ends its connections", async () => {
  await using redis = await startRedis();
  const pipe = bytePipe({ port: redis.port, latencyMs: LATENCY_MS });
  await using connection = await RespConnection.connect(pipe.port);
  await connection.command(["PING"]);
  const lost = assert.rejects(connection.command(["PING"]), /ended/);
  await pipe[Symbol.asyncDispose]();
  await lost;
});
