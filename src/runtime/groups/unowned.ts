/** What a session gives back to its groups that no connection here owns. */
import type { SessionChange } from "../../machine/change.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import type { Guard, StoredSession } from "../../store/session_store.ts";
import type { BrokerContext } from "../context.ts";
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
  const { options, lane, sessions, outbox } = context;
  const { sharedNeverStarted } = options.policy;
  const left = { startedThrough: snapshot.head.sentLimit, hasEnded, sharedNeverStarted };
  let next = guard;
  if (snapshot.head.attached) {
    // As long as somebody owns it more may be claimed for it: its log is read once that is over.
    const raiseEpoch = { token: raisedToken(options.environment) };
    const result = await lane.commit(lane.batch({ guard, raiseEpoch }));
    if (result.outcome !== "committed" || result.guard === undefined) return undefined;
    next = result.guard;
  }
  const back = givenBack(await readLog(context, next), left);
  for (let start = 0; start < back.length; start += A_COMMIT) {
    const some = back.slice(start, start + A_COMMIT);
    const batch = lane.batch({
      guard: next,
      raiseEpoch: { token: raisedToken(options.environment) },
      changes: some.map(({ change }) => change),
      deliveries: some.map(({ delivery }) => delivery),
    });
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
  const { options, lane } = context;
  const { environment, store } = options;
  const stored = await persistently(options, "read a session", (signal) => store.read(clientId, { signal }));
  if (stored?.snapshot.head.borrows !== true) return undefined;
  const guard = await giveBack(context, stored, true);
  if (guard === undefined) return undefined;
  const { borrows: _, ...head } = stored.snapshot.head;
  const changes: SessionChange[] = [{ type: "putHead", head }];
  const raiseEpoch = { token: raisedToken(environment) };
  const result = await lane.commit(lane.batch({ guard, raiseEpoch, changes }));
  return result.outcome === "committed" ? stored.snapshot : undefined;
}
