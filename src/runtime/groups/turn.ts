/**
 * Whose turn it is: a message of a group is first offered to the node at whose turn it stands, so that members take turns
 * whatever node they are on. What that node leaves is anybody's after a while.
 */

/** Node → how many members are connected there, in an order that is the same everywhere. */
export type Turns = ReadonlyMap<string, number>;

/** The node whose turn a message is; `undefined` when no node has a member. */
export function turnOf(sequence: number, nodes: Turns): string | undefined {
  let total = 0;
  for (const count of nodes.values()) total += count;
  if (total === 0) return undefined;
  let place = sequence % total;
  for (const [nodeId, count] of nodes) {
    place -= count;
    if (place < 0) return nodeId;
  }
  return undefined;
}
