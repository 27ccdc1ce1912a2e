import type { Entry, KeyValueDriver } from "../store/key_value/driver.ts";

/** Keys are printable ASCII: all are from the one to the other. */
const FIRST = "!";
const BEHIND = "\x7f";

/** No backend pages so long. */
const PAGE = 1_000;

/**
 * All rows of a driver, in order of their keys: the `contents` of a store on it, for `exploreStore`.
 *
 * @example
 * ```ts
 * import { driverRows, mapDriver } from "@edge-mqtt/session/testing";
 *
 * const driver = mapDriver();
 * await driver.commit([], [{ type: "set", key: "a", value: new Uint8Array([1]) }]);
 * console.assert((await driverRows(driver)).length === 1);
 * ```
 */
export async function driverRows(driver: KeyValueDriver): Promise<readonly Entry[]> {
  const rows: Entry[] = [];
  const limit = Math.min(PAGE, driver.limits.entriesPerList);
  for (let start = FIRST;;) {
    const { entries, more } = await driver.list({ start, end: BEHIND, limit });
    rows.push(...entries);
    const last = entries.at(-1);
    if (!more || last === undefined) return rows;
    // No key holds a space, and every character of one is above it.
    start = `${last.key} `;
  }
}
