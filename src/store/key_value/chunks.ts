/**
 * Large values in parts: written before the commit that makes them visible, which only writes where they stand.
 *
 * A due row names parts that are not visible yet. The commit that makes them visible removes it, and fails if a sweep
 * was faster; so what a crash leaves behind is found again.
 */
import { decodeRecord, RECORD_KIND, recordWriter, unreadable } from "../encoding.ts";
import { together } from "../call.ts";
import type { ChunkRef, StagedValue } from "./chunk_ref.ts";
import { getAll, type StoreContext } from "./context.ts";
import type { Mutation } from "./driver.ts";
import { encodeDue } from "./due_row.ts";
import type { Layout } from "./layout.ts";
import type { Plan } from "./plan.ts";

/** How long the parts of an unfinished commit are left alone. */
export const STAGED_FOR_MS = 3_600_000;

/** Two bytes at the start of every record. */
const RECORD_HEADER_BYTES = 2;

/** How a value of this size is divided. */
export function chunkRef(context: StoreContext, id: string, bytes: number): ChunkRef {
  return { id, bytes, chunks: Math.ceil(bytes / chunkBytes(context)) };
}

/** The keys of the parts. */
export function chunkKeys(prefix: string, chunks: number): string[] {
  return Array.from({ length: chunks }, (_, index) => chunkKey(prefix, index));
}

function chunkKey(prefix: string, index: number): string {
  return `${prefix}${String(index).padStart(6, "0")}`;
}

/** Writes the parts of a value; the version of its due row. */
export async function stage(context: StoreContext, staged: StagedValue): Promise<string> {
  const { driver } = context;
  const size = chunkBytes(context);
  const due = encodeDue({
    type: "staged",
    owner: staged.owner,
    prefix: staged.prefix,
    chunks: staged.ref.chunks,
  });
  // The due row is in the first commit, so that no part can stand without it.
  let mutations: Mutation[] = [{ type: "set", key: staged.dueKey, value: due }];
  let bytes = staged.dueKey.length + due.length;
  const commits = [mutations];
  for (const [index, key] of chunkKeys(staged.prefix, staged.ref.chunks).entries()) {
    const part = staged.value.subarray(index * size, (index + 1) * size);
    const value = recordWriter(RECORD_KIND.chunk).raw(part).finish();
    if (bytes + value.length + key.length > driver.limits.bytesPerCommit) {
      commits.push(mutations = []);
      bytes = 0;
    }
    mutations.push({ type: "set", key, value });
    bytes += value.length + key.length;
  }
  const [first = [], ...others] = commits;
  const written = await driver.commit([], first);
  await together(others.map((each) => driver.commit([], each)));
  return written?.version ?? "";
}

/** Up to this many parts are deleted at once; more are left to a sweep, so that a commit stays small. */
const DELETED_AT_ONCE = 4;

/** Removes a large value in a commit, or has it swept soon after. */
export function removeChunks(plan: Plan, layout: Layout, value: RemovedValue): void {
  const { owner, prefix, ref, now } = value;
  if (ref.chunks <= DELETED_AT_ONCE) {
    for (const key of chunkKeys(prefix, ref.chunks)) plan.delete(key);
    return;
  }
  const row = encodeDue({ type: "staged", owner, prefix, chunks: ref.chunks });
  plan.set(`${layout.stagedAt(now, owner)}${ref.id}`, row);
}

/** A large value that is not needed any more. */
export interface RemovedValue {
  /** The incarnation, or the outbox, that it belongs to. */
  readonly owner: string;
  readonly prefix: string;
  readonly ref: ChunkRef;
  readonly now: number;
}

/** Reads a large value. */
export async function readChunks(context: StoreContext, prefix: string, ref: ChunkRef): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // What a spoiled record claims takes no room: only as many keys are made as follow parts that are there.
  for (let from = 0, most = PARTS_AT_ONCE; from < ref.chunks; from += most, most *= 2) {
    const keys = Array.from({ length: Math.min(most, ref.chunks - from) }, (_, at) => chunkKey(prefix, from + at));
    for (const [index, entry] of (await getAll(context.driver, keys)).entries()) {
      const key = keys[index] ?? prefix;
      if (entry === undefined) throw unreadable(key, "a part of it is missing");
      const part = decodeRecord(key, entry.value, RECORD_KIND.chunk, (reader) => reader.rest());
      length += part.length;
      if (length > ref.bytes) throw unreadable(key, "it is longer than was written");
      parts.push(part);
    }
  }
  if (length !== ref.bytes) throw unreadable(prefix, "it is truncated");
  const value = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    value.set(part, at);
    at += part.length;
  }
  return value;
}

/** Parts that are asked for at first: megabytes, and no more where a record claims what is not so. */
const PARTS_AT_ONCE = 64;

function chunkBytes(context: StoreContext): number {
  // Some room is left in a commit for the keys.
  const { valueBytes, bytesPerCommit } = context.driver.limits;
  return Math.min(valueBytes, Math.floor(bytesPerCommit / 2), 1_048_576) - RECORD_HEADER_BYTES;
}
