import assert from "node:assert/strict";
import type { Event, Subscription } from "../../../../src/machine/mod.ts";
import { message, online, stepped } from "../rig.ts";

const PLAIN: Subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 2 };

function purge(...sequences: readonly number[]): Event {
  return { type: "messagesPurged", messages: sequences.map((sequence) => message(sequence)) };
}

function purged(session: ReturnType<typeof online>, ...sequences: readonly number[]): readonly number[] {
  return stepped(session, purge(...sequences)).changes.flatMap((change) =>
    change.type === "deleteQueued" && change.dropped === "purged" ? [change.sequence] : []
  );
}

Deno.test("a purge takes what waits, loaded or not, and nothing that was started or has gone", () => {
  const session = online({
    connect: { receiveMaximum: 2 },
    startedThrough: 1,
    log: [message(1), message(2), message(4), message(5)],
    through: 5,
    tail: 9,
  });
  assert.deepEqual(purged(session, 1, 2, 3, 4, 7), [4, 7]);
  assert.deepEqual(purged(session, 4, 5, 7, 8), [5, 8]);
  const loaded: Event = { type: "queueLoaded", messages: [6, 7, 8, 9].map((each) => message(each)), through: 9 };
  stepped(session, loaded);
  const answers = [2, 3].map((packetId): Event => ({
    type: "packetReceived",
    packet: { type: "puback", packetId, reasonCode: 0 },
  }));
  const sent = answers.flatMap((event) => stepped(session, event).effects).flatMap((effect) =>
    effect.type === "sendPacket" && effect.packet.type === "publish" ? [effect.packet.packetId] : []
  );
  assert.deepEqual(sent, [7, 10]);
});

Deno.test("a purge of what earlier connections started takes nothing, though it waits to be sent again", () => {
  const session = online({
    connect: { receiveMaximum: 1 },
    startedThrough: 3,
    log: [1, 2, 3, 4].map((n) => message(n)),
  });
  assert.deepEqual(purged(session, 1, 2, 3, 4), [4]);
});

Deno.test("an interval that was put in force stands in the head, and another of the same length changes nothing", () => {
  const session = online({});
  const set = (sessionExpiryInterval: number) => stepped(session, { type: "expirySet", sessionExpiryInterval }).changes;
  const [change] = set(60);
  assert.ok(change?.type === "putHead");
  assert.deepEqual([change.head.sessionExpiryInterval, change.head.endsAfterMs, change.head.attached], [
    60,
    60_000,
    true,
  ]);
  assert.deepEqual(set(60), []);
  const [never] = set(0xffff_ffff);
  assert.ok(never?.type === "putHead" && never.head.endsAfterMs === undefined && never.head.endsAt === undefined);
});

Deno.test("a subscription is put and removed without a packet, and changes nothing where it is so already", () => {
  const session = online({});
  const set = (subscription: Subscription) =>
    stepped(session, { type: "subscriptionSet", filter: "a/+", subscription });
  assert.deepEqual(set(PLAIN).changes, [{ type: "putSubscription", filter: "a/+", subscription: PLAIN }]);
  assert.deepEqual(set(PLAIN), { requests: [], changes: [], effects: [] });
  assert.equal(set({ ...PLAIN, qos: 2 }).changes.length, 1);
  const remove: Event = { type: "subscriptionRemoved", filter: "a/+" };
  assert.deepEqual(stepped(session, remove).changes, [{ type: "deleteSubscription", filter: "a/+" }]);
  assert.deepEqual(stepped(session, remove), { requests: [], changes: [], effects: [] });
});

Deno.test("what an administrator orders behind the end of a connection changes nothing", () => {
  const session = online({});
  stepped(session, { type: "connectionClosed" });
  const nothing = { requests: [], changes: [], effects: [] };
  assert.deepEqual(stepped(session, { type: "expirySet", sessionExpiryInterval: 1 }), nothing);
  assert.deepEqual(stepped(session, { type: "subscriptionSet", filter: "a", subscription: PLAIN }), nothing);
  assert.deepEqual(stepped(session, purge(1)), nothing);
});
