import { type RedisOptions, type RedisServer, startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash, type Upstash } from "../../support/redis/upstash_server.ts";
import { type BrokerData, BrokerProcess, type DataKind } from "./broker_process.ts";

/** A Redis of its own behind Upstash's REST protocol, stopped at the end. */
export class RedisData implements BrokerData {
  readonly redis: RedisServer;
  readonly upstash: Upstash;

  private constructor(redis: RedisServer, upstash: Upstash) {
    this.redis = redis;
    this.upstash = upstash;
  }

  static async make(options: RedisOptions = {}): Promise<RedisData> {
    const redis = await startRedis(options);
    return new RedisData(redis, startUpstash({ redis }));
  }

  /** What a broker finds in its environment. */
  get environment(): Readonly<Record<string, string>> {
    return { UPSTASH_REDIS_REST_URL: this.upstash.url, UPSTASH_REDIS_REST_TOKEN: this.upstash.token };
  }

  start(...args: readonly string[]): Promise<BrokerProcess> {
    return BrokerProcess.startIn(this.environment, "--store", "upstash", ...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.upstash[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
  }
}

/** Upstash Redis. */
export const UPSTASH_REDIS: DataKind = { name: "Upstash Redis", make: () => RedisData.make() };
