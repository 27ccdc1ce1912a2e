/**
 * Many filters: what 100 000 of few shapes take in memory, and what becomes of 10 000 whose shapes are drawn at random. A
 * store takes 256 shapes; a SUBSCRIBE beyond is answered with 0x97, so that no client makes the topics of others slow.
 *
 * Run it: `deno run -A tests/bench/filters.ts`
 *
 * @module
 */
import { Qlobber } from "qlobber";
import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import type { ServerPacket } from "../../src/mqtt/packet.ts";
import { subscriptionIndex } from "../../src/routing/matcher.ts";
import { random } from "../../src/testing/mod.ts";
import { runDeno } from "../support/deno.ts";
import { connectPacket, subscribePacket } from "./upstash/ours.ts";
import { type BenchRow, benchRow, median } from "./row.ts";
import { plantFilters } from "./routing.ts";

const FILTERS = 10_000;
const TOPICS = 500;
const ROUNDS = 9;
const SEED = 7;
const WORDS = Array.from({ length: 20 }, (_, index) => `word-${index}`);

/** What became of the filters of random shape. */
export interface ShapesResult {
  readonly asked: number;
  readonly granted: number;
  readonly refused: number;
}

/** Measures both; the peer of the time is qlobber with the filters that were granted. */
export async function benchFilters(): Promise<{ readonly rows: readonly BenchRow[]; readonly shapes: ShapesResult }> {
  const filters = randomFilters(FILTERS);
  const topics = randomTopics();
  const store = memoryStore();
  const granted = await subscribeTo(store, filters);
  const all = qlobberOf(filters);
  const some = qlobberOf(granted);
  const times: Record<"ours" | "some" | "all", number[]> = { ours: [], some: [], all: [] };
  for (let round = -2; round < ROUNDS; round++) {
    const ours = await timed(async () => {
      for (const topic of topics) await store.matchSubscriptions([topic]);
    });
    const peers = [some, all].map((qlobber) =>
      timed(() => {
        for (const topic of topics) qlobber.match(topic);
      })
    );
    if (round < 0) continue;
    times.ours.push(ours);
    times.some.push(await (peers[0] ?? 0));
    times.all.push(await (peers[1] ?? 0));
  }
  for (const topic of topics) {
    const [found = []] = await store.matchSubscriptions([topic]);
    const names = found.map(({ filter }) => filter).sort().join();
    const expected = some.match(topic).map((index: number) => granted[index] ?? "").sort().join();
    if (names !== expected) throw new Error(`Cannot compare: another answer than qlobber for ${topic}`);
  }
  const per = (values: readonly number[]) => median(values) * 1_000 / TOPICS;
  const measured = (name: string, ours: number, peer: number, unit: "µs" | "bytes") =>
    benchRow({ name, ours, peer, unit }, Infinity);
  return {
    shapes: { asked: filters.length, granted: granted.length, refused: filters.length - granted.length },
    rows: [
      measured("a topic among those granted of 10 000 filters of random shape", per(times.ours), per(times.some), "µs"),
      measured("the same, beside qlobber with all of them", per(times.ours), per(times.all), "µs"),
      measured("memory of a filter: 100 000, 24 shapes", await bytes("plant ours"), await bytes("plant peer"), "bytes"),
      measured(
        "memory of a filter: those granted of 10 000 of random shape",
        await bytes("random ours"),
        await bytes("random peer"),
        "bytes",
      ),
    ],
  };
}

/** Prints what became of them, and answers whether all is well, which it always is. */
export function printShapes({ asked, granted, refused }: ShapesResult): void {
  console.log(`${asked} filters of random shape: ${granted} granted, ${refused} refused with 0x97`);
}

/** Filters of 1 to 12 levels, of which about a third are wildcards. */
function randomFilters(count: number): readonly string[] {
  const { below } = random(SEED);
  const filters = new Set<string>();
  while (filters.size < count) {
    const levels = Array.from(
      { length: 1 + below(12) },
      () => below(3) === 0 ? "+" : WORDS[below(WORDS.length)] ?? "",
    );
    filters.add(below(3) === 0 ? `${levels.join("/")}/#` : levels.join("/"));
  }
  return [...filters];
}

function randomTopics(): readonly string[] {
  const { below } = random(SEED + 1);
  return Array.from(
    { length: TOPICS },
    () => Array.from({ length: 1 + below(12) }, () => WORDS[below(WORDS.length)]).join("/"),
  );
}

/** Subscribes one client to all of them, 100 in a packet; those that were granted. */
async function subscribeTo(store: ReturnType<typeof memoryStore>, filters: readonly string[]): Promise<string[]> {
  const broker = sessionBroker({ store, limits: { maximumSubscriptions: filters.length } });
  const answers: ServerPacket[] = [];
  const connection = broker.accept({ send: (packet) => answers.push(packet), close: () => {} });
  await connection.receive([connectPacket("many")]);
  for (let from = 0; from < filters.length; from += 100) {
    await connection.receive([subscribePacket(filters.slice(from, from + 100), 1)]);
    await broker.settled();
  }
  const codes = answers.flatMap((packet) => packet.type === "suback" ? packet.reasonCodes : []);
  const wrong = codes.find((code) => code !== 1 && code !== 0x97);
  if (codes.length !== filters.length || wrong !== undefined) {
    throw new Error(`Cannot compare: ${codes.length} filters were answered, one with ${wrong}`);
  }
  return filters.filter((_, index) => codes[index] === 1);
}

function qlobberOf(filters: readonly string[]): Qlobber<number> {
  const qlobber = new Qlobber<number>({ separator: "/", wildcard_one: "+", wildcard_some: "#" });
  for (const [index, filter] of filters.entries()) qlobber.add(filter, index);
  return qlobber;
}

async function timed(run: () => unknown): Promise<number> {
  const before = performance.now();
  await run();
  return performance.now() - before;
}

declare const gc: () => void;

/** Bytes a filter, in a process of its own with a collector that can be asked for. */
async function bytes(what: string): Promise<number> {
  const script = new URL(import.meta.url).pathname;
  const { success, output } = await runDeno(["run", "-A", "--v8-flags=--expose-gc", script, ...what.split(" ")]);
  const found = Number(/bytes=(\d+)/.exec(output)?.[1] ?? NaN);
  if (!success || Number.isNaN(found)) throw new Error(`Cannot measure memory: ${output}`);
  return found;
}

function used(): number {
  for (let round = 0; round < 3; round++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function child(which: string, side: string): void {
  // Texts of their own, as they come from packets: the index is what is weighed, and they are in it.
  const asked = which === "plant" ? plantFilters() : randomFilters(FILTERS);
  const { admit } = subscriptionIndex<number>();
  // Those that a store grants, on both sides.
  const filters = asked.filter((filter) => admit(filter));
  const before = used();
  let kept: unknown;
  if (side === "peer") kept = qlobberOf(filters);
  else {
    const index = subscriptionIndex<number>();
    for (const [number, filter] of filters.entries()) index.add(filter, "c", number);
    kept = index;
  }
  console.log(`bytes=${Math.round((used() - before) / filters.length)}`);
  console.error(typeof kept);
  Deno.exit(0);
}

if (import.meta.main) {
  const [which, side] = Deno.args;
  if (which !== undefined && side !== undefined) child(which, side);
  else {
    const { rows, shapes } = await benchFilters();
    printShapes(shapes);
    console.table(rows);
  }
}
