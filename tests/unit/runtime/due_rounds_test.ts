import assert from "node:assert/strict";
import type { SessionStore } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { rest, START, world } from "./support.ts";

/** A store that counts how often it is asked what is due. */
function counting(): { readonly store: SessionStore; asked: number } {
  const inner = memoryStore();
  const counted = {
    asked: 0,
    store: {
      ...inner,
      listDue: (...args: Parameters<SessionStore["listDue"]>) => {
        counted.asked++;
        return inner.listDue(...args);
      },
    },
  };
  return counted;
}

Deno.test("runDue asks once where nothing is due", async () => {
  const counted = counting();
  const { broker } = world({}, counted.store);
  await broker.runDue();
  assert.equal(counted.asked, 1);
});

Deno.test("runDue goes on as long as what it did has left something to do", async () => {
  const counted = counting();
  const { broker, connect, clock } = world({}, counted.store);
  const client = await connect("c", { sessionExpiryInterval: 1 });
  client.connection.closed("error");
  await rest();
  clock.advance(1_000);
  await broker.runDue();
  assert.equal(await counted.store.read("c"), undefined);
  assert.deepEqual(await counted.store.listDue(START + 1_000, { limit: 10, graceMs: 0 }), []);
});
