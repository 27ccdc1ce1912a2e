import { REASON } from "../mqtt/reason_code.ts";
import type { StoredSession } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import { within } from "./within.ts";

/** What a client is told that lost its session: who has it now, or that nobody has. */
export function whySuperseded(stored: StoredSession | undefined): number {
  return stored === undefined ? REASON.administrativeAction : REASON.sessionTakenOver;
}

/** Asks the store, once; without an answer it is taken for the common case. It never rejects. */
export function askWhySuperseded({ options }: BrokerContext, clientId: string): Promise<number> {
  const { environment, commit, store } = options;
  return within(environment, commit.timeoutMs, "read a session", (signal) => store.read(clientId, { signal })).then(
    whySuperseded,
    () => REASON.sessionTakenOver,
  );
}
