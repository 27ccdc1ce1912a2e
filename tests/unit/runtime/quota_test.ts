/** How much the sessions of one principal may hold. */
import assert from "node:assert/strict";
import { type BrokerOptions, SessionError } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { rest, subscribePacket, type World, world } from "./support.ts";

/** A host that knows a client's principal by the first word of its id. */
function hosted(options: Partial<BrokerOptions> = {}): World {
  return world({
    authenticate: ({ clientId }) => ({ ok: true, principal: clientId.split("-")[0] ?? "" }),
    ...options,
  });
}

/** What a CONNECT of this client gets. */
async function answered(at: World, clientId: string, more = {}): Promise<number | undefined> {
  const [connack] = (await at.connect(clientId, more)).got;
  return connack?.type === "connack" ? connack.reasonCode : undefined;
}

Deno.test("a CONNECT that begins one session too many gets 0x97, and leaves no trace", async () => {
  const at = hosted({ quota: { sessions: 2 } });
  assert.deepEqual([await answered(at, "p-1"), await answered(at, "p-2"), await answered(at, "p-3")], [0, 0, 0x97]);
  assert.equal(await at.store.read("p-3"), undefined);
  // Those that exist go on, and other principals are not concerned.
  assert.deepEqual([await answered(at, "p-1"), await answered(at, "q-1")], [0, 0]);
  await at.broker.end("p-2");
  assert.equal(await answered(at, "p-3"), 0);
});

Deno.test("a 3.1.1 client beyond the quota is told that the server is unavailable", async () => {
  const at = hosted({ quota: { sessions: 1 } });
  await at.connect("p-1");
  assert.equal(await answered(at, "p-2", { protocolVersion: 4 }), 3);
});

Deno.test("a client without an id is turned away beyond the quota, and tried under no other id", async () => {
  const at = world({ quota: { sessions: 1 }, authenticate: () => ({ ok: true, principal: "p" }) });
  await at.connect("");
  const before = at.clock.now();
  assert.equal(await answered(at, ""), 0x97);
  assert.equal(at.clock.now(), before);
  assert.equal((await at.broker.list()).sessions.length, 1);
});

Deno.test("a quota that authenticate gives one principal stands in the place of the broker's", async () => {
  const at = world({
    quota: { sessions: 1 },
    authenticate: ({ clientId }) =>
      clientId.startsWith("p") ? { ok: true, principal: "p", quota: { sessions: 2 } } : { ok: true, principal: "q" },
  });
  assert.deepEqual([await answered(at, "p-1"), await answered(at, "p-2"), await answered(at, "p-3")], [0, 0, 0x97]);
  assert.deepEqual([await answered(at, "q-1"), await answered(at, "q-2")], [0, 0x97]);
});

Deno.test("a principal whose sessions hold too much may begin no other until they hold less", async () => {
  const at = hosted({ quota: { sessions: 10, queuedBytes: 100 } });
  const receiver = await at.connect("p-1");
  await receiver.send(subscribePacket(1, "t"));
  receiver.connection.closed();
  await rest();
  for (let each = 0; each < 2; each++) {
    await at.broker.publish({ topic: "t", payload: new Uint8Array(60), qos: 1 });
  }
  // A node that has seen this principal goes on with what it saw for a minute.
  assert.equal(await answered(at, "p-2"), 0);
  const other = at.another();
  const refusedAt = async (broker: typeof other, clientId: string) => (await at.connect(clientId, {}, broker)).got[0];
  assert.deepEqual(await refusedAt(other, "p-3"), { type: "connack", sessionPresent: false, reasonCode: 0x97 });
  await at.pass(61_000);
  await at.connect("p-2");
  assert.equal(await answered(at, "p-3"), 0x97);
  // The one that holds it goes on, and takes it.
  const back = await at.connect("p-1");
  await back.send(
    { type: "puback", packetId: 2, reasonCode: 0 },
    { type: "puback", packetId: 3, reasonCode: 0 },
  );
  await at.pass(61_000);
  await at.connect("p-1");
  assert.equal(await answered(at, "p-3"), 0);
});

Deno.test("where the store cannot tell what a principal holds, nobody is refused for it", async () => {
  const at = hosted({ quota: { queuedBytes: 1 } });
  at.faults.inject({ call: "directory.usage", fault: "failsBefore" });
  assert.equal(await answered(at, "p-1"), 0);
  assert.equal(at.of("workFailed").length, 1);
});

Deno.test("a quota that is none, or that the store cannot count, is refused", async () => {
  const store = memoryStore();
  for (const quota of [{ sessions: 0 }, { sessions: 10_001 }, { sessions: 1.5 }, { queuedBytes: 0 }]) {
    assert.throws(() => world({ quota }), RangeError);
  }
  const { sessionQuota: _none, ...capabilities } = store.capabilities;
  const uncounted = { ...store, capabilities };
  assert.throws(
    () => world({ quota: { sessions: 1 } }, uncounted),
    (error) => error instanceof SessionError && error.code === "CAPABILITY_MISSING",
  );
  // What authenticate gives is looked at when it comes.
  for (const [inner, quota] of [[uncounted, { sessions: 1 }], [memoryStore(), { sessions: 0 }]] as const) {
    const at = world({ authenticate: () => ({ ok: true, principal: "p", quota }) }, inner);
    assert.equal(await answered(at, "c"), 0x80);
    assert.equal(at.of("workFailed").length, 1);
    assert.equal(await at.store.read("c"), undefined);
  }
});
