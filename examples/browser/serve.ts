/**
 * What the page's server answers.
 *
 * @module
 */
import type { SessionStore } from "@edge-mqtt/session";
import type { Asset } from "./assets.ts";
import type { BrokerNode } from "./broker_node.ts";
import { type Door, guardingHeaders, refusalOfInspection, refusalOfSocket, refusalOfVisitor } from "./guard.ts";
import { lookAt } from "./inspection.ts";
import type { Look } from "./look.ts";
import { passThrough } from "./pass_through.ts";

/** What it answers with. */
export interface Parts {
  readonly door: Door;
  readonly node: Pick<BrokerNode, "state" | "url" | "start" | "kill">;
  readonly assets: ReadonlyMap<string, Asset>;
  /** Absent where only the node itself can see its sessions. */
  readonly store?: SessionStore;
}

/** The answer to a request. */
export async function answer(request: Request, parts: Parts): Promise<Response> {
  const response = await route(request, parts);
  // What is sent by an upgrade is the socket's business, and cannot be added to.
  if (response.status === 101) return response;
  for (const [name, value] of Object.entries(guardingHeaders(request.headers.get("host") ?? ""))) {
    response.headers.set(name, value);
  }
  return response;
}

async function route(request: Request, parts: Parts): Promise<Response> {
  const { door, node, assets } = parts;
  const { headers, method } = request;
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/mqtt") {
    const refusal = refusalOfSocket(headers, door);
    return refusal === undefined ? await passThrough(request, node.url) : text(refusal.status, refusal.says);
  }
  const asset = assets.get(pathname);
  if (asset !== undefined) {
    const refusal = refusalOfVisitor(headers, door);
    if (refusal !== undefined) return text(refusal.status, refusal.says);
    if (method !== "GET" && method !== "HEAD") return text(405, "This can only be read.");
    return new Response(method === "HEAD" ? null : asset.body, { headers: { "content-type": asset.type } });
  }
  if (!Object.hasOwn(METHODS, pathname)) return text(404, "Nothing is here: the page is at /, MQTT at /mqtt.");
  const refusal = refusalOfInspection(headers, door);
  if (refusal !== undefined) return text(refusal.status, refusal.says);
  if (method !== METHODS[pathname]) return text(405, `This takes ${METHODS[pathname]}.`);
  switch (pathname) {
    case "/node/kill":
      await node.kill();
      break;
    case "/node/start": {
      const failure = await node.start().then(() => undefined, (error: Error) => error.message);
      if (failure !== undefined) return text(503, failure);
      break;
    }
  }
  return Response.json(await look(parts, searchParams.get("client") ?? ""));
}

const METHODS: Readonly<Record<string, string>> = { "/look": "GET", "/node/kill": "POST", "/node/start": "POST" };

async function look({ node, store }: Parts, clientId: string): Promise<Look> {
  const seen = await session(store, clientId);
  return { now: Date.now(), node: node.state, ...seen };
}

async function session(store: SessionStore | undefined, clientId: string): Promise<Pick<Look, "session" | "hidden">> {
  if (store === undefined) return { hidden: "The node keeps sessions in its own memory: nobody else can look." };
  try {
    const session = clientId === "" ? undefined : await lookAt(store, clientId);
    return session === undefined ? {} : { session };
  } catch {
    // The error may name an address: that is for the terminal of the node, not for a page.
    return { hidden: "The store does not answer." };
  }
}

function text(status: number, line: string): Response {
  return new Response(`${line}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8" } });
}
