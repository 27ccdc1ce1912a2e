/**
 * The entry points of the package, where each is used, and what is done with it there.
 *
 * @module
 */
import type { Program, Surroundings } from "./support/surroundings.ts";

/** Where the packed build is tried, in the order of the README's table. */
export const RUNTIMES = ["Deno", "Node 20", "Node 24", "Bun", "workerd", "Chromium"] as const;

/** One of them. */
export type Runtime = typeof RUNTIMES[number];

/** One way into the package. */
export interface EntryPoint {
  /** As `exports` names it. */
  readonly name: string;
  /** Where it is used; everywhere else it is imported, and no more. */
  readonly on: readonly Runtime[];
  /** Imports it. */
  load(): Promise<unknown>;
  /** What is done with it. */
  program(): Promise<Program>;
}

/** All of them, in the order of the README's table. */
export const ENTRY_POINTS: readonly EntryPoint[] = [
  {
    name: ".",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session"),
    program: () => import("./broker.ts"),
  },
  {
    name: "./machine",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/machine"),
    program: () => import("./machine.ts"),
  },
  {
    name: "./client",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/client"),
    program: () => import("./client.ts"),
  },
  {
    name: "./memory",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/memory"),
    program: () => import("./memory.ts"),
  },
  {
    name: "./deno-kv",
    on: ["Deno"],
    load: () => import("@edge-mqtt/session/deno-kv"),
    program: () => import("./deno_kv.ts"),
  },
  {
    name: "./durable-object",
    on: ["workerd"],
    load: () => import("@edge-mqtt/session/durable-object"),
    program: () => import("./durable_object.ts"),
  },
  {
    name: "./cloudflare-kv",
    on: ["workerd"],
    load: () => import("@edge-mqtt/session/cloudflare-kv"),
    program: () => import("./cloudflare_kv.ts"),
  },
  {
    name: "./upstash-redis",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/upstash-redis"),
    program: () => import("./upstash_redis.ts"),
  },
  {
    name: "./idb-keyval",
    on: ["Chromium"],
    load: () => import("@edge-mqtt/session/idb-keyval"),
    program: () => import("./idb_keyval.ts"),
  },
  {
    name: "./key-value",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/key-value"),
    program: () => import("./key_value.ts"),
  },
  {
    name: "./mqtt-packet",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/mqtt-packet"),
    program: () => import("./mqtt_packet.ts"),
  },
  {
    name: "./mqttjs",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/mqttjs"),
    program: () => import("./mqttjs.ts"),
  },
  {
    name: "./aedes",
    on: ["Deno", "Node 20", "Node 24", "Bun"],
    load: () => import("@edge-mqtt/session/aedes"),
    program: () => import("./aedes.ts"),
  },
  {
    name: "./admin",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/admin"),
    program: () => import("./admin.ts"),
  },
  {
    name: "./cli",
    on: ["Deno"],
    load: () => import("@edge-mqtt/session/cli"),
    program: () => import("./cli.ts"),
  },
  {
    name: "./recorder",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/recorder"),
    program: () => import("./recorder.ts"),
  },
  {
    name: "./testing",
    on: RUNTIMES,
    load: () => import("@edge-mqtt/session/testing"),
    program: () => import("./testing.ts"),
  },
];

/** What became of an entry point: it was used, it was imported and no more, or how either failed. */
export type Outcome = "used" | "imported" | { readonly failure: string };

/** How the entry points went on one runtime. */
export type Outcomes = Readonly<Record<string, Outcome>>;

/** Longer than any program takes. */
const LIMIT_MS = 30_000;

/** Imports every entry point, and uses those that are for this runtime. */
export async function useAll(runtime: Runtime, surroundings: Surroundings): Promise<Outcomes> {
  const outcomes: Record<string, Outcome> = {};
  for (const entry of ENTRY_POINTS) {
    try {
      outcomes[entry.name] = await within(use(entry, runtime, surroundings));
    } catch (error) {
      outcomes[entry.name] = { failure: error instanceof Error ? error.stack ?? error.message : String(error) };
    }
  }
  return outcomes;
}

async function use({ on, load, program }: EntryPoint, runtime: Runtime, surroundings: Surroundings): Promise<Outcome> {
  await load();
  if (!on.includes(runtime)) return "imported";
  const { run } = await program();
  await run(surroundings);
  return "used";
}

async function within<Value>(work: Promise<Value>): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
