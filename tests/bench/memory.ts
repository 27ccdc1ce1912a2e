/**
 * What a session costs in memory: heap plus external after a collection, over 100 000 of them.
 *
 * The child process has a collector that can be asked for: `deno run -A tests/bench/memory.ts`
 *
 * @module
 */
import { sessionBroker } from "@edge-mqtt/session";
import { memoryStore } from "@edge-mqtt/session/memory";
import { runDeno } from "../support/deno.ts";

/** Bytes of one session in one state. */
export interface MemoryRow {
  readonly name: string;
  readonly sessions: number;
  readonly bytes: number;
  /** The most bytes that it may take. */
  readonly budget: number;
}

const SESSIONS = 100_000;
const NAMES = ["stored, one subscription", "attached and idle, beside what is stored of it"] as const;

declare const gc: () => void;

/** Measures both states, each in a process of its own. */
export async function measureMemory(): Promise<readonly MemoryRow[]> {
  const rows: MemoryRow[] = [];
  let stored = 0;
  for (const [index, name] of NAMES.entries()) {
    const script = new URL(import.meta.url).pathname;
    const { success, output } = await runDeno(["run", "-A", "--v8-flags=--expose-gc", script, String(index)]);
    const bytes = Number(/bytes=(\d+)/.exec(output)?.[1] ?? NaN);
    if (!success || Number.isNaN(bytes)) throw new Error(`Cannot measure memory: ${output}`);
    rows.push({ name, sessions: SESSIONS, bytes: bytes - stored, budget: index === 0 ? 2_048 : 4_096 });
    stored = bytes;
  }
  return rows;
}

/** Prints a table of them, and answers whether all were met. */
export function printMemory(rows: readonly MemoryRow[]): boolean {
  console.log("memory of a session".padEnd(48) + "sessions      bytes         budget");
  for (const { name, sessions, bytes, budget } of rows) {
    const verdict = `${budget} ${bytes <= budget ? "met" : "MISSED"}`;
    console.log(
      `${name.padEnd(46)}${String(sessions).padStart(10)}${String(bytes).padStart(11)}   ${verdict.padStart(12)}`,
    );
  }
  return rows.every(({ bytes, budget }) => bytes <= budget);
}

function used(): number {
  for (let round = 0; round < 3; round++) gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** In the child: makes the sessions and says what they took, together with what the store holds of them. */
async function child(keepsConnections: boolean): Promise<void> {
  const broker = sessionBroker({ store: memoryStore() });
  const connections: unknown[] = [];
  const before = used();
  for (let index = 0; index < SESSIONS; index++) {
    const connection = broker.accept({ send: () => {}, close: () => {} });
    const clientId = `meter-${index}`;
    await connection.receive([
      { type: "connect", protocolVersion: 5, clientId, cleanStart: false, keepAlive: 60, sessionExpiryInterval: 3600 },
      {
        type: "subscribe",
        packetId: 1,
        subscriptions: [{
          filter: `site/${index}/command`,
          qos: 1,
          noLocal: false,
          retainAsPublished: false,
          retainHandling: 0,
        }],
      },
    ]);
    if (keepsConnections) connections.push(connection);
    else connection.closed("transport");
    if (index % 500 === 0) await broker.settled();
  }
  await broker.settled();
  console.log(`bytes=${Math.round((used() - before) / SESSIONS)}`);
  console.error(connections.length);
  Deno.exit(0);
}

if (import.meta.main) {
  const [mode] = Deno.args;
  if (mode === undefined) printMemory(await measureMemory());
  else await child(mode === "1");
}
