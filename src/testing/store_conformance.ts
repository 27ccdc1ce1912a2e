import { ACQUIRE_CASES } from "./conformance/acquire_cases.ts";
import { BESIDE_CASES } from "./conformance/beside_cases.ts";
import { CLAIM_CASES } from "./conformance/claim_cases.ts";
import { COMMIT_CASES } from "./conformance/commit_cases.ts";
import { DATA_CASES } from "./conformance/data_cases.ts";
import { DUE_CASES } from "./conformance/due_cases.ts";
import { DURABILITY_CASES } from "./conformance/durability_cases.ts";
import { JOURNAL_CASES } from "./conformance/journal_cases.ts";
import { type ConformanceCase, Kit, type StoreUnderTest } from "./conformance/kit.ts";
import { MAINTENANCE_CASES } from "./conformance/maintenance_cases.ts";
import { NAME_CASES } from "./conformance/name_cases.ts";
import { OUTBOX_CASES } from "./conformance/outbox_cases.ts";
import { OWNERSHIP_CASES } from "./conformance/ownership_cases.ts";
import { QUEUE_CASES } from "./conformance/queue_cases.ts";
import { QUEUE_LIMIT_CASES } from "./conformance/queue_limit_cases.ts";
import { QUEUE_TERMS_CASES } from "./conformance/queue_terms_cases.ts";
import { QUOTA_CASES } from "./conformance/quota_cases.ts";
import { REPEATED_BATCH_CASES } from "./conformance/repeated_batch_cases.ts";
import { ROUTING_CASES } from "./conformance/routing_cases.ts";
import { TOKEN_CASES } from "./conformance/token_cases.ts";

/** What the suite is run with. */
export interface StoreConformanceOptions {
  /** Registers a test: `Deno.test`, `test` of `node:test`, `it`, or any function of that form. */
  readonly test: (name: string, run: () => Promise<void>) => void;
  /** What the store is called in the names of the tests. */
  readonly name: string;
  /** Opens an empty store, once for each case. */
  readonly store: () => Promise<StoreUnderTest>;
}

const CASES: readonly ConformanceCase[] = [
  ...ACQUIRE_CASES,
  ...TOKEN_CASES,
  ...OWNERSHIP_CASES,
  ...BESIDE_CASES,
  ...QUOTA_CASES,
  ...COMMIT_CASES,
  ...REPEATED_BATCH_CASES,
  ...QUEUE_CASES,
  ...QUEUE_LIMIT_CASES,
  ...QUEUE_TERMS_CASES,
  ...ROUTING_CASES,
  ...OUTBOX_CASES,
  ...CLAIM_CASES,
  ...DUE_CASES,
  ...JOURNAL_CASES,
  ...MAINTENANCE_CASES,
  ...DATA_CASES,
  ...NAME_CASES,
  ...DURABILITY_CASES,
];

/**
 * Registers a test for every promise of `SessionStore`.
 *
 * The store's own `capabilities` choose what is asked of it: what it does not claim is passed over, what it claims
 * falsely fails. No case waits for time to pass.
 *
 * @example
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { storeConformance } from "@edge-mqtt/session/testing";
 *
 * storeConformance({
 *   test: (name, run) => console.log(name, run),
 *   name: "memory",
 *   store: () => Promise.resolve({ store: memoryStore(), close: () => {} }),
 * });
 * ```
 */
export function storeConformance(options: StoreConformanceOptions): void {
  for (const { name, applies, run } of CASES) {
    options.test(`${options.name}: ${name}`, async () => {
      const subject = await options.store();
      try {
        if (applies?.(subject.store.capabilities, subject) === false) return;
        const kit = new Kit(subject);
        await kit.start();
        await run(kit);
      } finally {
        await subject.close();
      }
    });
  }
}
