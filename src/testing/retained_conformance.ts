import { RETAINED_CASES } from "./conformance/retained_cases.ts";
import { RetainedKit, type RetainedUnderTest } from "./conformance/retained_kit.ts";

/** What the suite is run with. */
export interface RetainedConformanceOptions {
  /** Registers a test: `Deno.test`, `test` of `node:test`, `it`, or any function of that form. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** What the store is called in the names of the tests. */
  readonly name: string;
  /** Opens an empty store, once for each case. */
  readonly store: () => Promise<RetainedUnderTest>;
}

/**
 * Registers a test for every promise of `RetainedStore`. No case waits for time to pass.
 *
 * @example
 * ```ts
 * import { memoryRetained } from "@edge-mqtt/session/memory";
 * import { retainedConformance } from "@edge-mqtt/session/testing";
 *
 * retainedConformance({
 *   test: (name, run) => console.log(name, run),
 *   name: "memory",
 *   store: () => Promise.resolve({ retained: memoryRetained(), close: () => {} }),
 * });
 * ```
 */
export function retainedConformance(options: RetainedConformanceOptions): void {
  for (const { name, run } of RETAINED_CASES) {
    options.test(`${options.name}: ${name}`, async () => {
      const subject = await options.store();
      try {
        await run(new RetainedKit(subject));
      } finally {
        await subject.close();
      }
    });
  }
}
