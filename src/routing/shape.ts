/**
 * Shapes: what filters have in common once their literal levels are left out.
 *
 * Filters in use have few shapes. For one shape a topic can match one filter only, so that a topic is routed by one
 * exact look-up a shape, whatever the number of subscriptions. That works with any store that can get by key.
 *
 * @module
 */

/** The shape of every filter without wildcards: it matches the topic of the same text, of any depth. */
export const EXACT_SHAPE = "=";

const SHAPE_WITH_WILDCARDS = /^(?=.*[+#])[.+]*#?$/;

/**
 * The most levels of a filter with wildcards. Deeper ones have no shape, so the cost of a topic does not depend on how
 * many `/` a peer can pack into 65 535 bytes.
 */
export const MAX_WILDCARD_LEVELS = 128;

/**
 * The most shapes that a store routes by. Each costs a look-up per topic, and a client could bring a new one with every
 * filter.
 */
export const MAX_SHAPES = 256;

/**
 * The shape of a filter, as a word of at most {@linkcode MAX_WILDCARD_LEVELS} characters: one for each level, `.` for a
 * literal one, `+` and `#` for themselves. All filters without wildcards share the shape `=`.
 *
 * `undefined` when the filter has wildcards and too many levels: it cannot be routed. The filter must be valid, and
 * without `$share/{ShareName}/`.
 *
 * @example
 * ```ts
 * import { shapeOf } from "./shape.ts";
 *
 * console.assert(shapeOf("sport/tennis") === "=");
 * console.assert(shapeOf("sport/+/score/#") === ".+.#");
 * ```
 */
export function shapeOf(filter: string): string | undefined {
  if (!filter.includes("+") && !filter.endsWith("#")) return EXACT_SHAPE;
  // One more than allowed tells "too many" without splitting the rest.
  const levels = filter.split("/", MAX_WILDCARD_LEVELS + 1);
  if (levels.length > MAX_WILDCARD_LEVELS) return undefined;
  return levels.map((level) => level === "+" || level === "#" ? level : ".").join("");
}

/** Levels of a topic that are copied as they are, and what the filter has after them. */
export interface LiteralRun {
  /** The first level, counted from 0. */
  readonly first: number;
  /** The last level. */
  readonly last: number;
  /** The wildcards after it, with their slashes; `""` at the end. */
  readonly tail: string;
}

/** How a shape turns a topic into a filter. */
export interface Recipe {
  /** How many levels a topic has at least (`#`) or exactly. */
  readonly depth: number;
  /** The wildcards in front, with their slashes. */
  readonly head: string;
  /** What is copied from the topic, in order. */
  readonly runs: readonly LiteralRun[];
  /** A wildcard comes first, so topics with a leading `$` are left out. */
  readonly startsWild: boolean;
}

/** An immutable set of shapes, prepared for {@linkcode candidates}. */
export interface ShapeSet {
  /** The shapes, each once, in the order given. */
  readonly shapes: readonly string[];
  /** Whether filters without wildcards are among them. */
  readonly exact: boolean;
  /** The greatest depth of any recipe. */
  readonly maxDepth: number;
  /** Recipes of shapes without `#`, by their depth. */
  readonly closed: readonly (readonly Recipe[])[];
  /** Recipes of shapes with `#`, the shallow ones first. */
  readonly open: readonly Recipe[];
}

/**
 * Prepares a set of shapes.
 *
 * @throws {RangeError} If a word is not a shape.
 */
export function shapeSet(shapes: Iterable<string>): ShapeSet {
  const unique = [...new Set(shapes)];
  const closed: Recipe[][] = [[]];
  const open: Recipe[] = [];
  let maxDepth = 0;
  for (const shape of unique) {
    if (shape === EXACT_SHAPE) continue;
    if (shape.length > MAX_WILDCARD_LEVELS || !SHAPE_WITH_WILDCARDS.test(shape)) {
      throw new RangeError(`Cannot prepare shapes: ${JSON.stringify(shape.slice(0, 200))} is not a shape`);
    }
    const recipe = recipeOf(shape);
    maxDepth = Math.max(maxDepth, recipe.depth);
    while (closed.length <= recipe.depth) closed.push([]);
    if (shape.endsWith("#")) open.push(recipe);
    else closed[recipe.depth]?.push(recipe);
  }
  open.sort((a, b) => a.depth - b.depth);
  return { shapes: unique, exact: unique.includes(EXACT_SHAPE), maxDepth, closed, open };
}

/**
 * The filters that match a topic, at most one for each shape, each once: exactly those of all filters of these shapes.
 *
 * The topic must be a valid Topic Name. Its levels are looked at only as far as the deepest shape goes.
 *
 * @example
 * ```ts
 * import { candidates, shapeSet } from "./shape.ts";
 *
 * const shapes = shapeSet(["=", ".#", "+."]);
 * console.assert(candidates("sport/tennis", shapes).join() === "sport/tennis,+/tennis,sport/#");
 * ```
 */
export function candidates(topic: string, shapes: ShapeSet): string[] {
  const filters = shapes.exact ? [topic] : [];
  // A topic deeper than every shape ends up with one level too many, which no closed recipe has.
  const starts = levelStarts(topic, shapes.maxDepth + 2);
  const depth = starts.length - 1;
  const reserved = topic.startsWith("$");
  for (const recipe of shapes.closed[depth] ?? []) {
    if (!(reserved && recipe.startsWild)) filters.push(fill(recipe, topic, starts));
  }
  for (const recipe of shapes.open) {
    if (recipe.depth > depth) break;
    if (!(reserved && recipe.startsWild)) filters.push(fill(recipe, topic, starts));
  }
  return filters;
}

function recipeOf(shape: string): Recipe {
  const runs: LiteralRun[] = [];
  // Wildcards in front, then literal levels with the wildcards behind them.
  const [head] = /^[+#]*/.exec(shape) ?? [""];
  for (const match of shape.matchAll(/(\.+)([+#]*)/g)) {
    const literals = match[1] ?? "";
    const wildcards = match[2] ?? "";
    const last = match.index + literals.length - 1;
    const ends = match.index + match[0].length === shape.length;
    const tail = wildcards === "" ? "" : `/${joined(wildcards)}${ends ? "" : "/"}`;
    runs.push({ first: match.index, last, tail });
  }
  return {
    depth: shape.endsWith("#") ? shape.length - 1 : shape.length,
    head: head === "" ? "" : `${joined(head)}${head.length === shape.length ? "" : "/"}`,
    runs,
    startsWild: head !== "",
  };
}

function joined(wildcards: string): string {
  return [...wildcards].join("/");
}

/** Where each level begins, and where the one after the last would. No more than `most` of these are looked for. */
function levelStarts(topic: string, most: number): number[] {
  const starts = [0];
  for (let slash = topic.indexOf("/"); starts.length < most; slash = topic.indexOf("/", slash + 1)) {
    if (slash === -1) {
      starts.push(topic.length + 1);
      break;
    }
    starts.push(slash + 1);
  }
  return starts;
}

function fill(recipe: Recipe, topic: string, starts: readonly number[]): string {
  let filter = recipe.head;
  for (const run of recipe.runs) {
    // The topic has at least as many levels as the recipe, so both ends are known.
    filter += topic.slice(starts[run.first], (starts[run.last + 1] as number) - 1) + run.tail;
  }
  return filter;
}
