import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { Redis } from "@upstash/redis";
import { Redis as CloudflareRedis } from "@upstash/redis/cloudflare";
import { Redis as FastlyRedis } from "@upstash/redis/fastly";
import { type UpstashClient, upstashClient } from "../../../../src/stores/upstash_redis/client.ts";
import { factsOf } from "../../../../src/stores/upstash_redis/client_facts.ts";
import { transport } from "../../../../src/stores/upstash_redis/transport.ts";
import { script, ScriptCache, serve, TOKEN } from "./transport_kit.ts";

const URL_TEXT = "https://marvellous-name-12345.upstash.io";

/** Fails if anything is written to the console meanwhile. */
function silently<Value>(body: () => Value): Value {
  const { warn, log, error } = console;
  const said: unknown[] = [];
  console.warn = console.log = console.error = (...args: unknown[]) => void said.push(args);
  try {
    return body();
  } finally {
    Object.assign(console, { warn, log, error });
    assert.deepEqual(said, []);
  }
}

Deno.test("a client of every entry point of the package will do", () => {
  const clients: UpstashClient[] = [
    new Redis({ url: URL_TEXT, token: TOKEN }),
    new CloudflareRedis({ url: URL_TEXT, token: TOKEN }),
    new FastlyRedis({ url: URL_TEXT, token: TOKEN, backend: "upstash" }),
    upstashClient({ url: URL_TEXT, token: TOKEN }),
  ];
  for (const client of clients) {
    assert.equal(transport(client).maxRequestBytes, 10_000_000);
    assert.deepEqual(
      factsOf(client).secrets.toSorted(),
      [URL_TEXT, new URL(URL_TEXT).host, new URL(URL_TEXT).host, TOKEN].toSorted(),
    );
  }
  assert.deepEqual(clients.map((client) => factsOf(client).once), [false, false, false, true]);
  assert.deepEqual(clients.map((client) => factsOf(client).keepAlive), [true, true, true, false]);
});

Deno.test("of a client that shows nothing, nothing is taken for granted", () => {
  const hidden: UpstashClient[] = [
    {
      pipeline: () => ({
        eval: () => {},
        evalsha: () => {},
        hmget: () => {},
        zrange: () => {},
        exec: () => Promise.resolve([]),
      }),
    },
    new Redis({ request: () => Promise.resolve({}) }),
    Object.assign(upstashClient({ url: URL_TEXT, token: TOKEN }), {
      client: { headers: { authorization: 3 }, baseUrl: "/" },
    }),
  ];
  for (const client of hidden) {
    const { once, keepAlive } = factsOf(client);
    assert.deepEqual([once, keepAlive], [false, undefined]);
  }
});

Deno.test("a URL or a token that cannot be one is refused before the package sees it, and is not shown", () => {
  const secret = "s3cret";
  const urls: unknown[] = [
    "",
    undefined,
    null,
    7,
    secret,
    ` https://${secret}.io`,
    `https://${secret}.io\n`,
    `https://${secret}.io/ x`,
    `ftp://${secret}.io`,
    `https://user:${secret}@host.io`,
    `https://${secret}@host.io`,
    `https://host.io?_token=${secret}`,
    `https://host.io#${secret}`,
    `https://.${secret}`,
    `https://`,
    `https://${secret}:99999`,
  ];
  const tokens: unknown[] = [
    "",
    undefined,
    null,
    7,
    ` ${secret}`,
    `${secret}\r\n`,
    `${secret} ${secret}`,
    `${secret}é`,
  ];
  const pairs = [...urls.map((url) => ({ url, token: TOKEN })), ...tokens.map((token) => ({ url: URL_TEXT, token }))];
  for (const pair of pairs) {
    silently(() =>
      assert.throws(() => upstashClient(pair as Parameters<typeof upstashClient>[0]), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, /^Cannot make an Upstash client: /);
        for (const shown of [secret, TOKEN, URL_TEXT]) assert.ok(!inspect(error).includes(shown), inspect(error));
        return true;
      })
    );
  }
});

Deno.test("what has no pipeline is no client, and a limit of nothing is no limit", () => {
  assert.throws(() => transport({} as UpstashClient), TypeError);
  assert.throws(() => transport(undefined as unknown as UpstashClient), TypeError);
  const client = upstashClient({ url: URL_TEXT, token: TOKEN });
  for (const maxRequestBytes of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(() => transport(client, { maxRequestBytes }), RangeError);
  }
});

Deno.test("the store's own client asks for texts as they are, and tells nothing of its platform", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const client = silently(() => upstashClient({ url: `${server.url}/`, token: TOKEN }));
  const sent = { script: script("s"), keys: ["k"], args: ["1"] };
  assert.deepEqual(await transport(client).send([sent], { doing: "commit", writes: true }), ["~s(k|1)"]);
  const [first] = server.requests;
  assert.equal(first?.path, "/pipeline");
  assert.equal(first?.headers.get("authorization"), `Bearer ${TOKEN}`);
  assert.equal(first?.headers.get("upstash-encoding"), null);
  assert.deepEqual([...first?.headers.keys() ?? []].filter((name) => name.includes("telemetry")), []);
});

Deno.test("the store's own client asks for no permission but that of the network", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const source = new URL("../../../../src/stores/upstash_redis/client.ts", import.meta.url).href;
  const code = `import { upstashClient } from ${JSON.stringify(source)};
    const pipeline = upstashClient({ url: ${JSON.stringify(server.url)}, token: "t" }).pipeline();
    pipeline.hmget("h", "f");
    console.log(JSON.stringify(await pipeline.exec({ keepErrors: true })));`;
  const config = fileURLToPath(new URL("../../../../deno.json", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-net=127.0.0.1", "--config", config, "-"],
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  assert.equal(new TextDecoder().decode(stdout).trim(), '[{"result":[null]}]');
});
