/** Carrying batches out: as many in one commit as the limits allow, each whole or not at all. */
import { SessionError } from "../../errors.ts";
import { type BatchLimits, batchTooLarge, checkBatch, subscribedFilters } from "../batch.ts";
import { stepwise, together } from "../call.ts";
import type { CommitBatch, CommitResult, ReceiverOutcome } from "../session_store.ts";
import {
  isCurrent,
  type Item,
  itemOf,
  lastBoundary,
  planBatch,
  type PlannedBatch,
  type Planning,
  planPart,
} from "./batch.ts";
import { contended, layoutFor, MAX_ATTEMPTS, type StoreContext } from "./context.ts";
import { decodeDue } from "./due_row.ts";
import type { HeadRecord } from "./head.ts";
import type { Layout } from "./layout.ts";
import { load } from "./load.ts";
import { isStorable } from "./long_text.ts";
import { unpackOutcomes } from "./outcomes.ts";
import { Plan } from "./plan.ts";
import type { Routing } from "./routing.ts";
import { knownOrRead, readGuard } from "./session.ts";
import { Staging } from "./staging.ts";
import { World } from "./world.ts";

/** A commit stages no more than this beside it: what is left is owed. */
const STAGED_BYTES = 4_194_304;

/** What commits need of their store. */
export interface Committing {
  readonly context: StoreContext;
  readonly routing: Pick<Routing, "admit">;
  readonly maxReceivers: number;
  readonly limits: BatchLimits;
}

/** Carries batches out and answers in their order. */
export function commit(store: Committing, batches: readonly CommitBatch[]): Promise<readonly CommitResult[]> {
  return stepwise((wrote) => commitItems(store, batches, wrote));
}

async function commitItems(
  store: Committing,
  batches: readonly CommitBatch[],
  wrote: () => void,
): Promise<readonly CommitResult[]> {
  if (batches.length === 0) return [];
  for (const batch of batches) {
    checkBatch(store.limits, batch);
    checkFilters(store, batch);
  }
  const { context } = store;
  const states = await together(batches.map(({ guard }) => guard && knownOrRead(context, guard)));
  const items = batches.map((batch, index) => itemOf(batch, index, states[index]));
  await admitFilters(store, batches);
  const layout = await layoutFor(context, namesOf(items));
  const now = Math.max(...batches.map((batch) => batch.now));
  const planning = { layout, staging: new Staging(context, layout, now), valueBytes: context.driver.limits.valueBytes };
  const results: CommitResult[] = [];
  const tooLarge = new Set<string>();
  let world = new World();
  let pending: readonly Item[] = items;
  for (let conflicts = 0; pending.length > 0;) {
    await load(context, layout, world, pending, store.maxReceivers);
    const group = planGroup(store, planning, world, pending);
    for (const { item, why } of group.turnedAway) {
      if (why === "tooLarge") tooLarge.add(item.batch.id);
      else if (why === "lost") results[item.index] = await answerLost(store, layout, world, item);
      else results[item.index] = { outcome: "refused", reason: item.batch.isWhole ? "notTaken" : "queueFull" };
    }
    if (group.taken.length === 0) {
      pending = group.left;
      continue;
    }
    const version = await send(context, planning, group.plan);
    if (version === undefined) {
      if (++conflicts >= MAX_ATTEMPTS) throw contended("commit");
      await planning.staging.lookAgain();
      world = new World();
      pending = pending.filter(({ index, batch }) => results[index] === undefined && !tooLarge.has(batch.id));
      for (const item of pending) item.rereads = true;
      continue;
    }
    wrote();
    group.world.sink();
    for (const key of group.plan.keysSet) world.committed(key, version);
    for (const key of group.plan.keysDeleted) world.committed(key, null);
    const unfinished: Item[] = [];
    for (const { item, planned } of group.taken) {
      if (planned.part !== undefined) {
        item.done = planned.part;
        item.state = planned.stateAfter(version);
        unfinished.push(item);
      } else if (planned.served !== undefined) {
        item.served = planned.served;
        unfinished.push(item);
      } else results[item.index] = planned.answer(version);
    }
    pending = [...unfinished, ...group.left];
  }
  if (tooLarge.size > 0) {
    const found = "it takes more than a commit of the store holds; what was committed with it is stored";
    throw new SessionError("LIMIT_EXCEEDED", `Cannot commit batch ${[...tooLarge].join(", ")}: ${found}`);
  }
  return results;
}

interface TurnedAway {
  readonly item: Item;
  readonly why: "lost" | "refused" | "tooLarge";
}

interface Group {
  readonly plan: Plan;
  readonly world: World;
  readonly taken: readonly { readonly item: Item; readonly planned: PlannedBatch }[];
  /** What cannot be carried out, whatever becomes of the others. */
  readonly turnedAway: readonly TurnedAway[];
  /** What had no room, or hangs on what becomes of the others: it is looked at again when those are committed. */
  readonly left: readonly Item[];
}

/** Plans as many items as one commit can hold, in order. */
function planGroup(store: Committing, planning: Planning, below: World, pending: readonly Item[]): Group {
  const { limits } = store.context.driver;
  const plan = new Plan();
  const world = new World(below);
  const taken: Group["taken"][number][] = [];
  const turnedAway: TurnedAway[] = [];
  for (const [index, item] of pending.entries()) {
    let room = roomFor(store, planning, item);
    for (;;) {
      const planned = planBatch(planning, world, item, room);
      if (planned.outcome !== "planned") {
        const isFinal = taken.length === 0 ||
          (planned.outcome === "lost" && planBatch(planning, below, item, room).outcome === "lost");
        const left = pending.slice(index);
        if (!isFinal) return { plan, world, taken, turnedAway, left };
        if (isGuess(planning.layout, below, item)) {
          // No commit will check what this answer hangs on, so it is read first.
          item.rereads = true;
          return { plan, world, taken, turnedAway, left };
        }
        turnedAway.push({ item, why: planned.outcome });
        break;
      }
      const fullness = plan.fullness(limits, planned.plan);
      if (fullness <= 1) {
        plan.add(planned.plan);
        planned.world.sink();
        taken.push({ item, planned });
        break;
      }
      if (taken.length > 0) return { plan, world, taken, turnedAway, left: pending.slice(index) };
      if (room === 0) {
        const part = planLargest(store, planning, world, item, fullness);
        if (part === undefined) {
          turnedAway.push({ item, why: "tooLarge" });
          break;
        }
        plan.add(part.plan);
        part.world.sink();
        return { plan, world, taken: [{ item, planned: part }], turnedAway, left: pending.slice(index + 1) };
      }
      room = Math.min(room - 1, Math.floor(room / fullness));
    }
    // Behind half a step of an outbox nothing else goes: what follows may have to come after it.
    if (taken.at(-1)?.planned.served !== undefined) {
      return { plan, world, taken, turnedAway, left: pending.slice(index + 1) };
    }
  }
  return { plan, world, taken, turnedAway, left: [] };
}

/** Whether what is made of an item hangs on what its owner guessed of head or gate; if so, they will be read. */
function isGuess(layout: Layout, world: World, { state }: Item): boolean {
  if (state === undefined) return false;
  const { clientId } = state.head;
  const guesses = [layout.head(clientId), layout.gate(clientId)].filter((key) => world.assumed.has(key));
  for (const key of guesses) world.lookAgain(key);
  return guesses.length > 0;
}

/** As many changes of a batch as a commit can hold; `undefined` when it cannot be divided so that it fits. */
function planLargest(
  store: Committing,
  planning: Planning,
  world: World,
  item: Item,
  fullness: number,
): PlannedBatch | undefined {
  const left = item.batch.changes.length - item.done;
  let end = lastBoundary(item, item.done + Math.max(1, Math.floor(left / fullness)));
  while (end !== undefined) {
    const planned = planPart(planning, world, item, end);
    if (planned.outcome !== "planned") return undefined;
    if (new Plan().fullness(store.context.driver.limits, planned.plan) <= 1) return planned;
    end = lastBoundary(item, end - 1);
  }
  return undefined;
}

/** How many receivers a batch may reach at once. */
function roomFor(store: Committing, { valueBytes }: Planning, item: Item): number {
  let receivers = 0;
  let largest = 0;
  for (const [index, delivery] of item.batch.deliveries.entries()) {
    receivers += delivery.receivers?.length ?? 0;
    largest = Math.max(largest, item.messages[index]?.body.length ?? 0);
  }
  const most = Math.min(store.maxReceivers, receivers - item.served.length);
  return largest <= valueBytes ? most : Math.min(most, Math.max(1, Math.floor(STAGED_BYTES / largest)));
}

/** Sends a plan: its version, or `undefined` if a check failed. */
async function send(context: StoreContext, { staging }: Planning, plan: Plan): Promise<string | undefined> {
  if (plan.isEmpty) return "";
  await staging.write(plan);
  return (await context.driver.commit(plan.checks(), plan.mutations()))?.version;
}

/** A batch whose guard does not hold: it was carried out before, or somebody else was faster. */
async function answerLost(store: Committing, layout: Layout, world: World, item: Item): Promise<CommitResult> {
  const { batch, state } = item;
  if (state === undefined) return { outcome: "superseded" };
  const { clientId, incarnation } = state.head;
  const head = world.heads.get(layout.head(clientId));
  if (head?.incarnation === incarnation) {
    if (head.lastBatchId !== batch.id || isCurrent(head, state.head)) return { outcome: "superseded" };
    const { guard } = await readGuard(
      store.context,
      layout,
      head,
      world.versionOf(layout.head(clientId)) ?? "",
      state.log,
    );
    return { outcome: "committed", guard, deliveries: rebuilt(batch, head.lastOutcomes) };
  }
  // The batch may have ended the session: then the row by which it is swept remembers it.
  const key = layout.dueSweep(batch.now, clientId, incarnation);
  const [entry] = await store.context.driver.get([key]);
  const row = entry && decodeDue(key, entry.value);
  if (row?.type !== "sweep" || row.lastBatchId !== batch.id) return { outcome: "superseded" };
  return { outcome: "committed", deliveries: rebuilt(batch, row.lastOutcomes) };
}

/**
 * The answer of a batch that was carried out before, as far as it was kept. Sequences are not: where a message was
 * appended, the whole list is left out, and whoever asked has to look.
 */
function rebuilt(batch: CommitBatch, packed: HeadRecord["lastOutcomes"]): ReceiverOutcome[][] {
  const receivers = batch.deliveries.flatMap((delivery) => delivery.receivers ?? []);
  const kept = unpackOutcomes(packed, receivers.length);
  let start = 0;
  return batch.deliveries.map((delivery) => {
    const list = (delivery.receivers ?? []).flatMap(({ clientId, incarnation }, index): ReceiverOutcome[] => {
      const { outcome = "appended", reason } = kept[start + index] ?? {};
      if (outcome === "appended") return [];
      if (outcome === "dropped") return [{ outcome, clientId, incarnation, reason: reason ?? "queueFullNewest" }];
      return [{ outcome, clientId, incarnation }];
    });
    const count = delivery.receivers?.length ?? 0;
    start += count;
    return list.length === count ? list : [];
  });
}

/** Throws for a batch that is larger than the backend takes. */
function checkFilters({ context }: Committing, { id, changes }: CommitBatch): void {
  for (const change of changes) {
    if (change.type === "putSubscription" && !isStorable(change.filter, context.driver.limits)) {
      throw batchTooLarge(id, "a Topic Filter is larger than the store takes");
    }
  }
}

/** Filters are admitted before their subscriptions are stored, so that the index never names too little. */
async function admitFilters({ routing }: Committing, batches: readonly CommitBatch[]): Promise<void> {
  const filters = subscribedFilters(batches);
  if (filters.length === 0) return;
  const admitted = await routing.admit(filters);
  if (admitted.includes(false)) throw new RangeError("Cannot commit: a Topic Filter was not admitted");
}

function* namesOf(items: readonly Item[]): Generator<string> {
  for (const { batch, state } of items) {
    yield batch.id;
    if (state !== undefined) {
      yield state.head.clientId;
      yield state.head.incarnation;
      yield state.head.owner.nodeId;
    }
    if (batch.outbox !== undefined) yield batch.outbox.outboxId;
    for (const { nodeId, clientId } of batch.rings ?? []) {
      yield nodeId;
      yield clientId;
    }
    for (const change of batch.changes) if ("filter" in change) yield change.filter;
    for (const { receivers } of batch.deliveries) {
      for (const receiver of receivers ?? []) {
        yield receiver.clientId;
        yield receiver.incarnation;
      }
    }
  }
}
