import { filterTree } from "./filter_tree.ts";
import { EXACT_SHAPE, MAX_SHAPES, shapeOf } from "./shape.ts";

/** How a {@linkcode SubscriptionIndex} is limited. */
export interface SubscriptionIndexOptions {
  /** The most shapes that it routes by. Default: {@linkcode MAX_SHAPES}. */
  readonly maximumShapes?: number;
}

/** Which values are wanted for a topic: an index in memory, from Topic Filter and key to value. */
export interface SubscriptionIndex<Value> {
  /** How many values it holds. */
  readonly size: number;
  /** The shapes that were admitted, in the order they came. */
  readonly shapes: ReadonlySet<string>;
  /**
   * Whether a filter can be routed; `false` when it has too many levels, or would bring one shape too many.
   *
   * A shape once admitted stays, so that the answer still holds when the subscription is added later.
   */
  admit(filter: string): boolean;
  /**
   * Puts a value under a filter and a key, in the place of one that is there. The filter must be valid, and without
   * `$share/{ShareName}/`.
   *
   * @throws {RangeError} If the filter cannot be routed: ask `admit` first.
   */
  add(filter: string, key: string, value: Value): void;
  /** Removes the value of a filter and a key; whether there was one. */
  remove(filter: string, key: string): boolean;
  /** The values of all filters that a topic matches, in no order that means anything. */
  match(topic: string): Value[];
}

/**
 * An empty index.
 *
 * Filters without wildcards are one look-up, whatever their depth. The others stand in a tree; what a topic can visit
 * there is bounded by the number of shapes, not of filters.
 *
 * @example
 * ```ts
 * import { subscriptionIndex } from "./matcher.ts";
 *
 * const index = subscriptionIndex<string>();
 * index.add("sport/#", "client-1", "all sports");
 * console.assert(index.match("sport/tennis").length === 1);
 * ```
 */
export function subscriptionIndex<Value>(options: SubscriptionIndexOptions = {}): SubscriptionIndex<Value> {
  const { maximumShapes = MAX_SHAPES } = options;
  // Maps, not objects: a filter may be called __proto__.
  const exact = new Map<string, Map<string, Value>>();
  const wild = filterTree<Map<string, Value>>();
  const shapes = new Set<string>();
  let size = 0;

  const admit = (filter: string): boolean => {
    const shape = shapeOf(filter);
    if (shape === undefined) return false;
    if (!shapes.has(shape) && shapes.size >= maximumShapes) return false;
    shapes.add(shape);
    return true;
  };
  const isExact = (filter: string): boolean => shapeOf(filter) === EXACT_SHAPE;
  const valuesOf = (filter: string): Map<string, Value> => {
    if (!isExact(filter)) return wild.getOrInsert(filter, () => new Map());
    let values = exact.get(filter);
    if (values === undefined) exact.set(filter, values = new Map());
    return values;
  };

  return {
    get size(): number {
      return size;
    },
    shapes,
    admit,
    add: (filter, key, value) => {
      if (!admit(filter)) throw new RangeError("Cannot add a subscription: its filter was not admitted");
      const values = valuesOf(filter);
      if (!values.has(key)) size++;
      values.set(key, value);
    },
    remove: (filter, key) => {
      const from = isExact(filter) ? exact : wild;
      const values = from.get(filter);
      if (values === undefined || !values.delete(key)) return false;
      if (values.size === 0) from.delete(filter);
      size--;
      return true;
    },
    match: (topic) => {
      const found: Value[] = [];
      // Not by spreading: a filter may have more subscribers than a call takes arguments.
      const take = (values: ReadonlyMap<string, Value>): void => {
        for (const value of values.values()) found.push(value);
      };
      const same = exact.get(topic);
      if (same !== undefined) take(same);
      wild.match(topic, take);
      return found;
    },
  };
}
