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
import { startRestServer } from "./rest_worker.ts";

const HISTORIES = 10_000;
const IN_CLUSTER = 1_000;
const STEPS = 30;
/** Histories that are lived at once, each under a prefix of its own. */
const AT_ONCE = 16;
/** After so many Redis is emptied. */
const TO_A_FLUSH = 400;
/** Differences that are told; the others are counted. */
const TOLD = 5;

/** As the key-value store promises over a map, which no test looks at. */
const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** How a comparison went. */
export interface HistoriesResult {
  readonly place: "one Redis" | "a cluster";
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

/** Lives through all of them, from a seed of its own. */
export async function benchHistories(
  {
    histories = HISTORIES,
    inCluster = IN_CLUSTER,
    firstSeed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1,
  }: HistoriesOptions = {},
): Promise<readonly HistoriesResult[]> {
  return [await onOne(histories, firstSeed), await onCluster(inCluster, firstSeed)];
}

/** With a REST server on a thread of its own, so that both cores have work. */
async function onOne(histories: number, firstSeed: number): Promise<HistoriesResult> {
  await using redis = await startRedis();
  using rest = await startRestServer(redis.port);
  const ground = { url: `http://127.0.0.1:${rest.port}`, token: rest.token, nodes: [redis], cluster: false };
  return await live(ground, histories, firstSeed);
}

async function onCluster(histories: number, firstSeed: number): Promise<HistoriesResult> {
  await using redis = await startRedisCluster();
  await using upstash = startUpstash({ redis });
  return await live(
    { url: upstash.url, token: upstash.token, nodes: redis.nodes, cluster: true },
    histories,
    firstSeed,
  );
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
  histories: number,
  firstSeed: number,
): Promise<HistoriesResult> {
  const startedAt = performance.now();
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
  const seconds = (performance.now() - startedAt) / 1_000;
  const place = cluster ? "a cluster" : "one Redis";
  return { place, histories, steps: STEPS, firstSeed, seconds, differences };
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
