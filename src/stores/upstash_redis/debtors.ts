/**
 * Whose outboxes stand in which slot of a cluster: the index names the session of each that holds something.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/call.ts";
import { type RedisContext, sendAll } from "./context.ts";
import { named } from "./fields.ts";
import type { RedisKeys } from "./keys.ts";

/** The part of the session that an outbox belongs to; `undefined` for one that belongs to none. */
export async function debtorOf(
  context: RedisContext,
  keys: RedisKeys,
  outboxId: string,
  call?: StoreCallOptions,
): Promise<string | undefined> {
  const id = named(outboxId);
  const known = context.debtors.get(id);
  if (known !== undefined) return known;
  const command = { hmget: keys.shared("debtors"), fields: [id] };
  const [reply] = await sendAll(context, [command], "look for an outbox", false, call);
  const part = Array.isArray(reply) ? reply[0] : undefined;
  return part === null || part === undefined ? undefined : part.slice(1);
}
