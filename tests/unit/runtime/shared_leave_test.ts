import assert from "node:assert/strict";
import type { ClientPacket } from "../../../mod.ts";
import { FILTER, GROUP, leaves } from "./shared_support.ts";
import { publishPacket, rest, subscribePacket, texts, world } from "./support.ts";

function unsubscribePacket(packetId: number, ...filters: readonly string[]): ClientPacket {
  return { type: "unsubscribe", packetId, filters };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("a shared group is left before its UNSUBACK leaves, and nothing overtakes that [SH-09]", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER, "other"));
  faults.inject({ fault: "startsLate", when: leaves });
  await a.send(unsubscribePacket(2, FILTER), publishPacket("other", 1, 3, "own"), { type: "pingreq" });
  assert.equal(faults.held(), 1);
  assert.equal(a.types(), "connack suback", "something was said before the group was left");
  faults.release();
  await rest();
  assert.equal(a.types(), "connack suback unsuback puback pingresp publish");
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});

Deno.test("what is published after an UNSUBACK is not for the group that was left [SH-09]", async () => {
  const { connect, broker, faults } = world();
  const a = await connect("a");
  const p = await connect("p");
  await a.send(subscribePacket(1, FILTER));
  faults.inject({ fault: "startsLate", when: leaves });
  await a.send(unsubscribePacket(2, FILTER));
  if (a.last()?.type !== "unsuback") faults.release();
  await rest();
  assert.equal(a.last()?.type, "unsuback");
  await p.send(publishPacket("t", 1, 1, "for nobody"));
  const b = await connect("b");
  await b.send(subscribePacket(1, FILTER));
  await broker.publish({ topic: "t", payload: bytes("for b"), qos: 1 });
  faults.release();
  await rest();
  assert.deepEqual(texts(b), ["for b"]);
  await broker.shutdown();
});

Deno.test("an own publish behind an UNSUBSCRIBE is routed once the group is left [SH-09]", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER));
  faults.inject({ fault: "startsLate", when: leaves });
  await a.send(unsubscribePacket(2, FILTER), publishPacket("t", 1, 3, "for nobody"));
  assert.equal((await store.directory.inspect(GROUP))?.queuedMessages, 0, "it went into the group");
  faults.release();
  await rest();
  assert.equal(a.types(), "connack suback unsuback puback");
  await broker.shutdown();
});

Deno.test("a member that leaves and joins again in one go is a member", async () => {
  for (const holds of [false, true]) {
    const { connect, broker, faults, store } = world();
    const a = await connect("a");
    await a.send(subscribePacket(1, FILTER));
    if (holds) faults.inject({ fault: "startsLate", when: leaves });
    await a.send(unsubscribePacket(2, FILTER), subscribePacket(3, FILTER));
    faults.release();
    await rest();
    assert.equal(a.types(), "connack suback unsuback suback");
    const rows = [...(await store.read(GROUP))?.snapshot.subscriptions.keys() ?? []];
    assert.ok(rows.some((row) => row.startsWith("$share/member/")), `${rows}`);
    await broker.publish({ topic: "t", payload: bytes("for a"), qos: 1 });
    await rest();
    assert.deepEqual(texts(a), ["for a"]);
    await broker.shutdown();
  }
});

Deno.test("a connection that ends while a group is being left ends once that is done", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a", { sessionExpiryInterval: 0 });
  await a.send(subscribePacket(1, FILTER));
  faults.inject({ fault: "startsLate", when: leaves });
  await a.send(unsubscribePacket(2, FILTER), { type: "disconnect", reasonCode: 0 });
  assert.equal(a.closed, false);
  faults.release();
  await a.connection.done;
  assert.equal(a.types(), "connack suback unsuback");
  assert.ok(a.closed);
  assert.equal(await store.read(GROUP), undefined);
  assert.equal(await store.read("a"), undefined);
  await broker.shutdown();
});

Deno.test("a group that cannot be left is told of, and its UNSUBACK follows", async () => {
  const { connect, broker, faults, of, pass } = world({ commit: { timeoutMs: 100, repeatForMs: 1_000 } });
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER));
  faults.inject({ fault: "failsBefore", when: leaves, times: Infinity });
  await a.send(unsubscribePacket(2, FILTER));
  assert.equal(a.types(), "connack suback");
  await pass(5_000);
  assert.equal(a.types(), "connack suback unsuback");
  assert.ok(of("workFailed").some((event) => event.type === "workFailed" && event.work === "group"));
  faults.heal();
  await broker.shutdown();
});

Deno.test("a session that is taken over while it leaves a group says nothing more of it", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER));
  faults.inject({ fault: "startsLate", when: leaves });
  await a.send(unsubscribePacket(2, FILTER));
  const again = await connect("a");
  assert.equal(a.types(), "connack suback disconnect");
  assert.equal(again.types(), "connack");
  faults.release();
  await a.connection.done;
  await rest();
  assert.equal(a.types(), "connack suback disconnect");
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});

Deno.test("a CONNECT that ends a session is answered once its groups are left [SH-09]", async () => {
  const { connect, broker, faults, store } = world();
  const a = await connect("a");
  await a.send(subscribePacket(1, FILTER));
  a.connection.closed();
  await rest();
  faults.inject({ fault: "startsLate", when: leaves });
  const anew = await connect("a", { cleanStart: true });
  assert.equal(anew.types(), "");
  faults.release();
  await rest();
  assert.equal(anew.types(), "connack");
  assert.equal(await store.read(GROUP), undefined);
  await broker.shutdown();
});
