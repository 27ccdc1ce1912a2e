/**
 * Routing against qlobber: one topic, 100 000 filters, 24 shapes, 10 matches. And what 256 shapes cost.
 *
 * Run it: `deno run -A tests/bench/routing.ts`
 *
 * @module
 */
import { Qlobber } from "qlobber";
import { subscriptionIndex } from "../../src/routing/matcher.ts";
import { MAX_SHAPES, shapeOf } from "../../src/routing/shape.ts";
import { type BenchRow, benchRow, median } from "./row.ts";

const FILTERS = 100_000;
const ROUNDS = 15;
const TOPICS = 64;

interface World {
  readonly filters: readonly string[];
  readonly topics: readonly string[];
  /** How many filters each topic matches. */
  readonly matches: number;
  readonly shapes: number;
}

/** Measures both in alternating rounds and prints nothing. */
export function benchRouting(): Promise<readonly BenchRow[]> {
  return Promise.resolve([
    compare("route: 100 000 filters, 24 shapes, 10 matches", fewShapes(), 2),
    // Without a budget: the cap bounds it, and the row shows to what.
    compare(`route: 100 000 filters, ${MAX_SHAPES} shapes, 10 matches`, manyShapes(), Infinity),
  ]);
}

function compare(name: string, world: World, target: number): BenchRow {
  const index = subscriptionIndex<number>();
  const qlobber = new Qlobber<number>({ separator: "/", wildcard_one: "+", wildcard_some: "#" });
  for (const [number, filter] of world.filters.entries()) {
    index.add(filter, "c", number);
    qlobber.add(filter, number);
  }
  check(name, index.shapes.size === world.shapes, `${index.shapes.size} shapes`);
  for (const topic of world.topics) {
    const ours = index.match(topic).toSorted((a, b) => a - b);
    const theirs = qlobber.match(topic).toSorted((a: number, b: number) => a - b);
    check(name, ours.length === world.matches, `${ours.length} matches for ${topic}`);
    check(name, ours.join() === theirs.join(), `another answer than qlobber for ${topic}`);
  }
  const repeats = 40;
  const ours: number[] = [];
  const peer: number[] = [];
  const runOurs = () => run(world.topics, repeats, (topic) => index.match(topic).length);
  const runPeer = () => run(world.topics, repeats, (topic) => qlobber.match(topic).length);
  for (let round = -3; round < ROUNDS; round++) {
    // Who goes first changes, so that neither always has the warmer cache. The first rounds only warm up.
    const [first, second] = round % 2 === 0 ? [runOurs, runPeer] : [runPeer, runOurs];
    const times = [first(), second()];
    if (round < 0) continue;
    const [a = NaN, b = NaN] = round % 2 === 0 ? times : times.toReversed();
    ours.push(a);
    peer.push(b);
  }
  return benchRow({ name, ours: median(ours), peer: median(peer), unit: "µs" }, target);
}

/** Microseconds a topic. The number of matches is added up, so that no call can be left out. */
function run(topics: readonly string[], repeats: number, match: (topic: string) => number): number {
  let matches = 0;
  const before = performance.now();
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const topic of topics) matches += match(topic);
  }
  const elapsed = performance.now() - before;
  check("run", matches > 0, "no match");
  return elapsed * 1_000 / (repeats * topics.length);
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

/** Every wildcard pattern that matches topics of eight levels, cut at 256 shapes. */
function manyShapes(): World {
  const topics = Array.from({ length: TOPICS }, (_, n) => `${topicOf(n)}/x${n}/y${n}/z${n}`);
  const filters = new Set<string>();
  for (const topic of topics) {
    const levels = topic.split("/");
    filters.add(topic);
    for (let level = 0; level < 8; level++) filters.add(levels.with(level, "+").join("/"));
    filters.add([...levels.slice(0, 3), "#"].join("/"));
  }
  const known = new Set([...filters].map(shapeOf));
  const others: string[] = [];
  for (let bits = 1; known.size + others.length < MAX_SHAPES; bits++) {
    const shape = Array.from({ length: 8 }, (_, level) => bits >> level & 1 ? "+" : ".").join("");
    if (!known.has(shape) && shape.includes(".")) others.push(shape);
    if (bits === 255) others.push("......#", ".......#", "........#");
  }
  return fillUp(filters, topics, others, MAX_SHAPES);
}

function fillUp(filters: Set<string>, topics: readonly string[], others: readonly string[], shapes: number): World {
  for (let n = 0; filters.size < FILTERS; n++) {
    const shape = n % 2 === 0 ? "" : others[(n >> 1) % others.length] ?? "";
    // Literal levels of their own, so that these filters match none of the topics.
    if (shape === "") filters.add(`other-${n % 97}/line-${n % 13}/machine-${n}/sensor/quantity`);
    else {filters.add(
        [...shape].map((level, at) => level === "." ? `other-${n % (97 + at)}-${n >> 9}` : level).join("/"),
      );}
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
