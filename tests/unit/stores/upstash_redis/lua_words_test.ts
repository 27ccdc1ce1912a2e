/** Scripts compare numbers and append within limits: no word of the protocol stands in them, not even in a comment. */
import assert from "node:assert/strict";
import * as acquiring from "../../../../src/stores/upstash_redis/lua/acquire.ts";
import * as appending from "../../../../src/stores/upstash_redis/lua/append.ts";
import * as committing from "../../../../src/stores/upstash_redis/lua/commit.ts";
import * as common from "../../../../src/stores/upstash_redis/lua/common.ts";
import * as examining from "../../../../src/stores/upstash_redis/lua/examining.ts";
import * as indexing from "../../../../src/stores/upstash_redis/lua/indexing.ts";
import * as kept from "../../../../src/stores/upstash_redis/lua/kept.ts";
import * as log from "../../../../src/stores/upstash_redis/lua/log.ts";
import * as members from "../../../../src/stores/upstash_redis/lua/members.ts";
import * as owed from "../../../../src/stores/upstash_redis/lua/owed.ts";
import * as reading from "../../../../src/stores/upstash_redis/lua/reading.ts";
import * as restoring from "../../../../src/stores/upstash_redis/lua/restoring.ts";
import * as shared from "../../../../src/stores/upstash_redis/lua/shared.ts";
import * as time from "../../../../src/stores/upstash_redis/lua/time.ts";
import type { Script } from "../../../../src/stores/upstash_redis/transport.ts";

const MODULES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "acquire.ts": acquiring,
  "append.ts": appending,
  "commit.ts": committing,
  "common.ts": common,
  "examining.ts": examining,
  "indexing.ts": indexing,
  "kept.ts": kept,
  "log.ts": log,
  "members.ts": members,
  "owed.ts": owed,
  "reading.ts": reading,
  "restoring.ts": restoring,
  "shared.ts": shared,
  "time.ts": time,
};

const FOLDER = new URL("../../../../src/stores/upstash_redis/lua/", import.meta.url);

/** Words that only the protocol has, and its words for what a store keeps. */
const WORDS =
  /^(mqtt|qos|topic|filter|subscri|unsubscri|publish|will$|wills$|session|client|packet|retain|messag|connect|disconnect|conn?ack|pub(ack|rec|rel|comp)|sub(ack)|ping|keepalive|inbound|outbound|quarantin|takeover|clean|payload|broker|incarnation|delay|interval|shared?group|wildcard)/;

/** The words of a text, those inside of names too: `keepAlive` and `keep_alive` are `keep`, `alive` and `keepalive`. */
function wordsOf(text: string): string[] {
  return [...text.matchAll(/[A-Za-z][A-Za-z_]*/g)].flatMap(([name]) => {
    const parts = name.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase().split("_");
    return [...parts, parts.join("")];
  });
}

function wordsOfProtocol(source: string): string[] {
  const pairs = [...source.matchAll(/keep[- ]alive|clean[- ]start/gi)].map(([found]) => found);
  return [...pairs, ...wordsOf(source).filter((word) => WORDS.test(word))];
}

function isScript(value: unknown): value is Script {
  return typeof value === "object" && value !== null && "source" in value && "name" in value;
}

for (const [file, module] of Object.entries(MODULES)) {
  for (const [name, value] of Object.entries(module)) {
    const source = isScript(value) ? value.source : value;
    if (typeof source !== "string") continue;
    Deno.test(`no word of the protocol stands in ${name} of lua/${file}`, () => {
      assert.deepEqual(wordsOfProtocol(source), []);
    });
  }
}

Deno.test("words of the protocol are found wherever they stand", () => {
  const found = (text: string): number => wordsOfProtocol(text).length;
  for (
    const text of ["-- the QoS", "local topicName", "x.keep_alive", "'PUBLISHED'", "a Keep Alive", "clientId", "WILL"]
  ) {
    assert.notEqual(found(text), 0, text);
  }
  for (const text of ["willing", "redis.call('HSET', where, k)", "local filler", "unpack", "tropics"]) {
    assert.equal(found(text), 0, text);
  }
});

Deno.test("every module of scripts is looked at", async () => {
  const files: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) files.push(name);
  assert.deepEqual(files.sort(), Object.keys(MODULES).sort());
});

Deno.test("every script says what its keys, its arguments and its answer are", async () => {
  for (const [file, module] of Object.entries(MODULES)) {
    const text = await Deno.readTextFile(new URL(file, FOLDER));
    const docs = new Map(
      [...text.matchAll(/\/\*\*((?:(?!\*\/)[^])*)\*\/\nexport const (\w+): Script = /g)]
        .map(([, doc = "", name = ""]) => [name, doc]),
    );
    const scripts = Object.entries(module).filter(([, value]) => isScript(value));
    assert.deepEqual([...docs.keys()].sort(), scripts.map(([name]) => name).sort(), file);
    for (const [name, script] of scripts) {
      const doc = docs.get(name) ?? "";
      assert.match(doc, /\bKEYS: /, name);
      assert.match(doc, /\bAnswer: /, name);
      // What follows the shared lines is the script's own.
      const own = (script as Script).source.slice(common.COMMON.length);
      if (/\b(arg|number)\(\)/.test(own)) assert.match(doc, /\bARGV: /, name);
    }
  }
});

Deno.test("the names of scripts tell them apart, and each is known by its text", () => {
  const scripts = Object.values(MODULES).flatMap((module) => Object.values(module).filter(isScript));
  assert.equal(new Set(scripts.map(({ name }) => name)).size, scripts.length);
  assert.equal(new Set(scripts.map(({ source }) => source)).size, scripts.length);
});
