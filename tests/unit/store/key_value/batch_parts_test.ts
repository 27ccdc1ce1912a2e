/** Where a batch that is too large for one commit may be divided, and what its repetition is told. */
import assert from "node:assert/strict";
import type { SessionChange } from "../../../../src/machine/change.ts";
import { itemOf, lastBoundary } from "../../../../src/store/key_value/batch.ts";
import { DENO_KV_LIMITS } from "../../../../src/stores/deno_kv.ts";
import { mapDriver } from "../../../../src/testing/mod.ts";
import { faultyDriver } from "./faulty_driver.ts";
import { acquired, batch, request, storeOn } from "./kit.ts";

const PLAIN = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;

const subscribe = (filter: string): SessionChange => ({ type: "putSubscription", filter, subscription: PLAIN });
const remove = (sequence: number): SessionChange => ({ type: "deleteQueued", sequence, bytes: 1 });
const release = (sequence: number): SessionChange => (
  { type: "putOutboundMark", sequence, mark: { packetId: sequence, phase: "released", pubrecOrder: 1 } }
);
const inbound: SessionChange = { type: "putInboundId", packetId: 1 };

/** Every place where a batch may be divided. */
function boundaries(changes: readonly SessionChange[], done = 0): number[] {
  const item = { ...itemOf(batch("b", { changes }), 0, undefined), done };
  const found: number[] = [];
  for (let end = lastBoundary(item, changes.length); end !== undefined; end = lastBoundary(item, end - 1)) {
    found.unshift(end);
  }
  return found;
}

Deno.test("a batch is divided behind subscriptions and removed entries, and nowhere else", () => {
  assert.deepEqual(boundaries([subscribe("a"), subscribe("b"), inbound, inbound, subscribe("c")]), [1, 2]);
  assert.deepEqual(boundaries([{ type: "deleteSubscription", filter: "a" }, inbound]), [1]);
  assert.deepEqual(boundaries([remove(1), remove(2), { type: "putSentLimit", sentLimit: 9 }]), [1, 2]);
  assert.deepEqual(boundaries([subscribe("a"), subscribe("b"), subscribe("c"), subscribe("d")], 2), [3]);
  assert.deepEqual(boundaries([inbound, inbound]), []);
  assert.deepEqual(boundaries([]), []);
});

Deno.test("an entry is never parted from the mark of its own exchange [MQTT-4.3.3-6]", () => {
  assert.deepEqual(boundaries([release(1), remove(1), release(2), remove(2), inbound]), [2, 4]);
  assert.deepEqual(boundaries([remove(1), release(1), remove(2)]), []);
  assert.deepEqual(boundaries([remove(1), remove(2), subscribe("a"), release(1), inbound]), []);
});

Deno.test("a batch that stopped between two of its parts is not told as carried out when it is repeated [D8]", async () => {
  const faulty = faultyDriver(mapDriver({ limits: DENO_KV_LIMITS }));
  const store = storeOn(faulty.driver);
  const filters = Array.from({ length: 30 }, (_, index) => String(index).padStart(65_535, "g"));
  await store.admitFilters(filters);
  const { guard } = await acquired(store, request("c", "1"));
  const wanted = batch("b", { guard, changes: filters.map(subscribe) });
  let parts = 0;
  faulty.decide = () => ++parts === 2 ? "lost" : "goes";
  await assert.rejects(store.commit([wanted]), { code: "OUTCOME_UNKNOWN" });
  faulty.decide = undefined;
  assert.deepEqual(await store.commit([wanted]), [{ outcome: "superseded" }]);
  const stored = await store.read("c");
  const held = stored?.snapshot.subscriptions.size ?? 0;
  assert.ok(held > 0 && held < 30);
  // Who reads the session anew goes on from there.
  const [again] = await store.commit([batch("again", { ...wanted, id: "again", guard: stored?.guard ?? guard })]);
  assert.equal(again?.outcome, "committed");
  assert.equal((await store.read("c"))?.snapshot.subscriptions.size, 30);
});
