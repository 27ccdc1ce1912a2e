/** What the way to Redis does: repeats what was done, loses answers, stops half-way. Nothing is doubled, lost or told. */
import assert from "node:assert/strict";
import { SessionError } from "../../../../src/errors.ts";
import type { CommitBatch, SessionStore } from "../../../../src/store/session_store.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";
import { intercept, type InterceptedCall } from "../../../../src/testing/intercept.ts";
import { compareStores, random } from "../../../../src/testing/mod.ts";
import { type Kit, message, type Owned, receiver, START, will } from "../../../../src/testing/conformance/kit.ts";
import type { Effect, SeenRequest } from "../../../support/redis/faults.ts";
import { upstashRedisStore } from "../../../../src/stores/upstash_redis/mod.ts";
import { openRig, type Rig } from "./redis_kit.ts";

/** As the package does by default, but without waiting. */
const RETRIES = { retry: { retries: 5, backoff: () => 0 } };

/** Whether a call may come twice: a publish without a session happens at least once, and an outbox step ends with it. */
function isRepeatable({ name, args }: InterceptedCall): boolean {
  if (name !== "commit") return true;
  // The arguments of a commit are batches.
  const batches = args[0] as readonly CommitBatch[];
  return batches.every(({ guard, outbox }) => guard !== undefined && outbox === undefined);
}

function isPassing(error: unknown): boolean {
  return error instanceof SessionError && (error.code === "OUTCOME_UNKNOWN" || error.code === "STORE_UNAVAILABLE");
}

/** Repeats a call until its outcome is known, as a broker does (D8). */
async function untilKnown<Result>(call: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }
}

Deno.test("a client that runs each step six times, since five answers were lost, does it once", async () => {
  await using rig = await openRig();
  let hits = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const inner = rig.storeOf(RETRIES, { prefix: `six-${seed}` });
    const subject = intercept(inner, async (call, run) => {
      if (!isRepeatable(call)) return await run();
      const fault = rig.upstash.faults.dropReply({ times: 5 });
      const result = await run();
      fault.release();
      hits += fault.hits;
      return result;
    });
    await compareStores(memoryStore(), subject, { seed, steps: 50, mayLeaveOutcomesOut: true });
  }
  assert.ok(hits > 700, `${hits} answers were lost`);
});

/** What may go wrong with a request, before its commands are run or after. */
const EFFECTS: readonly Effect[] = [
  { kind: "tear", applied: true },
  { kind: "tear", applied: false },
  { kind: "vanish", applied: true },
  { kind: "vanish", applied: false },
  { kind: "truncate", bytes: 0 },
  { kind: "truncate", bytes: 20 },
  { kind: "answer", status: 504, body: "<html>", contentType: "text/html", applied: true },
  { kind: "answer", status: 200, body: "[]", applied: true },
  { kind: "answer", status: 200, body: '[{"result":"~"}]', applied: true },
  { kind: "answer", status: 200, body: '[{"result":7}]', applied: true },
  { kind: "answer", status: 429, body: '{"error":"ERR max requests limit exceeded"}' },
];

Deno.test("steps whose answers were lost or spoiled are repeated until their outcome is known, and happen once [D8]", async () => {
  await using rig = await openRig();
  const seen = new Map<string, number>();
  for (let seed = 1; seed <= 10; seed++) {
    const chance = random(seed);
    const subject = intercept(rig.store({ prefix: `lost-${seed}` }), async (call, run) => {
      if (!isRepeatable(call)) return await run();
      // The caller repeats it: the rule is for one of its requests.
      if (!chance.chance(0.4)) return await run();
      const effect = chance.pick(EFFECTS);
      const fault = rig.upstash.faults.add(effect);
      const result = await untilKnown(run);
      fault.release();
      if (fault.hits > 0) seen.set(call.name, (seen.get(call.name) ?? 0) + fault.hits);
      return result;
    });
    await compareStores(memoryStore(), subject, { seed, steps: 120, mayLeaveOutcomesOut: true });
  }
  for (const name of ["acquire", "commit", "readQueue", "readOutbox", "matchSubscriptions", "readRings", "listDue"]) {
    assert.ok((seen.get(name) ?? 0) > 5, `${name}: ${seen.get(name)}`);
  }
});

/** A message that is owed to three sessions, of which a commit reaches none. */
async function owedToThree(kit: Kit): Promise<{ readonly outboxId: string; readonly sessions: readonly Owned[] }> {
  const sessions = await Promise.all(["a", "b", "c"].map((clientId) => kit.open(clientId)));
  const batch = kit.batch({ deliveries: [{ message: message(), receivers: undefined }] });
  await kit.store.commit([batch]);
  return { outboxId: batch.id, sessions };
}

/** Works an outbox off, one receiver a step, whose answers get lost; whoever looks sees how far it has come. */
async function workOff(
  rig: Rig,
  kit: Kit,
  outboxId: string,
  sessions: readonly Owned[],
  times: number,
): Promise<number> {
  const receivers = sessions.map((session) => receiver(session));
  let steps = 0;
  for (;; steps++) {
    const [entry] = await kit.store.readOutbox(outboxId, 1);
    if (entry === undefined) return steps;
    const fixes = entry.receivers === undefined;
    const step = kit.batch({
      deliveries: fixes ? [] : [{ message: entry.message, receivers: receivers.slice(entry.cursor, entry.cursor + 1) }],
      outbox: {
        outboxId,
        number: entry.number,
        from: entry.cursor,
        to: entry.cursor + (fixes ? 0 : 1),
        ...(fixes ? { receivers } : {}),
      },
    });
    const fault = rig.upstash.faults.dropReply({ times });
    const [result] = await untilKnown(() => kit.store.commit([step]));
    assert.equal(fault.hits, times);
    fault.release();
    assert.equal(result?.outcome, "superseded", "a step that was done already");
  }
}

for (const times of [1, 5]) {
  Deno.test(`an outbox whose every step loses ${times} answers reaches everybody once`, async () => {
    await using rig = await openRig();
    const store = times === 1 ? rig.store() : rig.storeOf(RETRIES);
    const kit = rig.kit(store);
    await kit.start();
    const { outboxId, sessions } = await owedToThree(kit);
    assert.equal(await workOff(rig, kit, outboxId, sessions, times), 4);
    for (const session of sessions) assert.deepEqual(await kit.logTexts(session), ["1:payload"]);
    assert.deepEqual(await store.listDue(START, { limit: 10, graceMs: 0 }), []);
    const rung: string[] = [];
    for (let count = 0; count < 3; count++) rung.push(...await store.readRings("node-a"));
    assert.deepEqual([...new Set(rung)].sort(), ["a", "b", "c"]);
  });
}

Deno.test("a doorbell whose telling was lost is told again, and one that rings meanwhile is not taken for it", async () => {
  for (const config of [{ retry: false as const }, RETRIES]) {
    await using rig = await openRig();
    const store = rig.storeOf(config);
    const kit = rig.kit(store);
    await kit.start();
    const [a, b] = [await kit.open("a"), await kit.open("b")];
    await kit.fill(a, ["one"]);
    const fault = rig.upstash.faults.dropReply({ times: config === RETRIES ? 5 : 1 });
    const told = await untilKnown(() => store.readRings("node-a"));
    fault.release();
    assert.deepEqual(told, ["a"]);
    // Both ring before the next call, which takes away only what was told.
    await kit.fill(a, ["two"]);
    await kit.fill(b, ["one"]);
    assert.deepEqual((await store.readRings("node-a")).toSorted(), ["a", "b"]);
    assert.deepEqual(await store.readRings("node-a"), []);
    // A process that has forgotten what it was told hears of it once more at most.
    await kit.fill(b, ["two"]);
    assert.deepEqual(await store.readRings("node-a"), ["b"]);
    const another = rig.store();
    assert.deepEqual(await another.readRings("node-a"), ["b"]);
    assert.deepEqual(await another.readRings("node-a"), []);
  }
});

/** Every call of a store, and whether it may change something. */
function callsOf(
  store: SessionStore,
  kit: Kit,
  session: Owned,
): readonly (readonly [name: string, call: (signal?: AbortSignal) => Promise<unknown>, writes: boolean])[] {
  const options = (signal: AbortSignal | undefined) => signal === undefined ? {} : { signal };
  const secret = secretBytes();
  const request = kit.request("new", { token: "token-1", terms: { will: will({ payload: secret }) } });
  const batch = kit.batch({
    guard: session.guard,
    changes: [{ type: "putWill", will: will({ payload: secret }) }],
    deliveries: [{ message: message({ payload: secret }), receivers: [receiver(session)] }],
  });
  return [
    ["acquire", (signal) => store.acquire(request, options(signal)), true],
    ["commit", (signal) => store.commit([batch], options(signal)), true],
    ["renewNode", (signal) => store.renewNode("node-c", START, options(signal)), true],
    // While nobody rang, it only looks.
    ["readRings", (signal) => store.readRings("node-a", options(signal)), false],
    ["admitFilters", (signal) => store.admitFilters(["x/y/z/+"], options(signal)), true],
    ["listDue", (signal) => store.listDue(START, { limit: 9, graceMs: 0, ...options(signal) }), true],
    ["read", (signal) => store.read("client", options(signal)), false],
    ["readQueue", (signal) => store.readQueue(session.guard, PAGE, options(signal)), false],
    ["readOutbox", (signal) => store.readOutbox("box", 1, options(signal)), false],
    ["matchSubscriptions", (signal) => store.matchSubscriptions(["t"], options(signal)), false],
    ["nextDueAt", (signal) => store.nextDueAt(options(signal)), false],
    ["list", (signal) => store.directory.list({ limit: 9, ...options(signal) }), false],
    ["inspect", (signal) => store.directory.inspect("client", options(signal)), false],
  ];
}

const PAGE = { after: 0, messages: 9, bytes: 900 };

Deno.test("a call with an aborted signal sends nothing and rejects with its reason", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  const session = await kit.open("client");
  const reason = new Error("no longer wanted");
  const reading = await rig.upstash.meter.measure(async () => {
    for (const [name, call] of callsOf(store, kit, session)) {
      await assert.rejects(call(AbortSignal.abort(reason)), (error) => error === reason, name);
    }
    const sweeping = store.sweep({ clientId: "", incarnation: "", dueAt: 0 }, { signal: AbortSignal.abort(reason) });
    await assert.rejects(sweeping, (error) => error === reason);
  });
  assert.equal(reading.requests, 0);
});

Deno.test("a call that is aborted on its way rejects at once, says whether its outcome is known, and may be repeated", async () => {
  await using rig = await openRig();
  for (const effect of ["before", "after"] as const) {
    const store = rig.store({ prefix: effect });
    const kit = rig.kit(store);
    const session = await kit.open("client");
    const reason = new Error("no longer wanted");
    for (const [name, call, writes] of callsOf(store, kit, session)) {
      const fault = effect === "before" ? rig.upstash.faults.hold() : rig.upstash.faults.holdReply();
      const controller = new AbortController();
      const calling = call(controller.signal);
      const outcome = calling.then(() => undefined, (error: unknown) => error);
      await fault.hit;
      controller.abort(reason);
      const error = await outcome;
      if (writes) {
        assert.ok(error instanceof SessionError, `${name}: ${error}`);
        assert.deepEqual([error.code, error.cause], ["OUTCOME_UNKNOWN", reason], name);
      } else assert.equal(error, reason, name);
      fault.release();
      await call();
    }
    const { queue, guard, snapshot } = await kit.acquire("client", { now: START + 1 });
    assert.deepEqual([queue.messages.length, queue.tail, guard.epoch], [1, 1, 2]);
    assert.equal(snapshot.incarnation, session.incarnation);
  }
});

/** Bytes whose base64 is a pattern wherever they stand in a record. */
function secretBytes(): Uint8Array {
  return new TextEncoder().encode("s3c".repeat(40));
}

const SECRET_PATTERNS = [/(?:s3c){3}/, /(?:czNj){3}/, /(?:M2Nz){3}/, /(?:Y3Mz){3}/];

/** All that an error says to whoever prints, logs or serializes it. */
function saidBy(error: unknown, seen = new Set<unknown>()): string {
  if (seen.has(error)) return "";
  seen.add(error);
  const texts = [String(error), Deno.inspect(error, { depth: 20, showHidden: true })];
  if (typeof error === "object" && error !== null) {
    for (const name of [...Object.getOwnPropertyNames(error), ...Object.getOwnPropertySymbols(error)]) {
      texts.push(String(name), saidBy(Reflect.get(error, name), seen));
    }
    try {
      texts.push(JSON.stringify(error));
    } catch {
      // What cannot be written tells nothing that way.
    }
  }
  return texts.join("\n");
}

const ECHO = (request: SeenRequest, rig: Rig): string =>
  `ERR syntax error near '${request.body}' Bearer ${rig.upstash.token} at ${rig.upstash.url}`;

Deno.test("no error shows the URL, the token or a payload, whatever went wrong", async () => {
  await using rig = await openRig({ token: "t0k3n!42" });
  const { url, token, port, faults } = rig.upstash;
  let told = 0;
  const check = async (name: string, call: () => Promise<unknown>): Promise<void> => {
    let error: unknown;
    try {
      await call();
      return;
    } catch (caught) {
      error = caught;
    }
    told++;
    const said = saidBy(error);
    assert.ok(!said.includes(token), `${name} shows the token: ${said}`);
    assert.ok(!said.includes(url) && !said.includes(`127.0.0.1:${port}`), `${name} shows the URL: ${said}`);
    for (const pattern of SECRET_PATTERNS) assert.doesNotMatch(said, pattern, name);
  };
  const stores: Readonly<Record<string, () => SessionStore>> = {
    own: () => rig.store(),
    package: () => rig.storeOf({ retry: { retries: 1, backoff: () => 0 } }),
  };
  const effects: readonly ((request: SeenRequest) => Effect)[] = [
    ...EFFECTS.map((effect) => () => effect),
    (seen) => ({ kind: "answer", status: 400, body: JSON.stringify({ error: ECHO(seen, rig) }) }),
    (seen) => ({ kind: "answer", status: 500, body: ECHO(seen, rig), contentType: "text/plain" }),
    (seen) => ({ kind: "answer", status: 200, body: JSON.stringify([{ error: ECHO(seen, rig) }]) }),
    (seen) => ({ kind: "answer", status: 200, body: JSON.stringify([{ result: ECHO(seen, rig) }]) }),
    () => ({ kind: "answer", status: 401, body: '{"error":"Unauthorized"}' }),
  ];
  const setUp = rig.kit();
  const session = await setUp.open("client");
  await setUp.fill(session, ["s3c".repeat(40)]);
  for (const [which, open] of Object.entries(stores)) {
    const store = open();
    const kit = rig.kit(store);
    for (const [place, effectOf] of effects.entries()) {
      for (const [name, call] of callsOf(store, kit, session)) {
        // What is echoed is the request itself, which is known once it was seen.
        let fault: { release(): void } | undefined;
        const spy = faults.add({ kind: "hold", applied: false }, {
          when: (seen) => {
            fault = faults.add(effectOf(seen), { times: 2 });
            return false;
          },
        });
        await check(`${which} ${name} ${place}`, call);
        await check(`${which} ${name} ${place}, again`, call);
        spy.release();
        fault?.release();
        faults.clear();
      }
    }
    await faults.refuse();
    for (const [name, call] of callsOf(store, kit, session)) await check(`${which} ${name} refused`, call);
    await faults.accept();
  }
  assert.ok(told > 200, `${told} errors`);
});

Deno.test("a wrong token is told without showing it: nothing was done", async () => {
  await using rig = await openRig();
  const { url, port } = rig.upstash;
  const wrong = upstashRedisStore({ url, token: "wr0ng-t0ken-of-somebody" });
  const error = await rig.kit(wrong).tryAcquire("client").then(() => assert.fail(), (error: unknown) => error);
  assert.ok(error instanceof SessionError);
  assert.equal(error.code, "STORE_UNAVAILABLE");
  const said = saidBy(error);
  for (const secret of ["wr0ng-t0ken", url, String(port)]) assert.ok(!said.includes(secret), said);
});
