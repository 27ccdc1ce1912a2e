/**
 * Client Identifiers of parts of keys.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/call.ts";
import { type RedisContext, sendAll } from "./context.ts";
import { nameOf } from "./fields.ts";
import { type RedisKeys, unescapePart } from "./keys.ts";

/** The names of parts; of long ones as their sessions have them. */
export async function namesOf(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<(part: string) => string | undefined> {
  const long = [...new Set(parts)].filter((part) => unescapePart(part) === undefined);
  const names = await longNames(context, keys, long, call);
  return (part) => unescapePart(part) ?? names.get(part);
}

/** Client Identifiers too long to stand in lists: their sessions have them. */
async function longNames(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<Map<string, string>> {
  const commands = parts.map((part) => ({ hmget: keys.logOf(part), fields: ["c"] }));
  const replies = commands.length === 0 ? [] : await sendAll(context, commands, "read names", false, call);
  const names = new Map<string, string>();
  for (const [index, part] of parts.entries()) {
    const reply = replies[index];
    const name = Array.isArray(reply) ? reply[0] : null;
    if (name !== null && name !== undefined) names.set(part, nameOf(name));
  }
  return names;
}
