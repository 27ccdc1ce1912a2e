/**
 * Random histories that this store and the key-value store live through side by side, on one Redis and on a cluster.
 *
 * @module
 */
import { keyValueStore } from "@edge-mqtt/session/key-value";
import { compareStores, mapDriver, random } from "@edge-mqtt/session/testing";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { type RedisServer, startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";

const HISTORIES = 10_000;
const IN_CLUSTER = 1_000;
const STEPS = 30;
/** Histories that a thread lives at once, each under a prefix of its own. */
const AT_ONCE = 8;
/** After so many Redis is emptied. */
const TO_A_FLUSH = 400;
/** Differences that are told; the others are counted. */
const TOLD = 5;

/** As the key-value store promises over a map, which no test looks at. */
const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** Where histories are lived. */
type Place = "one Redis" | "a cluster";

/** How a comparison went. */
export interface HistoriesResult {
  readonly place: Place;
  readonly histories: number;
  readonly steps: number;
  readonly firstSeed: number;
  readonly seconds: number;
  readonly differences: readonly string[];
}

/** How many histories, and from which seed on. */
export interface HistoriesOptions {
  readonly histories?: number;
  readonly inCluster?: number;
  readonly firstSeed?: number;
}

/** Lives through all of them, from a seed of its own, on as many threads as there are cores. */
export async function benchHistories(
  {
    histories = HISTORIES,
    inCluster = IN_CLUSTER,
    firstSeed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1,
  }: HistoriesOptions = {},
): Promise<readonly HistoriesResult[]> {
  return [
    await onThreads({ place: "one Redis", histories, firstSeed }),
    await onThreads({ place: "a cluster", histories: inCluster, firstSeed }),
  ];
}

/** What a thread does. */
interface Share {
  readonly place: Place;
  readonly histories: number;
  readonly firstSeed: number;
}

async function onThreads({ place, histories, firstSeed }: Share): Promise<HistoriesResult> {
  const startedAt = performance.now();
  const each = Math.ceil(histories / navigator.hardwareConcurrency);
  const shares: Share[] = [];
  for (let from = 0; from < histories; from += each) {
    shares.push({ place, histories: Math.min(each, histories - from), firstSeed: firstSeed + from });
  }
  const differences = (await Promise.all(shares.map(onThread))).flat();
  const seconds = (performance.now() - startedAt) / 1_000;
  return { place, histories, steps: STEPS, firstSeed, seconds, differences };
}

async function onThread(share: Share): Promise<readonly string[]> {
  const worker = new Worker(import.meta.url, { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(`Cannot live through histories: ${event.message}`));
      worker.postMessage(share);
    });
  } finally {
    worker.terminate();
  }
}

/** Each share has a Redis of its own. */
async function liveShare(share: Share): Promise<readonly string[]> {
  const cluster = share.place === "a cluster";
  await using redis = await (cluster ? startRedisCluster() : startRedis());
  await using upstash = startUpstash({ redis });
  const nodes = "nodes" in redis ? redis.nodes : [redis];
  return await live({ url: upstash.url, token: upstash.token, nodes, cluster }, share);
}

/** A Redis or several, behind a REST server. */
interface Ground {
  readonly url: string;
  readonly token: string;
  readonly nodes: readonly RedisServer[];
  readonly cluster: boolean;
}

async function live(
  { url, token, nodes, cluster }: Ground,
  { histories, firstSeed }: Share,
): Promise<readonly string[]> {
  const differences: string[] = [];
  let next = 0;
  const some = async (end: number) => {
    while (next < end) {
      const seed = firstSeed + next++;
      const model = keyValueStore(mapDriver(), { capabilities: CAPABILITIES, newId: random(seed).id });
      const subject = upstashRedisStore({ url, token }, { prefix: `history-${seed}`, cluster });
      try {
        await compareStores(model, subject, { seed, steps: STEPS });
      } catch (error) {
        differences.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  for (let from = 0; from < histories; from += TO_A_FLUSH) {
    const end = Math.min(histories, from + TO_A_FLUSH);
    await Promise.all(Array.from({ length: AT_ONCE }, () => some(end)));
    await Promise.all(nodes.map(flush));
  }
  return differences;
}

/** Empties it; scripts stay known. */
async function flush(redis: RedisServer): Promise<void> {
  const connection = await redis.connect();
  await connection.command(["FLUSHALL"]);
  await connection.close();
}

/** Prints them, and answers whether there was no difference. */
export function printHistories(results: readonly HistoriesResult[]): boolean {
  for (const { place, histories, steps, firstSeed, seconds, differences } of results) {
    const verdict = differences.length === 0 ? "met" : "MISSED";
    console.log(
      `${histories} random histories of ${steps} steps on ${place}, seeds from ${firstSeed}, ` +
        `in ${seconds.toFixed(0)} s: ${differences.length} differences  ${verdict}`,
    );
    for (const difference of differences.slice(0, TOLD)) console.log(difference);
  }
  return results.every(({ differences }) => differences.length === 0);
}

/** What a thread has that a page has not. */
interface Thread {
  onmessage: (event: MessageEvent<Share>) => void;
  postMessage(value: unknown): void;
}

if ("DedicatedWorkerGlobalScope" in globalThis) {
  const thread = globalThis as unknown as Thread; // As was just seen.
  // A share that fails as a whole is an unhandled rejection, which ends the thread with an error.
  thread.onmessage = async ({ data }) => thread.postMessage(await liveShare(data));
}
