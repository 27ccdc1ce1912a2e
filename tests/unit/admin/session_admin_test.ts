import assert from "node:assert/strict";
import { SessionError } from "../../../mod.ts";
import { sessionAdmin } from "../../../src/admin/mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { publishPacket, rest, START, subscribePacket, texts, will } from "../runtime/support.ts";
import { adminWorld, STORES } from "./support.ts";

for (const [name, open] of Object.entries(STORES)) {
  Deno.test(`${name}: a session is looked at without a trace: subscriptions, Will, exchanges, identifiers, deadlines`, async () => {
    const { connect, admin, store, clock } = adminWorld(open());
    const client = await connect("c", { will: will("gone", 5), receiveMaximum: 2 });
    await client.send(subscribePacket(1, "b/+", "a"), publishPacket("other", 2, 7, "once"));
    const publisher = await connect("p");
    for (const [index, qos] of ([1, 2, 1] as const).entries()) {
      await publisher.send(publishPacket("a", qos, index + 1, `m${index}`));
    }
    const [first, second] = client.got.filter((packet) => packet.type === "publish");
    assert.ok(first?.packetId !== undefined && second?.packetId !== undefined);
    await client.send({ type: "pubrec", packetId: second.packetId, reasonCode: 0 });
    const before = await store.read("c");
    const found = await admin.inspect("c");
    assert.ok(found !== undefined);
    assert.deepEqual(await store.read("c"), before);
    assert.deepEqual(found.subscriptions.map(({ filter, qos }) => [filter, qos]), [["a", 2], ["b/+", 2]]);
    assert.deepEqual([found.will?.topic, found.will?.payloadBytes, found.will?.payload], ["gone", 1, undefined]);
    assert.deepEqual((await admin.inspect("c", { payload: true }))?.will?.payload, new Uint8Array([1]));
    assert.deepEqual(found.inbound, [7]);
    const [oldest, released] = found.outbound;
    assert.deepEqual([oldest?.phase, oldest?.packetId, oldest?.topic], ["awaitPuback", first.packetId, "a"]);
    assert.deepEqual([released?.phase, released?.packetId], ["awaitPubcomp", second.packetId]);
    assert.equal(found.deadlines.endsAt, undefined);
    assert.equal(found.deadlines.sessionExpiryInterval, 1_000);
    assert.ok((found.deadlines.ownerUntil ?? 0) > clock.now());
    client.connection.closed();
    await rest();
    const left = await admin.inspect("c", { exchanges: 1 });
    assert.deepEqual([left?.deadlines.endsAt, left?.deadlines.willDueAt], [START + 1_000_000, START + 5_000]);
    assert.deepEqual([left?.outbound.length, left?.moreOutbound, left?.disconnectReason], [1, true, 0x80]);
    assert.equal(await admin.inspect("nobody"), undefined);
  });

  Deno.test(`${name}: it is told why a session was not kept, by whom it was owned, and what was lost`, async () => {
    const { connect, another, admin, clock, broker } = adminWorld(open());
    const client = await connect("c", { sessionExpiryInterval: 60 });
    client.connection.closed();
    await rest();
    clock.advance(60_000);
    await broker.runDue();
    const gone = await admin.explain("c");
    assert.equal(gone.exists, false);
    assert.deepEqual(gone.ends, [{ at: START + 60_000, reason: "expired", afterMs: 60_000, dropped: {} }]);
    await connect("c");
    const second = await connect("c", {}, another());
    await second.send({ type: "disconnect", reasonCode: 0 });
    const told = await admin.explain("c");
    assert.equal(told.exists, true);
    assert.deepEqual(told.ends.map(({ reason }) => reason), ["expired"]);
    assert.deepEqual(told.owners.map(({ epoch, until }) => [epoch, until !== undefined]), [[1, true], [1, true], [
      2,
      true,
    ]]);
    assert.equal(told.journal.at(-2)?.type, "resumed");
    const latest = told.journal.at(-1);
    assert.ok(latest?.type === "detached" && latest.reasonCode === 0 && !latest.byOther);
  });

  Deno.test(`${name}: a subscription made on behalf of a client that is away is there when it comes back`, async () => {
    const { connect, admin } = adminWorld(open());
    const client = await connect("c");
    await client.send({ type: "disconnect", reasonCode: 0 });
    assert.equal(await admin.subscribe("c", "a/#", { qos: 2 }), "changed");
    assert.equal(await admin.subscribe("c", "a/#", { qos: 2 }), "unchanged");
    const publisher = await connect("p");
    await publisher.send(publishPacket("a/b", 1, 1, "for c"));
    const back = await connect("c");
    assert.deepEqual(texts(back), ["for c"]);
    await back.send({ type: "disconnect", reasonCode: 0 });
    assert.equal(await admin.unsubscribe("c", "a/#"), "changed");
    assert.equal(await admin.unsubscribe("c", "a/#"), "unchanged");
    await publisher.send(publishPacket("a/b", 1, 2, "for nobody"));
    assert.deepEqual(texts(await connect("c")).slice(1), []);
    assert.equal(await admin.subscribe("nobody", "a"), "absent");
  });

  Deno.test(`${name}: a living owner is superseded by a change, its connection is closed, and the client goes on with it`, async () => {
    const { connect, admin, pass, broker } = adminWorld(open());
    broker.start();
    const client = await connect("c");
    await client.send(subscribePacket(1, "own"));
    assert.equal(await admin.subscribe("c", "a", {}, { whenOwned: "refuse" }), "owned");
    assert.equal(await admin.subscribe("c", "a"), "changed");
    await pass(2_000);
    assert.equal(client.closed, true);
    const publisher = await connect("p");
    await publisher.send(publishPacket("a", 1, 1, "1"), publishPacket("own", 1, 2, "2"));
    const back = await connect("c");
    assert.deepEqual(back.got[0]?.type === "connack" && back.got[0].sessionPresent, true);
    assert.deepEqual(texts(back), ["1", "2"]);
    assert.ok((await admin.explain("c")).journal.some((entry) => entry.type === "detached" && entry.byOther));
    await broker.shutdown();
  });

  Deno.test(`${name}: an owner lives until its lease runs out, and not in that millisecond`, async () => {
    for (const change of ["subscribe", "end"] as const) {
      const { connect, admin, clock } = adminWorld(open());
      await connect("c");
      const ask = () =>
        change === "end"
          ? admin.end("c", { whenOwned: "refuse" })
          : admin.subscribe("c", "a", {}, { whenOwned: "refuse" });
      const { ownerUntil = 0 } = (await admin.inspect("c"))?.deadlines ?? {};
      clock.advance(ownerUntil - clock.now() - 1);
      assert.equal(await ask(), "owned");
      clock.advance(1);
      assert.equal(await ask(), "changed");
    }
  });

  Deno.test(`${name}: a session that would end with its connection is not taken from it`, async () => {
    const { connect, admin, pass, broker } = adminWorld(open());
    broker.start();
    const client = await connect("c", { sessionExpiryInterval: 0 });
    assert.equal(await admin.subscribe("c", "a"), "endsWithConnection");
    assert.deepEqual(await admin.purgeQueue("c"), { outcome: "endsWithConnection", messages: 0, bytes: 0 });
    assert.equal(await admin.setExpiry("c", 60), "endsWithConnection");
    await pass(2_000);
    assert.equal(client.closed, false);
    await broker.shutdown();
  });

  Deno.test(`${name}: a queue is emptied of what was never started, counted, and of nothing else`, async () => {
    const { connect, admin } = adminWorld(open());
    const client = await connect("c", { receiveMaximum: 1 });
    await client.send(subscribePacket(1, "#"));
    const publisher = await connect("p");
    await publisher.send(publishPacket("started", 1, 1, "started"));
    await client.send({ type: "disconnect", reasonCode: 0 });
    for (let index = 2; index <= 450; index++) {
      await publisher.send(publishPacket(index % 2 === 0 ? "even" : "odd", 1, index, `${index}`));
    }
    const even = await admin.purgeQueue("c", { topicFilter: "even" });
    assert.deepEqual([even.outcome, even.messages], ["changed", 225]);
    const rest = await admin.purgeQueue("c");
    assert.deepEqual([rest.outcome, rest.messages, rest.bytes > 0], ["changed", 224, true]);
    assert.deepEqual(await admin.purgeQueue("c"), { outcome: "unchanged", messages: 0, bytes: 0 });
    assert.deepEqual((await admin.explain("c")).dropped, { purged: 449 });
    assert.deepEqual(texts(await connect("c")), ["started"]);
  });

  Deno.test(`${name}: another interval counts from the end of the connection, and moves the Will with it`, async () => {
    const { connect, admin, clock, broker } = adminWorld(open());
    const client = await connect("c", { sessionExpiryInterval: 100, will: will("gone", 1_000) });
    client.connection.closed();
    await rest();
    const deadlines = async () => {
      const { endsAt = 0, willDueAt = 0, sessionExpiryInterval } = (await admin.inspect("c"))?.deadlines ?? {};
      return [endsAt - START, willDueAt - START, sessionExpiryInterval];
    };
    assert.deepEqual(await deadlines(), [100_000, 100_000, 100]);
    clock.advance(50_000);
    assert.equal(await admin.setExpiry("c", 5_000), "changed");
    assert.equal(await admin.setExpiry("c", 5_000), "unchanged");
    assert.deepEqual(await deadlines(), [5_000_000, 1_000_000, 5_000]);
    assert.equal(await admin.setExpiry("c", 0xffff_ffff), "changed");
    assert.equal((await admin.inspect("c"))?.deadlines.endsAt, undefined);
    assert.equal(await admin.setExpiry("c", 10), "changed");
    await broker.runDue();
    assert.equal(await admin.inspect("c"), undefined);
    await assert.rejects(admin.setExpiry("c", -1), RangeError);
    await assert.rejects(admin.setExpiry("c", 0x1_0000_0000), RangeError);
  });

  Deno.test(`${name}: ending a session publishes its Will and closes its connection, wherever that is`, async () => {
    const { connect, admin, pass, broker } = adminWorld(open());
    broker.start();
    const watcher = await connect("w");
    await watcher.send(subscribePacket(1, "gone"));
    const client = await connect("c", { will: will("gone") });
    assert.equal(await admin.end("c", { whenOwned: "refuse" }), "owned");
    assert.equal(await admin.end("c"), "changed");
    assert.equal(await admin.end("c"), "absent");
    await pass(5_000);
    assert.equal(client.closed, true);
    assert.equal(texts(watcher).length, 1);
    assert.deepEqual((await admin.explain("c")).ends.map(({ reason }) => reason), ["administrative"]);
    await broker.shutdown();
  });
}

Deno.test("a change is tried again when somebody else is faster, and given up after a while", async () => {
  const { connect, admin, store } = adminWorld();
  await (await connect("c")).send({ type: "disconnect", reasonCode: 0 });
  const interfere = async (): Promise<void> => {
    const stored = await store.read("c");
    assert.ok(stored !== undefined);
    const { head } = stored.snapshot;
    const limits = { maximumMessages: 1, maximumBytes: 1, whenFull: "dropNewest" } as const;
    const changes = [{ type: "putHead", head }] as const;
    await store.commit([{ id: crypto.randomUUID(), guard: stored.guard, changes, deliveries: [], limits, now: START }]);
  };
  const { read } = store;
  let times = 2;
  const busy = {
    ...store,
    read: async (...call: Parameters<typeof read>) => {
      const stored = await read(...call);
      if (times-- > 0) await interfere();
      return stored;
    },
  };
  assert.equal(await sessionAdmin(busy).subscribe("c", "a"), "changed");
  times = Infinity;
  assert.equal(await sessionAdmin(busy).subscribe("c", "b"), "contended");
  assert.equal(await sessionAdmin(busy).end("c"), "contended");
  assert.notEqual(await admin.inspect("c"), undefined);
});

Deno.test("what no client could subscribe to is refused", async () => {
  const { connect, admin } = adminWorld();
  await connect("c");
  await assert.rejects(admin.subscribe("c", "a/#/b"), RangeError);
  await assert.rejects(admin.subscribe("c", "$share/group/a"), RangeError);
  await assert.rejects(admin.subscribe("c", "a", { subscriptionIdentifier: 0 }), RangeError);
  await assert.rejects(admin.purgeQueue("c", { topicFilter: "" }), RangeError);
  const narrow = adminWorld(memoryStore({ maximumShapes: 1 }));
  await narrow.connect("c");
  assert.equal(await narrow.admin.subscribe("c", "a"), "changed");
  const refused = (error: unknown) => error instanceof SessionError && error.code === "LIMIT_EXCEEDED";
  await assert.rejects(narrow.admin.subscribe("c", "a/+"), refused);
});

Deno.test("sessions are listed by prefix, pattern, connection, version, end and queue, and no page loses any", async () => {
  const { connect, admin } = adminWorld();
  for (let index = 0; index < 25; index++) {
    const protocolVersion = index % 2 === 0 ? 5 : 4;
    const more = protocolVersion === 5 ? { sessionExpiryInterval: 100 * index + 100 } : {};
    const { sessionExpiryInterval: _, ...base } = { sessionExpiryInterval: 0 };
    const client = await connect(`${index < 10 ? "x" : "y"}-${index}`, { ...base, protocolVersion, ...more });
    if (index % 5 !== 0) await client.send({ type: "disconnect", reasonCode: 0 });
  }
  const names = async (query: Parameters<typeof admin.list>[0]): Promise<string[]> => {
    const found: string[] = [];
    let cursor: string | undefined;
    for (let pages = 0; pages < 100; pages++) {
      const page = await admin.list({ limit: 3, ...query, ...(cursor === undefined ? {} : { cursor }) });
      assert.ok(page.sessions.length <= 3);
      found.push(...page.sessions.map(({ clientId }) => clientId));
      cursor = page.cursor;
      if (cursor === undefined) return found.sort();
    }
    throw new Error("the listing has no end");
  };
  assert.equal((await names({})).length, 25);
  assert.equal((await names({ clientIdPrefix: "x-" })).length, 10);
  assert.deepEqual(await names({ clientIdPattern: "?-*3" }), ["x-3", "y-13", "y-23"]);
  assert.deepEqual(await names({ attached: true }), ["x-0", "x-5", "y-10", "y-15", "y-20"]);
  assert.equal((await names({ protocolVersion: 4 })).length, 12);
  assert.deepEqual(await names({ endsBefore: START + 500_000 }), ["x-2"]);
  assert.equal((await names({ minimumQueued: 1 })).length, 0);
  await assert.rejects(admin.list({ limit: 0 }), RangeError);
});

Deno.test("a pattern of many stars takes no longer than its text", async () => {
  const { connect, admin } = adminWorld();
  await connect("a".repeat(200));
  const { sessions } = await admin.list({ clientIdPattern: `${"*a".repeat(80)}*b` });
  assert.deepEqual(sessions, []);
  assert.equal((await admin.list({ clientIdPattern: "*a*" })).sessions.length, 1);
});
