import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ask, run, withUpstash } from "./support.ts";

const BODY = "\nreturn redis.call('GET', KEYS[1])";
const FLAGGED = `#!lua flags=allow-key-locking${BODY}`;
const PLAIN = `#!lua${BODY}`;

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

Deno.test("a script with the flag runs by its text, and then by its own digest", () =>
  withUpstash(async (upstash) => {
    await run(upstash, "SET", "k", "v");
    assert.match(String(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k")), /^NOSCRIPT/);
    assert.equal(await run(upstash, "EVAL", FLAGGED, 1, "k"), "v");
    assert.equal(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k"), "v");
    assert.equal(await run(upstash, "EVALSHA", sha1(FLAGGED).toUpperCase(), 1, "k"), "v");
  }));

Deno.test("a script with the flag is loaded under its own digest", () =>
  withUpstash(async (upstash) => {
    await run(upstash, "SET", "k", "v");
    assert.deepEqual(await run(upstash, "SCRIPT", "EXISTS", sha1(FLAGGED), sha1(BODY)), [0, 0]);
    assert.equal(await run(upstash, "SCRIPT", "LOAD", FLAGGED), sha1(FLAGGED));
    assert.equal(await run(upstash, "SCRIPT", "LOAD", BODY), sha1(BODY));
    assert.deepEqual(await run(upstash, "SCRIPT", "EXISTS", sha1(FLAGGED), sha1(BODY)), [1, 1]);
    assert.equal(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k"), "v");
    assert.equal(
      await run(upstash, "SCRIPT", "LOAD", "this is no Lua").then((text) => String(text).slice(0, 3)),
      "ERR",
    );
  }));

Deno.test("a script is unknown after a flush and after a restart", () =>
  withUpstash(async (upstash, redis) => {
    await run(upstash, "SCRIPT", "LOAD", FLAGGED);
    assert.equal(await run(upstash, "SCRIPT", "FLUSH"), "OK");
    assert.match(String(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k")), /^NOSCRIPT/);
    await run(upstash, "SCRIPT", "LOAD", FLAGGED);
    await redis.restart();
    assert.match(String(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k")), /^NOSCRIPT/);
    assert.equal(await run(upstash, "EVAL", FLAGGED, 1, "k"), null);
    assert.equal(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k"), null);
  }));

Deno.test("within a pipeline and a transaction a script with the flag is known from its command on", () =>
  withUpstash(async (upstash) => {
    const commands = [
      ["EVALSHA", sha1(FLAGGED), 1, "k"],
      ["SCRIPT", "LOAD", FLAGGED],
      ["SET", "k", "v"],
      ["EVALSHA", sha1(FLAGGED), 1, "k"],
    ];
    const [, rows] = await ask(upstash, "/pipeline", commands);
    const [unknown, ...others] = rows as readonly { readonly error?: string }[];
    assert.match(unknown?.error ?? "", /^NOSCRIPT/);
    assert.deepEqual(others, [{ result: sha1(FLAGGED) }, { result: "OK" }, { result: "v" }]);
    const transaction = [["EVALSHA", sha1(FLAGGED), 1, "k"], ["SCRIPT", "LOAD", FLAGGED]];
    assert.deepEqual(await ask(upstash, "/multi-exec", transaction), [200, [{ result: "v" }, {
      result: sha1(FLAGGED),
    }]]);
  }));

Deno.test("other flags stay", () =>
  withUpstash(async (upstash) => {
    const script = "#!lua flags=no-writes,allow-key-locking\nreturn redis.call('SET', KEYS[1], 'v')";
    assert.match(String(await run(upstash, "EVAL", script, 1, "k")), /^ERR Write commands are not allowed/);
    const reading = "#!lua flags=allow-key-locking,no-writes\nreturn redis.call('EXISTS', KEYS[1])";
    assert.equal(await run(upstash, "EVAL_RO", reading, 1, "k"), 0);
    assert.equal(await run(upstash, "EVALSHA_RO", sha1(reading), 1, "k"), 0);
  }));

Deno.test("plain Redis refuses the flag, and only that", () =>
  withUpstash(async (upstash) => {
    const refusal = "ERR Unexpected flag in script shebang: allow-key-locking";
    assert.equal(await run(upstash, "EVAL", FLAGGED, 1, "k"), refusal);
    assert.equal(await run(upstash, "SCRIPT", "LOAD", FLAGGED), refusal);
    assert.match(String(await run(upstash, "EVALSHA", sha1(FLAGGED), 1, "k")), /^NOSCRIPT/);
    assert.equal(await run(upstash, "EVAL", PLAIN, 1, "k"), null);
  }, { locking: "refuse" }));
