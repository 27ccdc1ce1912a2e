/**
 * Wall time over ways of several latencies, side by side with the peer on the same Redis.
 *
 * @module
 */
import { median } from "../row.ts";
import type { Rig, Ways } from "./rig.ts";
import { type Scenario, SCENARIOS, type Side } from "./scenarios.ts";

/** Milliseconds that an answer takes longer. */
export const LATENCIES = [0, 5, 20, 50] as const;

/** From this latency on trips decide. */
const DECIDES_FROM_MS = 5;
/** How much slower a row of equal trips may be. */
const EQUAL = 1.1;
const MOST_ROUNDS = 31;
const FEWEST_ROUNDS = 3;
/** More than the fewest rounds only until this time is spent; */
const ENOUGH_MS = 1_000;
/** and not even those beyond this. */
const TOO_LONG_MS = 3_000;

/** Both sides of a scenario. */
export interface WallRow {
  readonly name: string;
  readonly trips: { readonly ours: number; readonly peer: number };
  readonly times: readonly WallTime[];
}

/** Medians at one latency, in milliseconds. */
export interface WallTime {
  readonly latencyMs: number;
  readonly ours: number;
  readonly peer: number;
  readonly rounds: number;
  readonly met: boolean;
  /** Why it may be behind. */
  readonly reason: string | undefined;
}

/** Measures all scenarios at all latencies. */
export async function benchWall(rig: Rig, latencies: readonly number[] = LATENCIES): Promise<readonly WallRow[]> {
  const rows: { readonly scenario: Scenario; readonly trips: WallRow["trips"]; readonly times: WallTime[] }[] = [];
  for (const scenario of SCENARIOS) rows.push({ scenario, trips: await tripsOf(rig, scenario), times: [] });
  for (const latencyMs of latencies) {
    await rig.at(latencyMs, async (ways) => {
      const peers = new Map<string, readonly number[]>();
      for (const { scenario, trips, times } of rows) {
        await rig.flush();
        const ours = await timeOurs(ways, scenario, latencyMs);
        const peer = peers.get(scenario.peerDoes) ?? await timePeer(rig, ways, scenario, latencyMs);
        peers.set(scenario.peerDoes, peer);
        times.push(judge({ trips, reason: scenario.reason }, latencyMs, { ours, peer }));
      }
    });
  }
  return rows.map(({ scenario, trips, times }) => ({ name: scenario.name, trips, times }));
}

/** Counted in the second round, when all is known that is learnt once. */
async function tripsOf(rig: Rig, scenario: Scenario): Promise<WallRow["trips"]> {
  await rig.flush();
  const ours = rig.ours();
  const side = await scenario.ours(ours);
  await (await side.prepared())();
  const { trips } = await ours.usageOf(await side.prepared());
  await ours.close();
  await rig.flush();
  const peer = await rig.peer({ countTrips: true });
  const round = await (await scenario.peer(peer)).prepared();
  await peer.usage();
  await round();
  const usage = await peer.usage();
  await peer.close();
  return { ours: trips, peer: usage.trips };
}

/** Milliseconds of our rounds. */
async function timeOurs(ways: Ways, scenario: Scenario, latencyMs: number): Promise<readonly number[]> {
  const ours = ways.ours();
  try {
    return await measure(await scenario.ours(ours), latencyMs);
  } finally {
    await ours.close();
  }
}

/** Milliseconds of the peer's rounds; without latency of the better of its two ways to write. */
async function timePeer(rig: Rig, ways: Ways, scenario: Scenario, latencyMs: number): Promise<readonly number[]> {
  const tried: (readonly number[])[] = [];
  for (const pipelining of latencyMs === 0 ? [false, true] : [false]) {
    await rig.flush();
    const peer = await ways.peer(pipelining);
    try {
      tried.push(await measure(await scenario.peer(peer), latencyMs));
    } finally {
      await peer.close();
    }
  }
  return tried.toSorted((a, b) => median(a) - median(b))[0] ?? [];
}

function judge(
  { trips, reason }: { readonly trips: WallRow["trips"]; readonly reason: string | undefined },
  latencyMs: number,
  { ours, peer }: { readonly ours: readonly number[]; readonly peer: readonly number[] },
): WallTime {
  const times = { ours: median(ours), peer: median(peer) };
  const isBehind = times.ours > (trips.ours < trips.peer ? times.peer : times.peer * EQUAL);
  const decides = latencyMs >= DECIDES_FROM_MS;
  return {
    latencyMs,
    ...times,
    rounds: Math.min(ours.length, peer.length),
    met: trips.ours <= trips.peer && (!isBehind || (!decides && reason !== undefined)),
    reason: isBehind && !decides ? reason : undefined,
  };
}

/** Milliseconds of each round, after one that warms up where the way is short. */
async function measure(side: Side, latencyMs: number): Promise<number[]> {
  const times: number[] = [];
  let spent = 0;
  if (latencyMs < DECIDES_FROM_MS) await (await side.prepared())();
  while (times.length < MOST_ROUNDS && spent < (times.length < FEWEST_ROUNDS ? TOO_LONG_MS : ENOUGH_MS)) {
    const round = await side.prepared();
    const startedAt = performance.now();
    await round();
    const elapsed = performance.now() - startedAt;
    times.push(elapsed);
    spent += elapsed;
  }
  return times;
}

/** Prints them, and answers whether all were met. */
export function printWall(rows: readonly WallRow[]): boolean {
  console.log(
    "wall time in ms, ours / peer".padEnd(74) + "trips".padStart(12) +
      (rows[0]?.times ?? []).map(({ latencyMs }) => `at ${latencyMs} ms`.padStart(20)).join(""),
  );
  const reasons: string[] = [];
  let all = true;
  for (const { name, trips, times } of rows) {
    const cells = times.map(({ ours, peer }) => `${ours.toPrecision(4)} / ${peer.toPrecision(4)}`.padStart(20));
    const met = trips.ours <= trips.peer && times.every((time) => time.met);
    all &&= met;
    console.log(
      `${name.padEnd(74)}${`${trips.ours} / ${trips.peer}`.padStart(12)}${cells.join("")}  ${met ? "met" : "MISSED"}`,
    );
    for (const { latencyMs, ours, peer, reason, met } of times) {
      const times = `${(ours / peer).toFixed(2)} times the peer's time`;
      if (!met) reasons.push(`MISSED at ${latencyMs} ms: ${name}: ${times}`);
      else if (reason !== undefined) reasons.push(`behind at ${latencyMs} ms: ${name}: ${times}: ${reason}`);
    }
  }
  for (const reason of reasons) console.log(`  ${reason}`);
  return all;
}
