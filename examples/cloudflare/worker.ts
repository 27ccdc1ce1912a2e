/**
 * An MQTT broker on Cloudflare Workers: one Durable Object for each tenant.
 *
 * `wss://…/mqtt` is the tenant `main`, `wss://…/mqtt/NAME` any other.
 *
 * @module
 */
import type { Environment } from "./settings.ts";

export { Tenant } from "./tenant.ts";

/** Sends each request to the object of its tenant. */
export default {
  async fetch(request: Request, { OBJECTS }: Environment): Promise<Response> {
    const [, tenant = "main"] = /^\/mqtt(?:\/([\w-]{1,64}))?$/.exec(new URL(request.url).pathname) ?? [, ""];
    if (tenant === "") return text(404, "Nothing is here: MQTT is at /mqtt, or /mqtt/NAME.");
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return text(426, "MQTT is spoken by WebSocket here.", { connection: "Upgrade", upgrade: "websocket" });
    }
    const offered = (request.headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
    if (!offered.includes("mqtt")) return text(400, "The sub-protocol has to be mqtt.");
    return await OBJECTS.get(OBJECTS.idFromName(tenant)).fetch(request);
  },
};

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });
}
