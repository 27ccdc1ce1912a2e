/**
 * A SUBSCRIBE to `#` over 100 000 retained topics: how long until its client has acknowledged all of them, how long its log
 * ever gets, and how long another client waits for a PUBACK meanwhile. Beside it, what the store of retained messages takes
 * to be read once, ours and that of aedes-persistence-redis.
 *
 * Run it: `deno run -A --unstable-kv tests/bench/retained.ts`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Redis } from "ioredis";
import { type RetainedStore, sessionBroker, type SessionStore } from "@edge-mqtt/session";
import { denoKvRetained, denoKvStore } from "@edge-mqtt/session/deno-kv";
import { memoryRetained, memoryStore } from "@edge-mqtt/session/memory";
import { upstashRedisRetained, upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import type { ServerPacket } from "../../src/mqtt/packet.ts";
import { startRedis } from "../support/redis/redis_server.ts";
import { startUpstash } from "../support/redis/upstash_server.ts";
import { openPersistence } from "./upstash/peer_persistence.ts";
import { connectPacket, publishPacket, subscribePacket } from "./upstash/ours.ts";

const TOPICS = 100_000;
/** Topics that are put at the same time. */
const AT_ONCE = 500;
const PAYLOAD = new Uint8Array(64).fill(0x2a);

/** What the subscription took on one store. */
export interface RetainedRow {
  readonly name: string;
  readonly topics: number;
  /** Milliseconds until all are acknowledged. */
  readonly allMs: number;
  /** The most messages that its log was seen to hold. */
  readonly longestLog: number;
  /** The longest wait of another client for a PUBACK, in milliseconds. */
  readonly othersMs: number;
  /** Milliseconds until the store was read once, without a session. */
  readonly readMs: number;
}

/** What the peer takes to read its store once. */
export interface RetainedPeer {
  readonly topics: number;
  readonly readMs: number;
}

/** Measures three stores and the peer. */
export async function benchRetained(
  topics = TOPICS,
): Promise<{ readonly rows: readonly RetainedRow[]; readonly peer: RetainedPeer }> {
  const rows = [await measure("memory", { store: memoryStore(), retained: memoryRetained() }, topics)];
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${folder}/sessions.db`);
  try {
    rows.push(await measure("Deno KV on a file", { store: denoKvStore(kv), retained: denoKvRetained(kv) }, topics));
  } finally {
    kv.close();
    await Deno.remove(folder, { recursive: true });
  }
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  const { url, token } = upstash;
  const client = { url, token };
  rows.push(
    await measure(
      "Redis over REST",
      { store: upstashRedisStore(client), retained: upstashRedisRetained(client) },
      topics,
    ),
  );
  return { rows, peer: await readPeer(redis.port, topics) };
}

/** Prints a table of them. */
export function printRetained({ rows, peer }: Awaited<ReturnType<typeof benchRetained>>): void {
  console.log(
    "SUBSCRIBE to # over retained topics".padEnd(38) +
      "topics   all acknowledged   longest log   others' PUBACK   read once",
  );
  const ms = (value: number, width: number) => `${value.toFixed(0)} ms`.padStart(width);
  for (const { name, topics, allMs, longestLog, othersMs, readMs } of rows) {
    console.log(
      `${name.padEnd(36)}${String(topics).padStart(8)}${ms(allMs, 19)}${String(longestLog).padStart(14)}${
        ms(othersMs, 17)
      }${ms(readMs, 12)}`,
    );
  }
  const place = `${"aedes-persistence-redis over RESP".padEnd(36)}${String(peer.topics).padStart(8)}`;
  console.log(`${place}${"-".padStart(19)}${"-".padStart(14)}${"-".padStart(17)}${ms(peer.readMs, 12)}`);
}

interface Place {
  readonly store: SessionStore;
  readonly retained: RetainedStore;
}

async function measure(name: string, { store, retained }: Place, topics: number): Promise<RetainedRow> {
  await fill(retained, topics);
  const readMs = await readOnce(retained, topics);
  const broker = sessionBroker({ store, retained });
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let left = topics;
  const client = broker.accept({
    send: (packet) => {
      if (packet.type !== "publish") return;
      void client.receive([{ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 }]);
      if (--left === 0) resolve();
    },
    close: () => {},
  });
  await client.receive([connectPacket("all")]);
  const other = await otherClient(broker);
  await broker.settled();
  let longestLog = 0;
  let othersMs = 0;
  const before = performance.now();
  void client.receive([subscribePacket(["#"], 1)]);
  while (left > 0) {
    const waited = await Promise.race([other(), over.then(() => 0)]);
    othersMs = Math.max(othersMs, waited);
    const found = await broker.inspect("all");
    longestLog = Math.max(longestLog, found?.queuedMessages ?? 0);
  }
  await broker.settled();
  const allMs = performance.now() - before;
  const rest = (await broker.inspect("all"))?.queuedMessages;
  if (rest !== 0) throw new Error(`Cannot measure "${name}": ${rest} messages are left`);
  await broker.shutdown();
  return { name, topics, allMs, longestLog, othersMs, readMs };
}

/** Another client, which publishes for nobody that is away, and says how long its PUBACK took. */
async function otherClient(broker: ReturnType<typeof sessionBroker>): Promise<() => Promise<number>> {
  let answered: (() => void) | undefined;
  const send = (packet: ServerPacket): void => {
    if (packet.type === "puback") answered?.();
  };
  const connection = broker.accept({ send, close: () => {} });
  await connection.receive([connectPacket("other"), subscribePacket(["$other"], 0)]);
  return async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    answered = resolve;
    const before = performance.now();
    void connection.receive([publishPacket("$other", 1, 1)]);
    await promise;
    return performance.now() - before;
  };
}

async function fill(retained: RetainedStore, topics: number): Promise<void> {
  const limits = { maximumMessages: Infinity, maximumBytes: Infinity };
  for (let from = 0, number = 1; from < topics; from += AT_ONCE, number++) {
    const puts = Array.from({ length: Math.min(AT_ONCE, topics - from) }, (_, index) => ({
      message: {
        topic: topicOf(from + index),
        payload: PAYLOAD,
        qos: 1,
        retain: true,
        properties: {},
        publisher: "",
        publishedAt: 1,
      } as const,
    }));
    await retained.put(puts, { limits, order: { writer: "bench", number }, now: 1 });
  }
}

async function readOnce(retained: RetainedStore, topics: number): Promise<number> {
  const before = performance.now();
  let count = 0;
  for (let after: string | undefined = ""; after !== undefined;) {
    const [page]: Awaited<ReturnType<RetainedStore["match"]>> = await retained.match(
      [{ filter: "#", after, messages: 1_000, bytes: 1_048_576 }],
      { now: 1 },
    );
    count += page?.entries.length ?? 0;
    after = page?.after;
  }
  if (count !== topics) throw new Error(`Cannot measure: ${count} topics were read`);
  return performance.now() - before;
}

function topicOf(index: number): string {
  return `site-${index % 50}/line-${index % 7}/machine-${index}/state`;
}

/** The members of the peer's persistence that concern retained messages. */
interface PeerRetained {
  storeRetained(packet: object): Promise<void>;
  createRetainedStreamCombi(filters: readonly string[]): AsyncIterable<unknown>;
}

async function readPeer(port: number, topics: number): Promise<RetainedPeer> {
  const connection = new Redis({ host: "127.0.0.1", port, lazyConnect: true });
  await connection.connect();
  // As in its package; `Persistence` writes down what sessions need alone.
  const persistence = openPersistence(connection) as unknown as PeerRetained;
  for (let from = 0; from < topics; from += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, topics - from) }, (_, index) =>
        persistence.storeRetained({
          cmd: "publish",
          topic: topicOf(from + index),
          payload: Buffer.from(PAYLOAD),
          qos: 1,
          retain: true,
        })),
    );
  }
  const before = performance.now();
  let count = 0;
  for await (const _ of persistence.createRetainedStreamCombi(["#"])) count++;
  const readMs = performance.now() - before;
  connection.disconnect();
  if (count !== topics) throw new Error(`Cannot compare: the peer read ${count} topics`);
  return { topics, readMs };
}

if (import.meta.main) printRetained(await benchRetained(Number(Deno.args[0] ?? TOPICS)));
