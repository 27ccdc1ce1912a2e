/**
 * Plays a plan, and asks the oracle.
 *
 * @module
 */
import { Oracle } from "./oracle/oracle.ts";
import { PageOracle } from "./oracle/page_oracle.ts";
import type { Observation, SessionReport, UsageReport, Violation, WorldBounds } from "./oracle/observation.ts";
import type { PageBounds } from "./oracle/page_observation.ts";
import { FORBIDDEN, type Plan } from "./plan/plan.ts";
import { principalsOf } from "./plan/quotas.ts";
import { COMMIT } from "./world/commit_options.ts";
import { withDigestsAtOnce } from "./world/digests.ts";
import { DUE_POLL_MS, GRACE_MS } from "./world/node.ts";
import { playRetained } from "./play_retained.ts";
import { sharedFiltersOf } from "./plan/groups.ts";
import { preload } from "./world/preload.ts";
import { World } from "./world/world.ts";

/** In one of so many runs all sessions are ended, to see what they leave. */
const SWEPT_ONE_IN = 8;

/** How a run went. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** What was seen, both sides; empty unless it was asked for. */
  readonly observations: readonly Observation[];
  /** How often each rare thing happened. */
  readonly counts: ReadonlyMap<string, number>;
  /** How many things happened. */
  readonly happened: number;
}

/** Plays a plan to its end, and past it until all is quiet. */
export async function play(plan: Plan, options: { readonly isTold?: boolean } = {}): Promise<Outcome> {
  return await withDigestsAtOnce(() => playAtOnce(plan, options));
}

async function playAtOnce(plan: Plan, options: { readonly isTold?: boolean }): Promise<Outcome> {
  if (plan.judged === "retained") return await playRetained(plan, boundsOf(plan), options.isTold);
  const oracle = new Oracle(boundsOf(plan));
  const pages = plan.clients.some(({ page }) => page !== undefined) ? new PageOracle(pageBoundsOf(plan)) : undefined;
  const see = (observation: Observation) => {
    oracle.see(observation);
    pages?.see(observation);
  };
  const world = new World(plan, see, options.isTold ?? false, (observation) => pages?.see(observation));
  const before = await preload(plan, world);
  await world.live();
  await world.heal(quietMs(plan));
  const reports = await reportsOf(world, sharedFiltersOf(plan));
  const usages = await usagesOf(world, plan);
  oracle.finish(world.time.now, reports.map((report) => without(report, before.get(report.client))), usages);
  pages?.finish(world.time.now);
  const violations = [
    ...oracle.violations,
    ...pages?.violations ?? [],
    ...plan.seed % SWEPT_ONE_IN === 0 ? await world.leftOver() : [],
  ];
  for (const [what, count] of oracle.counts) world.journal.count(what, count);
  const { observations, counts } = world.journal;
  return { violations, observations, counts, happened: world.time.happened };
}

/** So long a connection that is to end waits for the store, with what it has to say. */
const LAST_WORDS_MS = 1_000;

/**
 * What a client has flooded the server with is taken one by one, each with calls of its own, long after the client has gone.
 */
function floodMs({ actions, broker, store }: Plan): number {
  const floods = actions.some((action) => action.do === "rude" && action.how === "floods");
  return floods ? (broker.receiveMaximum + 2) * 10 * store.latencyMs[1] : 0;
}

/** How late things may be in a world of this plan. */
export function boundsOf(plan: Plan): WorldBounds {
  const { nodes, actions, faults, clients, networkMs, store, broker } = plan;
  const jumps = actions.reduce((sum, action) => action.do === "clock" ? sum + Math.abs(action.byMs) : sum, 0);
  const pauses = actions.reduce((most, action) => action.do === "stopReading" ? Math.max(most, action.ms) : most, 0);
  const clockMs = Math.max(...nodes.map((node) => Math.abs(node.clockMs))) + jumps;
  const lateMs = faults.reduce((most, { ms }) => Math.max(most, ms), 0);
  const deaths = faults.some(({ fault }) => fault === "crashBefore" || fault === "crashAfter") ||
    actions.some((action) => action.do === "crash");
  const unheard = actions.some((action) =>
    (action.do === "cut" && action.silent) || (action.do === "connect" && clients[action.client]?.page !== undefined) ||
    (action.do === "connect" && action.old === "vanish")
  );
  // A step may wait for the commit before it, and for a look-up, each there and back.
  const quickMs = networkMs[1] + 20 * store.latencyMs[1] + 10 * (broker.verdictMs?.[1] ?? 0);
  const storeMs = faults.length === 0 ? 0 : 3 * (COMMIT.timeoutMs + COMMIT.repeatForMs) + lateMs;
  const keepAliveMs = unheard ? Math.max(...clients.map(({ keepAlive }) => keepAlive)) * 1_500 : 0;
  // Without Keep Alive nobody ever hears of it, until all heals.
  const neverMs = unheard && clients.some(({ keepAlive }) => keepAlive === 0) ? plan.lengthMs + 60_000 : 0;
  const leaseMs = deaths || faults.length > 0 || clockMs > 0 ? broker.leaseMs + GRACE_MS : 0;
  const wokenMs = Math.max(DUE_POLL_MS, ...nodes.map(({ wokenEveryMs = 0 }) => wokenEveryMs));
  const rules = broker.rules ?? [];
  const hasBounds = rules.some(({ maximumMessages }) => maximumMessages !== undefined);
  const awayMs = actions.reduce(
    (sum, action) => action.do === "crash" || action.do === "shutdown" ? sum + action.forMs : sum,
    lateMs,
  );
  return {
    networkMs: networkMs[1] + pauses,
    clockMs,
    detachMs: quickMs + pauses + storeMs + keepAliveMs + neverMs + floodMs(plan) + leaseMs +
      (leaseMs > 0 ? 2 * wokenMs + awayMs : 0),
    dueMs: quickMs + storeMs + 2 * wokenMs + awayMs + leaseMs,
    effectMs: quickMs + storeMs,
    ...(faults.length === 0 ? {} : { silentMs: LAST_WORDS_MS }),
    queueIsLimited: broker.queueMessages < 1_000 || hasBounds,
    keepsLast: rules,
    levels: rules,
    mostAtOnce: Math.min(broker.maximumInFlight, broker.pageMessages),
    ordersGroups: nodes.length === 1,
    ...(broker.sharedNeverStarted === undefined ? {} : { sharedNeverStarted: broker.sharedNeverStarted }),
    ...(broker.quota === undefined ? {} : {
      quota: {
        ...broker.quota,
        principals: principalsOf(plan),
        isSteady: faults.length === 0 && clockMs === 0 &&
          !actions.some((action) => action.do === "crash" || action.do === "shutdown"),
      },
    }),
    steps: new Map(clients.flatMap(({ proof }, index) => proof === undefined ? [] : [[`c${index}`, proof.steps]])),
    queueQos0: broker.queueQos0,
    forbiddenTopics: FORBIDDEN,
    ...(broker.maximumSessionExpiryInterval === 0xffff_ffff
      ? {}
      : { maximumSessionExpiryInterval: broker.maximumSessionExpiryInterval }),
  };
}

/** How late things may be at the pages of a world. */
function pageBoundsOf({ clients, pageFaults = [] }: Plan): PageBounds {
  const latencyMs = Math.max(0, ...clients.map(({ page }) => page?.store.latencyMs[1] ?? 0));
  const sendsAhead = clients.some(({ page }) => page?.sendAhead !== undefined);
  return { effectMs: pageFaults.length > 0 ? undefined : 40 * latencyMs, sendsAhead };
}

/** So long after all has healed everything owed has arrived. */
function quietMs(plan: Plan): number {
  const { dueMs } = boundsOf(plan);
  return Math.max(4_000, Math.min(dueMs, 20_000)) + floodMs(plan) + plan.broker.leaseMs;
}

async function reportsOf(world: World, groups: readonly string[]): Promise<readonly SessionReport[]> {
  const { directory } = world.storage.direct;
  const report = async (client: string, name = client): Promise<SessionReport> => {
    const line = await directory.inspect(name);
    if (line === undefined) return { client, exists: false, queuedMessages: 0, dropped: {} };
    const { queuedMessages, queuedBytes, dropped } = line;
    return { client, exists: true, queuedMessages, queuedBytes, dropped };
  };
  return await Promise.all([
    ...world.clients.map(({ name }) => report(name)),
    // The group of a shared filter is stored under a name that no client can have.
    ...groups.map((filter) => report(filter, `\u0000${filter}`)),
  ]);
}

/** What the store counts of each principal, in worlds with a quota. */
async function usagesOf(world: World, plan: Plan): Promise<readonly UsageReport[]> {
  const { directory } = world.storage.direct;
  const principals = plan.broker.quota === undefined ? [] : [...new Set(principalsOf(plan).values())];
  return await Promise.all(principals.map(async (principal) => {
    const usage = await directory.usage?.(principal);
    if (usage === undefined) throw new Error("The store of a world with a quota does not count");
    return { principal, ...usage };
  }));
}

/** What was counted before the run began does not count. */
function without(report: SessionReport, before: Readonly<Record<string, number | undefined>> = {}): SessionReport {
  const dropped = Object.fromEntries(
    Object.entries(report.dropped).map(([reason, count = 0]) => [reason, count - (before[reason] ?? 0)]),
  );
  return { ...report, dropped };
}
