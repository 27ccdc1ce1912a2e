import { NEVER_EXPIRES } from "../mqtt/packet.ts";
import type { AcquireTerms } from "./request.ts";
import type { SessionHead } from "./snapshot.ts";

/**
 * The terms on which a client takes its own session from a store, given the head that is stored, if any.
 *
 * It never ends by itself there: whether it still exists is for the server to say. The session that comes of them is
 * owned until `releasedHead` is written.
 *
 * The head that is given is written over the one that is stored by then. Where another page may have left a later one, only
 * a new session is acquired (`mustBeNew`), and one that is there is taken by a commit upon what was read.
 *
 * Nothing is sent ahead of the first commit of a connection, unless `sendAhead` says otherwise: what is published without
 * one would count as sent after a crash, and be lost where the server has the session no more.
 */
export function clientAcquireTerms(
  clientId: string,
  stored: SessionHead | undefined,
  sendAhead: number = 0,
): AcquireTerms {
  const head: SessionHead = stored === undefined
    ? {
      protocolVersion: 5,
      attached: true,
      connectedAt: 0,
      sessionExpiryInterval: NEVER_EXPIRES,
      onTakeover: "discard",
      sentLimit: 0,
    }
    : { ...stored, attached: true };
  return {
    clientId,
    mustBeNew: false,
    cleanStart: false,
    head,
    sendAhead,
    releaseWillOnCleanStart: false,
    resumeAcrossVersions: true,
  };
}
