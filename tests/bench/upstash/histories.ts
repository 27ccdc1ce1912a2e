/**
 * Random histories that this store and the memory store live through side by side.
 *
 * @module
 */
import { memoryStore } from "@edge-mqtt/session/memory";
import { compareStores } from "@edge-mqtt/session/testing";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { Rig } from "./rig.ts";

const HISTORIES = 10_000;
const STEPS = 60;
/** Histories that are lived at once, each under a prefix of its own. */
const AT_ONCE = 8;
/** After so many Redis is emptied. */
const TO_A_FLUSH = 400;
/** Differences that are told; the others are counted. */
const TOLD = 5;

/** How the comparison went. */
export interface HistoriesResult {
  readonly histories: number;
  readonly steps: number;
  readonly firstSeed: number;
  readonly differences: readonly string[];
}

/** Lives through all of them, from a seed of its own. */
export async function benchHistories(
  histories = HISTORIES,
  firstSeed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 1,
): Promise<HistoriesResult> {
  await using rig = await Rig.start();
  const { url, token } = rig.upstash;
  const differences: string[] = [];
  let next = 0;
  const live = async (end: number) => {
    while (next < end) {
      const seed = firstSeed + next++;
      const subject = upstashRedisStore({ url, token }, { prefix: `history-${seed}` });
      try {
        await compareStores(memoryStore(), subject, { seed, steps: STEPS });
      } catch (error) {
        differences.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  for (let from = 0; from < histories; from += TO_A_FLUSH) {
    const end = Math.min(histories, from + TO_A_FLUSH);
    await Promise.all(Array.from({ length: AT_ONCE }, () => live(end)));
    await rig.flush();
  }
  return { histories, steps: STEPS, firstSeed, differences };
}

/** Prints it, and answers whether there was no difference. */
export function printHistories({ histories, steps, firstSeed, differences }: HistoriesResult): boolean {
  const verdict = differences.length === 0 ? "met" : "MISSED";
  console.log(
    `${histories} random histories of ${steps} steps, seeds from ${firstSeed}: ${differences.length} differences  ${verdict}`,
  );
  for (const difference of differences.slice(0, TOLD)) console.log(difference);
  return differences.length === 0;
}
