/**
 * The broker of one tenant, or of a share of its clients.
 *
 * @module
 */
import type { ObjectContext } from "../platform.ts";
import { Tenant as WholeTenant } from "../tenant.ts";
import { readShards, type ShardedEnvironment } from "./settings.ts";
import { Shard } from "./shard.ts";

/** As the plain one; with more than one shard it is a shard, or the routing object between them. */
export class Tenant extends WholeTenant {
  constructor(context: ObjectContext, environment: ShardedEnvironment) {
    const shards = readShards(environment);
    super(context, environment, shards === 1 ? undefined : new Shard(context, environment, shards));
  }
}
