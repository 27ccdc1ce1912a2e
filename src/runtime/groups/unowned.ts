/** What a session gives back to its groups that no connection here owns. */
import type { SessionChange } from "../../machine/change.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import type { CommitBatch, Guard, StoredSession } from "../../store/session_store.ts";
import type { BrokerContext } from "../context.ts";
import { unrefusable } from "../publish.ts";
import { raisedToken } from "../raised_token.ts";
import { persistently } from "../within.ts";
import { givenBack } from "./give_back.ts";
import { readLog } from "./read_log.ts";

/** The most messages that one commit gives back: little enough for every store. */
const A_COMMIT = 8;

/**
 * Gives back what a session that was read has claimed, as far as its end, or that of its connection, asks for it. The guard
 * for what is to be done next; `undefined` when somebody else was faster.
 */
export async function giveBack(
  context: BrokerContext,
  { snapshot, guard }: Pick<StoredSession, "snapshot" | "guard">,
  hasEnded: boolean,
): Promise<Guard | undefined> {
  if (snapshot.head.borrows !== true) return guard;
  const { options, lane, sessions, outbox, batchId } = context;
  const { sharedNeverStarted } = options.policy;
  const left = { startedThrough: snapshot.head.sentLimit, hasEnded, sharedNeverStarted };
  let next = guard;
  if (snapshot.head.attached) {
    // As long as somebody owns it more may be claimed for it: its log is read once that is over.
    const result = await lane.commit({
      id: batchId(),
      guard,
      raiseEpoch: { token: raisedToken(options.environment) },
      changes: [],
      deliveries: [],
      limits: unrefusable(options.queue),
      now: options.environment.now(),
    });
    if (result.outcome !== "committed" || result.guard === undefined) return undefined;
    next = result.guard;
  }
  const back = givenBack(await readLog(context, next), left);
  for (let start = 0; start < back.length; start += A_COMMIT) {
    const some = back.slice(start, start + A_COMMIT);
    const batch: CommitBatch = {
      id: batchId(),
      guard: next,
      raiseEpoch: { token: raisedToken(options.environment) },
      changes: some.map(({ change }) => change),
      deliveries: some.map(({ delivery }) => delivery),
      limits: unrefusable(options.queue),
      now: options.environment.now(),
    };
    const result = await lane.commit(batch);
    if (result.outcome !== "committed" || result.guard === undefined) return undefined;
    if (sessions.deliver(batch, result)) outbox.kick(next.incarnation);
    sessions.takeArrivals();
    next = result.guard;
  }
  return next;
}

/**
 * Makes a session ready to be ended by an acquire: what it has claimed is given back, and it borrows no more. What it was;
 * `undefined` when there is nothing to be done, or somebody else was faster.
 */
export async function settle(context: BrokerContext, clientId: string): Promise<SessionSnapshot | undefined> {
  const { options, lane, batchId } = context;
  const { environment, store } = options;
  const stored = await persistently(
    environment,
    options.commit,
    "read a session",
    (signal) => store.read(clientId, { signal }),
    options.observe,
  );
  if (stored?.snapshot.head.borrows !== true) return undefined;
  const guard = await giveBack(context, stored, true);
  if (guard === undefined) return undefined;
  const { borrows: _, ...head } = stored.snapshot.head;
  const changes: SessionChange[] = [{ type: "putHead", head }];
  const raiseEpoch = { token: raisedToken(environment) };
  const limits = unrefusable(options.queue);
  const now = environment.now();
  const result = await lane.commit({ id: batchId(), guard, raiseEpoch, changes, deliveries: [], limits, now });
  return result.outcome === "committed" ? stored.snapshot : undefined;
}
