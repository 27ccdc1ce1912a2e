import type { ClientStore } from "../../store/client_store.ts";
import { keyValueClientStore } from "../../store/key_value/client_store.ts";
import { cloudflareKvDriver, type CloudflareKvOptions } from "./driver.ts";
import type { KvNamespaceLike } from "./platform.ts";

/**
 * Keeps a client's own session in one value of Workers KV. It is a cache that mostly holds, and promises less than any
 * other store: see `capabilities`.
 *
 * - What is acknowledged has been written. Workers KV shows it elsewhere within a minute or more, and so does the place
 *   where nothing stood when it was looked at last.
 * - Nothing is fenced. Two clients over one value notice each other before each write where Workers KV lets them: then the
 *   one that came later has the session. Where it does not, the last writer wins, and what the other wrote is lost with
 *   what it was told is stored. So one value is for one client, in one place at a time.
 * - Each write is the whole value, at most one a second: a commit takes up to two, and the session should be small.
 *   Set `queue.maximumBytes` of the client to a few megabytes; beyond 25 MiB a commit is refused as `LIMIT_EXCEEDED`.
 *
 * `sessionClient` takes it where it is told so by `require: {}`, and `sessionBroker` does not take it. Keep the
 * invocation alive until the client is disposed of (`ctx.waitUntil`).
 *
 * @throws {RangeError} If the key or the expiration is none of Workers KV.
 *
 * @example
 * ```ts ignore
 * import { sessionClient } from "@edge-mqtt/session/client";
 * import { cloudflareKvClientStore } from "@edge-mqtt/session/cloudflare-kv";
 *
 * const known = new Map(); // of the isolate: what it has seen once is not taken for new
 *
 * const client = sessionClient({
 *   store: cloudflareKvClientStore(env.SESSIONS, { key: "sessions/meter-7", known }),
 *   require: {},
 *   clientId: "meter-7",
 *   onMessage: ({ topic }) => console.log(topic),
 * });
 * ```
 */
export function cloudflareKvClientStore(kv: KvNamespaceLike, options: CloudflareKvOptions): ClientStore {
  const store = keyValueClientStore(cloudflareKvDriver(kv, options), {
    capabilities: { fencing: "none", durability: "replicated", consistency: "eventual", watch: "none" },
  });
  return { ...store, scope: `cloudflare-kv/${options.key}` };
}
