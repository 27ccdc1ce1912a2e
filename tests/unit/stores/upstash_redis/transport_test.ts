import assert from "node:assert/strict";
import { Redis } from "@upstash/redis";
import fc from "fast-check";
import { bodyBytes, divide, jsonBytes } from "../../../../src/stores/upstash_redis/request_size.ts";
import { type Command, transport } from "../../../../src/stores/upstash_redis/transport.ts";
import { type Answered, CLIENTS, is, namesOf, once, script, ScriptCache, serve, sha1 } from "./transport_kit.ts";

const COMMIT = { doing: "commit", writes: true } as const;
const A = script("a");
const B = script("b");

const run = (of: typeof A, ...args: string[]): Command => ({ script: of, keys: ["k"], args });

for (const [name, make] of Object.entries(CLIENTS)) {
  Deno.test(`${name} gets every command answered in order, whatever its text looks like`, async () => {
    const redis = new ScriptCache();
    redis.fields.set("f1", "v1").set("toString", "x[1]").set("10", "y{}");
    await using server = serve(redis.answerAll);
    const way = transport(make(server.url));
    const commands: Command[] = [
      run(A, "1234"),
      { hmget: "h", fields: ["f1", "none", "10", "f1", "toString"] },
      run(B, "null", "true"),
      { hmget: "h", fields: ["none", "nothing"] },
      run(A, '{"a":1}', '"q"', "\\"),
      { hmget: "h", fields: ["none"] },
    ];
    const replies = [
      "~a(k|1234)",
      ["v1", null, "y{}", "v1", "x[1]"],
      "~b(k|null|true)",
      [null, null],
      '~a(k|{"a":1}|"q"|\\)',
      [null],
    ];
    assert.deepEqual(await way.send(commands, COMMIT), replies);
    assert.deepEqual(await way.send(commands, COMMIT), replies);
    assert.deepEqual(namesOf(server), [
      ["evalsha", "hmget", "evalsha", "hmget", "evalsha", "hmget"],
      ["eval", "eval", "evalsha"],
      ["evalsha", "hmget", "evalsha", "hmget", "evalsha", "hmget"],
    ]);
    assert.deepEqual(server.requests.map(({ path }) => path), ["/pipeline", "/pipeline", "/pipeline"]);
  });
}

Deno.test("no command is no request", async () => {
  await using server = serve(() => []);
  assert.deepEqual(await transport(once(server.url)).send([], COMMIT), []);
  assert.equal(server.requests.length, 0);
});

Deno.test("a known script is sent by its digest alone, and one that was answered is never sent again", async () => {
  const redis = new ScriptCache();
  redis.known.set(sha1("b"), "b");
  await using server = serve(redis.answerAll);
  const way = transport(once(server.url), { keyLocking: false });
  assert.deepEqual(await way.send([run(A, "1"), run(B, "2"), run(A, "3")], COMMIT), ["~a(k|1)", "~b(k|2)", "~a(k|3)"]);
  assert.deepEqual(namesOf(server), [["evalsha", "evalsha", "evalsha"], ["eval", "evalsha"]]);
  assert.deepEqual(server.requests[1]?.commands, [["eval", "a", 1, "k", "1"], ["evalsha", sha1("a"), 1, "k", "3"]]);
  assert.deepEqual(redis.ran, ["b(k|2)", "a(k|1)", "a(k|3)"]);
});

Deno.test("a script that another node of a cluster learned is sent to each by its text", async () => {
  // Each key has its node, and each node its own scripts.
  const nodes = new Map<unknown, ScriptCache>();
  const nodeOf = (key: unknown): ScriptCache =>
    nodes.get(key) ?? (nodes.set(key, new ScriptCache()).get(key) as ScriptCache);
  await using server = serve(({ commands }) => commands.map((each) => nodeOf(each[3]).answer(each)));
  const at = (key: string): Command => ({ script: A, keys: [key], args: [] });
  const way = transport(once(server.url));
  assert.deepEqual(await way.send([at("x"), at("y"), at("z"), at("x")], COMMIT), ["~a(x)", "~a(y)", "~a(z)", "~a(x)"]);
  assert.deepEqual(namesOf(server), [
    ["evalsha", "evalsha", "evalsha", "evalsha"],
    ["eval", "evalsha", "evalsha", "evalsha"],
    ["eval", "eval"],
  ]);
  assert.deepEqual([...nodes.values()].flatMap(({ ran }) => ran).toSorted(), ["a(x)", "a(x)", "a(y)", "a(z)"]);
});

Deno.test("a server that forgets its scripts is told them again", async () => {
  const redis = new ScriptCache();
  await using server = serve(redis.answerAll);
  const way = transport(once(server.url));
  await way.send([run(A)], COMMIT);
  redis.known.clear();
  assert.deepEqual(await way.send([run(A)], COMMIT), ["~a(k)"]);
  assert.deepEqual(namesOf(server), [["evalsha"], ["eval"], ["evalsha"], ["eval"]]);
});

Deno.test("a server that says it knows no script even by its text ends the call", async () => {
  await using server = serve(({ commands }) => commands.map(() => ({ error: "NOSCRIPT No matching script." })));
  await assert.rejects(transport(once(server.url)).send([run(A)], COMMIT), is("STORE_UNAVAILABLE", /NOSCRIPT/));
  assert.equal(server.requests.length, 2);
});

const FLAG = "#!lua flags=allow-key-locking\n";

for (
  const [keyLocking, takesFlag, texts] of [
    [true, true, [FLAG + "a"]],
    [false, true, ["a"]],
    [false, false, ["a"]],
    [undefined, true, [FLAG + "a"]],
    [undefined, false, [FLAG + "a", "a"]],
  ] as const
) {
  const server = takesFlag ? "a server that takes the flag" : "a server that refuses the flag";
  Deno.test(`keyLocking ${keyLocking} sends ${JSON.stringify(texts)} to ${server}`, async () => {
    const redis = new ScriptCache();
    redis.keyLocking = takesFlag;
    await using server = serve(redis.answerAll);
    const way = transport(once(server.url), keyLocking === undefined ? {} : { keyLocking });
    assert.deepEqual(await way.send([run(A, "1"), run(A, "2")], COMMIT), ["~a(k|1)", "~a(k|2)"]);
    const sent = server.requests.flatMap(({ commands }) => commands).filter(([name]) => name === "eval");
    assert.deepEqual(sent.map(([, text]) => text), texts);
    // And from now on it is known.
    server.requests.length = 0;
    assert.deepEqual(await way.send([run(A, "3")], COMMIT), ["~a(k|3)"]);
    assert.deepEqual(server.requests.map(({ commands }) => commands), [[[
      "evalsha",
      sha1(texts.at(-1) ?? ""),
      1,
      "k",
      "3",
    ]]]);
    assert.deepEqual(redis.ran, ["a(k|1)", "a(k|2)", "a(k|3)"]);
  });
}

Deno.test("a server that refuses the flag although it must be sent is unavailable", async () => {
  const redis = new ScriptCache();
  redis.keyLocking = false;
  await using server = serve(redis.answerAll);
  await assert.rejects(
    transport(once(server.url), { keyLocking: true }).send([run(A)], COMMIT),
    is("STORE_UNAVAILABLE"),
  );
  assert.equal(server.requests.length, 2);
});

Deno.test("first requests at once each find out about the flag, and carry out each command once", async () => {
  const redis = new ScriptCache();
  redis.keyLocking = false;
  await using server = serve(redis.answerAll);
  const way = transport(once(server.url));
  const calls = Array.from({ length: 20 }, (_, index) => way.send([run(A, `${index}`), run(B, `${index}`)], COMMIT));
  for (const [index, replies] of (await Promise.all(calls)).entries()) {
    assert.deepEqual(replies, [`~a(k|${index})`, `~b(k|${index})`]);
  }
  assert.equal(new Set(redis.ran).size, 40);
  assert.equal(redis.ran.length, 40);
  server.requests.length = 0;
  await way.send([run(A)], COMMIT);
  assert.deepEqual(namesOf(server), [["evalsha"]]);
});

Deno.test("requests are as large as they were computed, and never larger than allowed", async () => {
  const text = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
    maxLength: 60,
  });
  const texts = fc.array(text, { maxLength: 12 });
  // Longer than a digest, so that what was sent in one request may take several by its text.
  const long = (name: string) => script(name.repeat(1_000));
  const command = fc.oneof(
    fc.record({
      script: fc.constantFrom(A, script('"b"\n\\é'), long("c"), long("d"), long("e")),
      keys: texts,
      args: texts,
    }),
    fc.record({ hmget: text, fields: fc.array(text, { minLength: 1, maxLength: 5 }) }),
  );
  const redis = new ScriptCache();
  await using server = serve(redis.answerAll);
  const client = once(server.url);
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { maxLength: 20 }),
      fc.integer({ min: 4_500, max: 9_000 }),
      async (commands, maxRequestBytes) => {
        redis.known.clear();
        redis.ran.length = 0;
        server.requests.length = 0;
        const replies = await transport(client, { maxRequestBytes }).send(commands, COMMIT);
        assert.equal(replies.length, commands.length);
        for (const [index, each] of commands.entries()) {
          if ("hmget" in each) assert.deepEqual(replies[index], each.fields.map(() => null));
          else assert.equal(replies[index], `~${each.script.source}(${[...each.keys, ...each.args].join("|")})`);
        }
        assert.equal(redis.ran.length, commands.filter((each) => "script" in each).length);
        for (const { body, commands } of server.requests) {
          const bytes = new TextEncoder().encode(body).length;
          assert.ok(bytes <= maxRequestBytes, `${bytes} > ${maxRequestBytes}`);
          const sizes = commands.map((each) => new TextEncoder().encode(JSON.stringify(each)).length);
          assert.equal(bodyBytes(sizes), bytes);
        }
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("a command fills a request to the last byte, and with one more nothing is sent", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const exact = JSON.stringify([["eval", FLAG + "a", 10, ...Array(10).fill("k"), "x".repeat(500)]]).length;
  const commands: Command[] = [{ script: A, keys: Array(10).fill("k"), args: ["x".repeat(500)] }];
  await transport(once(server.url), { maxRequestBytes: exact }).send(commands, COMMIT);
  assert.equal(server.requests.at(-1)?.body.length, exact);

  server.requests.length = 0;
  const small: Command = { hmget: "h", fields: ["f"] };
  const tight = transport(once(server.url), { maxRequestBytes: exact - 1 });
  await assert.rejects(
    tight.send([small, ...commands], COMMIT),
    is("LIMIT_EXCEEDED", /^Cannot commit: the script a needs/),
  );
  const long: Command = { hmget: "h", fields: ["f".repeat(exact)] };
  await assert.rejects(tight.send([small, long], COMMIT), is("LIMIT_EXCEEDED", /^Cannot commit: HMGET needs/));
  assert.equal(server.requests.length, 0);
});

Deno.test("scripts that fit a request by their digests take several by their texts", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const commands = ["c", "d", "e"].map((name) => run(script(name.repeat(1_000))));
  await transport(once(server.url), { maxRequestBytes: 2_500 }).send(commands, COMMIT);
  assert.deepEqual(namesOf(server), [["evalsha", "evalsha", "evalsha"], ["eval", "eval"], ["eval"]]);
});

Deno.test("a request holds 1 000 commands, and the next leaves when it was answered", async () => {
  const redis = new ScriptCache();
  let busy = 0;
  await using server = serve(async ({ commands }) => {
    assert.equal(busy++, 0);
    await Promise.resolve();
    const answers: Answered[] = commands.map((each) => redis.answer(each));
    busy--;
    return Response.json(answers);
  });
  const commands = Array.from({ length: 2_500 }, (_, index) => run(A, `${index}`));
  const replies = await transport(once(server.url, { responseEncoding: false })).send(commands, COMMIT);
  assert.deepEqual(replies, commands.map((_, index) => `~a(k|${index})`));
  assert.deepEqual(server.requests.map(({ commands }) => commands.length), [1_000, 1_000, 1_000, 500]);
  assert.deepEqual(redis.ran, commands.map((_, index) => `a(k|${index})`));
});

Deno.test("a request is divided where a limit would be passed, and nowhere else", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(
      sizes,
      fc.integer({ min: 32, max: 99 }),
      fc.integer({ min: 1, max: 9 }),
      (all, maxBytes, maxCommands) => {
        const requests = divide(all.map((bytes) => ({ bytes })), { maxBytes, maxCommands });
        assert.deepEqual(requests.flat().map(({ bytes }) => bytes), all);
        for (const [index, request] of requests.entries()) {
          const own = request.map(({ bytes }) => bytes);
          assert.ok(own.length > 0 && own.length <= maxCommands && bodyBytes(own) <= maxBytes);
          const next = requests[index + 1]?.[0];
          if (next !== undefined) assert.ok(own.length === maxCommands || bodyBytes([...own, next.bytes]) > maxBytes);
        }
      },
    ),
  );
});

Deno.test("the size of a text in JSON is that of its bytes", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
    assert.equal(jsonBytes(text), new TextEncoder().encode(JSON.stringify(text)).length);
  }));
});

Deno.test("a client that logs its latency, and one of the caller's own making, get the same answers", async () => {
  const redis = new ScriptCache();
  redis.fields.set("f", "v");
  await using server = serve(redis.answerAll);
  const commands: Command[] = [run(A, "1"), { hmget: "h", fields: ["f", "none"] }];
  const { log } = console;
  console.log = () => {};
  try {
    const logging = once(server.url, { latencyLogging: true });
    assert.deepEqual(await transport(logging).send(commands, COMMIT), ["~a(k|1)", ["v", null]]);
  } finally {
    console.log = log;
  }
  const own = new Redis({
    request: (request) => {
      const { path, body } = request as { path?: string[]; body?: (string | number)[][] };
      assert.deepEqual(path, ["pipeline"]);
      return Promise.resolve(body?.map((each) => redis.answer(each)) as never); // As a pipeline is answered.
    },
  });
  assert.deepEqual(await transport(own).send(commands, COMMIT), ["~a(k|1)", ["v", null]]);
});
