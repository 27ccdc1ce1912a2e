import { candidates, MAX_SHAPES, shapeOf, type ShapeSet, shapeSet } from "./shape.ts";

/** How a {@linkcode SubscriptionIndex} is limited. */
export interface SubscriptionIndexOptions {
  /** The most shapes that it routes by. Default: {@linkcode MAX_SHAPES}. */
  readonly maximumShapes?: number;
}

/** Which values are wanted for a topic: an index in memory, from Topic Filter and key to value. */
export interface SubscriptionIndex<Value> {
  /** How many values it holds. */
  readonly size: number;
  /** The shapes that it routes by, in the order they came. */
  readonly shapes: readonly string[];
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
 * An empty index. Matching costs one look-up per shape, whatever the number of filters.
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
  const filters = new Map<string, Map<string, Value>>();
  let shapes: ShapeSet = shapeSet([]);
  let size = 0;

  const admit = (filter: string): boolean => {
    const shape = shapeOf(filter);
    if (shape === undefined) return false;
    if (shapes.shapes.includes(shape)) return true;
    if (shapes.shapes.length >= maximumShapes) return false;
    shapes = shapeSet([...shapes.shapes, shape]);
    return true;
  };

  return {
    get size(): number {
      return size;
    },
    get shapes(): readonly string[] {
      return shapes.shapes;
    },
    admit,
    add: (filter, key, value) => {
      let values = filters.get(filter);
      if (values === undefined) {
        if (!admit(filter)) throw new RangeError("Cannot add a subscription: its filter was not admitted");
        values = new Map();
        filters.set(filter, values);
      }
      if (!values.has(key)) size++;
      values.set(key, value);
    },
    remove: (filter, key) => {
      const values = filters.get(filter);
      if (values === undefined || !values.delete(key)) return false;
      if (values.size === 0) filters.delete(filter);
      size--;
      return true;
    },
    match: (topic) => {
      const found: Value[] = [];
      for (const filter of candidates(topic, shapes)) {
        const values = filters.get(filter);
        if (values === undefined) continue;
        // Not by spreading: a filter may have more subscribers than a call takes arguments.
        for (const value of values.values()) found.push(value);
      }
      return found;
    },
  };
}
