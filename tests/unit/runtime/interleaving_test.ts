/**
 * Clients publish while the store answers in any order, fails and forgets to answer: what was acknowledged arrives, and
 * QoS 2 arrives once.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ClientPacket, type ServerPacket, sessionBroker } from "../../../mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { fakeClock, type Fault, faultyStore, random, scheduler } from "../../../src/testing/mod.ts";
import { connectPacket, publishPacket, START, subscribePacket } from "./support.ts";

const FAULTS: readonly Fault[] = ["failsBefore", "failsAfter", "failsUnknown", "replyLost", "neverStarts"];

/** A client that behaves: it comes back, repeats what was not acknowledged, and answers what it gets. */
function honest(
  clientId: string,
  accept: (handlers: { send: (packet: ServerPacket) => void; close: () => void }) => {
    receive(packets: readonly ClientPacket[]): Promise<void>;
    closed(): void;
  },
) {
  const texts: string[] = [];
  const unacknowledged = new Map<number, ClientPacket>();
  const acknowledged: string[] = [];
  const unreleased = new Set<number>();
  let connection: ReturnType<typeof accept> | undefined;
  let isOpen = false;
  const take = (packet: ServerPacket): ClientPacket[] => {
    switch (packet.type) {
      case "connack":
        isOpen = packet.reasonCode === 0;
        return isOpen
          ? [...unacknowledged.values()].map((sent) => sent.type === "publish" ? { ...sent, dup: true } : sent)
          : [];
      case "publish": {
        const text = new TextDecoder().decode(packet.payload);
        if (packet.packetId === undefined) return [];
        if (packet.qos === 1) {
          texts.push(text);
          return [{ type: "puback", packetId: packet.packetId, reasonCode: 0 }];
        }
        if (!unreleased.has(packet.packetId)) texts.push(text);
        unreleased.add(packet.packetId);
        return [{ type: "pubrec", packetId: packet.packetId, reasonCode: 0 }];
      }
      case "pubrel":
        unreleased.delete(packet.packetId);
        return [{ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 }];
      case "puback":
      case "pubcomp":
        unacknowledged.delete(packet.packetId);
        return [];
      case "pubrec": {
        const sent = unacknowledged.get(packet.packetId);
        if (sent?.type === "publish") acknowledged.push(new TextDecoder().decode(sent.payload));
        const pubrel: ClientPacket = { type: "pubrel", packetId: packet.packetId, reasonCode: 0 };
        unacknowledged.set(packet.packetId, pubrel);
        return [pubrel];
      }
      default:
        return [];
    }
  };
  return {
    texts,
    acknowledged,
    get settled() {
      return isOpen && unacknowledged.size === 0;
    },
    get isOpen() {
      return isOpen;
    },
    connect: () => {
      let mine = true;
      const opened = accept({
        send: (packet) => {
          if (!mine) return;
          if (packet.type === "puback") {
            const sent = unacknowledged.get(packet.packetId);
            if (sent?.type === "publish") acknowledged.push(new TextDecoder().decode(sent.payload));
          }
          const answers = take(packet);
          if (answers.length > 0) opened.receive(answers);
        },
        close: () => {
          mine = false;
          if (connection === opened) {
            isOpen = false;
            connection = undefined;
          }
        },
      });
      connection = opened;
      opened.receive([connectPacket(clientId)]);
    },
    publish: (qos: 1 | 2, packetId: number, text: string) => {
      const packet = publishPacket("t", qos, packetId, text);
      unacknowledged.set(packetId, packet);
      if (isOpen) connection?.receive([packet]);
    },
    send: (packet: ClientPacket) => connection?.receive([packet]),
    drop: () => {
      const lost = connection;
      connection = undefined;
      isOpen = false;
      lost?.closed();
    },
    get gone() {
      return connection === undefined;
    },
  };
}

async function run(seed: number): Promise<void> {
  const chance = random(seed);
  const clock = fakeClock(START);
  const tasks = scheduler({ seed, replies: "apart" });
  const inner = memoryStore({ maxReceiversPerCommit: 1 + chance.below(4) });
  const faults = faultyStore(inner);
  let ids = 0;
  const broker = sessionBroker({
    store: tasks.wrap(faults.store),
    environment: { now: clock.now, monotonic: clock.monotonic, wake: clock.wake, randomId: () => `id-${++ids}` },
    commit: { timeoutMs: 1_000, repeatForMs: 5_000, repeatAfterMs: 100 },
    limits: { connectTimeoutMs: 100_000 },
  });
  broker.start();
  const accept = (handlers: { send: (packet: ServerPacket) => void; close: () => void }) => broker.accept(handlers);
  const subscribers = [honest("s1", accept), honest("s2", accept), honest("s3", accept)];
  const publisher = honest("p", accept);
  const everyone = [...subscribers, publisher];
  const calm = async () => {
    for (let round = 0; round < 200; round++) {
      await tasks.runAll();
      for (const client of everyone) if (client.gone) client.connect();
      await tasks.runAll();
      if (everyone.every((client) => client.settled)) return;
      clock.advance(500);
    }
    throw new Error(`never came to rest (seed ${seed})`);
  };
  for (const client of everyone) client.connect();
  await calm();
  for (const subscriber of subscribers) subscriber.send(subscribePacket(1, "t"));
  await calm();

  const sent: { readonly text: string; readonly qos: 1 | 2 }[] = [];
  for (let turn = 0; turn < 40; turn++) {
    const dice = chance.below(10);
    if (dice < 4) {
      const qos = chance.below(2) === 0 ? 1 : 2;
      const text = `${sent.length}`;
      sent.push({ text, qos });
      publisher.publish(qos, sent.length, text);
    } else if (dice === 4) {
      faults.inject({ call: "commit", fault: FAULTS[chance.below(FAULTS.length)] as Fault });
    } else if (dice === 5) {
      const client = everyone[chance.below(everyone.length)];
      if (client?.isOpen) client.drop();
    } else if (dice === 6) {
      for (const client of everyone) if (client.gone) client.connect();
    } else if (dice === 7) clock.advance(chance.below(1_500));
    else await tasks.runOne();
  }
  faults.heal();
  await calm();
  await calm();
  await tasks.runAll();
  clock.advance(2_000);
  await calm();

  assert.deepEqual([...publisher.acknowledged].sort(), sent.map(({ text }) => text).sort(), `seed ${seed}`);
  for (const subscriber of subscribers) {
    const qos2 = sent.filter(({ qos }) => qos === 2).map(({ text }) => text);
    assert.deepEqual(subscriber.texts.filter((text) => qos2.includes(text)).sort(), qos2.sort(), `seed ${seed}`);
    for (const { text } of sent) assert(subscriber.texts.includes(text), `${text} is missing (seed ${seed})`);
  }
  let isClosed = false;
  broker.shutdown().then(() => isClosed = true);
  for (let round = 0; round < 50 && !isClosed; round++) {
    await tasks.runAll();
    clock.advance(500);
  }
  await tasks.runAll();
  assert(isClosed, `shutdown never ended (seed ${seed})`);
}

Deno.test("what was acknowledged arrives, and QoS 2 once, however the store answers", async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 1_000_000 }), run), { numRuns: 30 });
});
