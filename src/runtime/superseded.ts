import * as REASON from "../mqtt/reason.ts";
import type { StoredSession } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import type { LocalSession } from "./local_sessions.ts";
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
export function askWhySuperseded({ options }: BrokerContext, lost: Lost): Promise<number> {
  const { environment, commit, store } = options;
  return within(environment, commit.timeoutMs, "read a session", (signal) => store.read(lost.clientId, { signal }))
    .then((stored) => whySuperseded(lost, stored), () => REASON.implementationSpecificError);
}
