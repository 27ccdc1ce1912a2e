/**
 * A client's own session in Cloudflare Workers KV, which neither fences nor shows at once what was written.
 *
 * @module
 */
export { cloudflareKvClientStore } from "./client_store.ts";
export { CLOUDFLARE_KV_LIMITS, cloudflareKvDriver } from "./driver.ts";
export type { CloudflareKvOptions } from "./driver.ts";
export type { KnownVersion } from "./value.ts";
export type { KvClock, KvNamespaceLike, KvPutOptions } from "./platform.ts";
