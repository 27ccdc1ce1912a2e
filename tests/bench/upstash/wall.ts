/**
 * Wall time over ways of several latencies, side by side with the peer on the same Redis.
 *
 * @module
 */
import { median } from "../row.ts";
import type { Rig } from "./rig.ts";
import { type Scenario, SCENARIOS, type Side } from "./scenarios.ts";

/** Milliseconds that an answer takes longer. */
export const LATENCIES = [0, 5, 20, 50] as const;

/** From this latency on trips decide. */
const DECIDES_FROM_MS = 5;
/** How much slower a row of equal trips may be. */
const EQUAL = 1.1;
const ROUNDS = 7;
/** No further round once the rounds so far took so long. */
const ENOUGH_MS = 3_000;

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
export async function benchWall(rig: Rig): Promise<readonly WallRow[]> {
  const trips = new Map<Scenario, WallRow["trips"]>();
  for (const scenario of SCENARIOS) trips.set(scenario, await tripsOf(rig, scenario));
  const times = new Map<Scenario, WallTime[]>(SCENARIOS.map((scenario) => [scenario, []]));
  for (const latencyMs of LATENCIES) {
    for (const scenario of SCENARIOS) {
      times.get(scenario)?.push(
        await compare(rig, scenario, latencyMs, trips.get(scenario) ?? { ours: 0, peer: 0 }),
      );
    }
  }
  return SCENARIOS.map((scenario) => ({
    name: scenario.name,
    trips: trips.get(scenario) ?? { ours: 0, peer: 0 },
    times: times.get(scenario) ?? [],
  }));
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

async function compare(
  rig: Rig,
  scenario: Scenario,
  latencyMs: number,
  trips: WallRow["trips"],
): Promise<WallTime> {
  const [ours, peer] = await rig.at(latencyMs, async (ways) => {
    await rig.flush();
    const ours = ways.ours();
    const ofOurs = await measure(await scenario.ours(ours), latencyMs);
    await ours.close();
    const ofPeer: number[][] = [];
    // Without latency the peer may show the better of its two ways.
    for (const pipelining of latencyMs === 0 ? [false, true] : [false]) {
      await rig.flush();
      const peer = await ways.peer(pipelining);
      ofPeer.push(await measure(await scenario.peer(peer), latencyMs));
      await peer.close();
    }
    const best = ofPeer.toSorted((a, b) => median(a) - median(b))[0] ?? [];
    return [ofOurs, best] as const;
  });
  const times = { ours: median(ours), peer: median(peer) };
  const most = trips.ours < trips.peer ? times.peer : times.peer * EQUAL;
  const isBehind = times.ours > most;
  const reason = isBehind ? scenario.reason : undefined;
  const met = trips.ours <= trips.peer &&
    (latencyMs >= DECIDES_FROM_MS ? !isBehind : !isBehind || reason !== undefined);
  return { latencyMs, ...times, rounds: Math.min(ours.length, peer.length), met, reason };
}

/** Milliseconds of each round, after one that warms up where the way is short. */
async function measure(side: Side, latencyMs: number): Promise<number[]> {
  const times: number[] = [];
  let spent = 0;
  if (latencyMs < DECIDES_FROM_MS) await (await side.prepared())();
  while (times.length < ROUNDS && spent < ENOUGH_MS) {
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
      LATENCIES.map((latencyMs) => `at ${latencyMs} ms`.padStart(20)).join(""),
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
