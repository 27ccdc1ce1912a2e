/** Putting retained messages: each drawer by itself, in as few commits as the limits allow. */
import { messageBytes } from "../../mqtt/message.ts";
import { allWritten, stepwise, together } from "../call.ts";
import { readable, RECORD_KIND, recordWriter } from "../encoding.ts";
import { positionOf } from "../retained/position.ts";
import type { RetainedOutcome, RetainedPut, RetainedPutOptions, RetainedTotals } from "../retained_store.ts";
import type { ChunkRef, StagedValue } from "./chunk_ref.ts";
import { chunkKeys, chunkRef, stage, STAGED_FOR_MS } from "./chunks.ts";
import { contended, getAll, MAX_ATTEMPTS, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { encodeDue } from "./due_row.ts";
import { drawerOf, DRAWERS, type RetainedLayout } from "./retained_layout.ts";
import { decodeRetained, decodeTotals, encodeRetained, encodeRetainedRef, encodeTotals } from "./retained_row.ts";
import type { RetainedRow } from "./retained_row.ts";
import { Plan } from "./plan.ts";

/** What the parts of a retained store share. */
export interface RetainedContext {
  readonly context: StoreContext;
  readonly layout: RetainedLayout;
}

/** One message on its way. */
interface Job {
  readonly put: RetainedPut;
  readonly position: string;
  readonly drawer: number;
  /** Its place among the puts. */
  readonly place: number;
  readonly value: Uint8Array;
  staged?: { readonly value: StagedValue; readonly version: string };
}

const NOTHING: RetainedTotals = { messages: 0, bytes: 0 };

/** Puts messages: of those with the same topic the last one, for the others have never been seen by anybody. */
export function putRetained(
  store: RetainedContext,
  puts: readonly RetainedPut[],
  options: RetainedPutOptions,
): Promise<readonly RetainedOutcome[]> {
  return stepwise((wrote) => putInRounds(store, puts, options, wrote));
}

async function putInRounds(
  store: RetainedContext,
  puts: readonly RetainedPut[],
  options: RetainedPutOptions,
  wrote: () => void,
): Promise<readonly RetainedOutcome[]> {
  const outcomes: RetainedOutcome[] = puts.map(({ message }) => message.payload.length === 0 ? "removed" : "stored");
  let jobs = await jobsOf(puts);
  for (let attempt = 0; jobs.length > 0;) {
    // What was given up must not be carried out once later calls have been: it was read before them, or not at all.
    options.signal?.throwIfAborted();
    const left = await round(store, jobs, options, outcomes, wrote);
    // A round that got nowhere lost to other writers.
    if (left.length === jobs.length && ++attempt >= MAX_ATTEMPTS) throw contended("retain messages");
    jobs = left;
  }
  return outcomes;
}

async function jobsOf(puts: readonly RetainedPut[]): Promise<Job[]> {
  const jobs = new Map<string, Job>();
  for (const [place, put] of puts.entries()) {
    const { topic } = put.message;
    jobs.delete(topic);
    const position = await positionOf(topic);
    jobs.set(topic, { put, position, drawer: drawerOf(position), place, value: encodeRetained(put.message) });
  }
  return [...jobs.values()];
}

/** Does as much as one commit for each drawer can hold; what is left over, or lost to others, comes back. */
async function round(
  store: RetainedContext,
  jobs: readonly Job[],
  options: RetainedPutOptions,
  outcomes: RetainedOutcome[],
  wrote: () => void,
): Promise<Job[]> {
  const { context: { driver }, layout } = store;
  const totalKeys = layout.allTotals();
  const keys = jobs.map(({ position }) => layout.topic(position));
  const entries = await getAll(driver, [...totalKeys, ...keys]);
  const drawers = totalKeys.map((key, drawer) => {
    const entry = entries[drawer];
    return { entry, totals: entry === undefined ? NOTHING : decodeTotals(key, entry.value) };
  });
  const sum = (of: keyof RetainedTotals): number => drawers.reduce((total, { totals }) => total + totals[of], 0);
  /** What stands, and what this round adds to it. */
  const total = { messages: sum("messages"), bytes: sum("bytes") };
  await together(jobs.map((job) => stageLarge(store, job, options.now)));
  options.signal?.throwIfAborted();
  const left: Job[] = [];
  const commits: Promise<void>[] = [];
  for (let drawer = 0; drawer < DRAWERS; drawer++) {
    const own = jobs.map((job, index) => ({ job, entry: entries[DRAWERS + index] }))
      .filter(({ job }) => job.drawer === drawer);
    if (own.length === 0) continue;
    const { entry: totalsEntry, totals } = drawers[drawer] ?? { entry: undefined, totals: NOTHING };
    const plan = new Plan();
    const next = { ...totals };
    const taken: Job[] = [];
    for (const { job, entry } of own) {
      const step = new Plan();
      const change = planPut(store, step, job, entry, total, options);
      if (change === "outdated" || change === "full") {
        outcomes[job.place] = change;
        continue;
      }
      if (taken.length > 0 && plan.fullness(driver.limits, step) > FULL) {
        left.push(job);
        continue;
      }
      plan.add(step);
      taken.push(job);
      next.messages += change.messages;
      next.bytes += change.bytes;
      total.messages += change.messages;
      total.bytes += change.bytes;
    }
    if (plan.isEmpty) continue;
    // A commit that was held up on its way fails by some version: of a row that was not there, the counter has one.
    if (next.messages !== totals.messages || next.bytes !== totals.bytes) {
      plan.check(layout.totals(drawer), totalsEntry?.version ?? null);
      plan.set(layout.totals(drawer), encodeTotals(next));
    }
    commits.push(
      driver.commit(plan.checks(), plan.mutations()).then((committed) => {
        if (committed === undefined) left.push(...taken);
        else wrote();
      }),
    );
  }
  await allWritten(commits);
  return left.sort((a, b) => a.place - b.place);
}

/** Room is left for the counters. */
const FULL = 0.9;

/** Plans one put; what it changes of the totals, or why nothing of it is done. */
function planPut(
  { layout }: RetainedContext,
  plan: Plan,
  { put, position, value, staged }: Job,
  entry: Entry | undefined,
  total: RetainedTotals,
  { limits, now }: RetainedPutOptions,
): RetainedTotals | "outdated" | "full" {
  const { message, unlessLater } = put;
  const key = layout.topic(position);
  // What cannot be read is written over: it counted for nothing that could be known.
  const before = entry && readable(() => decodeRetained(key, entry.value));
  if (unlessLater === true && before !== undefined && before.publishedAt > message.publishedAt) return "outdated";
  const removes = message.payload.length === 0;
  if (removes && entry === undefined) return NOTHING;
  const change = {
    messages: (removes ? 0 : 1) - (entry === undefined ? 0 : 1),
    bytes: (removes ? 0 : messageBytes(message)) - (before?.bytes ?? 0),
  };
  if (!removes) {
    if (change.messages > 0 && total.messages + change.messages > limits.maximumMessages) return "full";
    if (change.bytes > 0 && total.bytes + change.bytes > limits.maximumBytes) return "full";
  }
  plan.check(key, entry?.version ?? null);
  if (before !== undefined) planRemoval(plan, layout, before, position, now);
  if (removes) plan.delete(key);
  else {
    plan.set(key, staged === undefined ? value : encodeRetainedRef(message, staged.value.ref));
    if (staged !== undefined) {
      plan.check(staged.value.dueKey, staged.version);
      plan.delete(staged.value.dueKey);
    }
    if (message.expiresAt !== undefined) plan.set(layout.due(message.expiresAt, position), DUE);
  }
  return change;
}

/** Plans to remove what stands beside a row. */
export function planRemoval(
  plan: Plan,
  layout: RetainedLayout,
  { body, expiresAt }: RetainedRow,
  position: string,
  now: number,
): void {
  if (expiresAt !== undefined) plan.delete(layout.due(expiresAt, position));
  if (!("chunks" in body)) return;
  // Many parts are left to a sweep, so that the commit stays small.
  if (body.chunks > 4) plan.set(layout.staged(now, body.id), stagedRow(layout, body));
  else for (const part of chunkKeys(layout.parts(body.id), body.chunks)) plan.delete(part);
}

function stagedRow(layout: RetainedLayout, { id, chunks }: ChunkRef): Uint8Array {
  return encodeDue({ type: "staged", owner: "", prefix: layout.parts(id), chunks });
}

/** A row of `due` says nothing beyond its key. */
const DUE = recordWriter(RECORD_KIND.due).finish();

/** Writes the parts of a message that is too large for one value, once. */
async function stageLarge({ context, layout }: RetainedContext, job: Job, now: number): Promise<void> {
  const { limits } = context.driver;
  const { message } = job.put;
  if (message.payload.length === 0 || job.value.length <= Math.min(limits.valueBytes, limits.bytesPerCommit / 4)) {
    return;
  }
  if (job.staged !== undefined) {
    const [entry] = await context.driver.get([job.staged.value.dueKey]);
    if (entry?.version === job.staged.version) return;
  }
  const ref = chunkRef(context, context.newId(), job.value.length);
  const dueKey = layout.staged(now + STAGED_FOR_MS, ref.id);
  const value: StagedValue = { prefix: layout.parts(ref.id), ref, value: job.value, dueKey, owner: "" };
  job.staged = { value, version: await stage(context, value) };
}
