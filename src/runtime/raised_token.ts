import type { BrokerEnvironment } from "./environment.ts";

/** No id of an environment begins like this. */
const MARK = "work/";

/** A token for work that raises the epoch of a session without owning it: no connection holds a session by it. */
export function raisedToken(environment: BrokerEnvironment): string {
  return MARK + environment.randomId();
}

/** Whether a token is one of such work. */
export function isRaised(token: string): boolean {
  return token.startsWith(MARK);
}
