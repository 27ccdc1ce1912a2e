import { detachedHead, expiryNumbers } from "../machine/rules/lifecycle.ts";
import type { SessionHead } from "../machine/snapshot.ts";
import type { Will } from "../mqtt/will.ts";

/**
 * The head of a session that nobody owns, with another Session Expiry Interval: it counts from the end of the latest
 * connection, as if the client had asked for it, and a Will that waits is due no later than the session's end.
 */
export function withInterval(head: SessionHead, will: Will | undefined, seconds: number): SessionHead {
  const { endsAt: _ends, endsAfterMs: _length, willDueAt, disconnectedAt, disconnectReason, ...rest } = head;
  const attached: SessionHead = {
    ...rest,
    attached: true,
    sessionExpiryInterval: seconds,
    ...expiryNumbers(seconds),
    ...(willDueAt === undefined || will === undefined ? {} : { willAfterMs: will.willDelayInterval * 1_000 }),
  };
  return detachedHead(attached, disconnectedAt ?? head.connectedAt, disconnectReason ?? 0);
}
