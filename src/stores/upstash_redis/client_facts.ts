/**
 * What can be seen of a client's settings from outside: they decide what a failure proves, and what must not be shown.
 *
 * @module
 */
import type { UpstashClient } from "./client.ts";

/** The settings of a client, as far as they can be seen. */
export interface ClientFacts {
  /**
   * Whether a request certainly leaves once. A client that repeats a request after a lost answer shows the last failure
   * only, so a refusal by the server says nothing of the attempts before it.
   */
  readonly once: boolean;
  /** Whether requests carry `keepalive`; `undefined` if that cannot be seen. */
  readonly keepAlive: boolean | undefined;
  /** The URL, the host and the token, longest first. */
  readonly secrets: readonly string[];
}

/**
 * Looks at a client. The places are those of `@upstash/redis` 1.39; where something else is found, nothing is known, and
 * the careful answer is given.
 */
export function factsOf(client: UpstashClient): ClientFacts {
  const http = member(client, "client");
  const secrets: string[] = [];
  const url = member(http, "baseUrl");
  if (typeof url === "string" && url !== "") {
    secrets.push(url);
    if (URL.canParse(url)) secrets.push(new URL(url).host, new URL(url).hostname);
  }
  const authorization = member(member(http, "headers"), "authorization");
  if (typeof authorization === "string") secrets.push(authorization.replace(/^Bearer /, ""));
  const keepAlive = member(member(http, "options"), "keepAlive");
  return {
    once: member(member(http, "retry"), "attempts") === 0,
    keepAlive: typeof keepAlive === "boolean" ? keepAlive : undefined,
    secrets: secrets.filter((secret) => secret !== "").sort((a, b) => b.length - a.length),
  };
}

function member(of: unknown, name: string): unknown {
  return typeof of === "object" && of !== null ? Reflect.get(of, name) : undefined;
}
