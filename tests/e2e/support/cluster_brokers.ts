/**
 * Brokers of this process over a Redis Cluster, each with a WebSocket of its own.
 *
 * @module
 */
import { type SessionBroker, sessionBroker, systemEnvironment } from "@edge-mqtt/session";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import { MqttOverWebSocket } from "../../../examples/broker/serve.ts";
import { type RedisCluster, startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { startUpstash, type Upstash } from "../../support/redis/upstash_server.ts";

/** A broker that listens. */
export interface ClusterBroker {
  readonly url: string;
  readonly broker: SessionBroker;
}

/** A cluster, and the brokers over it, until it is disposed of. */
export class ClusterBrokers implements AsyncDisposable {
  readonly cluster: RedisCluster;
  readonly #upstash: Upstash;
  readonly #stops: (() => Promise<void>)[] = [];
  readonly #timers = new Set<{ arm(): void }>();
  #aheadMs = 0;

  private constructor(cluster: RedisCluster, upstash: Upstash) {
    this.cluster = cluster;
    this.#upstash = upstash;
  }

  /** Starts a cluster whose nodes lose nothing when they are killed. */
  static async start(): Promise<ClusterBrokers> {
    const cluster = await startRedisCluster({ appendOnly: true });
    return new ClusterBrokers(cluster, startUpstash({ redis: cluster }));
  }

  /** Puts the clocks of all brokers forward, so that no test waits for a session's end. */
  pass(ms: number): void {
    this.#aheadMs += ms;
    for (const timer of this.#timers) timer.arm();
  }

  /** Starts a broker on a free port. */
  open(nodeId: string): ClusterBroker {
    const { url, token } = this.#upstash;
    const system = systemEnvironment();
    const broker = sessionBroker({
      store: upstashRedisStore({ url, token }, { cluster: true }),
      nodeId,
      environment: {
        ...system,
        now: () => system.now() + this.#aheadMs,
        monotonic: () => system.monotonic() + this.#aheadMs,
        wake: (at, run) => this.#wake(at, run),
      },
      doorbellPollMs: 20,
    });
    broker.start();
    const sockets = new MqttOverWebSocket(broker, { maxPacketBytes: 1_000_000, maxInputBytes: 4_000_000 });
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => sockets.handle(request),
    );
    this.#stops.push(async () => {
      await broker.shutdown();
      await sockets.closed();
      await server.shutdown();
    });
    return { url: `ws://127.0.0.1:${server.addr.port}/mqtt`, broker };
  }

  #wake(at: number, run: () => void): () => void {
    let cancel = () => {};
    const timer = {
      arm: () => {
        cancel();
        cancel = systemEnvironment().wake(at - this.#aheadMs, () => {
          this.#timers.delete(timer);
          run();
        });
      },
    };
    this.#timers.add(timer);
    timer.arm();
    return () => {
      this.#timers.delete(timer);
      cancel();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#stops.map((stop) => stop()));
    await this.#upstash[Symbol.asyncDispose]();
    await this.cluster[Symbol.asyncDispose]();
  }
}
