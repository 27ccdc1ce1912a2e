import assert from "node:assert/strict";
import type { ClientPacket, ServerPacket, SubscriptionRequest } from "../../../mod.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import { memoryRetained, memoryStore } from "../../../src/stores/memory.ts";
import { mapDriver, type Random, random } from "../../../src/testing/mod.ts";
import { Peer } from "./hibernation_client.ts";
import { Platform, shown, type Socket } from "./hibernation_support.ts";

const KEY_VALUE = {
  capabilities: { fencing: "strict", durability: "process", consistency: "strong", ttl: false, watch: "none" },
  prefix: "test",
} as const;
const WORLDS = 20;
const STEPS = 60;

/** What a world does next, drawn before anybody looks at what has come of it. */
interface Move {
  readonly peer: number;
  readonly what: "publish" | "retain" | "subscribe" | "unsubscribe" | "answer" | "ping" | "lose" | "again" | "pass";
  readonly topic: string;
  readonly qos: 1 | 2;
  readonly ms: number;
}

function drawn(chance: Random): Move[] {
  return Array.from({ length: STEPS }, (_, index) => ({
    peer: index < 4 ? index % 4 : chance.below(4),
    what: index < 4 ? "answer" : chance.pick(
      [
        ...["publish", "publish", "publish", "retain", "subscribe", "subscribe", "unsubscribe"] as const,
        ...["answer", "answer", "answer", "answer", "answer", "ping", "lose", "again", "pass"] as const,
      ],
    ),
    topic: `t${chance.below(3)}`,
    qos: chance.chance(0.5) ? 1 : 2,
    ms: chance.below(9_000),
  }));
}

function filters(topic: string, qos: 1 | 2): readonly SubscriptionRequest[] {
  // What is owed to several subscriptions comes in any order.
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 2 } as const;
  return [
    { filter: topic, ...options },
    ...(topic === "t0" ? [{ filter: "+", ...options, retainHandling: 0 } as const] : []),
  ];
}

/**
 * What stands at a client. Messages are in order, and so are releases and answers; among the three there is none. A message that was
 * never sent may carry DUP after a takeover, by how far the stored limit was ahead (D3).
 */
function lookOf({ got, isOpen }: Socket): string {
  const kindOf = ({ type }: ServerPacket) => type === "publish" ? 0 : type === "pubrel" ? 1 : 2;
  const packets = got.toSorted((a, b) => kindOf(a) - kindOf(b));
  return packets.map((packet) => shown(packet).replace("dup-", "")).join(" ") + (isOpen ? "" : "!");
}

/** Plays moves; before each of them memory is lost where `isEvicted` says so. What everybody saw, and what is stored. */
async function play(moves: readonly Move[], version: 4 | 5, isEvicted: (index: number) => boolean) {
  // Of one version in each kind of store: what a reload finds is read in other ways.
  const store = version === 4 ? memoryStore() : keyValueStore(mapDriver(), KEY_VALUE);
  const platform = new Platform({
    retained: memoryRetained(),
    limits: { pageMessages: 4, sendAhead: 3, retainedAhead: 2 },
  }, store);
  await platform.runDue();
  const peers = [0, 1, 2, 3].map((index) =>
    new Peer(platform, `c${index}`, {
      protocolVersion: version,
      receiveMaximum: 2 + index,
      keepAlive: 20,
      sessionExpiryInterval: index === 3 ? 5 : 1_000,
      will: {
        topic: "t0",
        payload: new TextEncoder().encode(`bye ${index}`),
        qos: 1,
        retain: false,
        properties: {},
        willDelayInterval: index,
      },
    })
  );
  const seen: string[] = [];
  let texts = 0;
  for (const [index, { peer: place, what, topic, qos, ms }] of moves.entries()) {
    const peer = peers[place] as Peer;
    if (isEvicted(index)) platform.evict();
    const socket = peer.socket;
    const packets: ClientPacket[] = [];
    switch (what) {
      case "publish":
      case "retain":
        if (socket?.isOpen) {
          packets.push({ ...peer.publish(topic, qos, `text ${++texts}`), retain: what === "retain" } as ClientPacket);
        }
        break;
      case "subscribe":
        packets.push({ type: "subscribe", packetId: 60_000, subscriptions: filters(topic, qos) });
        break;
      case "unsubscribe":
        packets.push({ type: "unsubscribe", packetId: 60_001, filters: [topic] });
        break;
      case "ping":
        packets.push({ type: "pingreq" });
        break;
      case "answer":
        packets.push(...peer.answers());
        break;
      case "again":
        packets.push(peer.begin());
        break;
      case "lose":
        if (socket?.isOpen) await socket.lose();
        break;
      case "pass":
        platform.clock.advance(ms);
        await platform.runDue();
        break;
      default:
        what satisfies never;
    }
    if (packets.length > 0 && peer.socket?.isOpen) await peer.socket.send(...packets);
    seen.push(`${index} ${what} ${place}: ${platform.sockets.map(lookOf).join(", ")}`);
  }
  const stored: unknown[] = [];
  for (const { clientId } of peers) {
    const found = await platform.store.read(clientId);
    const { sentLimit: _limit, ...head } = found?.snapshot.head ?? { sentLimit: 0 };
    const { subscriptions, inbound, outbound } = found?.snapshot ?? {};
    const marks = Array.from(outbound ?? [], ([sequence, { packetId, phase }]) => [sequence, packetId, phase]);
    const { queuedMessages } = await platform.store.directory.inspect(clientId) ?? {};
    stored.push({ clientId, head, subscriptions, inbound, marks, queuedMessages });
  }
  return { seen, stored, lives: platform.lives, open: platform.sockets.filter((each: Socket) => each.isOpen).length };
}

for (const version of [4, 5] as const) {
  Deno.test(`a world whose memory is lost between packets is the same to everybody in it: ${version}`, async () => {
    const first = (Date.now() % 1_000_000) * 1_000;
    let lives = 0;
    for (let seed = first; seed < first + WORLDS; seed++) {
      const moves = drawn(random(seed));
      const whole = await play(moves, version, () => false);
      const chance = random(seed + 1);
      const often = chance.pick([0.2, 0.6, 1]);
      const torn = await play(moves, version, () => chance.chance(often));
      for (const [index, line] of whole.seen.entries()) {
        assert.equal(
          torn.seen[index],
          line,
          `seed ${seed}\n${whole.seen.slice(Math.max(0, index - 8), index).join("\n")}`,
        );
      }
      assert.deepEqual(torn.stored, whole.stored, `seed ${seed}`);
      lives += torn.lives;
    }
    assert.ok(lives > WORLDS * 10);
  });
}
