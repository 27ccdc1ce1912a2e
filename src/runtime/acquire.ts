/**
 * The answer to a CONNECT whose client is known: does the store give it the session?
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import type { AcquireRefused } from "../machine/event.ts";
import type { SessionSnapshot } from "../machine/snapshot.ts";
import type { AcquireTerms } from "../machine/request.ts";
import * as REASON from "../mqtt/reason.ts";
import { isUnreadable } from "../store/encoding.ts";
import type { Acquired, AcquireRequest } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import { sharedFilters } from "./groups/groups.ts";
import { settle } from "./groups/unowned.ts";
import type { LocalSession, News } from "./local_sessions.ts";
import type { PrincipalQuota } from "./options.ts";
import { persistently } from "./within.ts";

/** Who asks for a session. */
export interface Asker {
  readonly token: string;
  readonly principal: string | undefined;
  readonly quota: PrincipalQuota | undefined;
  /** Whether it is still to be asked for, for the first time or once more. */
  wants(isRepeated: boolean): boolean;
}

/**
 * Asks the store for the session. It never rejects; what it cannot tell in time is let go of later. A session that was
 * acquired is still watched for arrivals, until {@linkcode install} puts it in its place.
 */
export async function acquire(
  context: BrokerContext,
  terms: AcquireTerms,
  asker: Asker,
  attempt = 1,
  settled?: SessionSnapshot,
): Promise<Acquired | AcquireRefused> {
  const { options, sessions, nodeId } = context;
  const { clientId } = terms;
  const { token, principal } = asker;
  const mostSessions = asker.quota && await context.quotas.sessionsFor(principal, asker.quota);
  // Every attempt brings an id of its own for a new session: that of an earlier one may have lived and ended by now.
  const request = (): AcquireRequest => ({
    terms,
    token,
    nodeId,
    incarnation: options.environment.randomId(),
    ...(principal === undefined ? {} : { principal }),
    ...(mostSessions === undefined ? {} : { quota: mostSessions }),
    whenOwned: "take",
    page: { messages: options.limits.pageMessages, bytes: options.limits.pageBytes },
    now: options.environment.now(),
  });
  try {
    // What the last connection left has to be stored before it is judged: its Will may just have been deleted.
    const previous = sessions.get(clientId);
    if (previous?.leaving) await previous.done;
    await context.lease.ensure();
    sessions.beginAcquire(clientId);
    let tries = 0;
    const answer = await persistently(options, "acquire a session", async (signal) => {
      const isRepeated = tries++ > 0;
      // The store may have been away for as long as a lease: whoever takes a session without one loses it at once.
      if (isRepeated) await context.lease.ensure();
      signal.throwIfAborted();
      // Its client may be somewhere else by now: what it has there must not be taken, or cleared, by a CONNECT from before.
      if (!asker.wants(isRepeated)) {
        throw new SessionError("CLOSED", "Cannot acquire a session: its connection is gone");
      }
      return await options.store.acquire(request(), { signal });
    });
    if (answer.outcome === "acquired") {
      const { ended } = answer;
      if (ended !== undefined && ended.incarnation === settled?.incarnation) {
        await context.groups.leave(sharedFilters(settled), settled);
      }
      return answer;
    }
    if (answer.reason === "unsettled" && attempt < SETTLE_ATTEMPTS) {
      // What the session has claimed goes back to its groups before it ends.
      const snapshot = await settle(context, clientId);
      return await acquire(context, terms, asker, attempt + 1, snapshot ?? settled);
    }
    sessions.giveUpAcquire(clientId);
    if (terms.mustBeNew && (answer.reason === "principal" || answer.reason === "exists") && attempt < ID_ATTEMPTS) {
      // The id that was made here is somebody's already ([MQTT-3.1.3-7]).
      const another = { ...terms, clientId: options.environment.randomId() };
      return await acquire(context, another, asker, attempt + 1);
    }
    return { type: "acquireRefused", reasonCode: REFUSALS[answer.reason] };
  } catch (error) {
    sessions.giveUpAcquire(clientId);
    const isGivenUp = error instanceof SessionError && error.code === "CLOSED";
    if (!isGivenUp) options.observe({ type: "workFailed", work: "session", clientId, error });
    // An earlier attempt may have been carried out, whatever the last one says.
    context.orphans.add(clientId, token);
    const reasonCode = isUnreadable(error) ? REASON.implementationSpecificError : REASON.serverUnavailable;
    return { type: "acquireRefused", reasonCode };
  }
}

/**
 * Puts a session that was just acquired in its place. Whatever the store found, nobody but this connection holds the
 * session now: an old one hears of it before the new one gets its CONNACK. Returns what came for it meanwhile.
 */
export function install(context: BrokerContext, session: LocalSession, acquired: Acquired): News {
  const { options, sessions, sleepers, outbox, deadlineMoved } = context;
  const { clientId } = session;
  const { superseded, ended, outboxPending } = acquired;
  if (superseded !== undefined) options.observe({ type: "takeover", clientId, nodeId: superseded.nodeId });
  sessions.get(clientId)?.supersede();
  if (superseded !== undefined) sleepers?.find(superseded.token)?.supersede();
  // In one go: what arrives is told either to the watch or to the session.
  const news = sessions.endAcquire(clientId, session.incarnation);
  sessions.add(session);
  // With a session there is a doorbell to poll and a lease to renew.
  deadlineMoved();
  if (ended !== undefined) {
    options.observe({ type: "ended", clientId, reason: ended.reason });
    if (ended.owes) outbox.kick(ended.incarnation);
  }
  if (outboxPending) outbox.kick(session.incarnation);
  return news;
}

/** How often a session is settled against others that change it before its client has to try again. */
const SETTLE_ATTEMPTS = 16;

/** How many ids are made for a client without one before it is turned away. */
const ID_ATTEMPTS = 4;

/**
 * An id made here that exists is no fault of the client: its next try gets another one. Nor is it that another connection
 * took the session while this one was still being asked for: its next try comes later than that.
 */
const REFUSALS = {
  stale: REASON.serverUnavailable,
  principal: REASON.clientIdentifierNotValid,
  exists: REASON.serverUnavailable,
  owned: REASON.serverUnavailable,
  unsettled: REASON.serverUnavailable,
  quota: REASON.quotaExceeded,
} as const;
