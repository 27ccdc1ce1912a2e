/** Records that cannot be read: kept aside, named, never guessed (G13). */
import assert from "node:assert/strict";
import { type BrokerEvent, SessionError } from "../../mod.ts";
import { connectPacket, publishPacket, subscribePacket, will } from "../unit/runtime/support.ts";
import { BYTE_STORES, type ByteSubject, type StoredRow } from "./support/stores.ts";
import { texts, type World, world } from "./support/world.ts";

/** How a record may be spoiled. */
const WAYS: readonly (readonly [name: string, spoil: (value: Uint8Array) => Uint8Array])[] = [
  ["corrupt", (value) => value.map((byte, index) => index < 2 ? byte : ~byte & 0xff)],
  ["truncated", (value) => value.slice(0, Math.max(0, value.length - 3))],
  ["empty", () => new Uint8Array()],
  ["of a future version", (value) => Uint8Array.from([99, ...value.slice(1)])],
];

async function rowsOf(subject: ByteSubject, part: string): Promise<readonly StoredRow[]> {
  return (await subject.rows.all()).filter(({ key }) => key.includes(part));
}

/** Spoils the rows whose key holds this text, and answers what they hold from now on. */
async function spoil(
  subject: ByteSubject,
  part: string,
  how: (value: Uint8Array) => Uint8Array,
): Promise<readonly StoredRow[]> {
  const rows = await rowsOf(subject, part);
  assert.notEqual(rows.length, 0, `no row ${part}`);
  for (const { key, value } of rows) await subject.rows.put(key, how(value));
  return await rowsOf(subject, part);
}

/** The keys that were told as unreadable. */
function keysTold(events: readonly BrokerEvent[]): readonly string[] {
  return events.flatMap((event) =>
    event.type === "workFailed" && event.error instanceof SessionError && event.error.key !== undefined
      ? [event.error.key]
      : []
  );
}

/** A stored session with everything in it: `keeper` holds a Will, a subscription, an open exchange and a message. */
async function furnished({ connect, pass }: World): Promise<void> {
  const keeper = await connect("keeper", { will: will("will", 500), receiveMaximum: 1 });
  await keeper.send(subscribePacket(1, "t"));
  const publisher = await connect("publisher");
  await publisher.send(publishPacket("t", 2, 1, "first"), publishPacket("t", 1, 2, "second"));
  const first = keeper.got.find((packet) => packet.type === "publish");
  await keeper.send({ type: "pubrec", packetId: first?.packetId ?? 0, reasonCode: 0 });
  await keeper.send(publishPacket("t", 2, 9, "own"));
  await keeper.drop();
  await publisher.send({ type: "disconnect", reasonCode: 0 });
  await pass(0);
}

for (const { name, make } of BYTE_STORES) {
  for (const [way, how] of WAYS) {
    for (const part of ["/head/keeper", "/gate/keeper", "sub/", "mark/", "will", "ids"]) {
      Deno.test(`${name}: a session with a record ${part} that is ${way} is refused with 0x83, or 3, and stays [G13]`, async () => {
        await using subject = await make();
        const here = world(subject.store);
        await furnished(here);
        const [incarnation] = (await rowsOf(subject, "/row/keeper/")).map(({ key }) => key.split("/own/")[0]);
        const place = part.startsWith("/") ? part : `${incarnation}/own/${part}`;
        const before = await spoil(subject, place, how);
        const refused = await here.connect("keeper");
        assert.equal(refused.told(), "connack:83");
        assert.equal(refused.closed, true);
        const older = await here.connect("keeper", { protocolVersion: 4 });
        assert.equal(older.told(), "connack:3");
        const clean = await here.connect("keeper", { cleanStart: true });
        assert.equal(clean.told(), "connack:83");
        assert.deepEqual(await rowsOf(subject, place), before);
        const told = keysTold(here.events);
        assert.deepEqual(new Set(told), new Set(before.map(({ key }) => key)));
        // Nobody else suffers.
        const other = await here.connect("other");
        await other.send(subscribePacket(1, "x"), publishPacket("x", 1, 2, "fine"));
        assert.deepEqual(texts(other), ["fine"]);
        await here.runDue();
        await here.broker.shutdown();
      });
    }

    Deno.test(`${name}: a queued message that is ${way} is set aside and counted, and the session goes on [G13] [G14]`, async () => {
      await using subject = await make();
      const here = world(subject.store);
      const keeper = await here.connect("keeper");
      await keeper.send(subscribePacket(1, "t"));
      await keeper.drop();
      const publisher = await here.connect("publisher");
      for (const [index, text] of ["one", "two", "three"].entries()) {
        await publisher.send(publishPacket("t", 1, index + 1, text));
      }
      const queued = await rowsOf(subject, "/queue/");
      const second = queued[1] as StoredRow;
      const spoiled = how(second.value);
      await subject.rows.put(second.key, spoiled);
      const back = await here.connect("keeper");
      assert.deepEqual(texts(back), ["one", "three"]);
      assert.deepEqual(here.drops(), ["unreadable"]);
      const aside = await rowsOf(subject, "/unreadable/");
      assert.deepEqual(aside.map(({ value }) => value), [spoiled]);
      for (const packet of back.got) {
        if (packet.type === "publish" && packet.packetId !== undefined) {
          await back.send({ type: "puback", packetId: packet.packetId, reasonCode: 0 });
        }
      }
      await publisher.send(publishPacket("t", 1, 9, "four"));
      assert.deepEqual(texts(back), ["one", "three", "four"]);
      assert.deepEqual((await here.broker.inspect("keeper"))?.dropped, { unreadable: 1 });
      assert.equal((await here.broker.inspect("keeper"))?.queuedMessages, 1);
      await here.broker.shutdown();
    });

    Deno.test(`${name}: a gate that is ${way} costs its own session the message, and no other [G14]`, async () => {
      await using subject = await make();
      const here = world(subject.store);
      for (const clientId of ["keeper", "other"]) {
        const client = await here.connect(clientId);
        await client.send(subscribePacket(1, "t"));
        await client.drop();
      }
      const before = await spoil(subject, "/gate/keeper", how);
      const publisher = await here.connect("publisher");
      await publisher.send(publishPacket("t", 1, 1, "one"));
      assert.equal(publisher.told(), "connack puback");
      assert.deepEqual(here.drops(), ["unreadable"]);
      assert.deepEqual(await rowsOf(subject, "/gate/keeper"), before);
      assert.deepEqual(texts(await here.connect("other")), ["one"]);
      await here.broker.shutdown();
    });

    Deno.test(`${name}: a routing row that is ${way} costs nobody a message [G13] [G14]`, async () => {
      await using subject = await make();
      const here = world(subject.store);
      const keeper = await here.connect("keeper");
      await keeper.send(subscribePacket(1, "t"));
      await spoil(subject, "/route/t/", how);
      const publisher = await here.connect("publisher");
      for (const [index, text] of ["one", "two"].entries()) {
        await publisher.send(publishPacket("t", 1, index + 1, text));
      }
      assert.equal(publisher.told(), "connack puback puback");
      assert.deepEqual(texts(keeper), ["one", "two"]);
      await here.broker.shutdown();
    });

    Deno.test(`${name}: a node's row that is ${way} stops only those who would take its sessions, until it is renewed [G13]`, async () => {
      await using subject = await make();
      const here = world(subject.store);
      const there = here.another({ nodeId: "there" });
      await here.connect("theirs", {}, there);
      const ours = await here.connect("ours");
      await spoil(subject, "/node/", how);
      assert.equal((await here.connect("new")).told(), "connack");
      const mover = await here.connect("theirs");
      assert.equal(mover.told(), "connack:83");
      assert.equal(keysTold(here.events).length, 1);
      await here.runDue();
      assert.equal(ours.closed, false);
      here.clock.advance(31_000);
      await here.runDue();
      await here.runDue(there);
      const again = await here.connect("theirs");
      assert.equal(again.told(), "connack");
      await here.broker.shutdown();
      await there.shutdown();
    });

    Deno.test(`${name}: a due row that is ${way} is set aside, told, and keeps nothing else from its time [G13]`, async () => {
      await using subject = await make();
      const here = world(subject.store);
      const watcher = await here.connect("watcher", { sessionExpiryInterval: 100_000 });
      await watcher.send(subscribePacket(1, "will"));
      for (const clientId of ["bad", "good"]) {
        const client = here.client();
        await client.send(connectPacket(clientId, { will: will("will", 10) }));
        await client.drop();
      }
      const bad = await rowsOf(subject, "/session/bad");
      for (const { key, value } of bad) await subject.rows.put(key, how(value));
      here.clock.advance(20_000);
      const spoiled = await rowsOf(subject, "/session/bad");
      await here.runDue();
      assert.equal(texts(watcher).length, 1);
      assert.deepEqual(keysTold(here.events), spoiled.map(({ key }) => key));
      const left = await rowsOf(subject, "/session/bad");
      assert.deepEqual(left.map(({ value }) => value), spoiled.map(({ value }) => value));
      assert.equal(left.every(({ key }) => key.includes("/unreadable/")), true);
      const next = await here.broker.nextWakeAt();
      assert(next === undefined || next > here.clock.now());
      await here.broker.shutdown();
    });
  }
}
