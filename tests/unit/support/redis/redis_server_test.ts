import assert from "node:assert/strict";
import { startRedis } from "../../../support/redis/redis_server.ts";
import { plain, RespError } from "../../../support/redis/resp.ts";

Deno.test("a server answers when it is started, and keeps nothing without an append-only file", async () => {
  await using redis = await startRedis();
  const before = redis.pid;
  {
    await using connection = await redis.connect();
    assert.equal(plain(await connection.command(["SET", "k", "v"])), "OK");
    assert.deepEqual(plain(await connection.command(["CONFIG", "GET", "appendonly"])), ["appendonly", "no"]);
  }
  const { port } = redis;
  await redis.restart();
  assert.equal(redis.port, port);
  assert.notEqual(redis.pid, before);
  await using connection = await redis.connect();
  assert.equal(await connection.command(["GET", "k"]), null);
});

Deno.test("what an append-only server acknowledged is there after it was killed", async () => {
  await using redis = await startRedis({ appendOnly: true });
  const connection = await redis.connect();
  for (let index = 0; index < 50; index++) await connection.command(["RPUSH", "list", `${index}`]);
  await redis.kill();
  await connection.close();
  await redis.restart();
  await using again = await redis.connect();
  assert.equal(await again.command(["LLEN", "list"]), 50);
});

Deno.test("its own folder goes with it, a given one stays", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let own: string;
    {
      await using redis = await startRedis({ appendOnly: true });
      await using given = await startRedis({ appendOnly: true, folder });
      own = redis.folder;
      assert.equal(given.folder, folder);
    }
    await assert.rejects(Deno.stat(own), Deno.errors.NotFound);
    {
      await using given = await startRedis({ appendOnly: true, folder });
      await using connection = await given.connect();
      assert.equal(await connection.command(["DBSIZE"]), 0);
    }
    assert.ok((await Deno.stat(folder)).isDirectory);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("commands in flight are rejected when the server is killed", async () => {
  await using redis = await startRedis();
  await using connection = await redis.connect();
  const waiting = connection.command(["BLPOP", "nothing", "0"]);
  const rejected = assert.rejects(waiting, /ended/);
  await redis.kill();
  await rejected;
  await assert.rejects(connection.command(["PING"]), /ended/);
});

Deno.test("a connection keeps binary strings, order and errors", async () => {
  await using redis = await startRedis();
  await using connection = await redis.connect();
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const large = new Uint8Array(3_000_000).fill(13);
  const replies = await Promise.all([
    connection.command(["SET", "b", bytes]),
    connection.pipeline([["GET", "b"], ["INCR", "b"], ["MGET", "b", "nothing"]]),
    connection.command(["SET", "l", large]),
    connection.command(["GET", "l"]),
  ]);
  assert.equal(plain(replies[0]), "OK");
  assert.deepEqual(replies[1], [
    bytes,
    new RespError("ERR value is not an integer or out of range"),
    [bytes, null],
  ]);
  assert.deepEqual(replies[3], large);
});
