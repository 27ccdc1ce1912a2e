/** Large values on their way: whatever happens between their parts and the commit that shows them, none stays behind. */
import assert from "node:assert/strict";
import type { DueWork } from "../../../../src/store/due_work.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { type CommitFate, faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, message, NOW, request, storeOn, to } from "./kit.ts";

const HOUR = 3_600_000;
const LARGE = 200_000;

function world() {
  const map = mapDriver({ limits: DENO_KV_LIMITS });
  const faulty = faultyDriver(map);
  const staged = () => map.entries().filter(({ key }) => key.includes("/staged/")).map(({ key }) => key);
  return { map, faulty, store: storeOn(faulty.driver), staged };
}

async function sweep(store: SessionStore, due: readonly DueWork[]): Promise<void> {
  for (const work of due) if (work.type === "sweep") await store.sweep(work.work);
}

const BATCHES = {
  "a queued message": (receivers: ReturnType<typeof to>[]) => ({
    deliveries: [{ message: message(LARGE), receivers }],
  }),
  "an owed message": () => ({ deliveries: [{ message: message(LARGE), receivers: undefined }] }),
};

for (const [what, parts] of Object.entries(BATCHES)) {
  Deno.test(`the parts of ${what} that no commit showed are swept after an hour, and not before`, async () => {
    const { store, faulty, staged } = world();
    const session = await acquired(store, request("c", "1"));
    faulty.decide = (_, mutations) =>
      mutations.some(({ key }) => key.includes("/own/") || key.includes("/gate/") || key.includes("/entry/"))
        ? "lost"
        : "goes";
    await assert.rejects(store.commit([batch("b", parts([to(session)]))]), { code: "OUTCOME_UNKNOWN" });
    faulty.decide = undefined;
    assert.equal(staged().length, 5);
    await store.renewNode("node", NOW + 2 * HOUR);
    assert.deepEqual(await store.listDue(NOW + HOUR - 1, { limit: 9, graceMs: 0 }), []);
    assert.equal(await store.nextDueAt(), NOW + HOUR);
    const due = await store.listDue(NOW + HOUR, { limit: 9, graceMs: 0 });
    assert.deepEqual(due.map(({ type }) => type), ["sweep"]);
    await sweep(store, due);
    assert.deepEqual(staged(), []);
    assert.deepEqual(await store.listDue(NOW + HOUR, { limit: 9, graceMs: 0 }), []);
    assert.equal((await store.read("c"))?.snapshot.clientId, "c");
  });
}

Deno.test("the parts of a Will that no acquire showed are swept, though their session never began", async () => {
  const { store, faulty, staged } = world();
  const wanted = request("c", "1");
  const will = {
    topic: "w",
    payload: new Uint8Array(LARGE),
    qos: 1,
    retain: false,
    properties: {},
    willDelayInterval: 0,
  } as const;
  faulty.decide = (_, mutations) => mutations.some(({ key }) => key.includes("/head/")) ? "lost" : "goes";
  await assert.rejects(store.acquire({ ...wanted, terms: { ...wanted.terms, will } }), { code: "OUTCOME_UNKNOWN" });
  faulty.decide = undefined;
  assert.equal(staged().length, 5);
  await sweep(store, await store.listDue(NOW + HOUR, { limit: 9, graceMs: 0 }));
  assert.deepEqual(staged(), []);
});

Deno.test("a sweep that is faster than a slow commit takes its parts, and the commit writes them anew instead of showing none", async () => {
  const { store, faulty, staged } = world();
  const session = await acquired(store, request("c", "1"));
  await store.renewNode("node", NOW + 2 * HOUR);
  let isSwept = false;
  faulty.decide = async (checks): Promise<CommitFate> => {
    if (isSwept || !checks.some(({ key }) => key.includes("/due/"))) return "goes";
    isSwept = true;
    faulty.decide = undefined;
    await sweep(store, await store.listDue(NOW + HOUR, { limit: 9, graceMs: 0 }));
    return "goes";
  };
  const deliveries = [{ message: message(LARGE), receivers: [to(session)] }];
  const [result] = await store.commit([batch("b", { deliveries })]);
  assert.deepEqual([isSwept, result?.outcome], [true, "committed"]);
  const page = await store.readQueue(session.guard, { after: 0, messages: 9, bytes: 1e9 });
  assert.equal(page.messages[0]?.payload.length, LARGE);
  assert.equal(staged().length, 4);
});

Deno.test("a sweep that comes after the commit leaves what it shows", async () => {
  const { store, staged } = world();
  const session = await acquired(store, request("c", "1"));
  await store.commit([batch("b", { deliveries: [{ message: message(LARGE), receivers: [to(session)] }] })]);
  await store.sweep({ clientId: "", incarnation: session.guard.incarnation, dueAt: NOW + HOUR });
  await store.sweep({ clientId: "c", incarnation: session.guard.incarnation, dueAt: NOW + HOUR });
  assert.equal(staged().length, 4);
  const page = await store.readQueue(session.guard, { after: 0, messages: 9, bytes: 1e9 });
  assert.equal(page.messages[0]?.payload.length, LARGE);
});

Deno.test("a repeated commit stages its parts anew, and the first ones are swept", async () => {
  const { store, faulty, staged } = world();
  const session = await acquired(store, request("c", "1"));
  const large = batch("b", {
    guard: session.guard,
    deliveries: [{ message: message(LARGE), receivers: [to(session)] }],
  });
  faulty.decide = (_, mutations) => mutations.some(({ key }) => key.includes("/head/")) ? "lost" : "goes";
  await assert.rejects(store.commit([large]), { code: "OUTCOME_UNKNOWN" });
  faulty.decide = undefined;
  assert.equal((await store.commit([large]))[0]?.outcome, "committed");
  assert.equal(staged().length, 9);
  await store.renewNode("node", NOW + 2 * HOUR);
  await sweep(store, await store.listDue(NOW + HOUR, { limit: 9, graceMs: 0 }));
  assert.equal(staged().length, 4);
  const page = await store.readQueue(session.guard, { after: 0, messages: 9, bytes: 1e9 });
  assert.equal(page.messages[0]?.payload.length, LARGE);
});
