/** In a cluster a step takes several requests: a process may die at any of them, and whoever comes later mends. */
import assert from "node:assert/strict";
import type { SessionStore } from "../../src/store/session_store.ts";
import { SessionError } from "../../src/errors.ts";
import { Kit, type Owned, PLAIN, START } from "../../src/testing/conformance/kit.ts";
import { playHistory } from "./support/cluster_history.ts";
import { assertIndexed, assertNothingMissing, isJournal } from "./support/cluster_index.ts";
import {
  CLIENT,
  type ClusterStep,
  letTimePass,
  MOMENTS,
  openReceivers,
  type Scene,
  STEPS,
  workOff,
} from "./support/cluster_scenes.ts";
import { ClusterWorld, type Death, type Process } from "./support/cluster_world.ts";

/** Until when the nodes live: nothing here is about leases that run out. */
const LEASE = START + 1_000_000;

const HISTORIES = 40;
const STEPS_A_HISTORY = 40;

/** Keys that outlive all sessions. */
const LASTING = /^\{shared\}\/(routes|nodes|rings)$|\/ended$/;

/** A process that is ready to take a step. */
interface Ready {
  readonly prefix: string;
  readonly process: Process;
  readonly scene: Scene;
}

/** Makes receivers and the session, by the process that takes the step. */
async function ready(world: ClusterWorld, step: ClusterStep, now: number): Promise<Ready> {
  const prefix = world.prefix();
  const process = world.process(prefix);
  const kit = kitOn(process.store);
  for (const node of ["node-a", "node-b"]) await process.store.renewNode(node, LEASE);
  const receivers = await openReceivers(kit);
  const scene = { kit, receivers, session: undefined, now };
  const session = await step.prepare?.(scene);
  return { prefix, process, scene: { ...scene, session } };
}

function kitOn(store: SessionStore): Kit {
  const kit = new Kit({ store, close: () => {} });
  // Without what the suite does to stores that deliver later.
  kit.store = store;
  return kit;
}

/** Lets time pass, and looks at everything. */
async function assertMended(
  world: ClusterWorld,
  step: ClusterStep,
  { prefix, scene }: Ready,
  isAcknowledged: boolean,
  what: string,
): Promise<void> {
  const { store } = world.process(prefix);
  const { kit, now } = scene;
  const later = await letTimePass(kit, store, now);
  await assertIndexed(await world.contents(prefix), store, what);
  const done = await step.isDone?.(scene, store) ?? (isAcknowledged || undefined);
  if (isAcknowledged) assert.equal(done, true, `${what}: it was acknowledged, and is not done`);
  const counts = await copies(kit, store, scene.receivers);
  const { copies: wanted = 0, owedBefore = false, atLeastOnce = false } = step;
  const [count = 0] = counts;
  if (atLeastOnce) assert.ok(counts.every((each) => each >= wanted), `${what}: ${counts} copies`);
  else {
    assert.deepEqual(counts, counts.map(() => count), `${what}: some have it, some have not`);
    if (owedBefore || done === true) assert.equal(count, wanted, `${what}: copies`);
    else if (done === false) assert.equal(count, 0, `${what}: copies`);
    else assert.ok(count === 0 || count === wanted, `${what}: ${count} copies`);
  }
  await assertNothingIsLeft(world, prefix, kit, store, later, what);
}

/** How many messages each receiver has. */
async function copies(kit: Kit, store: SessionStore, receivers: readonly Owned[]): Promise<readonly number[]> {
  kit.store = store;
  return await Promise.all(receivers.map(async (each) => (await kit.log(each)).length));
}

/** Ends all sessions: then nothing of them may stay. */
async function assertNothingIsLeft(
  world: ClusterWorld,
  prefix: string,
  kit: Kit,
  store: SessionStore,
  now: number,
  what: string,
): Promise<void> {
  const { sessions } = await store.directory.list({ limit: 100 });
  for (const { clientId } of sessions) {
    const stored = await store.read(clientId) ?? assert.fail(`${clientId} is listed and not there`);
    const changes = [{ type: "endSession", reason: "administrative" } as const];
    const [result] = await store.commit([
      kit.batch({ guard: stored.guard, raiseEpoch: { token: kit.id() }, changes, now }),
    ]);
    assert.equal(result?.outcome, "committed", what);
  }
  await letTimePass(kit, store, now);
  const contents = await world.contents(prefix);
  const left = [...contents].filter(([key, held]) => !LASTING.test(key) && !isJournal(held)).map(([key]) => key);
  assert.deepEqual(left, [], `${what}: what all sessions leave`);
  assert.deepEqual([...contents.get("{shared}/routes")?.keys() ?? []].filter((field) => field !== "!"), [], what);
}

Deno.test("in a cluster, a process may die at any request of any step [G3, G8]", async (context) => {
  await using world = await ClusterWorld.start();
  // Every node learns every script, so that requests are counted as they are later.
  for (let round = 0; round < 2; round++) {
    for (const step of STEPS) {
      const here = await ready(world, step, START);
      await step.act(here.scene);
      await letTimePass(here.scene.kit, here.process.store, START);
    }
  }
  for (const step of STEPS) {
    await context.step(step.name, async () => {
      for (const now of MOMENTS) {
        for (const death of ["before", "after"] satisfies Death[]) {
          for (let request = 1;; request++) {
            const here = await ready(world, step, now);
            here.process.dieAt(request, death);
            const outcome = await here.process.run(() => step.act(here.scene).then(() => true));
            const what = `${step.name}, ${now - START} ms after the beginning, dead ${death} request ${request}`;
            await assertMended(world, step, here, outcome === true, what);
            if (!here.process.isDead) break;
          }
        }
      }
    });
  }
});

Deno.test("in a cluster, two work an outbox off, one of them stalling at any request [G3]", async (context) => {
  await using world = await ClusterWorld.start();
  for (const step of STEPS.filter(({ owedBefore }) => owedBefore)) {
    await context.step(step.name, async () => {
      // Within the time for which a claim stands, and after it.
      for (const later of [0, 31_000]) {
        for (let request = 1, stalls = true; stalls; request++) {
          const here = await ready(world, step, START + 1_000);
          here.process.dieAt(request, "stalls");
          const acting = here.process.run(() => step.act(here.scene));
          stalls = await Promise.race([here.process.stalled.then(() => true), acting.then(() => false)]);
          const other = world.process(here.prefix);
          const outboxId = here.scene.session?.incarnation ?? "";
          if (stalls) await workOff(here.scene.kit, other.store, outboxId, here.scene.now + later);
          here.process.release();
          await acting;
          await assertMended(world, step, here, false, `${step.name}, stalled at request ${request}, ${later} ms`);
        }
      }
    });
  }
});

Deno.test("in a cluster, random histories by processes that die lose nothing and leave the index right [G3, G8]", async () => {
  await using world = await ClusterWorld.start();
  const first = Number(Deno.env.get("SEED") ?? 1);
  for (let seed = first; seed < first + HISTORIES; seed++) await playHistory(world, seed, STEPS_A_HISTORY);
});

Deno.test(
  "in a cluster, a step whose request or answer was lost is whole once it is repeated [G3]",
  async (context) => {
    await using world = await ClusterWorld.start();
    for (const step of STEPS) {
      await context.step(step.name, async () => {
        for (const death of ["request lost", "answer lost"] satisfies Death[]) {
          for (let request = 1, isLost = true; isLost; request++) {
            const here = await ready(world, step, START + 30_000);
            const { kit } = here.scene;
            kit.store = repeating(here.process.store);
            here.process.dieAt(request, death);
            await step.act(here.scene);
            isLost = here.process.requests >= request;
            const what = `${step.name}, ${death} of request ${request}`;
            await assertNothingMissing(await world.contents(here.prefix), world.process(here.prefix).store, what);
            await assertMended(world, step, here, step.isDone !== undefined, what);
          }
        }
      });
    }
  },
);

/** Repeats calls as a broker does: the same batch, the same token. */
function repeating(store: SessionStore): SessionStore {
  const again = async <Value>(call: () => Promise<Value>): Promise<Value> => {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      return await call();
    }
  };
  return {
    ...store,
    acquire: (request) => again(() => store.acquire(request)),
    read: (clientId) => again(() => store.read(clientId)),
    commit: (batches) => again(() => store.commit(batches)),
    readOutbox: (outboxId, limit) => again(() => store.readOutbox(outboxId, limit)),
    matchSubscriptions: (topics) => again(() => store.matchSubscriptions(topics)),
    admitFilters: (filters) => again(() => store.admitFilters(filters)),
  };
}

Deno.test("in a cluster, whoever mends an index beside its owner spoils nothing [G3]", async (context) => {
  await using world = await ClusterWorld.start();
  for (const step of STEPS) {
    await context.step(step.name, async () => {
      for (let request = 1, stalls = true; stalls; request++) {
        // The checks of the beginning have come due; the step is taken while the index is mended.
        const here = await ready(world, step, START + 61_000);
        const mender = world.process(here.prefix);
        mender.dieAt(request, "stalls");
        const mending = mender.run((store) => store.listDue(START + 61_000, { limit: 100, graceMs: 0 }));
        stalls = await Promise.race([mender.stalled.then(() => true), mending.then(() => false)]);
        await step.act(here.scene);
        mender.release();
        await mending;
        const what = `${step.name}, mended at once, stalled at request ${request}`;
        await assertMended(world, step, here, step.isDone !== undefined, what);
      }
    });
  }
});

Deno.test(
  "in a cluster, a step that ends after its session has passed on spoils nothing [G3]",
  async (context) => {
    await using world = await ClusterWorld.start();
    for (const step of STEPS.filter(({ prepare, owedBefore }) => prepare !== undefined && !owedBefore)) {
      for (const cleanStart of [false, true]) {
        await context.step(`${step.name}, then ${cleanStart ? "it begins anew" : "it goes on"} elsewhere`, async () => {
          for (let request = 1, stalls = true; stalls; request++) {
            const here = await ready(world, step, START + 30_000);
            const { now } = here.scene;
            here.process.dieAt(request, "stalls");
            const acting = here.process.run((_) => step.act(here.scene).catch(() => {}));
            stalls = await Promise.race([here.process.stalled.then(() => true), acting.then(() => false)]);
            const other = kitOn(world.process(here.prefix).store);
            const kit = Object.assign(other, { id: (word?: string) => `${here.scene.kit.id(word)}-other` });
            const { guard, snapshot } = await kit.acquire(CLIENT, { nodeId: "node-b", now, terms: { cleanStart } });
            const session = { clientId: CLIENT, incarnation: guard.incarnation, guard };
            await kit.store.admitFilters(["new", "other"]);
            await kit.change(session, [
              ...[...snapshot.subscriptions.keys()].map((filter) => ({ type: "deleteSubscription", filter } as const)),
              { type: "putSubscription", filter: "other", subscription: PLAIN },
              ...cleanStart ? [{ type: "putSubscription", filter: "own", subscription: PLAIN } as const] : [],
            ], { now });
            here.process.release();
            await acting;
            const store = other.store;
            await letTimePass(other, store, now);
            const what = `${step.name}, overtaken at request ${request}`;
            await assertIndexed(await world.contents(here.prefix), store, what);
          }
        });
      }
    }
  },
);
