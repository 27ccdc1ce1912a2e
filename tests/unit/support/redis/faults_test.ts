import assert from "node:assert/strict";
import { ask, run, withUpstash } from "./support.ts";

Deno.test("a dropped reply comes after the command was run, a dropped request before", () =>
  withUpstash(async (upstash) => {
    const reply = upstash.faults.dropReply();
    await assert.rejects(run(upstash, "INCR", "n"), TypeError);
    assert.equal(reply.hits, 1);
    assert.equal(await run(upstash, "GET", "n"), "1");
    upstash.faults.dropRequest();
    await assert.rejects(run(upstash, "INCR", "n"), TypeError);
    assert.equal(await run(upstash, "GET", "n"), "1");
  }));

Deno.test("a connection that vanishes makes fetch send once more, if it served others before", () =>
  withUpstash(async (upstash) => {
    await run(upstash, "PING");
    const reply = upstash.faults.vanish();
    assert.equal(await run(upstash, "INCR", "n"), 2);
    assert.equal(reply.hits, 1);
  }));

Deno.test("a rule is for the requests it is set for, so many times", () =>
  withUpstash(async (upstash) => {
    const rule = upstash.faults.dropReply({
      times: 2,
      when: ({ commands }) => commands.some(([name]) => name === "SET"),
    });
    assert.equal(await run(upstash, "GET", "k"), null);
    for (let time = 0; time < 2; time++) await assert.rejects(run(upstash, "SET", "k", "v"), TypeError);
    assert.equal(await run(upstash, "SET", "k", "other"), "OK");
    assert.equal(rule.hits, 2);
    assert.equal(JSON.parse((await rule.hit).body)[2], "v");
  }));

Deno.test("other answers come in place of running the commands", () =>
  withUpstash(async (upstash) => {
    upstash.faults.limitRate();
    const [status, body] = await ask(upstash, "/", ["INCR", "n"]);
    assert.equal(status, 429);
    assert.match((body as { error: string }).error, /^ERR max requests limit exceeded/);
    upstash.faults.fail(503);
    assert.equal((await ask(upstash, "/", ["INCR", "n"]))[0], 503);
    upstash.faults.failWithText(500);
    await assert.rejects(ask(upstash, "/", ["INCR", "n"]), SyntaxError);
    assert.equal(await run(upstash, "GET", "n"), null);
    upstash.faults.add({ kind: "answer", status: 500, body: '{"error":"ERR late"}', applied: true });
    assert.equal(await run(upstash, "INCR", "n"), "ERR late");
    assert.equal(await run(upstash, "GET", "n"), "1");
  }));

Deno.test("a truncated reply starts well", () =>
  withUpstash(async (upstash) => {
    await run(upstash, "SET", "k", "value");
    upstash.faults.truncate(5);
    const response = await fetch(upstash.url, {
      method: "POST",
      headers: { authorization: `Bearer ${upstash.token}` },
      body: '["GET","k"]',
    });
    assert.equal(response.status, 200);
    await assert.rejects(response.text(), TypeError);
    assert.equal(await run(upstash, "GET", "k"), "value");
  }));

Deno.test("a held request waits before its commands, a held reply after them", () =>
  withUpstash(async (upstash) => {
    for (const applied of [false, true]) {
      const held = applied ? upstash.faults.holdReply() : upstash.faults.hold();
      let answered = false;
      const waiting = run(upstash, "SET", "k", "v").then(() => answered = true);
      await held.hit;
      // What comes after it overtakes it. Only a reply's commands may still be under way.
      if (!applied) assert.equal(await run(upstash, "GET", "k"), null);
      assert.equal(answered, false);
      held.release();
      await waiting;
      assert.equal(await run(upstash, "GETDEL", "k"), "v");
    }
  }));

Deno.test("a server that is disposed of lets go of what it holds", async () => {
  let waiting: Promise<unknown> = Promise.resolve();
  await withUpstash(async (upstash) => {
    const held = upstash.faults.hold();
    waiting = run(upstash, "SET", "k", "v").catch(() => "failed");
    await held.hit;
  });
  assert.ok(["OK", "failed", "ERR the database is not available"].includes(String(await waiting)));
});

Deno.test("refused connections come back on the same port", () =>
  withUpstash(async (upstash) => {
    const { port } = upstash;
    assert.equal(await run(upstash, "PING"), "PONG");
    await upstash.faults.refuse();
    await assert.rejects(run(upstash, "PING"), TypeError);
    // Taking connections again is harmless where they were not refused.
    for (let time = 0; time < 2; time++) {
      await upstash.faults.accept();
      assert.equal(await run(upstash, "PING"), "PONG");
    }
    assert.equal(upstash.port, port);
  }));

Deno.test("cleared rules are no more", () =>
  withUpstash(async (upstash) => {
    upstash.faults.limitRate({ times: 10 });
    upstash.faults.clear();
    assert.equal(await run(upstash, "PING"), "PONG");
  }));
