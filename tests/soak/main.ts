/**
 * `deno task soak --minutes N --store deno-kv|upstash|memory [--seed S]`: real brokers and a real database, killed at
 * random under real clients, while the oracle reads the traffic. See README.md beside this file.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { killsIn, messagesIn } from "./counts.ts";
import { type EngineName, ENGINES } from "./engine.ts";
import { soak } from "./soak.ts";

const USAGE = `deno task soak --minutes N --store ${ENGINES.join("|")} [--seed S]`;

const { minutes, engine, seed } = readArguments();
const began = Date.now();
const print = (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);
const counts = await soak({
  engine,
  seed,
  minutes,
  epochMs: 120_000,
  rounds: Infinity,
  mostEpochs: Infinity,
  packetsPerFault: 600,
  mostFaults: Infinity,
  tempo: 1,
  leaseMs: 4_000,
  clients: { book: 9, mqttjs: 7, retained: 3 },
  stop: firstSignal(),
  print,
});
const lasted = ((Date.now() - began) / 60_000).toFixed(1);
console.log(
  `soak: ${lasted} minutes, ${messagesIn(counts)} messages, ${
    killsIn(counts)
  } kills, ${counts.violations} violations, ` +
    `seed ${seed}`,
);
Deno.exit(counts.violations === 0 ? 0 : 1);

/** Ends the soak in order: its processes would live on without it. */
function firstSignal(): AbortSignal {
  const asked = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] satisfies Deno.Signal[]) {
    Deno.addSignalListener(signal, () => {
      print(`${signal}: the faults end, then comes the verdict`);
      asked.abort();
    });
  }
  return asked.signal;
}

function readArguments(): { readonly minutes: number; readonly engine: EngineName; readonly seed: number } {
  const text = { type: "string" } as const;
  try {
    const { values } = parseArgs({ args: Deno.args, options: { minutes: text, store: text, seed: text } });
    const minutes = Number(values.minutes);
    const engine = ENGINES.find((name) => name === values.store);
    const seed = Number(values.seed ?? Date.now() % 2 ** 31);
    if (engine !== undefined && minutes > 0 && Number.isSafeInteger(seed)) return { minutes, engine, seed };
  } catch {
    // Told below.
  }
  console.error(USAGE);
  Deno.exit(2);
}
