import type { QueueLimits } from "./session_store.ts";

/** Limits of a log in which nothing gives way: whoever appends has looked for room before. */
export const UNLIMITED: QueueLimits = {
  maximumMessages: Number.MAX_SAFE_INTEGER,
  maximumBytes: Number.MAX_SAFE_INTEGER,
  whenFull: "dropNewest",
};
