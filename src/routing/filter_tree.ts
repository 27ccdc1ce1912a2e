import { MAX_WILDCARD_LEVELS } from "./shape.ts";

/** What stands under each filter, found by filter or by topic. */
export interface FilterTree<Value> {
  /** The value of a filter, after `make` has made it if there was none. */
  getOrInsert(filter: string, make: () => Value): Value;
  /** The value of a filter. */
  get(filter: string): Value | undefined;
  /** Removes a filter, and the branches that led to it alone. */
  delete(filter: string): void;
  /** Calls `visit` with the value of each filter that a topic matches. */
  match(topic: string, visit: (value: Value) => void): void;
}

/** One level of a filter. Branches have many siblings and few parts, so both parts are made when they are needed. */
interface Branch<Value> {
  value: Value | undefined;
  /** The next level by its text; `+` and `#` cannot be levels of a topic, so they need no place of their own. */
  below: Map<string, Branch<Value>> | undefined;
}

/**
 * An empty tree, one level of a filter after the other, for filters with wildcards.
 *
 * A look-up follows what exists only, at most one branch for each beginning of a shape in use. Filters are at most
 * {@linkcode MAX_WILDCARD_LEVELS} deep, which bounds the recursion.
 */
export function filterTree<Value>(): FilterTree<Value> {
  const root: Branch<Value> = { value: undefined, below: undefined };
  return {
    getOrInsert: (filter, make) => {
      let branch = root;
      for (const level of filter.split("/")) {
        branch.below ??= new Map();
        let next = branch.below.get(level);
        if (next === undefined) branch.below.set(level, next = { value: undefined, below: undefined });
        branch = next;
      }
      return branch.value ??= make();
    },
    get: (filter) => {
      let branch: Branch<Value> | undefined = root;
      for (const level of filter.split("/")) branch = branch?.below?.get(level);
      return branch?.value;
    },
    delete: (filter) => prune(root, filter.split("/"), 0),
    match: (topic, visit) => {
      // One level more than any filter has tells "deeper than all of them".
      const levels = topic.split("/", MAX_WILDCARD_LEVELS + 1);
      if (!topic.startsWith("$")) return descend(root, levels, 0, visit);
      // A leading wildcard does not match these, so only the literal branch is left ([MQTT-4.7.2-1]).
      const branch = root.below?.get(levels[0] ?? "");
      if (branch !== undefined) descend(branch, levels, 1, visit);
    },
  };
}

function descend<Value>(
  branch: Branch<Value>,
  levels: readonly string[],
  index: number,
  visit: (value: Value) => void,
): void {
  const level = levels[index];
  if (level === undefined && branch.value !== undefined) visit(branch.value);
  if (branch.below === undefined) return;
  // Here and not one level further: `#` matches its parent level too.
  const rest = branch.below.get("#");
  if (rest?.value !== undefined) visit(rest.value);
  if (level === undefined) return;
  const any = branch.below.get("+");
  if (any !== undefined) descend(any, levels, index + 1, visit);
  const same = branch.below.get(level);
  if (same !== undefined) descend(same, levels, index + 1, visit);
}

function prune<Value>(branch: Branch<Value>, levels: readonly string[], index: number): void {
  const level = levels[index];
  if (level === undefined) {
    branch.value = undefined;
    return;
  }
  const next = branch.below?.get(level);
  if (next === undefined) return;
  prune(next, levels, index + 1);
  if (next.value === undefined && next.below === undefined) branch.below?.delete(level);
  if (branch.below?.size === 0) branch.below = undefined;
}
