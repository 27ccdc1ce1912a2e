/**
 * A session store in a browser's IndexedDB, on npm's `idb-keyval`.
 *
 * @module
 */
export { indexedDbStore } from "./store.ts";
export type { IndexedDbStore, IndexedDbStoreOptions } from "./store.ts";
export { indexedDbRetained } from "./retained.ts";
export type { IndexedDbRetained } from "./retained.ts";
export { INDEXED_DB_LIMITS } from "./driver.ts";
export type { BroadcastChannelLike, IndexedDbPlatform } from "./platform.ts";
