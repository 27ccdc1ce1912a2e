import type { ServerLimits, SessionPolicy } from "../policy.ts";
import type { SessionSnapshot } from "../snapshot.ts";

/** How a session is opened. */
export interface SessionOptions {
  /** Which side of the connection this is. */
  readonly role: "server";
  readonly policy?: Partial<SessionPolicy>;
  readonly limits?: Partial<ServerLimits>;
}

/** A session in memory. */
export interface Session {
  readonly role: "server";
  readonly policy: SessionPolicy;
  readonly limits: ServerLimits;
}

/** Opens a session: of a stored snapshot, or of a connection whose CONNECT has yet to come. */
export function openSession(_stored: SessionSnapshot | undefined, _options: SessionOptions): Session {
  throw new Error("not built");
}
/** The Session State as it stands; `undefined` before a session is acquired and after it ended. */
export function snapshot(_session: Session): SessionSnapshot | undefined {
  throw new Error("not built");
}
/** When `timePassed` is next worth stepping, in epoch milliseconds. */
export function nextDeadline(_session: Session): number | undefined {
  throw new Error("not built");
}
