/**
 * The oracle of the simulation, told what it may take for granted of real processes on a busy machine.
 *
 * @module
 */
import type { WorldBounds } from "../simulation/oracle/observation.ts";
import { Oracle } from "../simulation/oracle/oracle.ts";
import type { Reader } from "./journal.ts";
import { MOST_PAUSE_MS, MOST_SILENCE_MS } from "./life.ts";

/** For processes that wait for a processor, and for a machine that is busy. */
const SLACK_MS = 5_000;

/** So long nobody works at all: brokers or their database are gone, and take their time to start. */
const MOST_OUTAGE_MS = 15_000;

/** A new oracle for brokers with such leases. */
export function newReader(leaseMs: number): Reader {
  return new Oracle(boundsOf(leaseMs));
}

function boundsOf(leaseMs: number): WorldBounds {
  // The lease, its grace, and half of one between two looks.
  const lapsedMs = leaseMs * 1.75;
  return {
    networkMs: MOST_PAUSE_MS + SLACK_MS,
    // One clock for all.
    clockMs: 50,
    detachMs: MOST_SILENCE_MS + lapsedMs + MOST_OUTAGE_MS + SLACK_MS,
    dueMs: lapsedMs + MOST_OUTAGE_MS + SLACK_MS,
    // It is, but to more than there is time for.
    queueIsLimited: false,
    queueQos0: false,
  };
}
