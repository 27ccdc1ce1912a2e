/**
 * Routing against qlobber: one topic, 100 000 filters, 24 shapes, 10 matches; and what the most shapes cost.
 *
 * Run it: `deno run -A tests/bench/routing.ts`
 *
 * @module
 */
import { Qlobber } from "qlobber";
import { subscriptionIndex } from "../../src/routing/matcher.ts";
import { candidates, MAX_SHAPES, shapeOf, shapeSet } from "../../src/routing/shape.ts";
import { type BenchRow, benchRow, median } from "./row.ts";

const FILTERS = 100_000;
const WARM_UP_ROUNDS = 4;
const ROUNDS = 15;
/** Times that a round asks for every topic. */
const REPEATS = 40;
const TOPICS = 64;

interface World {
  readonly filters: readonly string[];
  readonly topics: readonly string[];
  /** How many filters each topic matches. */
  readonly matches: number;
  readonly shapes: number;
}

type Match = (topic: string) => readonly number[];

/** Measures both sides in alternating rounds; prints nothing. */
export function benchRouting(): Promise<readonly BenchRow[]> {
  const few = fewShapes();
  const many = manyShapes();
  return Promise.resolve([
    compare("route in memory: 100 000 filters, 24 shapes, 10 matches", few, inMemory, 2),
    // The rest has no budget. The cap on shapes bounds it, and these rows show to what.
    compare("route by look-ups: 100 000 filters, 24 shapes, 10 matches", few, byLookUps, Infinity),
    compare("route in memory: 100 000 filters, 256 shapes that all fit, 10 matches", many, inMemory, Infinity),
    compare("route by look-ups: 100 000 filters, 256 shapes that all fit, 10 matches", many, byLookUps, Infinity),
  ]);
}

/** As the memory store matches. */
function inMemory(world: World): Match {
  const index = subscriptionIndex<number>();
  for (const [number, filter] of world.filters.entries()) index.add(filter, "c", number);
  return (topic) => index.match(topic);
}

/** As a key-value store matches, less the reads themselves: one look-up for each candidate. */
function byLookUps(world: World): Match {
  const shapes = shapeSet(world.filters.map((filter) => shapeOf(filter) ?? ""));
  const rows = new Map(world.filters.map((filter, number) => [filter, number]));
  return (topic) => candidates(topic, shapes).flatMap((filter) => rows.get(filter) ?? []);
}

function byQlobber(world: World): Match {
  const qlobber = new Qlobber<number>({ separator: "/", wildcard_one: "+", wildcard_some: "#" });
  for (const [number, filter] of world.filters.entries()) qlobber.add(filter, number);
  return (topic) => qlobber.match(topic);
}

function compare(name: string, world: World, matcher: (world: World) => Match, target: number): BenchRow {
  const ours = matcher(world);
  const theirs = byQlobber(world);
  const shapes = new Set(world.filters.map(shapeOf)).size;
  check(name, shapes === world.shapes, `${shapes} shapes`);
  for (const topic of world.topics) {
    const answer = ours(topic).toSorted((a, b) => a - b);
    check(name, answer.length === world.matches, `${answer.length} matches for ${topic}`);
    const same = answer.join() === theirs(topic).toSorted((a, b) => a - b).join();
    check(name, same, `another answer than qlobber for ${topic}`);
  }
  const times: Record<"ours" | "peer", number[]> = { ours: [], peer: [] };
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    // Who goes first changes, so that neither always finds the caches as the other left them.
    const order = round % 2 === 0 ? ["ours", "peer"] as const : ["peer", "ours"] as const;
    for (const side of order) {
      const time = run(world.topics, side === "ours" ? ours : theirs);
      if (round >= 0) times[side].push(time);
    }
  }
  return benchRow({ name, ours: median(times.ours), peer: median(times.peer), unit: "µs" }, target);
}

/** Microseconds a topic. The number of matches is added up, so that no call can be left out. */
function run(topics: readonly string[], match: Match): number {
  let matches = 0;
  const before = performance.now();
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const topic of topics) matches += match(topic).length;
  }
  const elapsed = performance.now() - before;
  check("run", matches > 0, "no match");
  return elapsed * 1_000 / (REPEATS * topics.length);
}

/**
 * A plant: site / line / machine / sensor / quantity. Each topic has ten filters that match it. All 24 shapes fit the
 * depth of the topics, so none is left out cheaply.
 */
function fewShapes(): World {
  const topics = Array.from({ length: TOPICS }, (_, n) => topicOf(n));
  const filters = new Set<string>();
  for (const topic of topics) {
    const [site, line, machine, sensor, quantity] = topic.split("/");
    filters.add(topic);
    filters.add(`${site}/${line}/${machine}/${sensor}/+`);
    filters.add(`${site}/${line}/${machine}/+/${quantity}`);
    filters.add(`${site}/${line}/+/${sensor}/${quantity}`);
    filters.add(`${site}/${line}/${machine}/${sensor}/#`);
    filters.add(`${site}/${line}/${machine}/#`);
    filters.add(`+/${line}/${machine}/${sensor}/${quantity}`);
    filters.add(`${site}/+/${machine}/${sensor}/${quantity}`);
    filters.add(`${site}/${line}/${machine}/+/+`);
    filters.add(`${site}/+/${machine}/+/${quantity}`);
  }
  const others = [
    "+...+",
    "..++.",
    ".++..",
    "++...",
    ".+..+",
    "+.+..",
    "..+.+",
    ".+++.",
    ".#",
    "..#",
    ".....#",
    ".+#",
    "..+.#",
    "+..#",
  ];
  return fillUp(filters, topics, others, 24);
}

/** The filters of that plant. */
export function plantFilters(): readonly string[] {
  return fewShapes().filters;
}

/**
 * The worst that one client can do to a topic: a filter of every shape that fits it, 256 for eight levels and a last
 * one, all of them equal to the topic but for that last level. Ten match.
 */
function manyShapes(): World {
  const topics = Array.from({ length: TOPICS }, (_, n) => `${topicOf(n)}/x/y/z/last`);
  const filters = new Set<string>();
  for (const topic of topics) {
    const levels = topic.split("/");
    for (let bits = 0; bits < MAX_SHAPES; bits++) {
      const filter = levels.map((level, at) => bits >> at & 1 ? "+" : level);
      filters.add((bits < 10 ? filter : filter.with(-1, "other")).join("/"));
    }
  }
  return fillUp(filters, topics, [".+......."], MAX_SHAPES);
}

/** Adds filters that match none of the topics, half of them without wildcards, the others of the shapes given. */
function fillUp(filters: Set<string>, topics: readonly string[], others: readonly string[], shapes: number): World {
  for (let n = 0; filters.size < FILTERS; n++) {
    const shape = n % 2 === 0 ? "....." : others[(n >> 1) % others.length] ?? "";
    const text = (at: number) => `other-${at === 2 ? n : n % (97 + at)}`;
    filters.add([...shape].map((level, at) => level === "." ? text(at) : level).join("/"));
  }
  return { filters: [...filters], topics, matches: 10, shapes };
}

function topicOf(n: number): string {
  return `site-${n % 4}/line-${n % 7}/machine-${n}/sensor-${n % 11}/temperature`;
}

function check(name: string, holds: boolean, found: string): void {
  if (!holds) throw new Error(`Cannot run "${name}": found ${found}`);
}

if (import.meta.main) console.table(await benchRouting());
