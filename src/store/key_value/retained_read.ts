/** Reading retained messages: by topic, and page by page by filter. */
import { hasExpired, type Message } from "../../mqtt/message.ts";
import { isUnreadable, readable } from "../encoding.ts";
import { positionOf } from "../retained/position.ts";
import { type Walk, walkOf } from "../retained/walk.ts";
import type { RetainedEntry, RetainedPage, RetainedQuery, RetainedReadOptions } from "../retained_store.ts";
import { together } from "../call.ts";
import { readChunks } from "./chunks.ts";
import { getAll } from "./context.ts";
import type { Entry } from "./driver.ts";
import { after } from "./layout.ts";
import type { RetainedContext } from "./retained_put.ts";
import { decodeRetained, type RetainedRow } from "./retained_row.ts";

/** So many rows are listed at a time at most: each holds a message. */
const ROWS_PER_LIST = 128;
/** So often one call lists before it says how far it has come. */
const LISTS_PER_PAGE = 16;

/** What is retained for each topic. Rows that cannot be read count as nothing. */
export async function readRetained(
  store: RetainedContext,
  topics: readonly string[],
  { now }: RetainedReadOptions,
): Promise<readonly (Message | undefined)[]> {
  const { context: { driver }, layout } = store;
  const positions = await together(topics.map(positionOf));
  const entries = await getAll(driver, positions.map((position) => layout.topic(position)));
  return await together(entries.map(async (entry, index) => {
    const found = await messageOf(store, entry, now);
    return found === "unreadable" || found?.topic !== topics[index] ? undefined : found;
  }));
}

/** Reads a page. */
export async function matchRetained(
  store: RetainedContext,
  query: RetainedQuery,
  options: RetainedReadOptions,
): Promise<RetainedPage> {
  const walk = walkOf(query.filter);
  if (walk.isExact && query.filter !== undefined) return await exactly(store, query.filter, query, options);
  return await walked(store, walk, query, options);
}

async function exactly(
  store: RetainedContext,
  filter: string,
  { after: reached }: RetainedQuery,
  { now }: RetainedReadOptions,
): Promise<RetainedPage> {
  const position = await positionOf(filter);
  if (position <= reached) return { entries: [], unreadable: 0 };
  const [entry] = await store.context.driver.get([store.layout.topic(position)]);
  const message = await messageOf(store, entry, now);
  if (message === "unreadable") return { entries: [], unreadable: 1 };
  return { entries: message === undefined ? [] : [{ message, position }], unreadable: 0 };
}

async function walked(
  store: RetainedContext,
  walk: Walk,
  query: RetainedQuery,
  { now, signal }: RetainedReadOptions,
): Promise<RetainedPage> {
  const { context: { driver }, layout } = store;
  const limit = Math.min(ROWS_PER_LIST, query.messages + 1, driver.limits.entriesPerList);
  const end = layout.topic(walk.end);
  const entries: RetainedEntry[] = [];
  let unreadable = 0;
  let bytes = 0;
  /** The last position that was judged. */
  let reached = query.after;
  let start = layout.topic(reached === "" ? walk.start : `${reached} `);
  if (start < layout.topic(walk.start)) start = layout.topic(walk.start);
  for (let lists = 0; start < end; lists++) {
    if (lists >= LISTS_PER_PAGE) return { entries, after: reached, unreadable };
    signal?.throwIfAborted();
    const page = await driver.list({ start, end, limit });
    for (const entry of page.entries) {
      if (entry.key < start) continue;
      const position = layout.positionOf(entry.key);
      const row = readable(() => decodeRetained(entry.key, entry.value));
      const verdict = row === undefined ? "" : walk.judge(row.topic);
      if (row === undefined) unreadable++;
      else if (verdict === true && !hasExpired(row, now)) {
        const isFull = entries.length > 0 && (entries.length >= query.messages || bytes + row.bytes > query.bytes);
        if (isFull) return { entries, after: reached, unreadable };
        const message = await messageOf(store, entry, now, row);
        if (message === "unreadable") unreadable++;
        else if (message !== undefined) {
          entries.push({ message, position });
          bytes += row.bytes;
        }
      }
      reached = position;
      start = after(entry.key);
      if (verdict === undefined) return { entries, unreadable };
      const next = verdict === true ? "" : layout.topic(verdict);
      if (next > start) start = next;
    }
    if (!page.more) break;
    const last = page.entries.at(-1);
    if (last === undefined) break;
  }
  return { entries, unreadable };
}

/**
 * The message of a row. Its parts may be taken away while they are read: then another row stands there by now, or none.
 */
async function messageOf(
  store: RetainedContext,
  entry: Entry | undefined,
  now: number,
  known?: RetainedRow,
): Promise<Message | "unreadable" | undefined> {
  const { context, layout } = store;
  for (let current = entry, row = known;;) {
    if (current === undefined) return undefined;
    const { key, value, version } = current;
    row ??= readable(() => decodeRetained(key, value));
    if (row === undefined) return "unreadable";
    if (hasExpired(row, now)) return undefined;
    const { body } = row;
    if (!("chunks" in body)) return body;
    try {
      const { body: whole } = decodeRetained(key, await readChunks(context, layout.parts(body.id), body));
      return "chunks" in whole ? "unreadable" : whole;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
    }
    const [again] = await context.driver.get([key]);
    if (again?.version === version) return "unreadable";
    current = again;
    row = undefined;
  }
}
