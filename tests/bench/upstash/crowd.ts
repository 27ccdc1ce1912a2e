/**
 * Many sessions that come and go: no key is left behind, and none makes another slower.
 *
 * @module
 */
import { type BenchRow, benchRow, median } from "../row.ts";
import { connectPacket, type Ours, subscribePacket } from "./ours.ts";
import { Rig } from "./rig.ts";

const SESSIONS = 100_000;
const FEW = 100;
/** Sessions that come, or go, at the same time. */
const AT_ONCE = 250;
const RESUMES = 100;
const ROUNDS = 7;
/** How much slower a resume among many may be. */
const TARGET = 1.5;

/** What became of the keys, and of the time of a resume. */
export interface CrowdResult {
  readonly sessions: number;
  readonly keys: { readonly before: number; readonly stored: number; readonly after: number };
  readonly resume: BenchRow;
}

/** Lets them come, each with a subscription of its own, and go: half by Clean Start, half by expiry. */
export async function benchCrowd(sessions = SESSIONS): Promise<CrowdResult> {
  await using rig = await Rig.start();
  const ours = rig.ours();
  try {
    // The node's lease and the shape of the filters are no session's.
    await come(ours, 0, 1);
    await go(ours, 0, 1);
    const before = await rig.keys();
    await come(ours, 0, FEW);
    const few = await resumes(ours, FEW);
    await come(ours, FEW, sessions);
    const many = await resumes(ours, sessions);
    const stored = await rig.keys();
    await go(ours, 0, sessions / 2);
    await expire(ours, sessions / 2);
    const after = await rig.keys();
    const name = `resume among ${sessions} sessions against ${FEW}, Upstash Redis`;
    const resume = benchRow({ name, ours: many, peer: few, unit: "ms" }, TARGET);
    return { sessions, keys: { before, stored, after }, resume };
  } finally {
    await ours.close();
  }
}

function nameOf(index: number): string {
  return `meter-${index}`;
}

async function each(from: number, to: number, step: (index: number) => Promise<unknown>): Promise<void> {
  for (let first = from; first < to; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, to - first);
    await Promise.all(Array.from({ length: count }, (_, index) => step(first + index)));
  }
}

/** Sessions that stay when they leave. */
function come(ours: Ours, from: number, to: number): Promise<void> {
  return each(from, to, (index) => {
    const client = ours.open();
    const subscribe = subscribePacket([`site/${index}/command`], 1);
    client.send(connectPacket(nameOf(index)), subscribe, { type: "disconnect", reasonCode: 0 });
    return client.done;
  });
}

/** Sessions that begin anew and end with their connection. */
function go(ours: Ours, from: number, to: number): Promise<void> {
  return each(from, to, (index) => {
    const client = ours.open();
    client.send(
      connectPacket(nameOf(index), { cleanStart: true, sessionExpiryInterval: 0 }),
      { type: "disconnect", reasonCode: 0 },
    );
    return client.done;
  });
}

/** Lets what is left expire, and works it off. */
async function expire(ours: Ours, sessions: number): Promise<void> {
  ours.aheadMs += 2 * 3_600_000;
  // A run does a part; as many as it takes, and no end where none of them ends anything.
  for (let left = sessions; left > 0; left -= 1_000) await ours.broker.runDue();
  await ours.broker.settled();
}

/** Milliseconds of a resume with its DISCONNECT, one after the other. */
async function resumes(ours: Ours, sessions: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedAt = performance.now();
    for (let index = 0; index < RESUMES; index++) {
      const client = ours.open();
      const clientId = nameOf((round + index * 7_919) % sessions);
      client.send(connectPacket(clientId), { type: "disconnect", reasonCode: 0 });
      await client.done;
    }
    // The first round warms up.
    if (round > 0) times.push((performance.now() - startedAt) / RESUMES);
  }
  return median(times);
}

/** Prints the keys, and answers whether none was left behind. */
export function printCrowd({ sessions, keys }: CrowdResult): boolean {
  const met = keys.after <= keys.before;
  console.log(
    `${sessions} sessions come and go: ${keys.before} keys before, ${keys.stored} with all of them stored ` +
      `(${((keys.stored - keys.before) / sessions).toFixed(2)} a session), ${keys.after} after  ${
        met ? "met" : "MISSED"
      }`,
  );
  return met;
}
