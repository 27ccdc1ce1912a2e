import { memoryStore } from "@edge-mqtt/session/memory";
import { storeConformance } from "@edge-mqtt/session/testing";
import { check } from "./support/check.ts";

/** Of so many cases one is run: that all pass is asked elsewhere. */
const EVERY = 5;

/** The suite for stores runs without a test runner. */
export async function run(): Promise<void> {
  const cases: (() => Promise<void>)[] = [];
  storeConformance({
    test: (_name, run) => cases.push(run),
    name: "memory",
    store: () => Promise.resolve({ store: memoryStore(), close: () => {} }),
  });
  check(cases.length > 50, `there are ${cases.length} cases`);
  for (let index = 0; index < cases.length; index += EVERY) await cases[index]?.();
}
