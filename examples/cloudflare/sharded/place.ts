/**
 * Where clients are: which shard has the sessions of which one, and how the objects of a tenant are called.
 *
 * @module
 */
import type { ObjectNamespace, ObjectStub } from "../platform.ts";

/** As many shards have a bit of their own in a Subscription Identifier. */
export const MOST_SHARDS = 28;

/** Which object of a tenant this is, and how it is found from outside. */
export interface Place {
  readonly tenant: string;
  /** From 0 on. */
  readonly shard: number;
  /** As clients name the server: `wss://host`. */
  readonly origin: string;
}

/** The shard of a client: the same as long as there are as many of them. FNV-1a. */
export function shardOf(clientId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(clientId)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % shards;
}

/** The address that leads a client to its shard at once. */
export function addressOf({ tenant, origin }: Place, clientId: string): string {
  return `${origin}/mqtt/${tenant}?client=${encodeURIComponent(clientId)}`;
}

/** A shard, from another object. No tenant has a `/` in its name. */
export function shardStub(objects: ObjectNamespace, tenant: string, shard: number): ObjectStub {
  return objects.get(objects.idFromName(`${tenant}/${shard}`));
}

/** The routing object: it has the name of its tenant. */
export function routingStub(objects: ObjectNamespace, tenant: string): ObjectStub {
  return objects.get(objects.idFromName(tenant));
}
