/**
 * Doorbells: which sessions of a node have news.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/call.ts";
import { ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { named, nameOf } from "./fields.ts";
import type { RedisKeys } from "./keys.ts";
import { RINGS } from "./lua/time.ts";

/** The most rings that one call tells of. */
const RINGS_A_CALL = 1_000;

/** The doorbells of nodes, each read by this store. */
export interface Rings {
  read(nodeId: string, call?: StoreCallOptions): Promise<readonly string[]>;
}

/**
 * Doorbells that are taken away by the call after the one that told of them: a call whose answer was lost, and one that
 * the client repeated by itself, lose nothing.
 */
export function rings(context: RedisContext): Rings {
  const told = new Map<string, ReadonlySet<string>>();
  return {
    read: async (nodeId, call) => {
      const keys = await keysFor(context, []);
      const before = told.get(nodeId) ?? new Set();
      const node = named(nodeId);
      // One command while nobody rings, which is nearly always.
      const found = before.size === 0 ? await look(context, keys, node, call) : await ask(context, {
        script: RINGS,
        keys: [keys.shared("rings")],
        args: [node, RINGS_A_CALL, before.size, ...before],
        doing: "read doorbells",
        writes: true,
        read: (_, reader) => {
          const members: string[] = [];
          while (reader.left > 0) members.push(reader.text());
          return members;
        },
      }, call);
      if (found.length === 0) told.delete(nodeId);
      else told.set(nodeId, new Set(found));
      return [...new Set(found.map((member) => nameOf(member.slice(node.length + 1, member.lastIndexOf("/")))))];
    },
  };
}

async function look(
  context: RedisContext,
  keys: RedisKeys,
  node: string,
  call?: StoreCallOptions,
): Promise<readonly string[]> {
  const command = { members: keys.shared("rings"), first: `${node}/`, last: `${node}0`, most: RINGS_A_CALL };
  const [reply] = await sendAll(context, [command], "read doorbells", false, call);
  return Array.isArray(reply) ? reply.filter((member) => member !== null) : [];
}
