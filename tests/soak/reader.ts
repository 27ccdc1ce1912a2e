/**
 * The oracles of the simulation, told what they may take for granted of real processes on a busy machine.
 *
 * @module
 */
import type { Observation, SessionReport, Violation, WorldBounds } from "../simulation/oracle/observation.ts";
import { Oracle } from "../simulation/oracle/oracle.ts";
import { RetainedOracle } from "../simulation/oracle/retained.ts";
import type { Reader } from "./journal.ts";
import { MOST_PAUSE_MS, MOST_SILENCE_MS } from "./life.ts";

/** So begin the names of clients that only speak of what is retained. */
export const RETAINED_PREFIX = "retained-";

/** For processes that wait for a processor, and for a machine that is busy. */
const SLACK_MS = 5_000;

/** So long nobody works at all: brokers or their database are gone, and take their time to start. */
const MOST_OUTAGE_MS = 15_000;

/** A packet that arrives at all takes so long at most. */
const NETWORK_MS = MOST_PAUSE_MS + SLACK_MS;

/**
 * New oracles for brokers with such leases: one for all that is retained, and one for everything else, as neither knows of
 * the other's promises.
 */
export function newReader(leaseMs: number): Reader {
  const oracle = new Oracle(boundsOf(leaseMs));
  const retained = new RetainedOracle(true, NETWORK_MS + MOST_OUTAGE_MS);
  const isRetained = ({ client }: { readonly client: string }) => client.startsWith(RETAINED_PREFIX);
  const connections = new Set<number>();
  const violations: Violation[] = [];
  const told = new Map<{ readonly violations: readonly Violation[] }, number>();
  const collect = () => {
    for (const each of [oracle, retained]) {
      violations.push(...each.violations.slice(told.get(each)));
      told.set(each, each.violations.length);
    }
  };
  return {
    violations,
    see(observation: Observation) {
      const concernsRetained = "client" in observation
        ? isRetained(observation)
        : "connection" in observation && connections.has(observation.connection);
      if (concernsRetained && observation.type === "opened") connections.add(observation.connection);
      (concernsRetained ? retained : oracle).see(observation);
      collect();
    },
    finish(at: number, reports: readonly SessionReport[]) {
      oracle.finish(at, reports.filter((report) => !isRetained(report)));
      retained.finish(at);
      collect();
    },
    get judged() {
      return { fromGroups: oracle.counts.get("copy from a group") ?? 0, retainedTopics: retained.judged };
    },
  };
}

function boundsOf(leaseMs: number): WorldBounds {
  // The lease, its grace, and half of one between two looks.
  const lapsedMs = leaseMs * 1.75;
  return {
    networkMs: NETWORK_MS,
    // One clock for all.
    clockMs: 50,
    detachMs: MOST_SILENCE_MS + lapsedMs + MOST_OUTAGE_MS + SLACK_MS,
    dueMs: lapsedMs + MOST_OUTAGE_MS + SLACK_MS,
    // It is, but to more than there is time for.
    queueIsLimited: false,
    queueQos0: false,
  };
}
