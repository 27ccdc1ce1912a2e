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
async function play(
  version: 4 | 5,
  evictions: number,
): Promise<{ readonly heard: string; readonly platform: Platform }> {
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
async function finish(peers: readonly Peer[]): Promise<void> {
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

/** How memory is lost while something is under way. */
interface Loss {
  /** After so many turns of the loop since the last packets came. */
  readonly turns?: number;
  /** As soon as so many packets have left since then. */
  readonly sends?: number;
  /** Whether it was lost before they came, too: then they wake a connection. */
  readonly isAsleep: boolean;
}

/** Two exchanges of each level; memory is lost in their given step. Returns how many connections were closed for it. */
async function playLosing(version: 4 | 5, step: number, { turns = 0, sends, isAsleep }: Loss): Promise<number> {
  const platform = new Platform();
  const connect = { protocolVersion: version, receiveMaximum: 2 };
  const publisher = new Peer(platform, "p", connect);
  const subscriber = new Peer(platform, "s", connect);
  const peers = [publisher, subscriber];
  await finish(peers);
  await (subscriber.socket as Socket).send(subscribe("a"));
  const texts = ["one", "two", "three", "four"];
  const packets = texts.map((text, index) => publisher.publish("a", index % 2 === 0 ? 2 : 1, text));
  for (let at = 0; at <= step; at++) {
    const peer = at % 2 === 0 ? publisher : subscriber;
    const coming = at === 0 ? packets : peer.answers();
    if (at === step && isAsleep) platform.evict();
    if (at === step && sends !== undefined) platform.sendsLeft = sends;
    (peer.socket as Socket).arrive(...coming);
    if (at < step || sends !== undefined) await platform.rest();
  }
  for (let turn = 0; turn < turns; turn++) await undefined;
  platform.evict();
  platform.sendsLeft = Infinity;
  await platform.runDue();
  await finish(peers);
  // Whoever was not closed is still heard, and nothing of it hangs.
  for (const { socket } of peers) await (socket as Socket).send({ type: "pingreq" });
  await platform.runDue();
  await finish(peers);
  const what = JSON.stringify({ version, step, turns, sends, isAsleep });
  assert.ok(peers.every(({ isDone }) => isDone), `${what}: something hangs`);
  const twos = subscriber.received.filter((text) => text === "one" || text === "three");
  assert.deepEqual(twos, ["one", "three"], `${what}: exactly once`);
  assert.deepEqual([...new Set(subscriber.received)], texts, what);
  return publisher.closed + subscriber.closed;
}

for (const version of VERSIONS) {
  Deno.test(`memory may be lost at any moment of QoS 1 and 2 exchanges: nothing is lost, doubled or renamed: ${version}`, async () => {
    const closed: number[] = [];
    for (let step = 0; step < 8; step++) {
      for (const isAsleep of [false, true]) {
        for (let sends = 1; sends < 4; sends++) closed.push(await playLosing(version, step, { sends, isAsleep }));
        for (let turns = 0; turns < 60; turns += turns < 30 ? 1 : 3) {
          closed.push(await playLosing(version, step, { turns, isAsleep }));
        }
      }
    }
    const without = closed.filter((count) => count === 0).length;
    assert.ok(without > 50 && without < closed.length - 50, `${without} of ${closed.length} went on`);
  });
}
