import assert from "node:assert/strict";
import type { ClientPacket } from "../../../mod.ts";
import { Peer } from "./hibernation_client.ts";
import { Platform, type Socket } from "./hibernation_support.ts";
import { publishPacket } from "./support.ts";

function ack(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number): ClientPacket {
  return { type, packetId, reasonCode: 0 };
}

function subscribe(filter: string): ClientPacket {
  return {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  };
}

const VERSIONS = [4, 5] as const;

/** What both sides of two QoS 2 exchanges do, in turn: a publisher's and a subscriber's. */
const EXCHANGE: readonly (readonly [who: "publisher" | "subscriber", packet: ClientPacket])[] = [
  ["publisher", publishPacket("a", 2, 1, "one")],
  ["subscriber", ack("pubrec", 2)],
  ["publisher", publishPacket("a", 2, 2, "two")],
  ["publisher", ack("pubrel", 1)],
  ["subscriber", ack("pubrec", 3)],
  ["subscriber", ack("pubcomp", 3)],
  ["subscriber", ack("pubcomp", 2)],
  ["publisher", { ...publishPacket("a", 2, 2, "two"), dup: true } as ClientPacket],
  ["publisher", ack("pubrel", 2)],
];

/** Plays the exchange; memory is lost after each step whose bit is set. */
async function play(version: 4 | 5, evictions: number): Promise<{ readonly heard: string; readonly platform: Platform }> {
  const platform = new Platform();
  const publisher = await platform.connect("p", { protocolVersion: version });
  const subscriber = await platform.connect("s", { protocolVersion: version });
  await subscriber.send(subscribe("a"));
  const heard: string[] = [];
  for (const [index, [who, packet]] of EXCHANGE.entries()) {
    await (who === "publisher" ? publisher : subscriber).send(packet);
    heard.push(`${publisher.news()} | ${subscriber.news()}`);
    if (evictions >> index & 1) platform.evict();
  }
  return { heard: heard.join("\n"), platform };
}

for (const version of VERSIONS) {
  Deno.test(`memory may be lost between any packets of QoS 2 exchanges, and nobody can tell: ${version}`, async () => {
    const { heard } = await play(version, 0);
    assert.match(heard, /publish:2=one/);
    for (let evictions = 1; evictions < 2 ** EXCHANGE.length; evictions++) {
      const other = await play(version, evictions);
      assert.equal(other.heard, heard, `evictions ${evictions.toString(2)}`);
      const { snapshot } = await other.platform.store.read("s") ?? {};
      assert.equal(snapshot?.outbound.size, 0);
      assert.equal((await other.platform.store.directory.inspect("s"))?.queuedMessages, 0);
      assert.equal((await other.platform.store.read("p"))?.snapshot.inbound.size, 0);
    }
  });
}

/** Lets both sides answer until nothing is under way. */
async function finish(platform: Platform, peers: readonly Peer[]): Promise<void> {
  for (let round = 0; round < 40; round++) {
    let isQuiet = true;
    for (const peer of peers) {
      const answers = peer.answers();
      if (answers.length === 0) continue;
      isQuiet = false;
      await (peer.socket as Socket).send(...answers);
    }
    if (isQuiet) return;
  }
  assert.fail("the exchange does not come to an end");
}

for (const version of VERSIONS) {
  Deno.test(`memory may be lost at any moment of QoS 1 and 2 exchanges: nothing is lost, doubled or renamed: ${version}`, async () => {
    let closed = 0;
    let kept = 0;
    for (let step = 0; step < 8; step++) {
      for (let turns = 0; turns < 60; turns += turns < 30 ? 1 : 3) {
        const platform = new Platform();
        const connect = { protocolVersion: version, receiveMaximum: 2 };
        const peers = [new Peer(platform, "p", connect), new Peer(platform, "s", connect)] as const;
        const [publisher, subscriber] = peers;
        await finish(platform, peers);
        await (subscriber.socket as Socket).send(subscribe("a"));
        const texts = ["one", "two", "three", "four"];
        const packets = texts.map((text, index) => publisher.publish("a", index % 2 === 0 ? 2 : 1, text));
        (publisher.socket as Socket).arrive(...packets);
        for (let turn = 0, at = 0;; turn++) {
          if (at === step && turn === turns) break;
          if (turn > turns && at === step) break;
          await undefined;
          if (at < step && turn > 150) {
            const peer = peers[at % 2] as Peer;
            const answers = peer.answers();
            if (answers.length > 0) (peer.socket as Socket).arrive(...answers);
            at++;
            turn = -1;
          }
        }
        platform.evict();
        const before = publisher.closed + subscriber.closed;
        await platform.runDue();
        await finish(platform, peers);
        // Whoever was not closed is still heard, and nothing of it hangs.
        for (const { socket } of peers) await (socket as Socket).send({ type: "pingreq" });
        await platform.runDue();
        await finish(platform, peers);
        const what = `step ${step}, turn ${turns}`;
        assert.ok(peers.every(({ isDone }) => isDone), `${what}: something hangs`);
        assert.deepEqual(subscriber.received.filter((text) => text === "one" || text === "three"), ["one", "three"], what);
        assert.deepEqual([...new Set(subscriber.received)], texts, what);
        if (publisher.closed + subscriber.closed > before) closed++;
        else kept++;
      }
    }
    assert.ok(closed > 20 && kept > 20, `closed ${closed}, kept ${kept}`);
  });
}
