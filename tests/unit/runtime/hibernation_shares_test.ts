import assert from "node:assert/strict";
import type { ClientPacket } from "../../../mod.ts";
import { memoryRetained, memoryStore } from "../../../src/stores/memory.ts";
import { faultyStore } from "../../../src/testing/mod.ts";
import { Platform, type Socket } from "./hibernation_support.ts";
import { changesRow } from "./shared_support.ts";
import { publishPacket } from "./support.ts";

function subscribe(filter: string, qos: 0 | 1 | 2 = 1): ClientPacket {
  return {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  };
}

function publishes(sockets: readonly Socket[]): string[] {
  return sockets.map((socket) => socket.news().replace("connack suback", "").trim());
}

async function members(platform: Platform, count: number, receiveMaximum = 10): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < count; index++) {
    const socket = await platform.connect(`m${index}`, { receiveMaximum });
    await socket.send(subscribe("$share/g/t"));
    sockets.push(socket);
  }
  publishes(sockets);
  return sockets;
}

Deno.test("a message for a group all of whose members sleep wakes one of them, and no more", async () => {
  const platform = new Platform();
  const sockets = await members(platform, 3);
  const publisher = await platform.connect("p");
  for (let round = 0; round < 6; round++) {
    platform.evict();
    platform.clock.advance(1);
    const kept = sockets.map(({ attachment }) => attachment);
    await publisher.send(publishPacket("t", 1, 1 + round, `text ${round}`));
    const got = publishes(sockets);
    assert.deepEqual(got.filter((text) => text !== "").map((text) => text.replace(/.*=/, "")), [`text ${round}`]);
    const changed = sockets.filter(({ attachment }, index) => attachment !== kept[index]);
    assert.deepEqual(changed, sockets.filter((_, index) => got[index] !== ""));
    const [member] = changed;
    const packetId = Number(/:(\d+)=/.exec(got.join(""))?.[1]);
    await member?.send({ type: "puback", packetId, reasonCode: 0 });
  }
  assert.equal((await platform.store.directory.inspect("\u0000$share/g/t"))?.queuedMessages, 0);
});

Deno.test("what one member of a group has no room for wakes the next, until there is room for all of it", async () => {
  const platform = new Platform();
  const sockets = await members(platform, 3, 2);
  const publisher = await platform.connect("p");
  platform.evict();
  await publisher.send(...Array.from({ length: 6 }, (_, index) => publishPacket("t", 1, 1 + index, `${index}`)));
  const got = publishes(sockets);
  assert.deepEqual(got.map((text) => text.split(" ").length), [2, 2, 2]);
  const texts = got.join(" ").split(" ").map((text) => text.replace(/.*=/, "")).sort();
  assert.deepEqual(texts, ["0", "1", "2", "3", "4", "5"]);
});

Deno.test("a member that falls asleep with messages of its group keeps them, and gives back what it never started when it goes", async () => {
  const platform = new Platform();
  const [first] = await members(platform, 1, 1) as [Socket];
  const publisher = await platform.connect("p");
  await publisher.send(publishPacket("t", 1, 1, "one"));
  assert.deepEqual(publishes([first]), ["publish:2=one"]);
  platform.evict();
  const second = await platform.connect("second");
  await second.send(subscribe("$share/g/t"));
  publishes([second]);
  await publisher.send(publishPacket("t", 1, 2, "two"));
  assert.deepEqual(publishes([first, second]), ["", "publish:2=two"]);
  await second.send({ type: "puback", packetId: 2, reasonCode: 0 });
  platform.evict();
  await first.send({ type: "disconnect", reasonCode: 0 });
  await publisher.send(publishPacket("t", 1, 3, "three"));
  assert.deepEqual(publishes([second]), ["publish:3=three"]);
  const again = await platform.connect("m0");
  assert.deepEqual(again.news(), "connack dup-publish:2=one");
});

Deno.test("those that sleep are still heard of when the last member that is awake goes", async () => {
  const platform = new Platform();
  const [first, second] = await members(platform, 2) as [Socket, Socket];
  const publisher = await platform.connect("p");
  platform.evict();
  await first.send(publishPacket("nobody", 1, 1));
  await first.send({ type: "disconnect", reasonCode: 0 });
  await publisher.send(publishPacket("t", 1, 1, "one"), publishPacket("t", 0, undefined, "zero"));
  const texts = publishes([second])[0]?.split(" ").map((text) => text.replace(/.*=/, ""));
  assert.deepEqual(texts?.sort(), ["one", "zero"]);
});

Deno.test("a group goes with its last member, though all slept meanwhile", async () => {
  const platform = new Platform();
  const sockets = await members(platform, 2);
  for (const socket of sockets) {
    platform.evict();
    await socket.send({ type: "unsubscribe", packetId: 2, filters: ["$share/g/t"] });
  }
  assert.equal(await platform.store.read("\u0000$share/g/t"), undefined);
});

Deno.test("retained messages that a subscription is owed come page by page across sleeps, none twice", async () => {
  const platform = new Platform({ retained: memoryRetained(), limits: { retainedAhead: 2, pageMessages: 4 } });
  const publisher = await platform.connect("p");
  for (let index = 0; index < 9; index++) {
    await publisher.send({ ...publishPacket(`r/${index}`, 1, 1 + index, `${index}`), retain: true } as ClientPacket);
  }
  const socket = await platform.connect("c", { receiveMaximum: 1 });
  await socket.send(subscribe("r/#"));
  const texts: string[] = [];
  for (let round = 0; round < 12; round++) {
    platform.evict();
    for (const packet of socket.got.splice(0)) {
      if (packet.type !== "publish") continue;
      assert.ok(packet.retain && !packet.dup);
      texts.push(new TextDecoder().decode(packet.payload));
      await socket.send({ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 });
    }
  }
  assert.deepEqual(texts, ["0", "1", "2", "3", "4", "5", "6", "7", "8"]);
});

Deno.test("a member that is put out late by an earlier UNSUBSCRIBE has its place again before its SUBACK", async () => {
  const faults = faultyStore(memoryStore());
  const platform = new Platform({}, faults.store);
  const [first] = await members(platform, 2) as [Socket];
  faults.inject({ fault: "startsLate", when: changesRow("member", "deleteSubscription") });
  await first.send({ type: "unsubscribe", packetId: 2, filters: ["$share/g/t"] });
  assert.equal(faults.held(), 1);
  const again = await platform.connect("m0");
  await again.send(subscribe("$share/g/t"));
  faults.release();
  await platform.rest();
  assert.equal(again.news(), "connack suback");
  const rows = [...(await platform.store.read("\u0000$share/g/t"))?.snapshot.subscriptions.keys() ?? []];
  assert.equal(rows.filter((row) => row.startsWith("$share/member/m0/")).length, 1, `${rows}`);
});
