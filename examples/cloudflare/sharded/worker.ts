/**
 * An MQTT broker on Cloudflare Workers: several Durable Objects for each tenant, by Client Identifier.
 *
 * `wss://…/mqtt/NAME?client=ID` leads to the object of that client; without `client` a client of 5.0 that came to another
 * one is told where to go.
 *
 * @module
 */
import type { ObjectNamespace, ObjectStub } from "../platform.ts";
import wholeWorker from "../worker.ts";
import { shardOf, shardStub } from "./place.ts";
import { readShards, type ShardedEnvironment } from "./settings.ts";

export { Tenant } from "./tenant.ts";

/** Sends each request to a shard of its tenant. */
export default {
  fetch(request: Request, environment: ShardedEnvironment): Promise<Response> {
    const shards = readShards(environment);
    if (shards === 1) return wholeWorker.fetch(request, environment);
    const url = new URL(request.url);
    const clientId = url.searchParams.get("client");
    const shard = clientId === null ? Math.floor(Math.random() * shards) : shardOf(clientId, shards);
    url.searchParams.set("shard", String(shard));
    const OBJECTS = shardOfEach(environment.OBJECTS, shard);
    return wholeWorker.fetch(new Request(url, request), { ...environment, OBJECTS });
  },
};

/** For each tenant, the object of this shard. */
function shardOfEach(objects: ObjectNamespace, shard: number): ObjectNamespace {
  return {
    idFromName: (tenant) => tenant,
    get: (tenant): ObjectStub => shardStub(objects, String(tenant), shard),
  };
}
