import { SessionError } from "../../errors.ts";
import { expiryNumbers } from "../../machine/rules/lifecycle.ts";
import type { Will } from "../../mqtt/will.ts";
import { persistently } from "../../runtime/within.ts";
import type { Acquired } from "../../store/session_store.ts";
import type { AedesContext } from "./context.ts";

/** A connection that has a session, and on which terms. */
export interface Holder {
  /** The connection: an object of aedes, compared for identity alone. */
  readonly connection: object;
  /** Begin a new session whatever is stored. */
  readonly cleanStart: boolean;
  /** How long the session outlives it, in seconds. */
  readonly interval: number;
  readonly will: Will | undefined;
}

/** A session that was taken, and what tells its owner from others. */
export type Taken = Acquired & { readonly token: string };

/** A page of the log: messages and bytes. */
export const PAGE = { messages: 128, bytes: 1_048_576 } as const;

/** Takes a session, from whoever has it. What ended with that is swept in the background. */
export async function takeSession(
  { options, lease, ended }: AedesContext,
  clientId: string,
  { cleanStart, interval, will }: Holder,
): Promise<Taken> {
  const { environment, store } = options;
  await lease.ensure();
  const now = environment.now();
  const token = environment.randomId();
  const terms = {
    clientId,
    mustBeNew: false,
    cleanStart,
    head: {
      protocolVersion: 4,
      attached: true,
      connectedAt: now,
      sessionExpiryInterval: interval,
      ...expiryNumbers(interval),
      ...(will === undefined ? {} : { willAfterMs: 0 }),
      // The broker that had the connection publishes its Will when it closes it.
      onTakeover: "discard",
      sentLimit: 0,
    },
    ...(will === undefined ? {} : { will }),
    // Whatever is sent is marked before.
    sendAhead: 0,
    releaseWillOnCleanStart: false,
    resumeAcrossVersions: true,
  } as const;
  const request = { terms, token, nodeId: lease.nodeId, whenOwned: "take", page: PAGE, now } as const;
  const incarnation = environment.randomId();
  const acquire = (signal: AbortSignal) => store.acquire({ ...request, incarnation }, { signal });
  const acquired = await persistently(options, "acquire a session", acquire);
  if (acquired.outcome === "refused") {
    throw new SessionError("CLOSED", `Cannot take session ${clientId}: refused as ${acquired.reason}`);
  }
  if (acquired.ended !== undefined) ended(clientId, acquired.ended.incarnation, acquired.ended.owes, now);
  return { ...acquired, token };
}
