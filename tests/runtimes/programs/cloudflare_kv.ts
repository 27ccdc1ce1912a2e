import { cloudflareKvClientStore, type KnownVersion, type KvNamespaceLike } from "@edge-mqtt/session/cloudflare-kv";
import { checkSame } from "./support/check.ts";
import { keepsPublishing } from "./support/keeps_publishing.ts";
import type { Surroundings } from "./support/surroundings.ts";

/** A client publishes, and the next one over the namespace delivers it. */
export async function run({ bindings }: Surroundings): Promise<void> {
  // The worker is started with it.
  const kv = bindings?.["SESSIONS"] as KvNamespaceLike;
  const known = new Map<string, KnownVersion>();
  const key = `sessions/${crypto.randomUUID()}`;
  await keepsPublishing(() => cloudflareKvClientStore(kv, { key, known, expirationTtl: 3_600 }), { require: {} });
  checkSame((known.get(key)?.version ?? 0) > 0, true, "whether it is known what was written");
}
