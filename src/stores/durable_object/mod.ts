/**
 * A session store in a Cloudflare Durable Object.
 *
 * @module
 */
export { durableObjectRetained, durableObjectStore } from "./store.ts";
export type { DurableObjectStoreOptions } from "./store.ts";
export { DURABLE_OBJECT_LIMITS, durableObjectDriver } from "./driver.ts";
export { setWakeAlarm } from "./alarm.ts";
export type { Waker } from "./alarm.ts";
export type { AlarmStorageLike, DurableObjectStorageLike, SqlCursor, SqlValue } from "./platform.ts";
