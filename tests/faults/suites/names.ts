/** Client ids, topics and filters that would break keys, objects or paths, through the whole broker. */
import assert from "node:assert/strict";
import { publishPacket, subscribePacket } from "../../unit/runtime/support.ts";
import type { StoreKind } from "../support/stores.ts";
import { type Client, texts, world } from "../support/world.ts";

const NAMES: readonly (readonly [what: string, name: string])[] = [
  ["one of 65 535 bytes", "x".repeat(65_535)],
  ["one of 65 535 bytes that differs in its end", `${"x".repeat(65_534)}y`],
  ["one of 65 535 bytes in two-byte characters", `${"é".repeat(32_767)}z`],
  ["separators", "a/b/../c//"],
  ["escapes of separators", "a%2Fb%2f"],
  ["colons and glob signs", "a:b*?[c]"],
  ["braces", "{a}{b}{{"],
  ["a dollar sign", "$SYS"],
  ["the name of a prototype", "__proto__"],
  ["the name of a constructor", "constructor"],
  ["spaces", " a b "],
  ["no printable character", "\u007f\u0001\ufeff"],
  ["a dot", "."],
  ["two dots", ".."],
  ["characters beyond the Basic Multilingual Plane", "😀💥"],
  ["a composed character", "\u00e9"],
  ["the same, decomposed", "e\u0301"],
];

/** Tests it on one kind of store. */
export function names({ name, make }: StoreKind): void {
  Deno.test(`${name}: client ids and topics may be any UTF-8 string, and no two are confused [MQTT-3.1.3-5] [MQTT-4.7.3-4]`, async () => {
    await using subject = await make();
    const here = world(subject.store, { limits: { maximumClientIdLength: 65_535 } });
    for (const [, id] of NAMES) {
      const client = await here.connect(id);
      assert.equal(client.told(), "connack", id.slice(0, 20));
      await client.send(subscribePacket(1, id));
      assert.equal(client.told(), "connack suback", id.slice(0, 20));
      await client.drop();
    }
    const publisher = await here.connect("publisher");
    for (const [index, [what, topic]] of NAMES.entries()) {
      await publisher.send(publishPacket(topic, 1, index + 1, what));
      assert.equal(publisher.closed, false, what);
    }
    for (const [what, id] of NAMES) {
      const summary = await here.broker.inspect(id);
      assert.equal(summary?.clientId, id);
      const back = await here.connect(id);
      assert.equal(back.got[0]?.type === "connack" && back.got[0].sessionPresent, true, what);
      assert.deepEqual(texts(back), [what]);
      await back.drop();
      assert.equal(await here.broker.end(id), true);
      assert.equal(await here.broker.inspect(id), undefined);
    }
    const left = await here.broker.list();
    assert.deepEqual(left.sessions.map(({ clientId }) => clientId), ["publisher"]);
    await here.runDue();
    await here.broker.shutdown();
  });

  Deno.test(`${name}: a client id or a topic with NUL, or half a surrogate pair, is refused, and nothing is stored [MQTT-1.5.4-1] [MQTT-1.5.4-2]`, async () => {
    for (const bad of ["a\0b", "\ud800", "a\udc00"]) {
      await using subject = await make();
      const here = world(subject.store);
      const client = await here.connect(bad);
      assert.equal(client.closed, true);
      assert.equal(client.got.some((packet) => packet.type === "connack" && packet.reasonCode === 0), false);
      for (const packet of [publishPacket(bad, 1, 1), subscribePacket(1, bad)]) {
        const sender = await here.connect("sender");
        await sender.send(packet);
        assert.equal(isRefused(sender), true, JSON.stringify(packet));
      }
      assert.deepEqual((await here.broker.list()).sessions.map(({ clientId }) => clientId), ["sender"]);
      assert.equal((await here.broker.inspect("sender"))?.subscriptions, 0);
      await here.broker.shutdown();
    }
  });

  Deno.test(`${name}: topics and filters that MQTT does not allow close the connection, and store nothing [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]`, async () => {
    await using subject = await make();
    const here = world(subject.store);
    const packets = [
      ...["", "a/#", "+", "a/+/b", "#"].map((topic) => publishPacket(topic, 1, 1)),
      ...["", "#/a", "a#", "a+", "+a/b", "a/b#", "$share/", "$share/g", "$share//a", "$share/g+/a", "$share/#/a"]
        .map((filter) => subscribePacket(1, filter)),
    ];
    for (const packet of packets) {
      const sender = await here.connect("sender");
      await sender.send(packet);
      assert.equal(isRefused(sender), true, JSON.stringify(packet));
    }
    assert.equal((await here.broker.inspect("sender"))?.subscriptions, 0);
    await here.broker.shutdown();
  });
}

/** Whether the last packet was refused, and not acknowledged. */
function isRefused(sender: Client): boolean {
  const last = sender.got.at(-1);
  const isDenied = last?.type === "suback" && last.reasonCodes.every((code) => code >= 0x80);
  return (sender.closed || isDenied) && !sender.got.some(({ type }) => type === "puback");
}
