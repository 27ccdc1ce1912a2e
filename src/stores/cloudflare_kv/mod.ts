/**
 * A client's own session in Cloudflare Workers KV, which neither fences nor shows at once what was written; and an archive
 * of detached sessions there.
 *
 * @module
 */
export { cloudflareKvClientStore } from "./client_store.ts";
export { cloudflareKvArchive } from "./archive.ts";
export type {
  ArchivedVersion,
  ArchiveOutcome,
  ArchiveRestoreOutcome,
  CloudflareKvArchiveOptions,
  SessionArchive,
} from "./archive.ts";
export { CLOUDFLARE_KV_LIMITS, cloudflareKvDriver } from "./driver.ts";
export type { CloudflareKvOptions } from "./driver.ts";
export type { KnownVersion } from "./value.ts";
export type { KvClock, KvNamespaceLike, KvPutOptions } from "./platform.ts";
