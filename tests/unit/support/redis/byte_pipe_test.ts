import assert from "node:assert/strict";
import { bytePipe } from "../../../support/redis/byte_pipe.ts";
import { startRedis } from "../../../support/redis/redis_server.ts";
import { plain, RespConnection } from "../../../support/redis/resp.ts";
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

Deno.test("bytes are under way for half the latency each way, many at the same time, and keep their order", async () => {
  await using redis = await startRedis();
  const waits: { readonly ms: number; readonly over: () => void }[] = [];
  let begun = Promise.withResolvers<void>();
  const wait = (ms: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waits.push({ ms, over: resolve });
    begun.resolve();
    begun = Promise.withResolvers();
    return promise;
  };
  await using pipe = bytePipe({ port: redis.port, latencyMs: LATENCY_MS, wait });
  await using connection = await RespConnection.connect(pipe.port);
  const replies: Promise<unknown>[] = [];
  for (let count = 1; count <= 3; count++) {
    const next = begun.promise;
    replies.push(connection.command(["RPUSH", "list", `${count}`]));
    // The command is in the pipe. Those before it are there still.
    await next;
    assert.equal(waits.length, count);
  }
  await using direct = await redis.connect();
  assert.equal(await direct.command(["EXISTS", "list"]), 0);
  const answered = begun.promise;
  for (const { over } of [...waits].reverse()) over();
  await answered;
  assert.deepEqual(plain(await direct.command(["LINDEX", "list", "0"])), "1");
  // From here on everything arrives at once.
  const all = Promise.all(replies);
  let done = false;
  all.then(() => done = true);
  while (!done) {
    for (const { over } of waits) over();
    await direct.command(["PING"]);
  }
  assert.deepEqual(await all, [1, 2, 3]);
  assert.ok(waits.every(({ ms }) => ms === LATENCY_MS / 2));
  for (const { over } of waits) over();
});

Deno.test("without another clock an answer comes no sooner than the latency", async () => {
  await using redis = await startRedis();
  await using pipe = bytePipe({ port: redis.port, latencyMs: LATENCY_MS });
  await using connection = await RespConnection.connect(pipe.port);
  const start = performance.now();
  await connection.command(["PING"]);
  // A timer may be early by the part of a millisecond that it rounds away, once each way.
  assert.ok(performance.now() - start > LATENCY_MS - 2);
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
