/**
 * A Redis Cluster under processes that die at a chosen request, and a look at every key that they leave.
 *
 * @module
 */
import type { SessionStore } from "../../../src/store/session_store.ts";
import { type UpstashClient, upstashClient } from "../../../src/stores/upstash_redis/client.ts";
import { upstashRedisStore } from "../../../src/stores/upstash_redis/mod.ts";
import { type RedisCluster, startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { plain, type RespConnection } from "../../support/redis/resp.ts";
import { startUpstash, type Upstash } from "../../support/redis/upstash_server.ts";

/** What becomes of a process at its fatal request: it ends, it waits, or it goes on without this request or its answer. */
export type Death = "before" | "after" | "stalls" | "request lost" | "answer lost";

/** A process: a store whose requests are counted, and that may end at one of them. */
export class Process {
  readonly store: SessionStore;
  requests = 0;
  #fatal = Infinity;
  #death: Death = "before";
  #isDead = false;
  readonly #running = new Set<Promise<unknown>>();
  readonly #stalled = Promise.withResolvers<void>();
  readonly #released = Promise.withResolvers<void>();

  constructor(client: UpstashClient, prefix: string) {
    this.store = upstashRedisStore(this.#mortal(client), { prefix, cluster: true });
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Resolves once its fatal request waits. */
  get stalled(): Promise<void> {
    return this.#stalled.promise;
  }

  /** From now on the `request`-th request, counted from 1, is its last one, or waits. */
  dieAt(request: number, death: Death): void {
    this.requests = 0;
    this.#fatal = request;
    this.#death = death;
  }

  /** Lets the one that waits go on. */
  release(): void {
    this.#released.resolve();
  }

  /** Runs some work as far as the process lives; `undefined` when it died over it. */
  async run<Value>(work: (store: SessionStore) => Promise<Value>): Promise<Value | undefined> {
    try {
      return await work(this.store);
    } catch (error) {
      if (!this.#isDead) throw error;
      return undefined;
    } finally {
      await Promise.allSettled(this.#running);
    }
  }

  #mortal(client: UpstashClient): UpstashClient {
    return {
      pipeline: () => {
        const pipeline = client.pipeline();
        const exec = pipeline.exec.bind(pipeline);
        return Object.assign(pipeline, {
          exec: async (options: Parameters<typeof exec>[0]) => {
            const isFatal = ++this.requests === this.#fatal;
            if (this.#isDead) throw new Error("the process is dead");
            if (isFatal && this.#death === "before") return this.#die();
            if (isFatal && this.#death === "request lost") throw new TypeError("it was not sent");
            if (isFatal && this.#death === "stalls") {
              this.#stalled.resolve();
              await this.#released.promise;
            }
            const running = exec(options);
            this.#running.add(running);
            const reply = await running;
            if (isFatal && this.#death === "answer lost") throw new TypeError("its answer was lost");
            return isFatal && this.#death === "after" ? this.#die() : reply;
          },
        });
      },
    };
  }

  #die(): never {
    this.#isDead = true;
    throw new Error("the process died");
  }
}

/** Every key with what it holds: fields of a hash, or members of a sorted set with their scores. */
export type Contents = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** One cluster for many histories, each under a prefix of its own. */
export class ClusterWorld implements AsyncDisposable {
  readonly upstash: Upstash;
  readonly #cluster: RedisCluster;
  readonly #looks: readonly RespConnection[];
  #lastPrefix = 0;

  constructor(cluster: RedisCluster, upstash: Upstash, looks: readonly RespConnection[]) {
    this.#cluster = cluster;
    this.upstash = upstash;
    this.#looks = looks;
  }

  /** Starts a cluster of three. */
  static async start(): Promise<ClusterWorld> {
    const cluster = await startRedisCluster();
    const upstash = startUpstash({ redis: cluster });
    return new ClusterWorld(cluster, upstash, await Promise.all(cluster.nodes.map((node) => node.connect())));
  }

  /** A prefix that nobody has used. */
  prefix(): string {
    return `h${++this.#lastPrefix}`;
  }

  /** A process that lives until told otherwise. */
  process(prefix: string): Process {
    return new Process(upstashClient({ url: this.upstash.url, token: this.upstash.token }), prefix);
  }

  /** All that stands under a prefix; keys without it. */
  async contents(prefix: string): Promise<Contents> {
    const found = new Map<string, ReadonlyMap<string, string>>();
    for (const look of this.#looks) {
      for (const key of await ask(look, ["KEYS", `${prefix}/*`])) {
        const [type] = await ask(look, ["TYPE", key]);
        const flat = await ask(look, type === "hash" ? ["HGETALL", key] : ["ZRANGE", key, "0", "-1", "WITHSCORES"]);
        const held = new Map<string, string>();
        for (let place = 0; place < flat.length; place += 2) held.set(flat[place] ?? "", flat[place + 1] ?? "");
        found.set(key.slice(key.indexOf("{")), held);
      }
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#looks.map((look) => look.close()));
    await this.upstash[Symbol.asyncDispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }
}

async function ask(connection: RespConnection, command: readonly string[]): Promise<readonly string[]> {
  const [reply = null] = await connection.pipeline([command]);
  return [plain(reply)].flat().map(String);
}
