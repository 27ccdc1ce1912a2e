import * as REASON from "../mqtt/reason.ts";
import type { StoredSession } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import type { LocalSession } from "./local_sessions.ts";
import { isRaised } from "./raised_token.ts";
import { within } from "./within.ts";

/** What is known of the session by who has lost it. */
export type Lost = Pick<LocalSession, "clientId" | "incarnation" | "connectedAt">;

/**
 * What a client is told that lost its session: that another connection took it over, that it is no more, or that this node
 * could not keep it, where nobody has it and nobody had it since.
 */
export function whySuperseded(lost: Lost, stored: StoredSession | undefined): number {
  if (stored === undefined) return REASON.administrativeAction;
  const { incarnation, head } = stored.snapshot;
  const wasLetGo = !head.attached && incarnation === lost.incarnation && head.connectedAt === lost.connectedAt;
  return wasLetGo ? REASON.implementationSpecificError : REASON.sessionTakenOver;
}

/** Asks the store, once; without an answer nobody is accused. It never rejects. */
export function askWhySuperseded(context: BrokerContext, lost: Lost): Promise<number> {
  const { environment, commit, store } = context.options;
  return within(environment, commit.timeoutMs, "read a session", (signal) => store.read(lost.clientId, { signal }))
    .then((stored) => {
      adoptLater(context, lost, stored);
      return whySuperseded(lost, stored);
    }, () => REASON.implementationSpecificError);
}

/**
 * A session that some work took away, to settle it, stays attached where that dies before it goes on: as long as this node
 * lives nobody else would let go of it. By the time that this looks the work is done with, or was given up.
 */
export function adoptLater(
  { options, nodeId, orphans, deadlineMoved }: BrokerContext,
  { clientId, incarnation }: Lost,
  stored: StoredSession | undefined,
): void {
  const owner = stored?.owner;
  if (owner?.nodeId !== nodeId || stored?.guard.incarnation !== incarnation || !isRaised(owner.token)) return;
  const { environment, commit } = options;
  orphans.add(clientId, owner.token, environment.now() + commit.repeatForMs);
  deadlineMoved();
}
