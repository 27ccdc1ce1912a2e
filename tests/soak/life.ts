/**
 * What all clients of a soak have in common.
 *
 * @module
 */
import type { Journal } from "./journal.ts";
import type { Chance } from "./chance.ts";
import type { Tempo } from "./tempo.ts";

/** A client leaves its socket unread for so long at most. */
export const MOST_PAUSE_MS = 3_000;

/** A socket that has fallen silent stays open for so long at most, and nobody else learns of it before. */
export const MOST_SILENCE_MS = 10_000;

/** Where clients live. */
export interface Surroundings {
  readonly journal: Journal;
  readonly tempo: Tempo;
  /** Begins all topics. */
  readonly root: string;
  /** A broker that runs, if one does. */
  url(chance: Chance): string | undefined;
}

/** A client, from the beginning of an epoch to its end. */
export interface Life {
  readonly clientId: string;
  /** Lives through so many rounds, or until the signal. */
  run(rounds: number, signal: AbortSignal): Promise<void>;
  /** Is connected with its session and stays so until the signal. */
  stay(signal: AbortSignal): Promise<void>;
  /** What is not settled; `undefined` when it is connected and nothing is under way. */
  readonly outstanding: string | undefined;
  /** Breaks everything off. */
  dispose(): Promise<void>;
}
