import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { SessionError } from "../../../../src/errors.ts";
import type { UpstashClient } from "../../../../src/stores/upstash_redis/client.ts";
import { type Command, transport } from "../../../../src/stores/upstash_redis/transport.ts";
import { is, once, script, ScriptCache, serve } from "./transport_kit.ts";

const A: Command = { script: script("a"), keys: ["k"], args: ["1"] };

/** A client whose requests are answered by hand. */
function byHand() {
  const requests: PromiseWithResolvers<unknown>[] = [];
  const waiting: (() => void)[] = [];
  const client: UpstashClient = {
    pipeline: () => ({
      eval: () => {},
      evalsha: () => {},
      hmget: () => {},
      zrange: () => {},
      exec: () => {
        const request = Promise.withResolvers<unknown>();
        requests.push(request);
        waiting.shift()?.();
        return request.promise;
      },
    }),
  };
  /** Waits until a request has left. */
  const sent = () => new Promise<void>((resolve) => waiting.push(resolve));
  return { client, requests, sent };
}

const reason = new Error("enough");

Deno.test("a signal that has aborted keeps everything from being sent, and its reason is thrown", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const way = transport(once(server.url));
  for (const writes of [true, false]) {
    const signal = AbortSignal.abort(reason);
    await assert.rejects(way.send([A], { doing: "commit", writes, signal }), reason);
    await assert.rejects(way.send([], { doing: "commit", writes, signal }), reason);
  }
  const controller = new AbortController();
  const early = way.send([A], { doing: "commit", writes: true, signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(early, reason);
  assert.equal(server.requests.length, 0);
});

Deno.test("an abort on the way ends the call at once: of writes unknown, of reads with its reason", async () => {
  for (const writes of [true, false]) {
    const { client, requests, sent } = byHand();
    const controller = new AbortController();
    const { signal } = controller;
    const leaving = sent();
    const call = transport(client).send([A], { doing: "commit", writes, signal });
    await leaving;
    assert.equal(getEventListeners(signal, "abort").length, 1);
    controller.abort(reason);
    if (writes) {
      await assert.rejects(call, (error) => {
        assert.ok(error instanceof SessionError);
        assert.equal(error.cause, reason);
        return is("OUTCOME_UNKNOWN", /^Cannot commit: the call was aborted$/)(error);
      });
    } else await assert.rejects(call, reason);
    // What comes later disturbs nobody.
    if (writes) requests[0]?.reject(new Error("late"));
    else requests[0]?.resolve([{ result: "~a" }]);
    await Promise.resolve();
    assert.equal(requests.length, 1);
  }
});

Deno.test("after an abort no further request leaves", async () => {
  const { client, requests, sent } = byHand();
  const controller = new AbortController();
  const leaving = sent();
  const call = transport(client).send([A], { doing: "commit", writes: true, signal: controller.signal });
  await leaving;
  requests[0]?.resolve([{ error: "NOSCRIPT No matching script." }]);
  controller.abort(reason);
  await assert.rejects(call, is("OUTCOME_UNKNOWN"));
  await Promise.resolve();
  assert.equal(requests.length, 1);
});

Deno.test("an abort between two requests keeps the second from leaving", async () => {
  for (const writes of [true, false]) {
    const { client, requests, sent } = byHand();
    const controller = new AbortController();
    const leaving = sent();
    const call = transport(client).send([A], { doing: "commit", writes, signal: controller.signal });
    await leaving;
    // Read when the wait for the first request is over.
    const answer = {
      get error() {
        controller.abort(reason);
        return "NOSCRIPT No matching script.";
      },
    };
    requests[0]?.resolve([answer]);
    await assert.rejects(call, writes ? is("OUTCOME_UNKNOWN") : reason);
    assert.equal(requests.length, 1);
  }
});

Deno.test("a signal is left without listeners, however the call ends", async () => {
  await using server = serve(new ScriptCache().answerAll);
  await using broken = serve(() => [{ error: "ERR" }]);
  const { signal } = new AbortController();
  for (let call = 0; call < 3; call++) {
    await transport(once(server.url)).send([A], { doing: "commit", writes: true, signal });
    await assert.rejects(
      transport(once(broken.url)).send([A], { doing: "commit", writes: true, signal }),
      SessionError,
    );
  }
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

Deno.test("the signal stays with the caller, and is not given to the client", async () => {
  await using server = serve(new ScriptCache().answerAll);
  const real = globalThis.fetch;
  const signals: unknown[] = [];
  globalThis.fetch = (input, init) => {
    signals.push(init?.signal);
    return real(input, init);
  };
  try {
    const { signal } = new AbortController();
    await transport(once(server.url)).send([A], { doing: "commit", writes: true, signal });
  } finally {
    globalThis.fetch = real;
  }
  assert.deepEqual(signals, [undefined, undefined]);
});
