/**
 * Subscriptions whose member of a routing list cannot be read: their sessions have them too.
 *
 * @module
 */
import type { Subscription } from "../../mqtt/subscription.ts";
import { readable } from "../../store/encoding.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import { decodeSubscription } from "../../store/records/subscription.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { type RedisContext, sendAll } from "./context.ts";
import { bytesOf } from "./fields.ts";
import type { RedisKeys } from "./keys.ts";
import { COUNT } from "./lua/reading.ts";

/** A member that cannot be read: what stands around it. */
export interface SpoiledMember {
  /** Its client as it stands in keys. */
  readonly part: string;
  /** Its incarnation as it stands in records. */
  readonly incarnation: string;
  /** Its filter as it stands in keys. */
  readonly field: string;
}

/**
 * The subscriptions as their sessions have them; `undefined` for one that has ended, and for one that cannot be read
 * there either: what its session misses is counted. The members stay as they are, kept for whoever looks into it.
 */
export async function fromSessions(
  context: RedisContext,
  keys: RedisKeys,
  spoiled: readonly SpoiledMember[],
  call?: StoreCallOptions,
): Promise<readonly (Subscription | undefined)[]> {
  const commands = spoiled.flatMap(({ part, field }) => [
    { hmget: keys.logOf(part), fields: ["i"] },
    { hmget: keys.rowsOf(part), fields: [`s/${field}`] },
  ]);
  const replies = await sendAll(context, commands, "match subscriptions", false, call);
  const lost: SpoiledMember[] = [];
  const subscriptions = spoiled.map((member, index) => {
    const identity = replies[2 * index]?.[0];
    const row = replies[2 * index + 1]?.[0];
    if (identity !== member.incarnation || row === null || row === undefined) return undefined;
    const key = `${keys.rowsOf(member.part)}/s/${member.field}`;
    const subscription = readable(() => decodeSubscription(key, bytesOf(key, row)).subscription);
    if (subscription === undefined) lost.push(member);
    return subscription;
  });
  if (lost.length > 0) {
    const reason = String(DROP_REASONS.indexOf("unreadable") + 1);
    const counts = lost.map(({ part, incarnation }) => {
      return { script: COUNT, keys: [keys.logOf(part)], args: [incarnation, reason] };
    });
    await sendAll(context, counts, "count what sessions miss", true, call);
  }
  return subscriptions;
}
