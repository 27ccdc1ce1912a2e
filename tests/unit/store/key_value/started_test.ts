/** What an owner declares started while somebody else needs room. */
import assert from "node:assert/strict";
import { mapDriver } from "../../../../src/testing/mod.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/mod.ts";
import { faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, message, request, storeOn, to } from "./kit.ts";

const LIMITS = { maximumMessages: 3, maximumBytes: 1e9, whenFull: "dropOldest" } as const;

/** A store with a session of whose three messages none is started, and what appends one more. */
async function fullLog(driver: KeyValueDriver) {
  const store = storeOn(driver);
  const wanted = request("c", "1");
  const session = await acquired(store, { ...wanted, terms: { ...wanted.terms, sendAhead: 0 } });
  const append = (id: string) =>
    batch(id, { deliveries: [{ message: message(), receivers: [to(session)] }], limits: LIMITS });
  await store.commit([append("a"), append("b"), append("c")]);
  const start = (sentLimit: number) =>
    batch("started", { guard: session.guard, changes: [{ type: "putSentLimit", sentLimit }] });
  const sequences = async () => {
    const page = await store.readQueue(session.guard, { after: 0, messages: 10, bytes: 1_000 });
    return page.messages.map(({ sequence }) => sequence);
  };
  return { store, append, start, sequences };
}

Deno.test("what an owner declares started gives way to nothing of the same call, not even the last of it [G7]", async () => {
  const { store, append, start, sequences } = await fullLog(mapDriver());
  await store.commit([start(2), append("d")]);
  assert.deepEqual(await sequences(), [1, 2, 4]);
});

Deno.test("who makes room finds out what was declared started since it looked [G7]", async () => {
  const faulty = faultyDriver(mapDriver());
  const { store, append, start, sequences } = await fullLog(faulty.driver);
  const arrived = Promise.withResolvers<void>();
  const goes = Promise.withResolvers<"goes">();
  faulty.decide = () => {
    faulty.decide = undefined;
    arrived.resolve();
    return goes.promise;
  };
  const late = store.commit([append("d")]);
  await arrived.promise;
  const [started] = await store.commit([start(3)]);
  assert.equal(started?.outcome, "committed");
  assert.deepEqual(await sequences(), [1, 2, 3]);
  goes.resolve("goes");
  const [answer] = await late;
  assert.ok(answer?.outcome === "committed");
  assert.equal(answer.deliveries[0]?.[0]?.outcome, "dropped");
  assert.deepEqual(await sequences(), [1, 2, 3]);
});
