import { sessionBroker } from "@edge-mqtt/session";
import {
  cloudflareKvArchive,
  cloudflareKvClientStore,
  type KnownVersion,
  type KvNamespaceLike,
} from "@edge-mqtt/session/cloudflare-kv";
import { memoryStore } from "@edge-mqtt/session/memory";
import { checkSame } from "./support/check.ts";
import { keepsPublishing } from "./support/keeps_publishing.ts";
import type { Surroundings } from "./support/surroundings.ts";
import { connectByHand } from "./support/wire.ts";

/** A client publishes, and the next one over the namespace delivers it; a broker's session goes into an archive and comes back. */
export async function run({ bindings }: Surroundings): Promise<void> {
  // The worker is started with it.
  const kv = bindings?.["SESSIONS"] as KvNamespaceLike;
  const known = new Map<string, KnownVersion>();
  const key = `sessions/${crypto.randomUUID()}`;
  await keepsPublishing(() => cloudflareKvClientStore(kv, { key, known, expirationTtl: 3_600 }), { require: {} });
  checkSame((known.get(key)?.version ?? 0) > 0, true, "whether it is known what was written");

  const store = memoryStore();
  const broker = sessionBroker({ store });
  const { connection, until } = await connectByHand(broker, { clientId: key });
  await until(1);
  connection.closed("transport");
  await broker.shutdown();
  const archive = cloudflareKvArchive(kv);
  const put = await archive.put(store, key, { now: Date.now() });
  checkSame(put.outcome, "archived", "what became of the copy");
  const other = memoryStore();
  const atLeast = put.outcome === "archived" ? { atLeast: put.copy } : {};
  checkSame(
    await archive.restore(other, key, { now: Date.now(), ...atLeast }),
    { outcome: "restored" },
    "the way back",
  );
  checkSame((await other.directory.inspect(key))?.clientId, key, "what is restored");
}
