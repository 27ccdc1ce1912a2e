import type { Environment } from "../settings.ts";
import { MOST_SHARDS } from "./place.ts";

/** What the sharded worker finds in its environment. */
export interface ShardedEnvironment extends Environment {
  /** How many objects share the clients of a tenant; 1 when absent. It is for good: with another number clients are elsewhere. */
  readonly SHARDS?: string;
}

/**
 * How many objects share the clients of a tenant.
 *
 * @throws {RangeError} If it is no whole number from 1 to 28.
 */
export function readShards({ SHARDS = "1" }: ShardedEnvironment): number {
  const shards = Number(SHARDS);
  if (Number.isInteger(shards) && shards >= 1 && shards <= MOST_SHARDS) return shards;
  throw new RangeError(`Cannot read SHARDS: it has to be a whole number from 1 to ${MOST_SHARDS}`);
}
