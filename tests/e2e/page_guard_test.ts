import assert from "node:assert/strict";
import {
  type Door,
  guardingHeaders,
  isLoopback,
  isOurHost,
  isOwnOrigin,
  refusalOfInspection,
  refusalOfSocket,
  refusalOfVisitor,
} from "../../examples/browser/guard.ts";
import { PAGE_HEADER } from "../../examples/browser/page_header.ts";

const LOOPBACK: Door = { host: "127.0.0.1" };
const OPEN: Door = { host: "0.0.0.0" };
const TOKEN = "token-91c2";
const WITH_TOKEN: Door = { host: "0.0.0.0", token: TOKEN };

/** What the page itself sends to a server that it calls by this name. */
function ownHeaders(host: string, more: Readonly<Record<string, string>> = {}): Headers {
  return new Headers({ host, origin: `http://${host}`, "sec-fetch-site": "same-origin", [PAGE_HEADER]: "1", ...more });
}

function without(headers: Headers, name: string): Headers {
  const rest = new Headers(headers);
  rest.delete(name);
  return rest;
}

Deno.test("only addresses and names of this machine count as loopback", () => {
  for (const host of ["127.0.0.1", "127.255.0.9", "localhost", "LOCALHOST", "::1", "[::1]"]) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ["0.0.0.0", "::", "192.168.0.7", "127.0.0.1.example", "localhost.example", "1270.0.1", ""]) {
    assert.ok(!isLoopback(host), host);
  }
});

Deno.test("a server on loopback answers to no name that a stranger's name server could point at it", () => {
  for (const header of ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "LocalHost:1"]) {
    assert.ok(isOurHost(header, "127.0.0.1"), header);
  }
  const foreign = [
    "evil.example:8080",
    "127.0.0.1.evil.example:8080",
    "localhost.evil.example",
    "192.168.0.7:8080",
    "user@127.0.0.1:8080",
    "127.0.0.1:8080 evil.example",
    "127.0.0.1:8080:1",
    "",
    null,
  ];
  for (const header of foreign) assert.ok(!isOurHost(header, "127.0.0.1"), String(header));
});

Deno.test("a server that listens elsewhere answers to addresses and to the name it was given", () => {
  for (const header of ["192.168.0.7:8080", "[2001:db8::1]:80", "localhost:1"]) {
    assert.ok(isOurHost(header, "0.0.0.0"), header);
  }
  assert.ok(isOurHost("broker.example:8080", "broker.example"));
  for (const header of ["evil.example:8080", "broker.example.evil.example"]) {
    assert.ok(!isOurHost(header, "broker.example"), header);
  }
});

Deno.test("an origin is the page's own when name and port are the same", () => {
  assert.ok(isOwnOrigin(ownHeaders("127.0.0.1:8080")));
  assert.ok(isOwnOrigin(new Headers({ host: "127.0.0.1:8080" })), "a client that is no browser says none");
  assert.ok(isOwnOrigin(new Headers({ host: "broker.example", origin: "https://broker.example" })), "behind TLS");
  for (
    const origin of ["http://evil.example", "http://127.0.0.1:9090", "http://localhost:8080", "null", "", "file://"]
  ) {
    assert.ok(!isOwnOrigin(new Headers({ host: "127.0.0.1:8080", origin })), origin);
  }
  for (const site of ["cross-site", "same-site", "unheard-of"]) {
    assert.ok(!isOwnOrigin(new Headers({ host: "127.0.0.1:8080", "sec-fetch-site": site })), site);
  }
});

Deno.test("the page is served to whoever calls the server by its name, and to nobody else", () => {
  assert.equal(refusalOfVisitor(new Headers({ host: "localhost:8080" }), LOOPBACK), undefined);
  assert.equal(refusalOfVisitor(new Headers({ host: "evil.example" }), LOOPBACK)?.status, 421);
});

Deno.test("a WebSocket is open to clients and to the page, not to other pages", () => {
  assert.equal(refusalOfSocket(new Headers({ host: "127.0.0.1:8080" }), LOOPBACK), undefined);
  assert.equal(refusalOfSocket(ownHeaders("127.0.0.1:8080"), LOOPBACK), undefined);
  const foreign = new Headers({ host: "127.0.0.1:8080", origin: "http://evil.example" });
  assert.equal(refusalOfSocket(foreign, LOOPBACK)?.status, 403);
  assert.equal(refusalOfSocket(ownHeaders("evil.example"), LOOPBACK)?.status, 421);
});

Deno.test("inspection is off where others can reach the server, unless it has a token", () => {
  assert.equal(refusalOfInspection(ownHeaders("192.168.0.7:8080"), OPEN)?.status, 404);
  assert.equal(refusalOfInspection(ownHeaders("127.0.0.1:8080"), OPEN)?.status, 404, "what counts is where it listens");
  assert.equal(refusalOfInspection(ownHeaders("127.0.0.1:8080"), LOOPBACK), undefined);
});

Deno.test("inspection asks for the token wherever there is one, and says nothing of it", () => {
  const shown = (authorization: string) =>
    refusalOfInspection(ownHeaders("192.168.0.7:8080", { authorization }), WITH_TOKEN);
  assert.equal(shown(`Bearer ${TOKEN}`), undefined);
  for (const wrong of ["", "Bearer ", `Bearer ${TOKEN}x`, "Bearer token", TOKEN, `Basic ${TOKEN}`]) {
    const refusal = shown(wrong);
    assert.equal(refusal?.status, 401, wrong);
    assert.ok(!refusal.says.includes(TOKEN));
  }
  const guarded: Door = { host: "127.0.0.1", token: TOKEN };
  assert.equal(refusalOfInspection(ownHeaders("127.0.0.1:8080"), guarded)?.status, 401, "on loopback too");
});

Deno.test("inspection takes nothing that another page can make a browser send", () => {
  const own = ownHeaders("127.0.0.1:8080");
  const headers: readonly (readonly [what: string, Headers, status: number])[] = [
    ["a form of another page", new Headers({ host: "127.0.0.1:8080", origin: "http://evil.example" }), 403],
    ["an image of another page", new Headers({ host: "127.0.0.1:8080", "sec-fetch-site": "cross-site" }), 403],
    ["a form of an old browser, without origin", new Headers({ host: "127.0.0.1:8080" }), 403],
    ["a sandboxed frame", ownHeaders("127.0.0.1:8080", { origin: "null" }), 403],
    ["a page of the same machine on another port", ownHeaders("127.0.0.1:8080", { origin: "http://127.0.0.1:1" }), 403],
    ["the own page without its header", without(own, PAGE_HEADER), 403],
    ["a name that was pointed here", ownHeaders("evil.example:8080"), 421],
  ];
  for (const [what, sent, status] of headers) assert.equal(refusalOfInspection(sent, LOOPBACK)?.status, status, what);
});

Deno.test("every answer forbids frames, foreign scripts, inline scripts and whatever else is not the page's own", () => {
  const headers = guardingHeaders("127.0.0.1:8080");
  const policy = headers["content-security-policy"] ?? "";
  for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
    assert.ok(policy.includes(part), part);
  }
  assert.doesNotMatch(policy, /unsafe|\*|data:|https?:/);
  assert.match(policy, /require-trusted-types-for 'script'/);
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.ok(!Object.keys(headers).some((name) => name.startsWith("access-control-")), "no origin is let in by CORS");
});
