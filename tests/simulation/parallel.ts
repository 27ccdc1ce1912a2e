/** A search on several threads. */
import type { Found, Search } from "./find.ts";

/** How seeds are shared out. */
export interface ParallelOptions {
  readonly workers: number;
  /** Ends early after so long, in milliseconds. */
  readonly timeMs?: number;
  readonly onFound?: (found: Found) => void;
}

/** What a thread is asked for, and what it answers. */
export interface Share {
  readonly from: number;
  readonly runs: number;
}
export type Answer =
  | { readonly type: "found"; readonly found: Found }
  | { readonly type: "done"; readonly counts: ReadonlyMap<string, number> }
  | { readonly type: "failed"; readonly message: string };

/** So many seeds are given out at a time. */
const SHARE = 50;

/** Searches seeds from one on, on several threads at once. */
export async function searchInParallel(from: number, runs: number, options: ParallelOptions): Promise<Search> {
  const found: Found[] = [];
  const counts = new Map<string, number>();
  let next = from;
  const end = from + runs;
  const endsAt = performance.now() + (options.timeMs ?? Infinity);
  const work = async () => {
    const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
    try {
      while (next < end && performance.now() < endsAt) {
        const share: Share = { from: next, runs: Math.min(SHARE, end - next) };
        next += share.runs;
        await new Promise<void>((resolve, reject) => {
          worker.onmessage = ({ data }: MessageEvent<Answer>) => {
            if (data.type === "found") {
              found.push(data.found);
              options.onFound?.(data.found);
            } else if (data.type === "failed") reject(new Error(data.message));
            else {
              for (const [what, count] of data.counts) counts.set(what, (counts.get(what) ?? 0) + count);
              resolve();
            }
          };
          worker.onerror = (event) => {
            event.preventDefault();
            reject(new Error(`seeds ${share.from} to ${share.from + share.runs - 1}: ${event.message}`));
          };
          worker.postMessage(share);
        });
      }
    } finally {
      worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  found.sort((a, b) => a.seed - b.seed);
  return { runs: next - from, found, counts };
}
