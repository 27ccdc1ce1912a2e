/** A server that answers anything: every call of the Upstash store gives a value or a `SessionError`. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { Redis } from "@upstash/redis";
import type { UpstashClient, UpstashPipeline } from "../../src/stores/upstash_redis/client.ts";
import { readCounts, readHead, readLatest } from "../../src/stores/upstash_redis/fields.ts";
import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { readRouteText, readRows, readWillText, ROW } from "../../src/stores/upstash_redis/rows.ts";
import { fromText, readReply, toText } from "../../src/stores/upstash_redis/text.ts";
import { within } from "./support/allocation.ts";
import { judged, REST_CALLS, REST_CODES } from "./support/rest_calls.ts";
import { assertNumbers, outcomeOf, UNREADABLE, weightOf } from "./support/verdict.ts";

/** More requests than any call has reason to make, whatever it is told. */
const MOST_REQUESTS = 60;

/** A reply that begins as one of a script does, of fields that could be some. */
const field = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("c", "s", "p", "n", "x", "r", "o", "a", "", "-", "0", "1", "2", "-1", "5") },
  { weight: 2, arbitrary: fc.constantFrom("9007199254740991", "4294967296", "100000", "1.5", "NaN", "=", "=a", "s/a") },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }).map(toText) },
);
const reply = fc.array(field, { maxLength: 20 }).map((fields) =>
  `~${fields.map((text) => `${text.length}:${text}`).join("")}`
);
const json = fc.oneof(fc.jsonValue(), fc.anything({ withNullPrototype: true, withTypedArray: true, withMap: true }));
const result = fc.oneof(
  { weight: 5, arbitrary: reply },
  { weight: 1, arbitrary: fc.string().map((text) => `~${text}`) },
  { weight: 2, arbitrary: fc.array(fc.oneof(fc.string(), field, fc.constant(null)), { maxLength: 6 }) },
  { weight: 1, arbitrary: json },
);
const answer = fc.oneof(
  { weight: 8, arbitrary: result.map((result) => ({ result, error: undefined })) },
  { weight: 1, arbitrary: fc.string().map((error) => ({ error })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("NOSCRIPT", "OOM", "ERR unknown flag", "LOADING").map((error) => ({ error })),
  },
  { weight: 1, arbitrary: json },
);

/** A client whose requests are answered one after another, in the end always by the last answer. */
class HostileClient implements UpstashClient {
  requests = 0;
  readonly #answers: readonly unknown[];
  readonly #whole: boolean;

  constructor(answers: readonly unknown[], whole: boolean) {
    this.#answers = answers;
    this.#whole = whole;
  }

  pipeline(): UpstashPipeline {
    let commands = 0;
    const add = (): void => void commands++;
    return {
      eval: add,
      evalsha: add,
      hmget: add,
      zrange: add,
      exec: () => {
        const next = this.#answers[Math.min(this.requests++, this.#answers.length - 1)];
        if (this.requests > MOST_REQUESTS) return Promise.reject(new Error("too many requests"));
        return Promise.resolve(this.#whole ? Array.from({ length: commands }, () => next) : next);
      },
    };
  }
}

for (const [name, call] of Object.entries(REST_CALLS)) {
  Deno.test(`${name}: any answers give a value or a SessionError, after few requests`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { minLength: 1, maxLength: 4 }),
        fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, fc.constant(false)),
        fc.boolean(),
        async (answers, whole, cluster) => {
          const client = new HostileClient(answers, whole);
          await judged(() => call(upstashRedisStore(client, { cluster })));
          assert.ok(client.requests <= MOST_REQUESTS, `${client.requests} requests`);
        },
      ),
      { numRuns: 150 },
    );
  });
}

/** Bodies of HTTP answers: JSON of any shape, cut off, in base64 that is none, or no JSON. */
const body = fc.oneof(
  fc.array(answer, { maxLength: 3 }).map((answers) => JSON.stringify(answers) ?? ""),
  fc.array(result.map((result) => ({ result })), { minLength: 1, maxLength: 1 }).map((answers) =>
    JSON.stringify(answers)
  ),
  fc.tuple(fc.array(reply.map((result) => ({ result })), { minLength: 1, maxLength: 2 }), fc.nat({ max: 60 }))
    .map(([answers, end]) => JSON.stringify(answers).slice(0, end)),
  fc.json(),
  fc.string(),
  fc.constantFrom("", "null", "[]", "[null]", '[{"result":"%%%"}]', '[{"result":"fg=="}]', '{"error":"WRONGPASS"}'),
);

Deno.test("any bodies of a server's answers give a value or a SessionError, through clients of any setting", async () => {
  const { fetch } = globalThis;
  const settings = fc.record({
    responseEncoding: fc.constantFrom("base64" as const, false as const),
    automaticDeserialization: fc.boolean(),
  });
  const names = fc.constantFrom(...Object.keys(REST_CALLS));
  const status = fc.oneof({ weight: 6, arbitrary: fc.constant(200) }, fc.constantFrom(400, 401, 429, 500, 503));
  try {
    await fc.assert(
      fc.asyncProperty(names, settings, body, status, async (name, settings, text, status) => {
        let requests = 0;
        globalThis.fetch = () => {
          // Past what a call may ask for, the server is gone: whoever would go on for ever ends, and is told below.
          if (++requests > MOST_REQUESTS) return Promise.reject(new TypeError("gone"));
          return Promise.resolve(new Response(text, { status }));
        };
        const client = new Redis({
          url: "https://redis.test",
          token: "token",
          retry: false,
          enableTelemetry: false,
          ...settings,
        });
        await judged(() => (REST_CALLS[name] as typeof REST_CALLS[string])(upstashRedisStore(client)));
        assert.ok(requests <= MOST_REQUESTS, `${name}: ${requests} requests`);
      }),
      { numRuns: 600 },
    );
  } finally {
    globalThis.fetch = fetch;
  }
});

/** What reads the fields of a session. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  head: (text) => readHead("key", text, 0),
  "latest answer": (text) => readLatest("key", text),
  counts: (text) => readCounts(text),
  Will: (text) => readWillText("key", text),
  route: (text) => readRouteText("key", text),
  "field of a mark": (text) => readRows("key", [ROW.mark(1), text]),
  "name of a field": (text) => readRows("key", [text, "2 0 0"]),
  "subscription": (text) => readRows("key", ["s/t", text]),
};

const words = fc.array(
  fc.oneof(fc.constantFrom("4", "5", "0", "1", "-", "", "17", "1e3", "x", "=a", "c=a", "0x10", " "), fc.string()),
  { maxLength: 12 },
).map((words) => words.join(" "));
const fieldText = fc.oneof(
  words,
  fc.uint8Array({ maxLength: 40 }).map(toText),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => toText(Uint8Array.of(1, 4, ...bytes))),
  fc.constantFrom("i/1", "i/0", "i/x", "q/65535", "q/65536", "m/1", "m/x", "m/", "m/1.5", "i/1e2", "w", "x/1"),
  fc.string(),
);

for (const [name, read] of Object.entries(READERS)) {
  Deno.test(`${name}: any text in a session's field gives a value of whole numbers, or a SessionError [G13]`, () => {
    fc.assert(
      fc.property(fieldText, (text) => {
        const outcome = within(64, () => outcomeOf(() => read(text), UNREADABLE));
        if ("error" in outcome) return;
        assertNumbers(outcome.value);
        assert.ok(weightOf(outcome.value) <= 200 + 16 * text.length);
      }),
      { numRuns: 1_000 },
    );
  });
}

Deno.test("any text is base64 of some bytes, or of none, and no two texts are of the same", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String(), fieldText), (text) => {
    const bytes = fromText(text);
    if (bytes !== undefined) assert.equal(toText(bytes), text);
  }));
});

Deno.test("a reply reader that is wrong is noticed", async () => {
  const counts = (text: string) =>
    readReply(text, "count", (reader) => Array.from({ length: reader.number() }, () => 1));
  await assert.rejects(() => judged(() => Promise.resolve().then(() => counts("~7:1000000"))), /room for 1000000/);
  await assert.rejects(() => judged(() => Promise.resolve(Number("x"))), /it is NaN/);
  await assert.rejects(() => judged(() => Promise.reject(new TypeError("x is undefined"))), /x is undefined/);
  assert.deepEqual(REST_CODES.length, 4);
});
