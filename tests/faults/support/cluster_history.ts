/**
 * Random lives of sessions in a cluster, by two processes that die now and then, against a plain account of what was done.
 *
 * @module
 */
import assert from "node:assert/strict";
import { detachedHead } from "../../../src/machine/rules/lifecycle.ts";
import { NEVER_EXPIRES } from "../../../src/mqtt/packet.ts";
import type { Guard, SessionStore } from "../../../src/store/session_store.ts";
import {
  attachedHead,
  bytesOf,
  Kit,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
} from "../../../src/testing/conformance/kit.ts";
import { random } from "../../../src/testing/mod.ts";
import { assertIndexed } from "./cluster_index.ts";
import { letTimePass, workOff } from "./cluster_scenes.ts";
import type { ClusterWorld, Process } from "./cluster_world.ts";

const CLIENTS = ["c0", "c1", "c2", "c3"];
const FILTERS = ["a", "b", "c/+"];
const NODES = ["node-a", "node-b"];

/** Longer than any history: nothing here is about leases that run out. */
const LEASE = START + 10_000_000;

/** How often a process dies in a step. */
const DEATHS = 0.3;

/** The most requests that a process lives on once it is bound to die. */
const LAST_REQUESTS = 8;

/** A session as the account has it. */
interface Session {
  readonly guard: Guard;
  readonly attached: boolean;
  readonly filters: ReadonlySet<string>;
}

/** A message, and who has to get it. */
interface Published {
  readonly payload: string;
  readonly publisher: string;
  readonly receivers: readonly Owned[];
  readonly acknowledged: boolean;
}

/** What a step makes of a session; `same` when it leaves it as it is. */
type Outcome = Session | undefined | "same";

/** Plays a history of this seed, and looks at all that it leaves. */
export async function playHistory(world: ClusterWorld, seed: number, steps: number): Promise<void> {
  const chance = random(seed);
  const prefix = world.prefix();
  const processes: Process[] = [];
  const processOf = (node: number): Process => {
    const old = processes[node];
    if (old !== undefined && !old.isDead) return old;
    return processes[node] = world.process(prefix);
  };
  const kit = new Kit({ store: processOf(0).store, close: () => {} });
  for (const node of NODES) await processOf(0).store.renewNode(node, LEASE);
  const sessions = new Map<string, Session>();
  const published: Published[] = [];
  let now = START;

  /** Does something to a client's session, by a process that may die over it. */
  const take = async (
    clientId: string,
    node: number,
    what: string,
    after: Outcome,
    act: (store: SessionStore) => Promise<Guard | undefined>,
  ): Promise<boolean> => {
    const process = processOf(node);
    const before = sessions.get(clientId);
    if (chance.chance(DEATHS)) process.dieAt(1 + chance.below(LAST_REQUESTS), chance.pick(["before", "after"]));
    else process.dieAt(Infinity, "before");
    let guard: Guard | undefined;
    const done = await process.run(async (store) => {
      guard = await act(store);
      return true;
    });
    if (done) {
      put(clientId, after === "same" ? before : after, guard ?? before?.guard);
      return true;
    }
    // It is done, or it is not; nothing between.
    const stored = await world.process(prefix).store.read(clientId);
    const found = stored && inShort(stored.snapshot.head.attached, stored.snapshot.subscriptions.keys());
    const one = before && inShort(before.attached, before.filters);
    const other = after === "same" ? one : after && inShort(after.attached, after.filters);
    assert.ok(found === one || found === other, `seed ${seed}: ${what} made ${found} of ${one}, not ${other}`);
    const filters = new Set(stored?.snapshot.subscriptions.keys());
    put(clientId, stored && { guard: stored.guard, attached: stored.snapshot.head.attached, filters }, stored?.guard);
    return false;
  };
  const put = (clientId: string, session: Session | undefined, guard: Guard | undefined): void => {
    if (session === undefined || guard === undefined) sessions.delete(clientId);
    else sessions.set(clientId, { ...session, guard });
  };
  const commit = (session: Session, batch: Parameters<Kit["batch"]>[0]) => async (store: SessionStore) => {
    const [result] = await store.commit([kit.batch({ guard: session.guard, now, ...batch })]);
    if (result?.outcome !== "committed") assert.fail(`seed ${seed}: a batch was ${result?.outcome}`);
    return result.guard;
  };

  for (let step = 0; step < steps; step++) {
    now += 1_000 * chance.below(20);
    const clientId = chance.pick(CLIENTS);
    const node = chance.below(NODES.length);
    const session = sessions.get(clientId);
    const filter = chance.pick(FILTERS);
    if (chance.chance(0.2)) {
      await work(kit, processOf(node), now, chance.chance(DEATHS) ? 1 + chance.below(20) : Infinity);
      continue;
    }
    if (session === undefined || !session.attached || chance.chance(0.15)) {
      const cleanStart = chance.chance(0.3);
      const filters = cleanStart ? new Set<string>() : session?.filters ?? new Set<string>();
      const request = { nodeId: NODES[node] ?? "", now, terms: { cleanStart } };
      // Whatever guard it has: the account takes the one that is answered.
      const after = { guard: session?.guard as Guard, attached: true, filters };
      await take(clientId, node, "acquire", after, async (store) => {
        const answer = await store.acquire(kit.request(clientId, request));
        return answer.outcome === "acquired" ? answer.guard : assert.fail("it was refused");
      });
      continue;
    }
    switch (chance.below(6)) {
      case 0:
      case 1: {
        const filters = new Set([...session.filters, filter]);
        const changes = [{ type: "putSubscription", filter, subscription: PLAIN } as const];
        await take(clientId, node, "subscribe", { ...session, filters }, commit(session, { changes }));
        break;
      }
      case 2: {
        const filters = new Set([...session.filters].filter((each) => each !== filter));
        const changes = [{ type: "deleteSubscription", filter } as const];
        await take(clientId, node, "unsubscribe", { ...session, filters }, commit(session, { changes }));
        break;
      }
      case 3: {
        const head = detachedHead(attachedHead(), now, 0);
        const { endsAt: _endsAt, endsAfterMs: _endsAfterMs, ...endless } = head;
        const left = chance.chance(0.5) ? head : { ...endless, sessionExpiryInterval: NEVER_EXPIRES };
        const changes = [{ type: "putHead", head: left } as const];
        await take(clientId, node, "detach", { ...session, attached: false }, commit(session, { changes }));
        break;
      }
      case 4: {
        if (!chance.chance(0.3)) break;
        await take(
          clientId,
          node,
          "end",
          undefined,
          commit(session, { changes: [{ type: "endSession", reason: "disconnected" }] }),
        );
        break;
      }
      default: {
        const receivers = [...sessions].flatMap(([name, { guard, filters }]) =>
          filters.has(filter) ? [{ clientId: name, incarnation: guard.incarnation, guard }] : []
        );
        const payload = `${step}`;
        const deliveries = [{
          message: message({ payload: bytesOf(payload) }),
          receivers: receivers.map((each) => receiver(each)),
        }];
        const publisher = session.guard.incarnation;
        const acknowledged = await take(clientId, node, "publish", "same", commit(session, { deliveries }));
        published.push({ payload, publisher, receivers, acknowledged });
      }
    }
  }

  const { store } = world.process(prefix);
  kit.store = store;
  await letTimePass(kit, store, now);
  await assertIndexed(await world.contents(prefix), store, `seed ${seed}`);
  await assertDelivered(kit, sessions, published, seed);
}

/** Works off what is due, by a process that may die over it. */
async function work(kit: Kit, process: Process, now: number, fatal: number): Promise<void> {
  process.dieAt(fatal, "after");
  await process.run(async (store) => {
    for (const due of await store.listDue(now, { limit: 100, graceMs: 0 })) {
      if (due.type === "outbox") await workOff(kit, store, due.outboxId, now);
    }
  });
}

/** Every message that was acknowledged stands once in each log that it goes to, in the order of its publisher. */
async function assertDelivered(
  kit: Kit,
  sessions: ReadonlyMap<string, Session>,
  published: readonly Published[],
  seed: number,
): Promise<void> {
  const logs = new Map<string, readonly string[]>();
  for (const [clientId, { guard }] of sessions) {
    const log = await kit.log({ clientId, incarnation: guard.incarnation, guard });
    logs.set(guard.incarnation, log.map(({ payload }) => new TextDecoder().decode(payload)));
  }
  for (const { payload, receivers, acknowledged } of published) {
    const counts = receivers.flatMap(({ incarnation }) => {
      const log = logs.get(incarnation);
      return log === undefined ? [] : [log.filter((each) => each === payload).length];
    });
    const wanted = acknowledged || counts.some((count) => count > 0) ? 1 : 0;
    assert.deepEqual(counts, counts.map(() => wanted), `seed ${seed}: copies of ${payload}`);
  }
  for (const [incarnation, log] of logs) {
    const mine = published.filter(({ receivers }) => receivers.some((each) => each.incarnation === incarnation));
    assert.deepEqual(log.filter((payload) => !mine.some((each) => each.payload === payload)), [], `seed ${seed}`);
    for (const publisher of new Set(mine.map((each) => each.publisher))) {
      const from = log.filter((payload) =>
        mine.some((each) => each.payload === payload && each.publisher === publisher)
      );
      assert.deepEqual(from, from.toSorted((a, b) => Number(a) - Number(b)), `seed ${seed}: the order of ${publisher}`);
    }
  }
}

function inShort(attached: boolean, filters: Iterable<string>): string {
  return `${attached ? "attached" : "left"} ${[...filters].toSorted().join()}`;
}
