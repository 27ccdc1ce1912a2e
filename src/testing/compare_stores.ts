import type { SessionStore } from "../store/session_store.ts";
import { History } from "./comparison/history.ts";
import { settlingStore } from "./conformance/settling_store.ts";
import { random } from "./random.ts";

/** How long a history is, and which. */
export interface CompareStoresOptions {
  /** The same seed gives the same history. */
  readonly seed: number;
  /** How many steps it has. Default: 200. */
  readonly steps?: number;
  /**
   * The subject repeats batches by itself, so that it may leave out what became of their deliveries; what it holds is
   * compared all the same. Default: false.
   */
  readonly mayLeaveOutcomesOut?: boolean;
}

/** How many of the latest steps the message of a failure tells. */
const STEPS_TOLD = 12;

/** After so many steps all that can be seen is compared, not only what was answered. */
const STEPS_BETWEEN_LOOKS = 25;

/**
 * Lets two empty stores live through the same random history, and compares all that they answer and hold.
 *
 * The model is what the subject should be like: `memoryStore()`, which carries the port's promises out in the plainest
 * way. Rejects with an `Error` that tells the seed, the step, and what came before it.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { compareStores } from "@edge-mqtt/session/testing";
 *
 * await compareStores(memoryStore(), memoryStore(), { seed: 1, steps: 20 });
 * ```
 */
export async function compareStores(
  model: SessionStore,
  subject: SessionStore,
  options: CompareStoresOptions,
): Promise<void> {
  const { seed, steps = 200, mayLeaveOutcomesOut = false } = options;
  const history = new History([model, settlingStore(subject)], random(seed), mayLeaveOutcomesOut);
  const told: string[] = [];
  let step = 0;
  try {
    await history.start();
    while (step < steps) {
      step++;
      told.push(`${step}: ${await history.step()}`);
      if (step % STEPS_BETWEEN_LOOKS === 0 || step === steps) await history.compareAll();
    }
  } catch (cause) {
    const latest = told.slice(-STEPS_TOLD).join("\n");
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`The stores differ at step ${step} of seed ${seed}: ${found}\nafter\n${latest}`, { cause });
  }
}
