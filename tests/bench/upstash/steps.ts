/**
 * Requests, commands and bytes of every step, beside the peer's, and the limits that they must keep.
 *
 * @module
 */
import { REDIS_COSTS, type RedisCost, type RedisStep, STEP_NAMES } from "../../support/redis/costs.ts";
import { measureOurSteps } from "./our_steps.ts";
import type { OurUsage } from "./ours.ts";
import type { PeerUsage } from "./peer.ts";
import { measurePeerSteps } from "./peer_steps.ts";
import { onCluster, type Rig } from "./rig.ts";

/** One step of both sides. */
export interface StepRow {
  readonly step: RedisStep;
  readonly ours: OurUsage;
  readonly peer: PeerUsage | undefined;
  /** The same in cluster mode, with the deliveries that follow an ack there; it has no budget. */
  readonly cluster: OurUsage;
  /** The longest chain that the step may be (DESIGN, budgets). */
  readonly trips: number;
  /** What it may be billed. */
  readonly limit: number;
  /** Why more trips than the peer's are right; without it they are a miss. */
  readonly reason: string | undefined;
  readonly met: boolean;
}

/** The most trips of a step. What follows an answer that nobody waits for counts too. */
const TRIPS: Readonly<Partial<Record<RedisStep, number>>> = {
  ping: 0,
  publish: 2,
  publishHere: 2,
  publishElsewhere: 2,
  publishToTen: 2,
  publishToHundred: 2,
  publishHundred: 2,
  publishQos2: 2,
  // The look at what the ended session owed follows CONNACK.
  connectCleanStart: 2,
  due: 2,
  hear: 2,
};

const LEAVES = "the peer stores nothing: no end of the session, no owner that let go";

/** Where the peer takes fewer trips since it does less. */
const REASONS: Readonly<Partial<Record<RedisStep, string>>> = {
  disconnect: LEAVES,
  connectionLost: LEAVES,
  disconnectAndEnd: "the peer waits for nothing: what it removes it removes later",
};

/** Measures both sides. */
export async function benchSteps(rig: Rig): Promise<readonly StepRow[]> {
  const ours = await measureOurSteps(rig);
  await rig.flush();
  const peers = await measurePeerSteps(rig);
  await rig.flush();
  const clusters = await onCluster(measureOurSteps);
  const costs: Readonly<Record<RedisStep, RedisCost>> = REDIS_COSTS;
  return (Object.keys(costs) as RedisStep[]).map((step): StepRow => {
    const usage = ours[step];
    const peer = peers[step];
    const trips = TRIPS[step] ?? 1;
    const limit = costs[step].limit ?? Infinity;
    const reason = REASONS[step];
    const met = usage.trips <= trips && usage.requests <= usage.trips && usage.billed <= limit &&
      (peer === undefined || usage.trips <= peer.trips || reason !== undefined);
    return { step, ours: usage, peer, cluster: clusters[step], trips, limit, reason, met };
  });
}

/** Prints them, and answers whether all were met. */
export function printSteps(rows: readonly StepRow[]): boolean {
  console.log(
    "steps: trips, commands, bytes".padEnd(76) + "ours".padStart(22) + "budget".padStart(12) + "peer".padStart(22) +
      "cluster".padStart(16),
  );
  for (const { step, ours, peer, cluster, trips, limit, reason, met } of rows) {
    const figures = (all: readonly number[]) => all.map((value) => String(value).padStart(7)).join(" ");
    const budget = `${trips}, ${limit === Infinity ? "-" : limit}`.padStart(11);
    const beside = peer === undefined
      ? "-".padStart(23)
      : figures([peer.trips, peer.commands, peer.bytesSent + peer.bytesReceived]);
    const verdict = met ? "met" : "MISSED";
    const because = peer !== undefined && ours.trips > peer.trips ? `  ${reason ?? "more trips than the peer"}` : "";
    console.log(
      `${STEP_NAMES[step].padEnd(74)} ${figures([ours.trips, ours.billed, ours.bytes])} ${budget} ${beside} ${
        figures([cluster.trips, cluster.billed])
      } ${verdict}${because}`,
    );
  }
  return rows.every(({ met }) => met);
}
