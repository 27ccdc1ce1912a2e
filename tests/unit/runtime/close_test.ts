/** The host closes a connection, and may send its client to another server (§4.11). */
import assert from "node:assert/strict";
import { will, world } from "./support.ts";

const ELSEWHERE = { serverReference: "b.example:8883", reasonString: "full" };

for (const reasonCode of [0x9c, 0x9d]) {
  const named = `0x${reasonCode.toString(16)}`;
  Deno.test(`an open connection is sent elsewhere with ${named}, its Will and its session by their own rules`, async () => {
    const at = world();
    const watcher = await at.connect("w");
    await watcher.send({
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: "will", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    });
    const client = await at.connect("c", { will: will("will") });
    client.connection.close(reasonCode, ELSEWHERE);
    await client.connection.done;
    await at.pass(0);
    assert.deepEqual(client.got.at(-1), { type: "disconnect", reasonCode, ...ELSEWHERE });
    assert.equal(client.closed, true);
    assert.equal(watcher.last()?.type, "publish");
    assert.equal((await at.store.read("c"))?.snapshot.head.disconnectReason, reasonCode);
  });

  Deno.test(`a CONNECT that is being authenticated is sent elsewhere with ${named}`, async () => {
    const at = world({ authenticate: () => new Promise(() => {}) });
    const client = await at.connect("c");
    client.connection.close(reasonCode, ELSEWHERE);
    await client.connection.done;
    assert.deepEqual(client.got, [{ type: "connack", sessionPresent: false, reasonCode, ...ELSEWHERE }]);
    assert.equal(await at.store.read("c"), undefined);
  });
}

Deno.test("a CONNECT whose session is being acquired is sent elsewhere, and the session is let go of", async () => {
  const at = world();
  at.faults.inject({ call: "acquire", fault: "startsLate" });
  const client = await at.connect("c");
  client.connection.close(0x9c, ELSEWHERE);
  at.faults.release();
  await client.connection.done;
  assert.deepEqual(client.got, [{ type: "connack", sessionPresent: false, reasonCode: 0x9c, ...ELSEWHERE }]);
  assert.equal((await at.store.read("c"))?.snapshot.head.attached, false);
});

Deno.test("a 3.1.1 client is closed and told nothing that it could not read", async () => {
  const at = world();
  const client = await at.connect("c", { protocolVersion: 4 });
  client.connection.close(0x9c, ELSEWHERE);
  await client.connection.done;
  assert.equal(client.types(), "connack");
  const asking = world({ authenticate: () => new Promise(() => {}) });
  const early = await asking.connect("c", { protocolVersion: 4 });
  early.connection.close(0x9c, ELSEWHERE);
  await early.connection.done;
  assert.deepEqual(early.got, [{ type: "connack", sessionPresent: false, reasonCode: 3 }]);
});

Deno.test("a close that no server may send is misuse, and closes nothing", async () => {
  const at = world();
  const client = await at.connect("c");
  for (const reasonCode of [0x04, 0x19, 0x8c, 0x100, NaN]) {
    assert.throws(() => client.connection.close(reasonCode), RangeError);
  }
  assert.throws(() => client.connection.close(0x98, { serverReference: "elsewhere" }), RangeError);
  assert.equal(client.closed, false);
  client.connection.close(0x98, { reasonString: "maintenance" });
  client.connection.close(0x98);
  await client.connection.done;
  assert.deepEqual(client.got.at(-1), { type: "disconnect", reasonCode: 0x98, reasonString: "maintenance" });
});

Deno.test("authenticate may send a client elsewhere, without touching its session", async () => {
  const at = world({ authenticate: () => ({ ok: false, reasonCode: 0x9d, ...ELSEWHERE }) });
  const client = await at.connect("c");
  assert.deepEqual(client.got, [{ type: "connack", sessionPresent: false, reasonCode: 0x9d, ...ELSEWHERE }]);
});
