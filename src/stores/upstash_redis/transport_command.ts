/**
 * What is sent to Redis, and what comes back.
 *
 * @module
 */

/** A Lua script: a name for messages, and its text without a first line of flags. */
export interface Script {
  /** What messages call it. */
  readonly name: string;
  /** The text, without a first line of flags. */
  readonly source: string;
}

/**
 * One command of a request: a script with every key it touches, HMGET, the members of a sorted set between two in
 * order of their bytes, or some of the keys that look like a pattern. Texts are visible ASCII.
 */
export type Command =
  | { readonly script: Script; readonly keys: readonly string[]; readonly args: readonly string[] }
  | { readonly hmget: string; readonly fields: readonly string[] }
  | { readonly members: string; readonly first: string; readonly last: string; readonly most: number }
  | { readonly scan: string; readonly from: string; readonly about: number };

/**
 * What came back: a script's text, which begins with `~`; of HMGET one text or `null` a field; the members; where the next
 * scan goes on, `0` at the end, and the keys.
 */
export type Reply = string | readonly (string | null)[];

/** How commands are sent. */
export interface SendOptions {
  /** For messages: "commit" makes "Cannot commit: …". */
  readonly doing: string;
  /**
   * Ends the wait. An abort before anything was sent throws its reason, and so does any abort of reads; an abort of writes
   * that were sent leaves their outcome unknown.
   */
  readonly signal?: AbortSignal;
  /** Whether a command may change anything. Where none does, a failure means that nothing happened. */
  readonly writes: boolean;
}

/** What messages call a command. */
export function nameOf(command: Command): string {
  if ("script" in command) return `the script ${command.script.name}`;
  if ("scan" in command) return "SCAN";
  return "hmget" in command ? "HMGET" : "ZRANGE";
}
