/**
 * Whether a step slows down with the number of other sessions: a resume among 100 and among 100 000 stored ones.
 *
 * Run it: `deno run -A tests/bench/resume.ts`
 *
 * @module
 */
import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { denoKvStore } from "@edge-mqtt/session/deno-kv";
import type { ClientPacket } from "../../src/mqtt/packet.ts";
import type { SessionStore } from "../../src/store/session_store.ts";
import { type BenchRow, benchRow, median } from "./row.ts";

const FEW = 100;
const MANY = 100_000;
const RESUMES = 400;
const ROUNDS = 7;
const TARGET = 1.5;
/** Sessions that connect at the same time while the store is filled. */
const FILLING = 250;

function connect(clientId: string): ClientPacket {
  return {
    type: "connect",
    protocolVersion: 5,
    clientId,
    cleanStart: false,
    keepAlive: 0,
    sessionExpiryInterval: 86_400,
  };
}

/** A broker over a store that holds so many detached sessions, each with a subscription of its own. */
async function filled(store: SessionStore, sessions: number) {
  const broker = sessionBroker({ store });
  const open = (index: number) => {
    const connection = broker.accept({ send: () => {}, close: () => {} });
    const filter = `site/${index}/command`;
    const options = { noLocal: false, retainAsPublished: false, retainHandling: 0, qos: 1 } as const;
    void connection.receive([
      connect(`meter-${index}`),
      { type: "subscribe", packetId: 1, subscriptions: [{ filter, ...options }] },
      { type: "disconnect", reasonCode: 0 },
    ]);
    return connection.done;
  };
  await open(0);
  for (let from = 1; from < sessions; from += FILLING) {
    const next = Math.min(FILLING, sessions - from);
    await Promise.all(Array.from({ length: next }, (_, index) => open(from + index)));
  }
  return broker;
}

/** Milliseconds for some resumes and their DISCONNECTs, one after another. */
async function resume(broker: Awaited<ReturnType<typeof filled>>, sessions: number, seed: number): Promise<number> {
  const startedAt = performance.now();
  for (let index = 0; index < RESUMES; index++) {
    const connection = broker.accept({ send: () => {}, close: () => {} });
    const clientId = `meter-${(seed + index * 7_919) % sessions}`;
    void connection.receive([connect(clientId), { type: "disconnect", reasonCode: 0 }]);
    await connection.done;
  }
  return (performance.now() - startedAt) / RESUMES;
}

async function compare(name: string, few: SessionStore, many: SessionStore): Promise<BenchRow> {
  const small = await filled(few, FEW);
  const large = await filled(many, MANY);
  const times: { few: number[]; many: number[] } = { few: [], many: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const ofFew = await resume(small, FEW, round);
    const ofMany = await resume(large, MANY, round);
    // The first round warms both up.
    if (round === 0) continue;
    times.few.push(ofFew);
    times.many.push(ofMany);
  }
  await small.shutdown();
  await large.shutdown();
  const measured = { ours: median(times.many), peer: median(times.few), unit: "ms" } as const;
  return benchRow({ name: `resume among 100 000 sessions against 100, ${name}`, ...measured }, TARGET);
}

/** Measures both stores; the peer of each row is the same store with few sessions. */
export async function benchResume(): Promise<readonly BenchRow[]> {
  const few = await Deno.openKv(":memory:");
  const many = await Deno.openKv(":memory:");
  try {
    return [
      await compare("memory", memoryStore(), memoryStore()),
      await compare("Deno KV", denoKvStore(few), denoKvStore(many)),
    ];
  } finally {
    few.close();
    many.close();
  }
}

if (import.meta.main) console.table(await benchResume());
