import { SessionError } from "../../errors.ts";
import { together } from "../call.ts";
import type { Entry, KeyValueDriver } from "./driver.ts";
import { after, type KeySpan, Layout } from "./layout.ts";

/** What the parts of a store share. */
export interface StoreContext {
  readonly driver: KeyValueDriver;
  /** In front of all keys. */
  readonly prefix: string;
  /** A unique id, for the parts of large messages. */
  readonly newId: () => string;
}

/** The keys of a store for some names. */
export async function layoutFor(context: StoreContext, names: Iterable<string>): Promise<Layout> {
  const layout = new Layout(context.prefix);
  await layout.prepare(names);
  return layout;
}

/** Reads any number of keys, all at the same time. */
export async function getAll(driver: KeyValueDriver, keys: readonly string[]): Promise<(Entry | undefined)[]> {
  const calls: Promise<readonly (Entry | undefined)[]>[] = [];
  const size = driver.limits.keysPerGet;
  for (let start = 0; start < keys.length; start += size) calls.push(driver.get(keys.slice(start, start + size)));
  return (await together(calls)).flat();
}

/** Reads the first entries of a span, as many pages as that takes. */
export async function listUpTo(driver: KeyValueDriver, span: KeySpan, most: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  let { start } = span;
  while (entries.length < most) {
    const limit = Math.min(most - entries.length, driver.limits.entriesPerList);
    const page = await driver.list({ start, end: span.end, limit });
    for (const entry of page.entries) entries.push(entry);
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) break;
    start = after(last.key);
  }
  return entries;
}

/** Deletes keys, whatever stands there, in as few commits as the limits allow. */
export async function deleteAll(driver: KeyValueDriver, keys: readonly string[]): Promise<void> {
  const { mutationsPerCommit, keyBytesPerCommit, bytesPerCommit } = driver.limits;
  const most = Math.min(keyBytesPerCommit, bytesPerCommit);
  for (let start = 0; start < keys.length;) {
    let end = start;
    for (let bytes = 0; end < keys.length && end - start < mutationsPerCommit; end++) {
      bytes += keys[end]?.length ?? 0;
      if (bytes > most && end > start) break;
    }
    await driver.commit([], keys.slice(start, end).map((key) => ({ type: "delete", key })));
    start = end;
  }
}

/** How often a commit that others got ahead of is tried again. Each time somebody made progress. */
export const MAX_ATTEMPTS = 100;

/** The error after the last of these attempts. */
export function contended(what: string): SessionError {
  return new SessionError("STORE_UNAVAILABLE", `Cannot ${what}: ${MAX_ATTEMPTS} attempts lost to other writers`);
}
