import assert from "node:assert/strict";
import {
  type ClientPacket,
  type ConnectPacket,
  hibernation,
  sessionBroker,
  SessionError,
  type SessionStore,
} from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { intercept } from "../../../src/testing/intercept.ts";
import { Platform } from "./hibernation_support.ts";
import { publishPacket, START } from "./support.ts";

function subscribe(filter: string, qos: 0 | 1 | 2 = 2, packetId = 1): ClientPacket {
  return {
    type: "subscribe",
    packetId,
    subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  };
}

function ack(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number): ClientPacket {
  return { type, packetId, reasonCode: 0 };
}

function willOf(topic: string, willDelayInterval = 0): NonNullable<ConnectPacket["will"]> {
  const payload = new TextEncoder().encode("bye");
  return { topic, payload, qos: 1, retain: false, properties: {}, willDelayInterval };
}

function failingStore(): { readonly store: SessionStore; readonly failing: { on: boolean } } {
  const failing = { on: false };
  const store = intercept(memoryStore(), (_call, run) => {
    if (failing.on) throw new SessionError("STORE_UNAVAILABLE", "Cannot ask the store: it is away");
    return run();
  });
  return { store, failing };
}

const PING: ClientPacket = { type: "pingreq" };

Deno.test("a PINGREQ wakes a connection without a look at the store", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c", { keepAlive: 10 });
  assert.equal(socket.news(), "connack");
  platform.evict();
  platform.clock.advance(9_000);
  platform.counted.reset();
  await socket.send(PING);
  assert.equal(socket.news(), "pingresp");
  assert.equal(platform.counted.count(), 0);
  assert.deepEqual(platform.asked, { find: 0, all: 2 }, "once, when each broker is made");
});

Deno.test("any other packet reloads the session in one round trip, and leaves its owner as it was", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  const before = await platform.store.read("c");
  platform.evict();
  platform.counted.reset();
  await socket.send(publishPacket("nobody", 1, 7));
  assert.equal(socket.news(), "connack puback:7");
  assert.equal(platform.counted.count("acquire"), 1);
  assert.equal(platform.counted.count("read"), 0);
  const after = await platform.store.read("c");
  assert.equal(after?.guard.epoch, before?.guard.epoch);
  assert.deepEqual(after?.owner, before?.owner);
});

Deno.test("what is published reaches those that sleep at once, and no others are woken", async () => {
  const platform = new Platform();
  const publisher = await platform.connect("p");
  const sleeper = await platform.connect("s");
  const other = await platform.connect("o");
  await sleeper.send(subscribe("a"));
  for (const each of [publisher, sleeper, other]) each.news();
  const kept = other.attachment;
  platform.evict();
  platform.counted.reset();
  await publisher.send(publishPacket("a", 1, 1, "one"));
  assert.equal(publisher.news(), "puback:1");
  assert.equal(sleeper.news(), "publish:2=one");
  assert.equal(platform.counted.count("acquire"), 2);
  assert.equal(platform.counted.count("read"), 1);
  assert.equal(other.attachment, kept);
  assert.deepEqual(platform.asked, { find: 1, all: 2 });
  platform.evict();
  await publisher.send(publishPacket("a", 0, undefined, "zero"));
  assert.equal(sleeper.news(), "publish=zero");
  await sleeper.send(ack("puback", 2));
  platform.evict();
  await publisher.send(publishPacket("a", 2, 2, "two"));
  await publisher.send(ack("pubrel", 2));
  assert.equal(sleeper.news(), "publish:4=two");
});

Deno.test("a broker takes no hibernation but what hibernation has made", () => {
  // What no type checker lets through.
  const made = { find: () => undefined, all: () => [] } as unknown as ReturnType<typeof hibernation>;
  const options = { store: memoryStore(), nodeId: "object" };
  assert.throws(() => sessionBroker({ ...options, hibernation: made }), TypeError);
  const broker = sessionBroker({ ...options, hibernation: hibernation({ find: () => undefined, all: () => [] }) });
  assert.equal(broker.nodeId, "object");
});

Deno.test("a PINGREQ that came in time keeps a sleeping connection alive, and silence ends it (KA-05)", async () => {
  const platform = new Platform();
  await platform.runDue();
  const socket = await platform.connect("c", { keepAlive: 10, will: willOf("gone") });
  const heir = await platform.connect("heir");
  await heir.send(subscribe("gone"));
  heir.news();
  socket.news();
  platform.evict();
  assert.equal(await platform.broker.nextWakeAt(), START + 15_000);
  platform.evict();
  platform.clock.advance(14_000);
  await socket.send(PING);
  platform.clock.advance(11_000);
  platform.counted.reset();
  await platform.runDue();
  assert.equal(platform.counted.count("acquire"), 0, "it is let sleep on");
  platform.evict();
  assert.equal(socket.news(), "pingresp");
  assert.equal(await platform.broker.nextWakeAt(), START + 29_000);
  platform.evict();
  platform.clock.advance(4_000);
  await platform.runDue();
  assert.equal(socket.news(), "disconnect/8d");
  assert.equal(socket.isOpen, false);
  assert.equal(heir.news(), "publish:2=bye", "its Will, with nobody awake");
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false);
});

Deno.test("a Will and the end of a session come due while everybody sleeps", async () => {
  const platform = new Platform();
  await platform.runDue();
  const heir = await platform.connect("heir");
  await heir.send(subscribe("gone"));
  heir.news();
  const socket = await platform.connect("c", { sessionExpiryInterval: 60, will: willOf("gone", 5) });
  platform.evict();
  await socket.lose();
  platform.evict();
  assert.equal(await platform.broker.nextWakeAt(), START + 5_000);
  platform.clock.advance(5_000);
  await platform.runDue();
  assert.equal(heir.news(), "publish:2=bye");
  platform.evict();
  platform.clock.advance(55_000);
  await platform.runDue();
  assert.equal(await platform.store.read("c"), undefined);
  assert.equal(platform.of("ended").at(-1)?.reason, "expired");
});

Deno.test("a sleeping connection that is taken over is told so, and its session is not touched by it", async () => {
  const platform = new Platform();
  const first = await platform.connect("c");
  platform.evict();
  const second = await platform.connect("c");
  assert.equal(first.news(), "connack disconnect/8e");
  assert.equal(first.isOpen, false);
  assert.equal(second.news(), "connack");
  await second.send(publishPacket("nobody", 1, 1));
  assert.equal(second.news(), "puback:1");
});

Deno.test("the end of a socket that was taken over long ago does not end the session", async () => {
  const platform = new Platform();
  const first = await platform.connect("c");
  const kept = first.attachment;
  const second = await platform.connect("c");
  platform.evict();
  // The platform tells late that it is closed.
  first.isOpen = true;
  first.attachment = kept;
  await second.send(PING);
  await first.lose();
  await second.send(publishPacket("nobody", 1, 1));
  assert.equal(second.news(), "connack pingresp puback:1");
  assert.equal((await platform.store.read("c"))?.owner?.token, second.token);
});

Deno.test("the session of a sleeping connection is ended wherever it is asked for, and its socket closes", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  platform.evict();
  const ended = platform.broker.end("c");
  await platform.rest();
  assert.equal(await ended, true);
  assert.equal(socket.news(), "connack disconnect/98");
  assert.equal(socket.isOpen, false);
  assert.equal(await platform.store.read("c"), undefined);
});

Deno.test("a connection whose session was ended while it slept, unknown to it, is closed by its next packet", async () => {
  for (const packet of [subscribe("a"), { type: "disconnect", reasonCode: 0 } as const]) {
    const platform = new Platform();
    const socket = await platform.connect("c");
    platform.evict();
    const stored = await platform.store.read("c");
    assert.ok(stored !== undefined);
    await platform.store.commit([{
      id: "elsewhere",
      guard: stored.guard,
      raiseEpoch: { token: "elsewhere" },
      changes: [{ type: "endSession", reason: "administrative" }],
      deliveries: [],
      limits: { maximumMessages: 1, maximumBytes: 1, whenFull: "dropOldest" },
      now: START,
    }]);
    await socket.send(PING, packet);
    assert.equal(socket.news(), "connack pingresp disconnect/98");
    assert.equal(socket.isOpen, false);
    assert.equal(await platform.store.read("c"), undefined, "none is begun");
  }
});

Deno.test("a machine that went down with its sockets has lost its connections: they are let go of once it is back", async () => {
  const platform = new Platform();
  const heir = await platform.connect("heir");
  await heir.send(subscribe("gone"));
  await platform.connect("c", { will: willOf("gone"), sessionExpiryInterval: 100 });
  await platform.connect("brief", { sessionExpiryInterval: 0 });
  platform.clock.advance(50_000);
  platform.crash();
  assert.equal(await platform.broker.nextWakeAt(), platform.clock.now(), "at once");
  const again = await platform.connect("heir");
  again.news();
  await platform.runDue();
  assert.equal(again.news(), "publish:2=bye");
  const { attached, endsAt } = (await platform.store.read("c"))?.snapshot.head ?? {};
  assert.deepEqual({ attached, endsAt }, { attached: false, endsAt: START + 150_000 }, "late, and never early");
  assert.equal(await platform.store.read("brief"), undefined);
  assert.equal((await platform.store.read("heir"))?.owner?.token, again.token);
  platform.counted.reset();
  await platform.runDue();
  platform.evict();
  await platform.runDue();
  assert.equal(platform.counted.count("directory.list"), 0, "it is looked for once");
});

Deno.test("what a run that died with its sockets has left is looked for although its successor slept before it looked", async () => {
  const platform = new Platform();
  await platform.connect("c");
  platform.crash();
  const other = await platform.connect("other");
  platform.evict();
  await other.send(PING);
  await platform.runDue();
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false);
  assert.equal((await platform.store.read("other"))?.snapshot.head.attached, true);
});

Deno.test("a socket that never sent CONNECT is closed in time, though its process forgot it", async () => {
  const platform = new Platform();
  await platform.runDue();
  const socket = platform.socket();
  assert.ok(socket.connection.done instanceof Promise);
  platform.evict();
  platform.clock.advance(9_000);
  assert.equal(await platform.broker.nextWakeAt(), START + 10_000);
  platform.evict();
  platform.clock.advance(1_000);
  await platform.runDue();
  assert.equal(socket.isOpen, false);
});

Deno.test("an attachment from before a later commit is known as such, and so is what cannot be read: the socket closes", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  const before = socket.attachment;
  await socket.send(subscribe("a"));
  socket.news();
  platform.evict();
  socket.attachment = before;
  await socket.send(publishPacket("nobody", 1, 1));
  assert.equal(socket.news(), "disconnect/83");
  await platform.runDue();
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false, "it is let go of");
  const other = await platform.connect("d");
  platform.evict();
  other.attachment = new Uint8Array([1, 2, 3]);
  await other.send(PING);
  assert.equal(other.isOpen, false);
  assert.equal(platform.of("workFailed").length, 1);
});

Deno.test("a store that is away while a connection wakes costs the connection, and not the session", async () => {
  const { store, failing } = failingStore();
  const platform = new Platform({ commit: { repeatForMs: 0 } }, store);
  const socket = await platform.connect("c");
  socket.news();
  platform.evict();
  failing.on = true;
  await socket.send(subscribe("a"));
  assert.equal(socket.news(), "disconnect/83");
  failing.on = false;
  await platform.runDue();
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false);
});

Deno.test("rights, principal and limits of a client outlive a sleep; authenticating again cannot", async () => {
  const asked: string[] = [];
  const platform = new Platform({
    limits: { authenticationMethods: ["m"] },
    authenticate: () => ({ ok: true, principal: "tenant", limits: { maximumQoS: 1 } }),
    reauthenticate: () => ({ ok: "continue", next: () => ({ ok: true }) }),
    authorize: ({ principal, action, topic }) => {
      asked.push(`${principal} ${action} ${topic}`);
      return true;
    },
  });
  const socket = await platform.connect("c", { authenticationMethod: "m" });
  platform.evict();
  await socket.send(publishPacket("t", 1, 1));
  assert.deepEqual(asked, ["tenant publish t"], "the filters of the session are not asked for again");
  const auth = { type: "auth", authenticationMethod: "m" } as const;
  await socket.send({ ...auth, reasonCode: 0x19 });
  assert.equal(socket.news(), "connack puback:1 auth");
  platform.evict();
  await socket.send({ ...auth, reasonCode: 0x18 });
  assert.equal(socket.news(), "disconnect/87", "whoever was asking is gone");
  const another = await platform.connect("d", { authenticationMethod: "m" });
  platform.evict();
  await another.send(publishPacket("t", 2, 1));
  assert.equal(another.news(), "connack disconnect/9b");
});

Deno.test("an attachment is small, whatever its client does, and a name that would not fit is refused", async () => {
  const platform = new Platform({ limits: { maximumClientIdLength: 65_535, maximumUnreleased: 65_535 } });
  const socket = await platform.connect("é".repeat(700));
  const packets = Array.from({ length: 120 }, (_, index) => publishPacket("nobody", 2, 1 + index * 3));
  await socket.send(...packets);
  const again = await platform.connect("é".repeat(700));
  await again.send({ ...packets[0], dup: true } as ClientPacket);
  assert.ok(
    Math.max(...platform.sockets.flatMap(({ kept }) => kept.map(({ attachment }) => attachment.length))) <= 2_048,
  );
  platform.evict();
  await again.send(ack("pubrel", 1));
  assert.equal(again.news(), "connack pubrec:1 pubcomp:1");
  const long = await platform.connect("é".repeat(800));
  assert.deepEqual(long.got.map((packet) => "reasonCode" in packet ? packet.reasonCode : 0), [0x85]);
});

Deno.test("a broker that knows no hibernation takes no connection that sleeps", async () => {
  const broker = sessionBroker({ store: memoryStore() });
  const transport = { send: () => {}, close: () => {}, keep: () => {} };
  assert.throws(() => broker.accept(transport), TypeError);
  assert.throws(() => broker.resume(transport, new Uint8Array()), TypeError);
  await broker.shutdown();
});

Deno.test("a socket that cannot keep anything counts as lost", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  socket.isBroken = true;
  await socket.send(subscribe("a"));
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false);
});

Deno.test("a broker that shuts down closes those that sleep, too", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c");
  platform.evict();
  const down = platform.broker.shutdown();
  await platform.rest();
  await down;
  assert.equal(socket.news(), "connack disconnect/8b");
  assert.equal((await platform.store.read("c"))?.snapshot.head.attached, false);
});

Deno.test("what an administrator changes of a session whose connection sleeps is changed by that connection, which goes on", async () => {
  const platform = new Platform();
  const socket = await platform.connect("c", { receiveMaximum: 1 });
  await socket.send(subscribe("a"), subscribe("b", 2, 2));
  const publisher = await platform.connect("p");
  await publisher.send(publishPacket("a", 1, 1, "one"), publishPacket("a", 1, 2, "two"));
  assert.equal(socket.news(), "connack suback suback publish:2=one");
  const epoch = (await platform.store.read("c"))?.guard.epoch;
  const administer = async <Answer>(change: () => Promise<Answer>): Promise<Answer> => {
    platform.evict();
    const changed = change();
    await platform.rest();
    return await changed;
  };
  assert.equal(await administer(() => platform.broker.connected.unsubscribe("c", "b")), "changed");
  assert.equal(await administer(() => platform.broker.connected.setExpiry("c", 7)), "changed");
  assert.equal(await administer(() => platform.broker.connected.subscribe("c", "d")), "changed");
  const purged = await administer(() => platform.broker.connected.purgeQueue("c"));
  assert.deepEqual(purged, { outcome: "changed", messages: 1, bytes: 4 });
  const stored = await platform.store.read("c");
  assert.deepEqual([...stored?.snapshot.subscriptions.keys() ?? []], ["a", "d"]);
  assert.equal(stored?.guard.epoch, epoch);
  await socket.send(ack("puback", 2), PING);
  assert.equal(socket.news(), "pingresp");
  assert.equal(await administer(() => platform.broker.connected.setExpiry("nobody", 7)), undefined);
});
