/**
 * The routing object of a tenant: it knows which shards want which filters, and tells the others.
 *
 * @module
 */
import type { ObjectNamespace } from "../platform.ts";
import { call, type Want } from "./call.ts";
import type { Notes } from "./notes.ts";
import { shardStub } from "./place.ts";

/** What it does, one call after the other: of each filter it notes one bit a shard. */
export class Routes {
  readonly #notes: Notes;
  readonly #objects: ObjectNamespace;
  readonly #shards: number;
  #last: Promise<void> = Promise.resolve();

  constructor(notes: Notes, objects: ObjectNamespace, shards: number) {
    this.#notes = notes;
    this.#objects = objects;
    this.#shards = shards;
  }

  /**
   * A shard says what it wants; ends once all others know. What is noted is whole and not what has changed, and whoever
   * hears nothing of it asks again: so nothing has to be undone, whoever fails.
   */
  want(want: Want): Promise<void> {
    const turn = this.#last.then(() => this.#tell(want));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #tell({ tenant, shard, version, filters, isWanted }: Want): Promise<void> {
    const notes = this.#notes;
    if (!notes.raise(`heard/${shard}`, version)) throw new Error("A later call of the shard was here already");
    const noted = filters.map((filter) => {
      const before = notes.filter(filter) ?? 0;
      const shards = isWanted ? before | bitOf(shard) : before & ~bitOf(shard);
      notes.setFilter(filter, shards === 0 ? undefined : shards);
      return [filter, shards] as const;
    });
    const told = { version: notes.next("told"), filters: noted };
    const others = Array.from({ length: this.#shards }, (_, other) => other).filter((other) => other !== shard);
    const results = await Promise.allSettled(
      others.map((other) => call(shardStub(this.#objects, tenant, other), "mirror", told)),
    );
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

/** The bit of a shard. */
export function bitOf(shard: number): number {
  return 1 << shard;
}
