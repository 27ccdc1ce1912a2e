/**
 * Epochs, one after the other, over the same brokers and the same store.
 *
 * @module
 */
import type { Violation } from "../simulation/oracle/observation.ts";
import { Chance } from "./chance.ts";
import type { ClientCounts } from "./clients.ts";
import { addCounts, type Counts, describeCounts, noCounts } from "./counts.ts";
import { type EngineName, makeEngine } from "./engine.ts";
import { Epoch } from "./epoch.ts";
import { newReader } from "./reader.ts";
import { Nodes } from "./nodes.ts";
import { Tempo } from "./tempo.ts";
import { writeTimeline } from "./timelines.ts";

/** How often a line tells what has happened. */
const LINE_MS = 60_000;

/** No timer takes more. */
const MOST_TIMER_MS = 2 ** 31 - 1;

/** So many timelines are written of one epoch; what is broken then breaks again and again. */
const MOST_TIMELINES = 5;

/** What is run. */
export interface SoakOptions {
  readonly engine: EngineName;
  readonly seed: number;
  /** No epoch begins after so long. */
  readonly minutes: number;
  /** The faults of an epoch end after so long. */
  readonly epochMs: number;
  /** Each client does so much in an epoch, if its time is not over before. */
  readonly rounds: number;
  readonly mostEpochs: number;
  /** A process is struck whenever clients have heard about so many packets. */
  readonly packetsPerFault: number;
  /** So many strikes in an epoch at most. */
  readonly mostFaults: number;
  /** What is drawn takes so much of its time. */
  readonly tempo: number;
  readonly leaseMs: number;
  readonly clients: ClientCounts;
  /** Ends the faults at once; the verdict comes all the same. */
  readonly stop?: AbortSignal;
  print(line: string): void;
}

/** Runs it; what has happened. */
export async function soak(options: SoakOptions): Promise<Counts> {
  const { engine: name, seed, minutes, epochMs, leaseMs, stop, print } = options;
  const chance = new Chance(seed);
  const until = Date.now() + minutes * 60_000;
  await using engine = await makeEngine(name);
  await using nodes = await Nodes.start(engine, brokerArguments(leaseMs));
  print(`soak on ${name}, seed ${seed}: ${await nodes.memory()}`);
  let total = noCounts();
  for (let number = 1; number <= options.mostEpochs && Date.now() < until && stop?.aborted !== true; number++) {
    let timelines = 0;
    const faults = new AbortController();
    const timer = setTimeout(() => faults.abort(), Math.min(epochMs, until - Date.now(), MOST_TIMER_MS));
    const epoch = new Epoch({
      number,
      engine,
      nodes,
      chance: chance.fork(),
      tempo: new Tempo(options.tempo),
      clients: options.clients,
      rounds: options.rounds,
      packetsPerFault: options.packetsPerFault,
      mostFaults: options.mostFaults,
      signal: stop === undefined ? faults.signal : AbortSignal.any([faults.signal, stop]),
      horizonMs: leaseMs * 2,
      reader: newReader(leaseMs),
      print,
      violated(violation, seen) {
        print(`VIOLATION ${describe(violation)}`);
        if (timelines++ < MOST_TIMELINES) print(`timeline: ${writeTimeline(violation, seen)}`);
      },
    });
    const line = setInterval(() => print(describeCounts(addCounts(total, epoch.counts))), LINE_MS);
    try {
      await epoch.run();
    } finally {
      clearInterval(line);
      clearTimeout(timer);
    }
    total = addCounts(total, epoch.counts);
  }
  print(describeCounts(total));
  for (const [kind, count] of nodes.complaints) print(`brokers said ${count} times: ${kind}`);
  return total;
}

function describe({ rule, at, client, message }: Violation): string {
  return `${rule}: ${client === "" ? "" : `${client}: `}${message} (at ${new Date(at).toISOString()})`;
}

function brokerArguments(leaseMs: number): readonly string[] {
  return [
    ["--lease-ms", `${leaseMs}`],
    ["--poll-ms", "200"],
    ["--max-queued-messages", "100000"],
    ["--max-queued-bytes", "1000000000"],
    ["--max-input-bytes", "67108864"],
  ].flat();
}
