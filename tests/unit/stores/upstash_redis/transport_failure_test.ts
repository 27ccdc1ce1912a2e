import assert from "node:assert/strict";
import { inspect } from "node:util";
import { SessionError } from "../../../../src/errors.ts";
import type { UpstashClient } from "../../../../src/stores/upstash_redis/client.ts";
import { type Command, type SendOptions, transport } from "../../../../src/stores/upstash_redis/transport.ts";
import { type Answered, CLIENTS, is, once, script, ScriptCache, serve, TOKEN } from "./transport_kit.ts";

const COMMIT: SendOptions = { doing: "commit", writes: true };
const READ: SendOptions = { doing: "commit", writes: false };

const A: Command = { script: script("a"), keys: ["k"], args: ["1"] };
const B: Command = { script: script("b"), keys: ["k"], args: ["2"] };
const HMGET: Command = { hmget: "h", fields: ["f"] };

const DIGEST = "0123456789abcdef0123456789abcdef01234567";
const NOTHING_HAPPENED = [
  "LOADING Redis is loading the dataset in memory",
  "READONLY You can't write against a read only replica.",
  `READONLY You can't write against a read only replica. script: ${DIGEST}, on @user_script:1.`,
  "OOM command not allowed when used memory > 'maxmemory'.",
  `OOM command not allowed when used memory > 'maxmemory'. script: ${DIGEST}, on @user_script:9.`,
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
  "NOREPLICAS Not enough good replicas to write.",
  "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
  "NOAUTH Authentication required.",
  "NOPERM this user has no permissions to run the 'evalsha' command",
  "WRONGPASS invalid or missing auth token",
  "CLUSTERDOWN Hash slot not served",
  "MOVED 3999 127.0.0.1:6381",
  "ASK 3999 127.0.0.1:6381",
  "TRYAGAIN Multiple keys request during rehashing of slot",
  "CROSSSLOT Keys in request don't hash to the same slot",
  "ERR Error compiling script (new function): user_script:1: '=' expected near 'is'",
  "ERR Unexpected engine in script shebang: #!lua",
];
const ANYTHING_MAY_HAVE_HAPPENED = [
  "ERR something",
  "ERR",
  "",
  "LOADINGS",
  "loading Redis is loading",
  "UNKNOWN LOADING",
  `WRONGTYPE Operation against a key holding the wrong kind of value script: ${DIGEST}, on @user_script:1.`,
  `NOPERM ACL failure in script: user has no permissions. script: ${DIGEST}, on @user_script:7.`,
  `CROSSSLOT Keys don't hash to the same slot script: ${DIGEST}, on @user_script:7.`,
  `ERR Unknown Redis command called from script script: ${DIGEST}, on @user_script:1.`,
  "ERR max single record size exceeded. Limit: 1 bytes, Actual: 2 bytes",
  "ERR max request size exceeded. Limit: 1 bytes, Actual: 2 bytes",
  "ERR DB capacity quota exceeded. Limit: 268435456 bytes, Usage: 268435457 bytes",
];

/** Sends to a server whose pipeline answers so, and gives the code of the error. */
async function codeOf(
  answers: readonly Answered[],
  commands: readonly Command[],
  options = COMMIT,
  make: (url: string) => UpstashClient = once,
) {
  await using server = serve(() => answers);
  const outcome = await transport(make(server.url)).send(commands, options).then(() => undefined, (error) => error);
  assert.ok(outcome instanceof SessionError, inspect(outcome));
  assert.match(outcome.message, /^Cannot commit: /);
  assert.equal(server.requests.length, 1);
  return outcome.code;
}

Deno.test("an error that comes before a script's first write says that nothing happened", async () => {
  for (const error of NOTHING_HAPPENED) {
    assert.equal(await codeOf([{ error }], [A]), "STORE_UNAVAILABLE", error);
    assert.equal(await codeOf([{ error }, { error }], [A, B]), "STORE_UNAVAILABLE", error);
    assert.equal(await codeOf([{ result: [null] }, { error }], [HMGET, B]), "STORE_UNAVAILABLE", error);
  }
});

Deno.test("any other error of a command leaves open what it did", async () => {
  for (const error of ANYTHING_MAY_HAVE_HAPPENED) {
    assert.equal(await codeOf([{ error }], [A]), "OUTCOME_UNKNOWN", error);
    assert.equal(await codeOf([{ error: "LOADING" }, { error }], [A, B]), "OUTCOME_UNKNOWN", error);
  }
});

Deno.test("of reads nothing can have happened", async () => {
  for (const error of [...NOTHING_HAPPENED, ...ANYTHING_MAY_HAVE_HAPPENED]) {
    assert.equal(await codeOf([{ error }], [HMGET], READ), "STORE_UNAVAILABLE", error);
    assert.equal(await codeOf([{ result: "~a" }, { error }], [A, B], READ), "STORE_UNAVAILABLE", error);
  }
});

Deno.test("beside a script that was carried out no failure says that nothing happened", async () => {
  for (const error of NOTHING_HAPPENED) {
    assert.equal(await codeOf([{ result: "~a" }, { error }], [A, B]), "OUTCOME_UNKNOWN", error);
    assert.equal(await codeOf([{ error }, { result: "~b" }], [A, B]), "OUTCOME_UNKNOWN", error);
  }
});

Deno.test("a client that repeats requests by itself shows only the last failure, which proves nothing of the others", async () => {
  for (const make of Object.values(CLIENTS).slice(1)) {
    assert.equal(await codeOf([{ error: "LOADING Redis is loading" }], [A], COMMIT, make), "OUTCOME_UNKNOWN");
  }
  const redis = new ScriptCache();
  let attempts = 0;
  await using server = breaking((body) => {
    for (const each of JSON.parse(body)) redis.answer(["eval", "a", ...each.slice(2)]);
    return attempts++ === 0 ? undefined : { status: 429, body: '{"error":"ERR max requests limit exceeded"}' };
  });
  const repeating = once(server.url, { retry: { retries: 1, backoff: () => 0 } });
  await assert.rejects(
    transport(repeating).send([A], COMMIT),
    is("OUTCOME_UNKNOWN", /the server turned the request away/),
  );
  assert.equal(redis.ran.length, 2);
});

Deno.test("a failure in a later request leaves open what the earlier ones did", async () => {
  const redis = new ScriptCache();
  const commands = Array.from({ length: 1_001 }, () => A);
  for (const failing of ["command", "request"]) {
    redis.known.clear();
    await using server = serve((request) => {
      if (request.commands.length >= 1_000) return redis.answerAll(request);
      if (failing === "command") return [{ error: "LOADING Redis is loading" }];
      return Response.json({ error: "ERR max requests limit exceeded" }, { status: 429 });
    });
    await assert.rejects(transport(once(server.url)).send(commands, COMMIT), is("OUTCOME_UNKNOWN"));
  }
});

/** A server that takes a request and hangs up, or answers what it is told. */
function breaking(answer: (body: string) => { status: number; body: string; length?: number } | undefined) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of listener) {
      using open = connection;
      let text = "";
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(65_536);
      for (;;) {
        const read = await open.read(buffer);
        if (read === null) break;
        text += decoder.decode(buffer.subarray(0, read), { stream: true });
        const [head = "", body] = text.split("\r\n\r\n");
        if (body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1])) break;
      }
      const told = answer(text.slice(text.indexOf("\r\n\r\n") + 4));
      if (told === undefined) continue;
      const head = `HTTP/1.1 ${told.status} X\r\ncontent-length: ${
        told.length ?? told.body.length
      }\r\nconnection: close\r\n\r\n`;
      await open.write(new TextEncoder().encode(head + told.body));
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("a request that the server turned away whole did nothing", async () => {
  const turnedAway: [number, string][] = [
    [401, "WRONGPASS invalid or missing auth token"],
    [401, "Unauthorized: Invalid auth token"],
    [401, "NOAUTH Authentication Required"],
    [429, "ERR max requests limit exceeded. Limit: 10000, Usage: 10001. See https://upstash.com/docs for details"],
    [429, "ERR max daily request limit exceeded. Limit: 10000, Usage: 10001"],
    [400, "ERR max concurrent connections exceeded"],
    [400, "ERR max request size exceeded. Limit: 50 bytes, Actual: 85 bytes"],
  ];
  for (const [status, error] of turnedAway) {
    await using server = serve(() => Response.json({ error }, { status }));
    await assert.rejects(transport(once(server.url)).send([A], COMMIT), is("STORE_UNAVAILABLE"));
    await assert.rejects(transport(once(server.url)).send([A], READ), is("STORE_UNAVAILABLE"));
  }
});

Deno.test("an answer that is too large comes after the commands were carried out", async () => {
  const errors = [
    "ERR max request size exceeded. Limit: 10485760 bytes, Actual: 12009587 bytes",
    "ERR max request size exceeded",
  ];
  for (const error of errors) {
    await using server = serve(() => Response.json({ error }, { status: 400 }));
    const limit: Command = { ...A, args: ["limit: 5"] };
    await assert.rejects(
      transport(once(server.url)).send([limit], COMMIT),
      is("OUTCOME_UNKNOWN", /its answer is too large/),
    );
  }
});

Deno.test("a request that fails in any other way leaves open what it did", async () => {
  const responses: (() => Response)[] = [
    () => Response.json({ error: "ERR something" }, { status: 400 }),
    () => Response.json({ error: "Internal Server Error" }, { status: 500 }),
    () => Response.json({ error: "LOADING Redis is loading" }, { status: 503 }),
    () => Response.json({}, { status: 500 }),
    () => Response.json({ message: "Too Many Requests" }, { status: 429 }),
    () => new Response("<html>Bad Gateway</html>", { status: 502 }),
    () => new Response("<html>hello</html>"),
    () => new Response('[{"result":"~a'),
    () => Response.json({ error: "ERR max requests limit exceeded" }),
    () => Response.json({ result: "Aborted" }),
    () => Response.json(null),
    () => Response.json([]),
    () => Response.json([null]),
    () => Response.json([{ result: "~a" }, { result: "~b" }]),
    () => Response.json([{ error: { message: "LOADING" } }]),
    () => Response.json([{ error: 7, result: "~a" }]),
  ];
  for (const make of Object.values(CLIENTS).slice(0, -1)) {
    for (const [index, response] of responses.entries()) {
      await using server = serve(response);
      const way = transport(make(server.url));
      await assert.rejects(way.send([A], COMMIT), is("OUTCOME_UNKNOWN"), `${index}`);
      await assert.rejects(way.send([A], READ), is("STORE_UNAVAILABLE"), `${index}`);
    }
  }
});

Deno.test("a connection that breaks leaves open what the request did", async () => {
  for (const answer of [undefined, { status: 200, body: '[{"result":"~a"}]', length: 99 }]) {
    await using server = breaking(() => answer);
    await assert.rejects(transport(once(server.url)).send([A], COMMIT), is("OUTCOME_UNKNOWN", /the request failed$/));
    await assert.rejects(transport(once(server.url)).send([A], READ), is("STORE_UNAVAILABLE", /the request failed$/));
  }
});

Deno.test("what no script of this store answers is no reply, with any client", async () => {
  const strange: unknown[] = [null, 1, "1", "", "OK", "a~", true, {}, [], ["~a"], undefined];
  for (const make of Object.values(CLIENTS)) {
    for (const result of strange) {
      await using server = serve(() => [{ result }]);
      const way = transport(make(server.url));
      await assert.rejects(way.send([A], COMMIT), is("OUTCOME_UNKNOWN", /no answer of the script a$/), inspect(result));
      await assert.rejects(way.send([A], READ), is("STORE_UNAVAILABLE"), inspect(result));
    }
  }
});

Deno.test("what HMGET does not answer is no reply, with any client", async () => {
  for (const make of Object.values(CLIENTS)) {
    for (const result of [1, "f", [1], [["a"]], [{}]]) {
      await using server = serve(() => [{ result }]);
      await assert.rejects(transport(make(server.url)).send([HMGET], READ), is("STORE_UNAVAILABLE"), inspect(result));
    }
    await using server = serve(() => [{ result: ["v"] }]);
    const two: Command = { hmget: "h", fields: ["f", "g"] };
    await assert.rejects(transport(make(server.url)).send([two], READ), is("STORE_UNAVAILABLE"));
  }
});

Deno.test("a client that was aborted by its own signal answers as if there had been a reply, and is not believed", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const signals = [
    AbortSignal.abort(),
    AbortSignal.abort("~a"),
    AbortSignal.abort([{ result: "~a" }]),
    () => AbortSignal.abort(),
  ];
  for (const signal of signals) {
    for (const responseEncoding of ["base64", false] as const) {
      const way = transport(once(server.url, { signal, responseEncoding }));
      await assert.rejects(way.send([A], COMMIT), is("OUTCOME_UNKNOWN"));
      await assert.rejects(way.send([A, HMGET], READ), is("STORE_UNAVAILABLE"));
    }
  }
  assert.equal(server.requests.length, 0);
});

/** All that can be seen of an error, by any way of looking. */
function everything(error: unknown, seen = new Set<unknown>()): string {
  if (typeof error !== "object" || error === null || seen.has(error)) return String(error);
  seen.add(error);
  const own = Reflect.ownKeys(error).map((key) => `${String(key)}: ${everything(Reflect.get(error, key), seen)}`);
  return [inspect(error, { depth: null, showHidden: true }), JSON.stringify(error), String(error), ...own].join("\n");
}

Deno.test("no failure shows a payload, the token or the URL", async () => {
  const payload = "cGF5bG9hZA";
  const command: Command = { script: script("a"), keys: [`key-${payload}`], args: [payload, `${payload}==`.repeat(9)] };
  const shows = [
    (url: string) => Response.json({ error: `ERR at ${url}/pipeline, with ${TOKEN}` }, { status: 500 }),
    (url: string) => Response.json({ error: `WRONGPASS Bearer ${TOKEN} of ${new URL(url).host}` }, { status: 401 }),
    (url: string) => new Response(`<html>${url} ${TOKEN} ${payload}</html>`, { status: 502 }),
    (url: string) => new Response(`<html>${url} ${TOKEN} ${payload}</html>`),
    () => Response.json({ error: `ERR max requests limit exceeded` }, { status: 429 }),
    () => [{ error: `ERR unknown command 'EVALSHA', with args beginning with: '${payload}' '${payload}' ` }],
    () => [{ error: `ERR unknown command "EVALSHA ${payload}` }],
    () => [{ error: `ERR unknown command, with args beginning with: ${payload} ${payload}` }],
    () => [{ error: `ERR user_script:1: bad argument '${payload}' script: ${DIGEST}, on @user_script:1.` }],
    (url: string) => [{ error: `MOVED 1 ${new URL(url).host} ${url} https://other.host/${TOKEN}` }],
    () => [{ error: "ERR see http://inner/path or MOVED to 10.1.2.3:6379" }],
    () => [{ result: payload }],
    () => Response.json({ result: payload }),
  ];
  const hidden = (error: unknown, url: string): true => {
    assert.ok(error instanceof SessionError);
    const text = everything(error);
    for (const secret of [payload, TOKEN, url, new URL(url).host, "other.host", "//inner", "10.1.2.3", "command was"]) {
      assert.ok(!text.includes(secret), `${secret} in ${text}`);
    }
    return true;
  };
  for (const make of Object.values(CLIENTS)) {
    for (const show of shows) {
      const server = serve(() => show(server.url));
      await using _ = server;
      const way = transport(make(server.url));
      await assert.rejects(way.send([command], COMMIT), (error) => hidden(error, server.url));
      await assert.rejects(way.send([command], READ), (error) => hidden(error, server.url));
      const tight = transport(make(server.url), { maxRequestBytes: 50 });
      await assert.rejects(tight.send([command], COMMIT), (error) => hidden(error, server.url));
    }
  }
  await using server = breaking(() => undefined);
  await assert.rejects(transport(once(server.url)).send([command], COMMIT), (error) => hidden(error, server.url));
});

Deno.test("an error says in the server's first words what went wrong", async () => {
  const cause = async (answer: () => Response | Answered[], options = COMMIT): Promise<string> => {
    await using server = serve(answer);
    const error = await transport(once(server.url)).send([A], options).catch((error) => error);
    assert.ok(error instanceof SessionError && error.cause instanceof Error);
    return error.cause.message;
  };
  assert.equal(
    await cause(() => [{ error: "LOADING Redis is loading the dataset" }]),
    "Redis: LOADING Redis is loading the dataset",
  );
  const limit = "ERR max requests limit exceeded. Limit: 10000, Usage: 10001.";
  assert.equal(await cause(() => Response.json({ error: limit }, { status: 429 })), `UpstashError: ${limit}`);
  assert.equal(await cause(() => [{ error: "so long ".repeat(99) }]), `Redis: ${"so long ".repeat(25)}`.trim());
  assert.equal(await cause(() => new Response("no JSON")), "UpstashJSONParseError");
});

Deno.test("a body that a browser refuses under keepalive fails with what to do about it", async () => {
  const large: Command = { ...A, args: ["x".repeat(70_000)] };
  const real = globalThis.fetch;
  const attempt = async (message: string, command: Command, keepAlive?: boolean) => {
    // Browsers say the same of a network that fails.
    globalThis.fetch = () => Promise.reject(new TypeError(message));
    try {
      const client = once("http://127.0.0.1", keepAlive === undefined ? {} : { keepAlive });
      const error = await transport(client).send([command], COMMIT).catch((error) => error);
      assert.ok(error instanceof SessionError);
      return [error.code, /keepAlive: false/.test(error.message)];
    } finally {
      globalThis.fetch = real;
    }
  };
  // Chromium never sent it; others may have, before they knew keepalive.
  assert.deepEqual(await attempt("Failed to fetch", large), ["STORE_UNAVAILABLE", true]);
  assert.deepEqual(await attempt("Failed to fetch", large, true), ["STORE_UNAVAILABLE", true]);
  assert.deepEqual(await attempt("Load failed", large), ["OUTCOME_UNKNOWN", true]);
  assert.deepEqual(await attempt("Failed to fetch", A), ["OUTCOME_UNKNOWN", false]);
  assert.deepEqual(await attempt("Failed to fetch", large, false), ["OUTCOME_UNKNOWN", false]);
});
