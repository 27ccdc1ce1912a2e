/**
 * The ground on which both sides are measured: one Redis, before it for one side the REST server, before both the same
 * kind of pipe.
 *
 * @module
 */
import { bytePipe } from "../../support/redis/byte_pipe.ts";
import { startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { type RedisServer, startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash, type Upstash } from "../../support/redis/upstash_server.ts";
import { Ours, type OursOptions } from "./ours.ts";
import { openPeer, type Peer, type PeerOptions } from "./peer.ts";
import { startRestServer } from "./rest_worker.ts";

/** Opens our side on a Redis that is opened elsewhere. */
export interface OurGround {
  ours(nodeId?: string): Ours;
}

/** Uses a cluster of three, which the peer cannot. */
export async function onCluster<Result>(use: (ground: OurGround) => Promise<Result>): Promise<Result> {
  await using redis = await startRedisCluster();
  await using upstash = startUpstash({ redis });
  const { url, token, meter } = upstash;
  return await use({ ours: (nodeId = "node") => new Ours({ url, token, meter, nodeId, cluster: true }) });
}

/** A Redis, and both ways to it. */
export class Rig implements OurGround, AsyncDisposable {
  readonly #redis: RedisServer;
  readonly upstash: Upstash;

  constructor(redis: RedisServer, upstash: Upstash) {
    this.#redis = redis;
    this.upstash = upstash;
  }

  /** Starts a Redis of its own. */
  static async start(): Promise<Rig> {
    const redis = await startRedis();
    return new Rig(redis, startUpstash({ redis }));
  }

  /** Empties Redis; scripts stay known. */
  async flush(): Promise<void> {
    const connection = await this.#redis.connect();
    await connection.command(["FLUSHALL"]);
    await connection.close();
  }

  /** How many keys there are. */
  async keys(): Promise<number> {
    const connection = await this.#redis.connect();
    const size = await connection.command(["DBSIZE"]);
    await connection.close();
    return Number(size);
  }

  /** Opens our side without a pipe. */
  ours(nodeId = "node", more: Pick<OursOptions, "observe"> = {}): Ours {
    const { url, token, meter } = this.upstash;
    return new Ours({ url, token, meter, nodeId, ...more });
  }

  /** Opens the peer without a pipe. */
  peer(options: Omit<PeerOptions, "port"> = {}): Promise<Peer> {
    return openPeer({ ...options, port: this.#redis.port });
  }

  /** Lets both sides be used over a way of this latency. */
  async at<Result>(latencyMs: number, use: (ways: Ways) => Promise<Result>): Promise<Result> {
    using rest = await startRestServer(this.#redis.port);
    await using toRest = bytePipe({ port: rest.port, latencyMs });
    await using toRedis = bytePipe({ port: this.#redis.port, latencyMs });
    const { meter } = this.upstash;
    return await use({
      ours: () => new Ours({ url: `http://127.0.0.1:${toRest.port}`, token: rest.token, meter }),
      peer: (enableAutoPipelining = false) => openPeer({ port: toRedis.port, enableAutoPipelining }),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstash[Symbol.asyncDispose]();
    await this.#redis[Symbol.asyncDispose]();
  }
}

/** Opens either side over a way of some latency. */
export interface Ways {
  ours(): Ours;
  peer(enableAutoPipelining?: boolean): Promise<Peer>;
}
