import assert from "node:assert/strict";
import { upstashRedisStore } from "../../src/stores/upstash_redis/mod.ts";
import type { UpstashClient } from "../../src/stores/upstash_redis/mod.ts";
import * as acquire from "../../src/stores/upstash_redis/lua/acquire.ts";
import * as commit from "../../src/stores/upstash_redis/lua/commit.ts";
import * as indexing from "../../src/stores/upstash_redis/lua/indexing.ts";
import * as owed from "../../src/stores/upstash_redis/lua/owed.ts";
import * as reading from "../../src/stores/upstash_redis/lua/reading.ts";
import * as time from "../../src/stores/upstash_redis/lua/time.ts";
import { exploreStore, type Gate } from "../../src/testing/mod.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { plain, type RespConnection, RespError, type RespValue, textOf } from "../support/redis/resp.ts";

/** The scripts by the name that a command of the transport has for them. */
const SCRIPTS = [acquire, commit, indexing, owed, reading, time].flatMap((module) =>
  Object.values(module).flatMap((value) => typeof value === "object" && "source" in value ? [value] : [])
);

/** By their digests. */
type Scripts = ReadonlyMap<string, (typeof SCRIPTS)[number]>;

/** Scripts that only read. */
const READING: ReadonlySet<unknown> = new Set([
  reading.READ,
  reading.PAGE_OF_LOG,
  reading.COUNT,
  owed.READ_OWED,
  time.NEXT_DUE,
  time.LEASES,
]);

/** Everything in the database, one row a key, in order of the keys; what has no order of its own is put in one. */
const CONTENTS = `
local keys = redis.call('KEYS', '*')
table.sort(keys)
local rows = {}
for _, key in ipairs(keys) do
  local kind = redis.call('TYPE', key).ok
  local value
  if kind == 'hash' then
    local all, pairs = redis.call('HGETALL', key), {}
    for index = 1, #all, 2 do pairs[#pairs + 1] = all[index] .. '=' .. all[index + 1] end
    table.sort(pairs)
    value = table.concat(pairs, '\\n')
  elseif kind == 'zset' then value = table.concat(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), '\\n')
  elseif kind == 'set' then
    value = redis.call('SMEMBERS', key)
    table.sort(value)
    value = table.concat(value, '\\n')
  elseif kind == 'list' then value = table.concat(redis.call('LRANGE', key, 0, -1), '\\n')
  else value = redis.call('GET', key) end
  rows[#rows + 1] = key .. ' ' .. kind .. ' ' .. value
end
return rows`;

/** A client right on Redis, since HTTP takes most of the time of a request; each request waits at a gate. */
function gatedClient(connection: RespConnection, gate: Gate, scripts: Scripts): UpstashClient {
  return {
    pipeline: () => {
      const commands: string[][] = [];
      const names: string[] = [];
      let reads = true;
      const add = (name: string, isReading: boolean, command: string[]): void => {
        names.push(name);
        commands.push(command);
        reads &&= isReading;
      };
      return {
        eval: (text, keys, args) => add("a text", false, ["EVAL", text, String(keys.length), ...keys, ...args]),
        evalsha: (sha1, keys, args) => {
          const script = scripts.get(sha1);
          const isReading = script !== undefined && READING.has(script);
          add(script?.name ?? sha1, isReading, ["EVALSHA", sha1, String(keys.length), ...keys, ...args]);
        },
        hmget: (key, ...fields) => add(`HMGET ${key}`, true, ["HMGET", key, ...fields]),
        zrange: (key, first, last, { offset, count }) =>
          add(`ZRANGE ${key}`, true, ["ZRANGE", key, first, last, "BYLEX", "LIMIT", String(offset), String(count)]),
        exec: () => {
          const run = async (): Promise<unknown> => (await connection.pipeline(commands)).map(answered);
          return gate.schedule(names.join(" + "), run, { reads });
        },
      };
    },
  };
}

function answered(reply: RespValue): unknown {
  return reply instanceof RespError ? { error: reply.message } : { result: plain(reply) };
}

/** Lets Redis know all scripts, so that no request depends on what earlier runs sent. */
async function loadScripts(connection: RespConnection): Promise<Scripts> {
  const replies = await connection.pipeline(SCRIPTS.map(({ source }) => ["SCRIPT", "LOAD", source]));
  return new Map(replies.map((reply, index) => [told(reply), SCRIPTS[index] as (typeof SCRIPTS)[number]]));
}

function told(reply: RespValue | undefined): string {
  if (reply instanceof RespError) throw reply;
  if (!(reply instanceof Uint8Array)) throw new TypeError("Cannot read the reply: it is no text");
  return textOf(reply);
}

Deno.test("Upstash Redis keeps its promises in every order of the requests of any two, with every crash", async () => {
  await using redis = await startRedis();
  await using connection = await redis.connect();
  const scripts = await loadScripts(connection);
  const report = await exploreStore({
    name: "Upstash Redis",
    make: async () => {
      await connection.command(["FLUSHALL"]);
      return {
        open: (gate) => upstashRedisStore(gatedClient(connection, gate, scripts), { keyLocking: false }),
        contents: async () => {
          const rows = await connection.command(["EVAL", CONTENTS, "0"]);
          if (!Array.isArray(rows)) throw new TypeError("Cannot read the contents of Redis");
          return rows.map(told);
        },
        mayOutlive: (row) => String(row).includes("}/ended "),
      };
    },
    together: 2,
  });
  assert.ok(report.complete);
  assert.ok(report.states >= 4_800, JSON.stringify(report));
});
