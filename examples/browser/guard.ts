/**
 * Who may look into sessions and kill the broker's node: the page itself, and nobody who makes a browser ask for him.
 *
 * Plain functions of a request's headers. Three doors stand in each other's way: the `Host` has to be one that no
 * stranger's name server can point here (DNS rebinding), the `Origin` has to be the page's own, and a header that only
 * a page's own script can send has to be there, since a form or an image of another page cannot (CSRF).
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { PAGE_HEADER } from "./page_header.ts";

/** What the guard knows about the server. */
export interface Door {
  /** The name or address on which it listens. */
  readonly host: string;
  /** What has to be shown; without one, only a server on the loopback interface opens. */
  readonly token?: string;
}

/** Why a request is turned away. */
export interface Refusal {
  readonly status: 401 | 403 | 404 | 421;
  /** For people. */
  readonly says: string;
}

/** Whether nobody but this machine reaches a server that listens there. */
export function isLoopback(host: string): boolean {
  const name = withoutBrackets(host.toLowerCase());
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Whether a `Host` header can be meant for this server.
 *
 * A page of a stranger reaches a server of this machine by letting its own name point here; the browser then takes both
 * for one origin. An address cannot be pointed anywhere, and `localhost` and the name given at the start are ours.
 */
export function isOurHost(header: string | null, host: string): boolean {
  const name = /^(\[[\da-f:.]+\]|[^:/@\s]+)(:\d{1,5})?$/i.exec(header ?? "")?.[1]?.toLowerCase();
  if (name === undefined) return false;
  if (isLoopback(name)) return true;
  if (isLoopback(host)) return false;
  return name === host.toLowerCase() || name.startsWith("[") || /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
}

/** Whether a request comes from this server's own page, or from no page at all. */
export function isOwnOrigin(headers: Headers): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") return false;
  const origin = headers.get("origin");
  if (origin === null) return true;
  const { host } = URL.parse(origin) ?? {};
  return host !== undefined && host !== "" && host === URL.parse(`http://${headers.get("host")}`)?.host;
}

/** Why a request for the page or for a connection is turned away; `undefined` lets it in. */
export function refusalOfVisitor(headers: Headers, { host }: Door): Refusal | undefined {
  if (!isOurHost(headers.get("host"), host)) return { status: 421, says: "This server does not go by that name." };
  return undefined;
}

/** Why a WebSocket is turned away: browsers let any page open one, and tell whose page it is. */
export function refusalOfSocket(headers: Headers, door: Door): Refusal | undefined {
  const refusal = refusalOfVisitor(headers, door);
  if (refusal !== undefined) return refusal;
  return isOwnOrigin(headers) ? undefined : { status: 403, says: "Another origin's page may not connect here." };
}

/** Why a look into sessions, or a hand at the node, is refused; `undefined` allows it. */
export function refusalOfInspection(headers: Headers, door: Door): Refusal | undefined {
  const refusal = refusalOfVisitor(headers, door);
  if (refusal !== undefined) return refusal;
  if (door.token === undefined && !isLoopback(door.host)) {
    return { status: 404, says: "Inspection is off: it needs the loopback interface or a token." };
  }
  if (!isOwnOrigin(headers) || headers.get(PAGE_HEADER) !== "1") {
    return { status: 403, says: "Only this server's own page may ask." };
  }
  if (door.token !== undefined && !isToken(headers.get("authorization"), door.token)) {
    return { status: 401, says: "The token is missing or wrong." };
  }
  return undefined;
}

/** What every answer carries. The page loads nothing from elsewhere, and no script but its own file runs in it. */
export function guardingHeaders(host: string): Readonly<Record<string, string>> {
  return {
    "content-security-policy": [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      // `'self'` alone names no WebSocket in some browsers.
      `connect-src 'self' ws://${host} wss://${host}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ].join("; "),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
}

/** Compared without telling by the time it takes how much of it is right. */
function isToken(authorization: string | null, token: string): boolean {
  const shown = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
  if (shown === undefined) return false;
  return timingSafeEqual(digest(shown), digest(token));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

function withoutBrackets(host: string): string {
  return host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
}
