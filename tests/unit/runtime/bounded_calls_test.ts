/** Calls that hang, fail or come too late, and stores that answer nonsense: how each is bounded. */
import assert from "node:assert/strict";
import { type BrokerEvent, SessionError, type SessionStore } from "../../../mod.ts";
import { Orphans } from "../../../src/runtime/orphans.ts";
import {
  asSessionError,
  isWorthRepeating,
  pause,
  persistently,
  untilAborted,
  within,
} from "../../../src/runtime/within.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { fakeClock } from "../../../src/testing/mod.ts";
import { publishPacket, rest, subscribePacket, texts, world } from "./support.ts";

const LIMITS = { timeoutMs: 1_000, repeatForMs: 5_000, repeatAfterMs: 100 } as const;

function environment() {
  const clock = fakeClock(0);
  return { clock, now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => "id" };
}

Deno.test("a call that hangs ends when its time is up, with a signal, and what it does later does not matter", async () => {
  const env = environment();
  let signal: AbortSignal | undefined;
  const call = within(env, 1_000, "wait", (given) => {
    signal = given;
    return new Promise(() => {});
  });
  env.clock.advance(1_000);
  await assert.rejects(call, (error) => error instanceof SessionError && error.code === "OUTCOME_UNKNOWN");
  assert.equal(signal?.aborted, true);
  assert.equal(env.clock.timers(), 0);
});

Deno.test("a call that throws at once, rejects or answers leaves no timer behind", async () => {
  const env = environment();
  const thrown = within(env, 1_000, "throw", () => {
    throw new TypeError("at once");
  });
  await assert.rejects(thrown, TypeError);
  await assert.rejects(within(env, 1_000, "reject", () => Promise.reject(new TypeError("later"))), TypeError);
  assert.equal(await within(env, 1_000, "answer", () => Promise.resolve(7)), 7);
  assert.equal(env.clock.timers(), 0);
});

Deno.test("what may be repeated is repeated until it is answered or its time is up, and told of once", async () => {
  for (const [failures, outcome] of [[3, "answered"], [Infinity, "given up"]] as const) {
    const env = environment();
    const events: BrokerEvent[] = [];
    let calls = 0;
    const call = persistently(
      { environment: env, commit: LIMITS, observe: (event) => events.push(event) },
      "read",
      () => {
        if (++calls <= failures) return Promise.reject(new Error("no network"));
        return Promise.resolve("answered");
      },
    ).catch((error) => error);
    for (let turn = 0; turn < 50; turn++) {
      await rest();
      env.clock.advanceToNext();
    }
    const result = await call;
    if (outcome === "answered") assert.equal(result, "answered");
    else assert.ok(result instanceof SessionError && result.code === "OUTCOME_UNKNOWN");
    assert.ok(calls > 3);
    assert.equal(events.length, 1);
  }
});

Deno.test("misuse, and what trying again would not mend, is not repeated", () => {
  for (const code of ["RECORD_UNREADABLE", "RECORD_FROM_FUTURE", "LIMIT_EXCEEDED", "CLOSED"] as const) {
    assert.equal(isWorthRepeating(new SessionError(code, "Cannot")), false, code);
  }
  for (const error of [new TypeError(), new RangeError()]) assert.equal(isWorthRepeating(error), false);
  for (const code of ["STORE_UNAVAILABLE", "OUTCOME_UNKNOWN"] as const) {
    assert.equal(isWorthRepeating(new SessionError(code, "Cannot")), true, code);
  }
  assert.equal(isWorthRepeating("a text"), true);
  assert.equal(asSessionError("a text", "read").code, "OUTCOME_UNKNOWN");
});

Deno.test("a pause ends with its time or its signal, whichever is first, and never rejects", async () => {
  const env = environment();
  const ended: string[] = [];
  const stop = new AbortController();
  void pause(env, 1_000, stop.signal).then(() => ended.push("stopped"));
  void pause(env, 2_000, new AbortController().signal).then(() => ended.push("over"));
  void pause(env, 1_000, AbortSignal.abort()).then(() => ended.push("at once"));
  await rest();
  stop.abort();
  await rest();
  assert.deepEqual(ended, ["at once", "stopped"]);
  env.clock.advance(2_000);
  await rest();
  assert.deepEqual(ended, ["at once", "stopped", "over"]);
  assert.equal(env.clock.timers(), 0);
});

Deno.test("a promise that is awaited under a signal gives its value, its error, or the reason of the signal", async () => {
  const stop = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(1), stop.signal), 1);
  await assert.rejects(untilAborted(Promise.reject(new TypeError("no")), stop.signal), TypeError);
  const pending = untilAborted(new Promise(() => {}), stop.signal);
  stop.abort(new RangeError("enough"));
  await assert.rejects(pending, RangeError);
  await assert.rejects(untilAborted(new Promise(() => {}), stop.signal), RangeError);
});

Deno.test("orphans are remembered by client and token, and forgotten one by one", () => {
  const orphans = new Orphans();
  orphans.add("a", "1");
  orphans.add("a", "2");
  orphans.add("b", "3");
  orphans.add("a", "later", 5);
  assert.equal(orphans.nextAt, 0);
  assert.deepEqual(orphans.due(4).map(([, tokens]) => tokens.size), [2, 1]);
  orphans.remove("a", new Set(["1"]));
  assert.deepEqual(orphans.due(5), [["a", new Set(["2", "later"])], ["b", new Set(["3"])]]);
  orphans.remove("a", new Set(["2", "x"]));
  orphans.remove("nobody", new Set(["1"]));
  orphans.remove("b", new Set(["3"]));
  assert.equal(orphans.nextAt, 5);
});

type Commit = SessionStore["commit"];

/** The memory store with another `commit`. */
function storeWith(commit: (inner: SessionStore, ...args: Parameters<Commit>) => ReturnType<Commit>): SessionStore {
  const inner = memoryStore();
  return { ...inner, commit: (...args) => commit(inner, ...args) };
}

Deno.test("a store that answers for fewer batches than it was given left them unknown, and is asked again", async () => {
  let short = 0;
  const store = storeWith(async (inner, batches, options) => {
    const results = await inner.commit(batches, options);
    return short-- > 0 ? results.slice(1) : results;
  });
  const { connect, of, pass } = world({}, store);
  const client = await connect("c");
  await client.send(subscribePacket(1, "t"));
  short = 1;
  await client.send(publishPacket("t", 1, 2, "stored"));
  await pass(10_000);
  // It is acknowledged once it is known to be stored; the connection, which saw a failure, ends (D8).
  assert.equal(client.types(), "connack suback puback disconnect");
  const back = await connect("c");
  assert.deepEqual(texts(back), ["stored"]);
  const failed = of("commitFailed").flatMap((event) => event.type === "commitFailed" ? [event.error.code] : []);
  assert.deepEqual(failed, ["OUTCOME_UNKNOWN"]);
});

Deno.test("where one of several batches is too large for the store, the others are stored without it", async () => {
  const store = storeWith((inner, batches, options) => {
    const isTooLarge = batches.some(({ deliveries }) => deliveries.some(({ message }) => message.topic === "large"));
    if (isTooLarge) return Promise.reject(new SessionError("LIMIT_EXCEEDED", "Cannot commit: it is too large"));
    return inner.commit(batches, options);
  });
  const { connect, faults, pass } = world({}, store);
  const subscriber = await connect("sub");
  await subscriber.send(subscribePacket(1, "#"));
  const [a, b, c] = [await connect("a"), await connect("b"), await connect("c")];
  // They gather behind one that is held back.
  faults.inject({ call: "commit", fault: "startsLate" });
  await a.send(publishPacket("first", 1, 1, "first"));
  await b.send(publishPacket("large", 1, 1, "large"));
  await c.send(publishPacket("small", 1, 1, "small"));
  faults.release();
  await pass(1_000);
  assert.deepEqual(texts(subscriber), ["first", "small"]);
  assert.equal(c.types(), "connack puback");
  assert.equal(b.closed, true);
});
