/**
 * A session store in a browser's IndexedDB, on npm's `idb-keyval`.
 *
 * @module
 */
export { indexedDbStore } from "./store.ts";
export type { IndexedDbStore } from "./store.ts";
export { indexedDbClientStore } from "./client_store.ts";
export type { IndexedDbClientStore } from "./client_store.ts";
export type { IndexedDbStoreOptions } from "./database.ts";
export type { ClientStore } from "../../store/client_store.ts";
export { indexedDbRetained } from "./retained.ts";
export type { IndexedDbRetained } from "./retained.ts";
export { INDEXED_DB_LIMITS } from "./driver.ts";
export type { BroadcastChannelLike, IndexedDbPlatform } from "./platform.ts";
