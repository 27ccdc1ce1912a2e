import assert from "node:assert/strict";
import type { CommitBatch, CommitResult, SessionStore } from "../../../src/store/session_store.ts";
import { keyValueStore } from "../../../src/store/key_value/mod.ts";
import { memoryStore } from "../../../src/stores/memory.ts";
import { type ExploredStore, exploreStore, type Gate, mapDriver } from "../../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** A batch on the guard that is stored, whatever the one that it came with. */
async function onStoredGuard(inner: SessionStore, batch: CommitBatch): Promise<CommitBatch> {
  const stored = batch.guard && await inner.read(batch.guard.clientId);
  return stored === undefined ? batch : { ...batch, guard: stored.guard };
}

/** A memory store of which one call is another. */
function breaking(change: (inner: SessionStore) => Partial<SessionStore>): () => ExploredStore {
  return () => {
    const inner = memoryStore();
    return { open: (gate) => gate.wrap({ ...inner, ...change(inner) }) };
  };
}

/** One whose commits are other commits. */
function committing(
  commit: (inner: SessionStore, batch: CommitBatch) => Promise<CommitResult | undefined>,
): () => ExploredStore {
  return breaking((inner) => ({
    commit: async (batches) => {
      const results: CommitResult[] = [];
      for (const batch of batches) {
        const result = await commit(inner, batch);
        if (result !== undefined) results.push(result);
      }
      return results;
    },
  }));
}

async function one(inner: SessionStore, batch: CommitBatch): Promise<CommitResult | undefined> {
  return (await inner.commit([batch]))[0];
}

interface Broken {
  readonly make: () => ExploredStore;
  readonly scenario: string;
  readonly finds: RegExp;
}

/** What is wrong with each store, and what is said of it. */
const BROKEN: Readonly<Record<string, Broken>> = {
  "compares no epoch": {
    make: committing(async (inner, batch) => await one(inner, await onStoredGuard(inner, batch))),
    scenario: "takeover",
    finds: /commit changes what it should not/,
  },
  "reads the page of an acquire in a step of its own": {
    make: () => {
      const inner = memoryStore();
      return {
        open: (gate) => {
          const gated = gate.wrap(inner);
          return {
            ...inner,
            ...gated,
            read: gated.read,
            commit: gated.commit,
            acquire: async (request) => {
              const stored = await gated.read(request.terms.clientId);
              const page = stored && await gated.readQueue(stored.guard, { after: 0, ...request.page });
              const answer = await gated.acquire(request);
              return answer.outcome === "acquired" && answer.resumed && page !== undefined
                ? { ...answer, queue: page }
                : answer;
            },
          };
        },
      };
    },
    scenario: "takeover",
    finds: /acquire answers wrongly: the (page|tail)/,
  },
  "delivers before it looks at the guard": {
    make: committing(async (inner, batch) => {
      if (batch.guard === undefined || batch.deliveries.length === 0) return await one(inner, batch);
      const { guard: _, raiseEpoch: __, ...bare } = batch;
      const early = await one(inner, { ...bare, changes: [], id: `${batch.id}-early` });
      const result = await one(inner, { ...batch, deliveries: [] });
      if (result?.outcome !== "committed" || early?.outcome !== "committed") return result;
      return { ...result, deliveries: early.deliveries };
    }),
    scenario: "takeover",
    finds: /commit changes what it should not/,
  },
  "sweeps by client": {
    make: breaking((inner) => ({
      sweep: async (work) => {
        await inner.sweep(work);
        const living = await inner.read(work.clientId);
        if (living === undefined) return;
        const ending = { changes: [{ type: "endSession", reason: "expired" }], deliveries: [] } as const;
        const limits = { maximumMessages: 1, maximumBytes: 1, whenFull: "dropOldest" } as const;
        await inner.commit([{ id: "sweep", guard: living.guard, ...ending, limits, now: work.dueAt }]);
      },
    })),
    scenario: "sweep",
    finds: /sweep changes what it should not/,
  },
  "compares no cursor of an outbox": {
    make: committing(async (inner, batch) => {
      const result = await one(inner, batch);
      if (batch.outbox === undefined || result?.outcome !== "superseded") return result;
      const { outbox: _, ...again } = batch;
      return await one(inner, again);
    }),
    scenario: "outbox",
    finds: /commit changes what it should not/,
  },
  "carries a repeated batch out again": {
    make: () => {
      const last = new Set<string>();
      return committing(async (inner, batch) => {
        if (batch.guard === undefined || !last.has(batch.id)) {
          last.add(batch.id);
          return await one(inner, batch);
        }
        return await one(inner, { ...await onStoredGuard(inner, batch), id: `${batch.id}-again` });
      })();
    },
    scenario: "repetition",
    finds: /commit changes what it should not/,
  },
  "delivers in a step of its own": {
    make: () => {
      const inner = memoryStore();
      return {
        open: (gate) => {
          const gated = gate.wrap(inner);
          const commit = async (batch: CommitBatch): Promise<CommitResult> => {
            const [changed] = await gated.commit([{ ...batch, deliveries: [] }]);
            if (batch.guard === undefined || changed?.outcome !== "committed") {
              return changed ?? { outcome: "superseded" };
            }
            const { guard: _, changes: __, ...bare } = batch;
            const [delivered] = await gated.commit([{ ...bare, changes: [], id: `${batch.id}-late` }]);
            return delivered?.outcome === "committed" ? { ...changed, deliveries: delivered.deliveries } : changed;
          };
          return wrapped(gated, inner, {
            commit: async ([batch, ...others]) =>
              batch?.guard !== undefined && batch.deliveries.length > 0 && others.length === 0
                ? [await commit(batch)]
                : await gated.commit(batch === undefined ? [] : [batch, ...others]),
          });
        },
      };
    },
    scenario: "takeover",
    finds: /commit changes what it should not, or not all/,
  },
  "forgets that an outbox is due": {
    make: breaking((inner) => ({
      listDue: async (now, options) => (await inner.listDue(now, options)).filter(({ type }) => type !== "outbox"),
    })),
    scenario: "outbox",
    finds: /commit answers what was never so: it should have changed something/,
  },
  "knows nothing of the token": {
    make: () => {
      let count = 0;
      return breaking((inner) => ({
        acquire: (request) => inner.acquire({ ...request, token: `${request.token}-${++count}` }),
      }))();
    },
    scenario: "repetition",
    finds: /acquire changes what it should not/,
  },
  "stands on a driver that checks nothing": {
    make: () => {
      const driver = mapDriver();
      return {
        open: (gate) =>
          keyValueStore(gate.wrap({ ...driver, commit: (_, mutations) => driver.commit([], mutations) }), {
            capabilities: CAPABILITIES,
            newId: () => "id",
          }),
        contents: () => driver.entries(),
      };
    },
    scenario: "full queue",
    finds: /are counted|commit changes what it should not/,
  },
};

/** An object whose functions are those of one that waits, except for some. */
function wrapped(gated: SessionStore, inner: SessionStore, others: Partial<SessionStore>): SessionStore {
  return new Proxy(inner, {
    get: (_, name) => Reflect.get(others, name) ?? Reflect.get(gated, name),
  });
}

for (const [what, { make, scenario, finds }] of Object.entries(BROKEN)) {
  Deno.test(`the explorer finds a store that ${what}, and plays it again`, async () => {
    const options = { name: "broken", make, scenarios: [scenario], together: 2 };
    const found = await exploreStore(options).then(() => undefined, (error: Error) => error);
    assert.match(found?.message ?? "nothing was found", finds);
    assert.match(found?.message ?? "", /^broken breaks a promise in /);
    const schedule = /schedule: "([^"]+)"/.exec(found?.message ?? "")?.[1];
    assert.ok(schedule !== undefined);
    const again = await exploreStore({ ...options, schedule }).then(() => undefined, (error: Error) => error);
    assert.equal(again?.message, found?.message);
  });
}

/** Calls of a counter: nothing of a store, but the explorer walks them all the same. */
function counting(): { readonly make: () => ExploredStore; readonly runs: () => number } {
  let runs = 0;
  const make = (): ExploredStore => {
    runs++;
    const store = memoryStore();
    return { open: (gate: Gate) => gate.wrap(store) };
  };
  return { make, runs: () => runs };
}

Deno.test("an exploration is the same each time, and says when it was cut off", async () => {
  const { make, runs } = counting();
  const options = { name: "memory", make, scenarios: ["full queue"], together: 2 };
  const first = await exploreStore(options);
  assert.equal(first.schedules + first.pruned, runs());
  assert.deepEqual(await exploreStore(options), first);
  assert.equal(first.complete, true);
  const cut = await exploreStore({ ...options, depth: 3 });
  assert.equal(cut.complete, false);
  assert.ok(cut.cutOff > 0 && cut.states < first.states);
});

Deno.test("more who act together, and faults, make more states", async () => {
  const { make } = counting();
  const explore = (together: number, faults: number) =>
    exploreStore({ name: "memory", make, scenarios: ["sweep"], together, faults });
  const [alone, two, twoAndFault] = [await explore(1, 0), await explore(2, 0), await explore(2, 1)];
  assert.ok(alone.states < two.states && two.states < twoAndFault.states);
});

Deno.test("a scenario or a schedule that is none is refused", async () => {
  const { make } = counting();
  await assert.rejects(exploreStore({ name: "memory", make, scenarios: ["nothing"] }), RangeError);
  await assert.rejects(exploreStore({ name: "memory", make, schedule: "0101" }), RangeError);
  await assert.rejects(exploreStore({ name: "memory", make, schedule: "takeover/first,second:z" }), RangeError);
});
