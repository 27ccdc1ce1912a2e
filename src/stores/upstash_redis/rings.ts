/**
 * Doorbells: which sessions of a node have news.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/session_store.ts";
import { ask, keysFor, type RedisContext } from "./context.ts";
import { namesOf } from "./due.ts";
import { named } from "./fields.ts";
import { RINGS } from "./lua/reading.ts";

/** The most clients that one call names. */
const CLIENTS_A_CALL = 1_000;

/** The doorbells of nodes, each read by this store. */
export interface Rings {
  read(nodeId: string, call?: StoreCallOptions): Promise<readonly string[]>;
}

/**
 * Doorbells that are taken away by the call after the one that told of them, and only if they were not rung again: a call
 * whose answer was lost, and one that the client repeated by itself, lose nothing.
 */
export function rings(context: RedisContext): Rings {
  const told = new Map<string, readonly string[]>();
  return {
    read: async (nodeId, call) => {
      const keys = await keysFor(context, []);
      const before = told.get(nodeId) ?? [];
      const node = named(nodeId);
      const found = await ask(context, {
        script: RINGS,
        keys: [keys.shared("rings")],
        args: [node, CLIENTS_A_CALL, before.length / 2, ...before],
        doing: "read doorbells",
        writes: true,
        read: (_, reader) => {
          const pairs: string[] = [];
          while (reader.left > 0) pairs.push(reader.text());
          return pairs;
        },
      }, call);
      if (found.length === 0) told.delete(nodeId);
      else told.set(nodeId, found);
      const isNew = newSince(before, found);
      const parts = isNew.map((member) => member.slice(node.length + 1));
      const nameOfPart = await namesOf(context, keys, parts, call);
      return parts.map(nameOfPart).filter((clientId) => clientId !== undefined);
    },
  };
}

/** The members that were not told with the same score before. */
function newSince(before: readonly string[], found: readonly string[]): string[] {
  const known = new Map<string, string>();
  for (let index = 0; index < before.length; index += 2) known.set(before[index] ?? "", before[index + 1] ?? "");
  return found.filter((member, index) => index % 2 === 0 && known.get(member) !== found[index + 1]);
}
