import assert from "node:assert/strict";
import { ask, withUpstash } from "./support.ts";

Deno.test("a command is answered with its result or its error", () =>
  withUpstash(async (upstash) => {
    assert.deepEqual(await ask(upstash, "/", ["SET", "k", "v", "EX", 100]), [200, { result: "OK" }]);
    assert.deepEqual(await ask(upstash, "/", ["GET", "k"]), [200, { result: "v" }]);
    assert.deepEqual(await ask(upstash, "/", ["MGET", "k", "nothing"]), [200, { result: ["v", null] }]);
    assert.deepEqual(await ask(upstash, "/", ["INCR", "k"]), [400, {
      error: "ERR value is not an integer or out of range",
    }]);
    assert.deepEqual((await ask(upstash, "/", ["BLPOP", "k", 0]))[0], 400);
  }));

Deno.test("a pipeline answers each command in order, and goes on after an error", () =>
  withUpstash(async (upstash) => {
    const commands = [["SET", "k", "v"], ["INCR", "k"], ["WATCH", "k"], ["GET", "k"], ["STRLEN", "k"]];
    const [status, rows] = await ask(upstash, "/pipeline", commands);
    assert.equal(status, 200);
    assert.deepEqual(rows, [
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { error: "ERR Command is not available: 'WATCH'" },
      { result: "v" },
      { result: 1 },
    ]);
  }));

Deno.test("a transaction answers each command, or is discarded as a whole", () =>
  withUpstash(async (upstash) => {
    const [status, rows] = await ask(upstash, "/multi-exec", [["SET", "k", "v"], ["INCR", "k"], ["GET", "k"]]);
    assert.equal(status, 200);
    assert.deepEqual(rows, [
      { result: "OK" },
      { error: "ERR value is not an integer or out of range" },
      { result: "v" },
    ]);
    const [discarded, error] = await ask(upstash, "/multi-exec", [["SET", "k", "other"], ["NONSENSE"]]);
    assert.equal(discarded, 400);
    assert.match((error as { error: string }).error, /^EXECABORT/);
    assert.deepEqual(await ask(upstash, "/", ["GET", "k"]), [200, { result: "v" }]);
  }));

Deno.test("the path may be the command, and a body of any bytes its last argument", () =>
  withUpstash(async (upstash) => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const headers = { authorization: `Bearer ${upstash.token}` };
    const set = await fetch(`${upstash.url}/set/a%2Fb?EX=100`, { method: "POST", headers, body: bytes });
    assert.deepEqual(await set.json(), { result: "OK" });
    const get = await fetch(`${upstash.url}/get/a%2Fb?_token=${upstash.token}`, {
      headers: { "upstash-encoding": "base64" },
    });
    assert.deepEqual(await get.json(), { result: bytes.toBase64() });
    assert.deepEqual((await ask(upstash, "/", ["TTL", "a/b"]))[1], { result: 100 });
  }));

Deno.test("strings come in base64 when asked for, except OK; what is no UTF-8 is replaced when not", () =>
  withUpstash(async (upstash, redis) => {
    {
      await using connection = await redis.connect();
      await connection.command(["SET", "k", Uint8Array.of(0x61, 0xff)]);
    }
    const commands = [["SET", "other", "OK"], ["GET", "k"], ["GET", "other"], ["MGET", "k", "nothing"], ["PING"]];
    assert.deepEqual(await ask(upstash, "/pipeline", commands, { "upstash-encoding": "base64" }), [200, [
      { result: "OK" },
      { result: "Yf8=" },
      { result: "T0s=" },
      { result: ["Yf8=", null] },
      { result: "UE9ORw==" },
    ]]);
    assert.deepEqual(await ask(upstash, "/", ["GET", "k"]), [200, { result: "a\ufffd" }]);
  }));

Deno.test("replies come as Redis wrote them when asked for", () =>
  withUpstash(async (upstash) => {
    const headers = { authorization: `Bearer ${upstash.token}`, "upstash-response-format": "resp2" };
    const commands = [["SET", "k", "v"], ["GET", "k"], ["INCR", "k"], ["MGET", "k", "nothing"], ["STRLEN", "k"]];
    const response = await fetch(`${upstash.url}/pipeline`, {
      method: "POST",
      headers,
      body: JSON.stringify(commands),
    });
    assert.equal(response.headers.get("content-type"), "application/octet-stream");
    assert.equal(
      await response.text(),
      "+OK\r\n$1\r\nv\r\n-ERR value is not an integer or out of range\r\n*2\r\n$1\r\nv\r\n$-1\r\n:1\r\n",
    );
    assert.equal((await ask(upstash, "/", ["PING"], { "upstash-response-format": "xml" }))[0], 400);
    const both = { "upstash-response-format": "resp2", "upstash-encoding": "base64" };
    assert.equal((await ask(upstash, "/", ["PING"], both))[0], 400);
  }));

Deno.test("a wrong token, a wrong method, a wrong body and a large one are refused", () =>
  withUpstash(async (upstash) => {
    const wrongPass = [401, { error: "WRONGPASS invalid or missing auth token" }];
    assert.deepEqual(await ask(upstash, "/", ["PING"], { authorization: "Bearer other" }), wrongPass);
    const deleted = await fetch(upstash.url, { method: "DELETE" });
    assert.equal(deleted.status, 405);
    assert.equal(typeof (await deleted.json()).error, "string");
    for (const body of [{}, [], "text", [{}], [null]]) assert.equal((await ask(upstash, "/", body))[0], 400);
    for (const body of [{}, [], [[]], ["PING"]]) assert.equal((await ask(upstash, "/pipeline", body))[0], 400);
    const [status, error] = await ask(upstash, "/", ["SET", "k", "v".repeat(1000)]);
    assert.equal(status, 400);
    assert.match((error as { error: string }).error, /^ERR max request size exceeded\. Limit: 1000 bytes/);
    assert.deepEqual(await ask(upstash, "/", ["SET", "k", "v".repeat(900)]), [200, { result: "OK" }]);
  }, { maxRequestBytes: 1000 }));

Deno.test("requests of several megabytes and many at once go through", () =>
  withUpstash(async (upstash) => {
    const value = "é".repeat(2_000_000);
    assert.deepEqual(await ask(upstash, "/", ["SET", "large", value]), [200, { result: "OK" }]);
    assert.deepEqual(await ask(upstash, "/", ["GET", "large"]), [200, { result: value }]);
    const replies = await Promise.all(Array.from({ length: 50 }, () => ask(upstash, "/", ["INCR", "n"])));
    const numbers = replies.map(([, body]) => (body as { result: number }).result).sort((one, other) => one - other);
    assert.deepEqual(numbers, Array.from({ length: 50 }, (_, index) => index + 1));
  }));

Deno.test("a Redis that is gone is 503, and one that was restarted is found again", () =>
  withUpstash(async (upstash, redis) => {
    assert.equal((await ask(upstash, "/", ["PING"]))[0], 200);
    await redis.kill();
    assert.equal((await ask(upstash, "/", ["PING"]))[0], 503);
    for (let restart = 0; restart < 2; restart++) {
      await redis.restart();
      assert.deepEqual(await ask(upstash, "/", ["PING"]), [200, { result: "PONG" }]);
    }
  }));

Deno.test("each reply carries a new token for reading one's own writes", () =>
  withUpstash(async (upstash) => {
    const tokens = new Set<string | null>();
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`${upstash.url}/ping`, { headers: { authorization: `Bearer ${upstash.token}` } });
      tokens.add(response.headers.get("upstash-sync-token"));
      await response.body?.cancel();
    }
    assert.equal(tokens.size, 3);
    assert.ok(!tokens.has(null));
  }));

Deno.test("what is published is told to those who subscribed", () =>
  withUpstash(async (upstash) => {
    const headers = { authorization: `Bearer ${upstash.token}` };
    const response = await fetch(`${upstash.url}/subscribe/chat`, { method: "POST", headers });
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader?.read())?.value, "data: subscribe,chat,1\n\n");
    assert.deepEqual(await ask(upstash, "/", ["PUBLISH", "chat", "hello"]), [200, { result: 1 }]);
    assert.equal((await reader?.read())?.value, "data: message,chat,hello\n\n");
    await reader?.cancel();
  }));
