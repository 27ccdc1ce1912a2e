import { SessionError } from "../../src/errors.ts";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import type { CommitBatch, SessionStore } from "../../src/store/session_store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { compareStores, faultyStore, type InterceptedCall, mapDriver, random } from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** Whether a repeated call must change nothing: an acquire by its token, a commit by the ids of its batches. */
function isRepeatable({ name, args }: InterceptedCall): boolean {
  if (name !== "commit") return name === "acquire";
  // The arguments of a commit are batches.
  const batches = args[0] as readonly CommitBatch[];
  return batches.length > 0 && batches.every(({ guard, outbox }) => guard !== undefined && outbox === undefined);
}

/** Repeats a call until its outcome is known, as a broker does (D8). */
async function untilKnown<Result>(call: () => Promise<Result>): Promise<Result> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const isPassing = error instanceof SessionError &&
        (error.code === "OUTCOME_UNKNOWN" || error.code === "STORE_UNAVAILABLE");
      if (!isPassing) throw error;
    }
  }
}

/** A store whose answers get lost now and then, and which is asked again. */
function unreliable(inner: SessionStore, seed: number): SessionStore {
  const chance = random(seed);
  const { store } = faultyStore(inner, [
    { fault: "failsAfter", times: Infinity, when: (call) => isRepeatable(call) && chance.chance(0.2) },
    { fault: "failsUnknown", times: Infinity, when: () => chance.chance(0.05) },
    { fault: "failsBefore", times: Infinity, when: () => chance.chance(0.05) },
  ]);
  return {
    ...inner,
    acquire: (request) => untilKnown(() => store.acquire(request)),
    commit: (batches) => untilKnown(() => store.commit(batches)),
    renewNode: (nodeId, until) => untilKnown(() => store.renewNode(nodeId, until)),
    sweep: (work) => untilKnown(() => store.sweep(work)),
  };
}

const STORES: Readonly<Record<string, (seed: number) => SessionStore>> = {
  "memory": () => memoryStore(),
  "key-value": (seed) => keyValueStore(mapDriver(), { capabilities: CAPABILITIES, newId: random(seed).id }),
};

for (const [name, make] of Object.entries(STORES)) {
  Deno.test(`${name}: calls that are repeated until their outcome is known happen once [D8]`, async () => {
    for (let seed = 1; seed <= 25; seed++) {
      await compareStores(memoryStore(), unreliable(make(seed), seed), { seed, steps: 150, mayLeaveOutcomesOut: true });
    }
  });
}
