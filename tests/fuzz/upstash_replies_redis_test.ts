/**
 * What a real Redis answers, damaged on its way: every call of the Upstash store gives a value or a `SessionError`.
 *
 * The honest answers are taken down once; from then on no server is asked.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { UpstashClient, UpstashPipeline } from "../../src/stores/upstash_redis/client.ts";
import { upstashClient } from "../../src/stores/upstash_redis/client.ts";
import { upstashRedisRetained, upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import { ReplyReader } from "../../src/stores/upstash_redis/text.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";
import { furnishRetained, judged, REST_CALLS, RETAINED_CALLS } from "./support/rest_calls.ts";
import { furnishStore } from "./support/stored_world.ts";

/** The answers of one command each, of the requests of one call. */
type Taken = readonly (readonly unknown[])[];

/** A client that does something with what each request is answered. */
function through(client: UpstashClient, change: (answers: unknown) => unknown): UpstashClient {
  return {
    pipeline: () => {
      const pipeline = client.pipeline();
      const add: Pick<UpstashPipeline, "eval" | "evalsha" | "hmget" | "zrange" | "scan"> = pipeline;
      return {
        eval: (...args) => add.eval(...args),
        evalsha: (...args) => add.evalsha(...args),
        hmget: (...args) => add.hmget(...args),
        zrange: (...args) => add.zrange(...args),
        scan: (...args) => add.scan?.(...args),
        exec: async (options) => change(await pipeline.exec(options)),
      };
    },
  };
}

/** A store, what is put in it, and what is asked of it. */
interface Asked<Store> {
  readonly open: (client: UpstashClient) => Store;
  readonly furnish: (store: Store) => Promise<void>;
  readonly calls: Readonly<Record<string, (store: Store) => Promise<unknown>>>;
}

/** What every call is answered, by a store that is new to it. */
async function takeDown<Store>({ open, furnish, calls }: Asked<Store>): Promise<ReadonlyMap<string, Taken>> {
  const taken = new Map<string, Taken>();
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  const client = upstashClient({ url: upstash.url, token: upstash.token });
  await furnish(open(client));
  for (const [name, call] of Object.entries(calls)) {
    const answers: unknown[][] = [];
    const store = open(through(client, (executed) => {
      answers.push(executed as unknown[]); // Of an honest server: one answer for each command.
      return executed;
    }));
    await call(store);
    taken.set(name, answers);
  }
  return taken;
}

/** A client that answers as it is told, request by request, and at last always the same. */
function replaying(taken: Taken): { readonly client: UpstashClient; readonly requests: () => number } {
  let requests = 0;
  const nothing = (): void => {};
  const pipeline: UpstashPipeline = {
    eval: nothing,
    evalsha: nothing,
    hmget: nothing,
    zrange: nothing,
    scan: nothing,
    exec: () => {
      const answers = taken[Math.min(requests++, taken.length - 1)];
      return requests > 60 ? Promise.reject(new Error("too many requests")) : Promise.resolve(answers);
    },
  };
  return { client: { pipeline: () => pipeline }, requests: () => requests };
}

const value = fc.oneof(
  fc.constantFrom("", "-", "0", "1", "-1", "1.5", "NaN", "65536", "4294967296", "9007199254740991", "9007199254740992"),
  fc.constantFrom(
    "x",
    "c",
    "n",
    "=",
    "=a",
    "s/a",
    "o/=a",
    "c/a",
    "AQM=",
    "L0 1;",
    "L12 1;",
    "L1 1;",
    "S =.",
    "S =.%23",
  ),
  fc.string({ maxLength: 8 }),
);

interface TextDamage {
  readonly name: string;
  apply(text: string): string;
}

const place = fc.nat({ max: 2_000 });

/** A whole field says something else; or one is left out, or said twice. */
const fieldDamage = fc.tuple(place, fc.constantFrom("other", "gone", "twice"), value).map((
  [at, how, text],
): TextDamage => ({
  name: `field ${at} ${how} ${text}`,
  apply: (reply) => {
    const fields = fieldsOf(reply);
    const where = at % Math.max(1, fields.length);
    const [old = ""] = fields.slice(where);
    fields.splice(where, 1, ...(how === "gone" ? [] : how === "twice" ? [old, old] : [text]));
    return `~${fields.map((field) => `${field.length}:${field}`).join("")}`;
  },
}));
/** What stands within a field says something else: a word of it, or its base64. */
const wordDamage = fc.tuple(place, place, value).map(([at, word, text]): TextDamage => ({
  name: `word ${word} of field ${at} is ${text}`,
  apply: (reply) => {
    const fields = fieldsOf(reply);
    const where = at % Math.max(1, fields.length);
    const words = (fields[where] ?? "").split(/(?<=[ ;/])|(?=[ ;/])/);
    words[word % words.length] = text;
    fields[where] = words.join("");
    return `~${fields.map((field) => `${field.length}:${field}`).join("")}`;
  },
}));
const characterDamage = fc.tuple(place, value).map(([at, text]): TextDamage => ({
  name: `${text} at ${at}`,
  apply: (reply) => {
    const where = at % Math.max(1, reply.length);
    return reply.slice(0, where) + text + reply.slice(where + 1);
  },
}));
const cut = place.map((at): TextDamage => ({
  name: `cut at ${at}`,
  apply: (reply) => reply.slice(0, at % (reply.length + 1)),
}));
const textDamage = fc.oneof(
  { weight: 4, arbitrary: fieldDamage },
  { weight: 4, arbitrary: wordDamage },
  characterDamage,
  cut,
);

function fieldsOf(reply: string): string[] {
  const fields: string[] = [];
  try {
    for (const reader = new ReplyReader(reply); reader.left > 0;) fields.push(reader.text());
  } catch {
    // Damaged before: what could still be read is enough.
  }
  return fields;
}

/** Damages the answer of one command of one request. */
function damaged(taken: Taken, at: number, { apply }: TextDamage, other: unknown): Taken {
  const places = taken.flatMap((answers, request) => answers.map((_, command) => [request, command] as const));
  const [request, command] = places[at % Math.max(1, places.length)] ?? [0, 0];
  return taken.map((answers, index) =>
    answers.map((answer, place) => {
      if (index !== request || place !== command) return answer;
      const result = Reflect.get(Object(answer), "result");
      if (typeof result === "string") return { result: apply(result) };
      if (!Array.isArray(result)) return { result: other };
      const item = at % Math.max(1, result.length);
      return {
        result: result.map((each, index) => index === item ? typeof each === "string" ? apply(each) : other : each),
      };
    })
  );
}

/** Damages what each call is answered, over and over. */
function fuzzed<Store>(what: string, asked: Asked<Store>): void {
  Deno.test(`honest answers ${what}, damaged, give a value or a SessionError, after few requests`, async (t) => {
    const honest = await takeDown(asked);
    for (const [name, call] of Object.entries(asked.calls)) {
      const taken = honest.get(name) ?? [];
      await t.step(name, async () => {
        const first = replaying(taken);
        assert.ok("value" in await judged(() => call(asked.open(first.client))));
        await fc.assert(
          fc.asyncProperty(place, textDamage, fc.oneof(fc.jsonValue(), value), async (at, damage, other) => {
            const { client, requests } = replaying(damaged(taken, at, damage, other));
            await judged(() => call(asked.open(client)));
            assert.ok(requests() <= 60, `${requests()} requests`);
          }),
          { numRuns: 200 },
        );
      });
    }
  });
}

for (const cluster of [false, true]) {
  fuzzed(cluster ? "in cluster mode" : "on one server", {
    open: (client) => upstashRedisStore(client, { cluster }),
    furnish: furnishStore,
    calls: REST_CALLS,
  });
}

fuzzed("of retained messages", { open: upstashRedisRetained, furnish: furnishRetained, calls: RETAINED_CALLS });
