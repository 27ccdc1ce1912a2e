/**
 * Sends commands to the Redis that has their keys.
 *
 * @module
 */
import { keysOf, nameOf } from "./command_keys.ts";
import type { RedisCluster } from "./redis_cluster.ts";
import type { RedisServer } from "./redis_server.ts";
import type { RespConnection } from "./resp.ts";
import { type Command, RespError, type RespValue } from "./resp_codec.ts";
import { slotOf } from "./slots.ts";

/** Those that concern every node of a cluster: how their answers become one. */
const EVERYWHERE: ReadonlyMap<string, (replies: readonly RespValue[]) => RespValue> = new Map([
  ["SCRIPT", firstFailure],
  ["FUNCTION", firstFailure],
  ["FLUSHALL", firstFailure],
  ["FLUSHDB", firstFailure],
  ["DBSIZE", (replies: readonly RespValue[]) => replies.reduce<number>((sum, reply) => sum + Number(reply), 0)],
  ["KEYS", (replies: readonly RespValue[]) => replies.flatMap((reply) => reply)],
]);

function firstFailure(replies: readonly RespValue[]): RespValue {
  return replies.find((reply) => reply instanceof RespError) ?? replies[0] ?? null;
}

/** One Redis or a cluster of them, as one. */
export class Backend implements AsyncDisposable {
  readonly #pools: readonly Pool[];
  readonly #poolOf: (slot: number) => Pool;
  /** The servers behind it. */
  readonly nodes: readonly RedisServer[];

  constructor(redis: RedisServer | RedisCluster) {
    this.nodes = "nodes" in redis ? redis.nodes : [redis];
    const pools = new Map(this.nodes.map((node) => [node, new Pool(node)]));
    this.#pools = [...pools.values()];
    this.#poolOf = (slot) => pools.get("nodes" in redis ? redis.nodeOf(slot) : redis) as Pool;
  }

  /** Whether a connection that MONITOR names is one of these. */
  owns(address: string): boolean {
    return this.#pools.some(({ addresses }) => addresses.has(address));
  }

  /** Runs commands in their order: those of one node on one connection. Rejects when a connection ends. */
  async run(commands: readonly Command[]): Promise<readonly RespValue[]> {
    const shares = new Map<Pool, { readonly commands: Command[]; readonly places: number[] }>();
    const everywhere = new Set<number>();
    for (const [place, command] of commands.entries()) {
      const pools = this.#poolsOf(command);
      if (pools.length > 1) everywhere.add(place);
      for (const pool of pools) {
        const share = shares.get(pool) ?? { commands: [], places: [] };
        share.commands.push(command);
        share.places.push(place);
        shares.set(pool, share);
      }
    }
    const replies = commands.map((): RespValue[] => []);
    // All are awaited, so that no connection is in use when this ends.
    const runs = await Promise.allSettled([...shares].map(async ([pool, share]) => {
      const answers = await pool.use((connection) => connection.pipeline(share.commands));
      for (const [index, place] of share.places.entries()) replies[place]?.push(answers[index] ?? null);
    }));
    for (const run of runs) if (run.status === "rejected") throw run.reason;
    return replies.map((answers, place) => {
      const merge = everywhere.has(place) ? EVERYWHERE.get(nameOf(commands[place] ?? [])) : undefined;
      return merge === undefined ? answers[0] ?? null : merge(answers);
    });
  }

  /** Runs commands as one transaction, on the node of the first key; an error when it was discarded as a whole. */
  async transaction(commands: readonly Command[]): Promise<RespError | readonly RespValue[]> {
    const keyed = commands.find((command) => keysOf(command).length > 0);
    const pool = this.#poolsOf(keyed ?? ["PING"])[0] as Pool;
    const replies = await pool.use((connection) => connection.pipeline([["MULTI"], ...commands, ["EXEC"]]));
    const outcome = replies.at(-1);
    if (Array.isArray(outcome)) return outcome;
    return outcome instanceof RespError ? outcome : new RespError("EXECABORT Transaction discarded");
  }

  /** Opens a connection that the caller closes, for what does not end. */
  connect(): Promise<RespConnection> {
    return (this.nodes[0] as RedisServer).connect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.close()));
  }

  #poolsOf(command: Command): readonly Pool[] {
    const [key] = keysOf(command);
    if (key !== undefined) return [this.#poolOf(slotOf(key))];
    return EVERYWHERE.has(nameOf(command)) ? this.#pools : this.#pools.slice(0, 1);
  }
}

/** Connections to one server. Each is used by one request at a time, as if every request came from elsewhere. */
class Pool {
  readonly #redis: RedisServer;
  readonly #all = new Set<RespConnection>();
  #idle: { readonly connection: RespConnection; readonly pid: number }[] = [];
  /** The near ends of all connections that there ever were. */
  readonly addresses = new Set<string>();

  constructor(redis: RedisServer) {
    this.#redis = redis;
  }

  async use<Value>(work: (connection: RespConnection) => Promise<Value>): Promise<Value> {
    const { pid } = this.#redis;
    const connection = await this.#take(pid);
    const value = await work(connection);
    this.#idle.push({ connection, pid });
    return value;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map((connection) => connection.close()));
  }

  async #take(pid: number): Promise<RespConnection> {
    // After a restart the end of an old connection may not have been noticed yet.
    this.#idle = this.#idle.filter((idle) => idle.pid === pid && !idle.connection.closed);
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle.connection;
    const connection = await this.#redis.connect();
    this.addresses.add(connection.address);
    this.#all.add(connection);
    connection.onEnd = () => this.#all.delete(connection);
    return connection;
  }
}
