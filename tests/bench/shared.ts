/**
 * The claim rate of a shared group: messages a second from their publisher to the PUBACK of one of 50 members, beside as many
 * messages to 50 sessions that subscribe for themselves.
 *
 * Run it: `deno run -A tests/bench/shared.ts`
 *
 * @module
 */
import { type BrokerConnection, sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { denoKvStore } from "@edge-mqtt/session/deno-kv";
import type { SessionStore } from "../../src/store/session_store.ts";
import { type BenchRow, benchRow, median } from "./row.ts";

const MEMBERS = 50;
const MESSAGES = 2_000;
const ROUNDS = 3;
/** No budget: a message of a group is written and removed twice, and a claim is a commit for all who can take something. */
const TARGET = Infinity;

/** Milliseconds until all messages are acknowledged, each by one member. */
async function deliver(store: SessionStore, filterOf: (member: number) => string, topicOf: (index: number) => string) {
  const broker = sessionBroker({ store, queue: { maximumMessages: 2 * MESSAGES } });
  let left = MESSAGES;
  const { promise, resolve } = Promise.withResolvers<void>();
  const members = Array.from({ length: MEMBERS }, (_, member) => {
    const connection: BrokerConnection = broker.accept({
      send: (packet) => {
        if (packet.type !== "publish") return;
        void connection.receive([{ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 }]);
        if (--left === 0) resolve();
      },
      close: () => {},
    });
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0, qos: 1 } as const;
    void connection.receive([
      {
        type: "connect",
        protocolVersion: 5,
        clientId: `m${member}`,
        cleanStart: true,
        keepAlive: 0,
        receiveMaximum: 20,
      },
      { type: "subscribe", packetId: 1, subscriptions: [{ filter: filterOf(member), ...options }] },
    ]);
    return connection;
  });
  await broker.settled();
  const startedAt = performance.now();
  for (let index = 0; index < MESSAGES; index += 100) {
    const some = Array.from(
      { length: 100 },
      (_, place) => broker.publish({ topic: topicOf(index + place), payload: new Uint8Array(64), qos: 1 }),
    );
    await Promise.all(some);
  }
  await promise;
  await broker.settled();
  const took = performance.now() - startedAt;
  for (const member of members) member.closed();
  await broker.shutdown();
  return took;
}

async function compare(
  name: string,
  open: () => Promise<{ store: SessionStore; close: () => void }>,
): Promise<BenchRow> {
  const shared: number[] = [];
  const own: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (
      const [times, filterOf, topicOf] of [
        [shared, () => "$share/g/t", () => "t"],
        [own, (member: number) => `t/${member}`, (index: number) => `t/${index % MEMBERS}`],
      ] as const
    ) {
      const { store, close } = await open();
      times.push(await deliver(store, filterOf, topicOf) / MESSAGES * 1_000);
      close();
    }
  }
  const unit = "µs";
  return benchRow({
    name: `a message claimed by one of ${MEMBERS}, ${name}`,
    ours: median(shared),
    peer: median(own),
    unit,
  }, TARGET);
}

/** Measures the rows. */
export async function benchShared(): Promise<readonly BenchRow[]> {
  return [
    await compare("memory", () => Promise.resolve({ store: memoryStore(), close: () => {} })),
    await compare("Deno KV", async () => {
      const kv = await Deno.openKv(":memory:");
      return { store: denoKvStore(kv), close: () => kv.close() };
    }),
  ];
}

if (import.meta.main) {
  for (const { name, ours, peer, unit, ratio } of await benchShared()) {
    console.log(
      `${name}: ${ours.toFixed(1)} ${unit} (${Math.round(1e6 / ours)}/s), apart ${peer.toFixed(1)} ${unit}, ${
        ratio.toFixed(2)
      }×`,
    );
  }
}
