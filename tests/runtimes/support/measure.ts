import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { MqttOverWebSocket } from "../../../examples/broker/serve.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import { type Outcomes, type Runtime, RUNTIMES } from "../programs/entry_points.ts";
import type { Surroundings } from "../programs/support/surroundings.ts";
import type { PackedApp } from "./packed_app.ts";
import { runOn } from "./run_on.ts";

/** How the entry points went on every runtime. */
export type Results = Readonly<Record<Runtime, Outcomes>>;

/** Runs the programs of an application on every runtime, with what they need of outside. */
export async function measure(app: PackedApp): Promise<Results> {
  const broker = sessionBroker({ store: memoryStore() });
  const sockets = new MqttOverWebSocket(broker, { maxPacketBytes: 1_048_576, maxInputBytes: 4_194_304 });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => sockets.handle(request),
  );
  const redis = await startRedis();
  const upstash = startUpstash({ redis });
  const surroundings: Surroundings = {
    mqttUrl: `ws://127.0.0.1:${server.addr.port}/mqtt`,
    upstash: { url: upstash.url, token: upstash.token },
  };
  try {
    const results: Partial<Record<Runtime, Outcomes>> = {};
    const left = [...RUNTIMES];
    const work = async (): Promise<void> => {
      for (let runtime = left.shift(); runtime !== undefined; runtime = left.shift()) {
        results[runtime] = await runOn(runtime, app, surroundings);
      }
    };
    // Each of them waits now and then.
    await Promise.all([work(), work()]);
    // Each has been run.
    return results as Results;
  } finally {
    await broker.shutdown();
    await server.shutdown();
    await upstash[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
  }
}
