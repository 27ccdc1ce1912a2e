import assert from "node:assert/strict";
import type { Guard, SessionStore } from "../../../src/store/session_store.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { compareStores, storeConformance } from "../../../src/testing/mod.ts";

/** The store with some calls done wrong. */
function mutant(change: (store: SessionStore) => Partial<SessionStore>): () => SessionStore {
  return () => {
    const store = memoryStore();
    return { ...store, ...change(store) };
  };
}

/** The names of the cases that a store fails. */
async function failures(make: () => SessionStore): Promise<readonly string[]> {
  const cases: { readonly name: string; readonly run: () => Promise<void> }[] = [];
  storeConformance({
    test: (name, run) => cases.push({ name: name.replace("it: ", ""), run }),
    name: "it",
    store: () => Promise.resolve({ store: make(), close: () => {} }),
  });
  const failed: string[] = [];
  for (const { name, run } of cases) await run().catch(() => failed.push(name));
  return failed;
}

/** Stores with one fault each, and a case that must tell. */
const MUTANTS: readonly (readonly [what: string, make: () => SessionStore, tells: string])[] = [
  [
    "takes a stale guard for the current one",
    mutant((store) => ({
      commit: async (batches, options) => {
        const current = async (guard: Guard): Promise<Guard> => (await store.read(guard.clientId))?.guard ?? guard;
        const changed = batches.map(async (batch) =>
          batch.guard === undefined ? batch : { ...batch, guard: await current(batch.guard) }
        );
        return await store.commit(await Promise.all(changed), options);
      },
    })),
    "an owner that was superseded changes nothing, with any kind of commit [G3]",
  ],
  [
    "carries a repeated batch out again",
    mutant((store) => {
      let sent = 0;
      return {
        commit: (batches, options) =>
          store.commit(batches.map((batch) => ({ ...batch, id: `${batch.id} ${++sent}` })), options),
      };
    }),
    "a repeated batch answers as the first time and changes nothing",
  ],
  [
    "stops at the first batch of a group that is superseded",
    mutant((store) => ({
      commit: async (batches, options) => {
        const results = [...await store.commit(batches, options)];
        const stale = results.findIndex(({ outcome }) => outcome === "superseded");
        return stale === -1
          ? results
          : results.map((result, index) => index > stale ? { outcome: "superseded" } : result);
      },
    })),
    "of a group of batches each is whole or not at all, and the answers come in their order",
  ],
  [
    "drops what was started",
    mutant((store) => ({
      commit: (batches, options) =>
        store.commit(
          batches.map((batch) => ({
            ...batch,
            changes: batch.changes.filter(({ type }) => type !== "putSentLimit"),
          })),
          options,
        ),
    })),
    "dropOldest: what was started never gives way [G7]",
  ],
  [
    "lets copies wait under no terms",
    mutant((store) => ({
      commit: (batches, options) =>
        store.commit(
          batches.map((batch) => ({
            ...batch,
            deliveries: batch.deliveries.map(({ terms: _terms, ...delivery }) => delivery),
          })),
          options,
        ),
    })),
    "a slot holds one message that waits: the earlier one is replaced, and counted",
  ],
  [
    "knows no priorities",
    mutant((store) => ({
      commit: (batches, options) =>
        store.commit(
          batches.map((batch) => ({
            ...batch,
            deliveries: batch.deliveries.map(({ terms, ...delivery }) => {
              return terms === undefined ? delivery : { ...delivery, terms: { ...terms, priority: 0 } };
            }),
          })),
          options,
        ),
    })),
    "no message displaces one of a higher priority, though it came without terms itself",
  ],
  [
    "does not clear rings",
    mutant((store) => {
      const all = new Map<string, string[]>();
      return {
        readRings: async (nodeId, options) => {
          const rings = [...new Set([...all.get(nodeId) ?? [], ...await store.readRings(nodeId, options)])];
          all.set(nodeId, rings);
          return rings;
        },
      };
    }),
    "an append rings at the node that owns the session, once, and nowhere else",
  ],
  [
    "waits no grace",
    mutant((store) => ({ listDue: (now, options) => store.listDue(now, { ...options, graceMs: 0 }) })),
    "a node whose lease ran out is due with its sessions, after the grace that the caller gives",
  ],
  [
    "forgets the token",
    mutant((store) => {
      let tokens = 0;
      return { acquire: (request, options) => store.acquire({ ...request, token: `token ${++tokens}` }, options) };
    }),
    "a repeated acquire answers the same and changes nothing",
  ],
  [
    "looks at no signal",
    mutant((store) => ({ read: (clientId) => store.read(clientId) })),
    "a call whose signal is aborted rejects with its reason, and nothing happens",
  ],
  [
    "hands out what it holds",
    mutant((store) => {
      const pages = new Map<string, ReturnType<SessionStore["readQueue"]>>();
      return {
        readQueue: (guard, position, options) => {
          const key = JSON.stringify([guard, position]);
          const page = pages.get(key) ?? store.readQueue(guard, position, options);
          pages.set(key, page);
          return page;
        },
      };
    }),
    "what the caller does to its own objects afterwards changes nothing that is stored",
  ],
  [
    "claims a larger message than it takes",
    () => {
      const store = memoryStore({ maxMessageBytes: 1_000 });
      return { ...store, capabilities: memoryStore().capabilities };
    },
    "a message of a mebibyte, or the largest that the store takes, is kept whole",
  ],
];

Deno.test("the suite finds nothing wrong with the model", async () => {
  assert.deepEqual(await failures(memoryStore), []);
});

for (const [what, make, tells] of MUTANTS) {
  Deno.test(`the suite tells of a store that ${what}`, async () => {
    const failed = await failures(make);
    assert.ok(failed.includes(tells), `it failed ${failed.length} cases:\n${failed.join("\n")}`);
  });
}

Deno.test("comparing tells of a store that loses a detail, with the seed and the step", async () => {
  const make = mutant((store) => ({
    readQueue: async (guard, position, options) => {
      const page = await store.readQueue(guard, position, options);
      return { ...page, messages: page.messages.map((message) => ({ ...message, retain: false })) };
    },
  }));
  await assert.rejects(compareStores(memoryStore(), make(), { seed: 5 }), /at step \d+ of seed 5: /);
});

Deno.test("comparing tells of most faults within a few histories", async () => {
  // A history passes no signal and asks for no grace.
  const beyond = ["looks at no signal", "waits no grace"];
  const told: string[] = [];
  for (const [what, make] of MUTANTS) {
    for (let seed = 1; seed <= (beyond.includes(what) ? 5 : 40); seed++) {
      const differs = await compareStores(memoryStore(), make(), { seed }).then(() => false, () => true);
      if (differs) told.push(what);
      if (differs) break;
    }
  }
  assert.deepEqual(told, MUTANTS.map(([what]) => what).filter((what) => !beyond.includes(what)));
});

Deno.test("comparing finds nothing between two models", async () => {
  for (let seed = 1; seed <= 5; seed++) await compareStores(memoryStore(), memoryStore(), { seed, steps: 150 });
});
