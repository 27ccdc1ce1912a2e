/**
 * Checks: what stands in the index while sessions change in another slot of a cluster.
 *
 * @module
 */
import { named } from "./fields.ts";
import type { SharedKey } from "./keys.ts";

/** A change of a shared key: a command of Redis, or one of the script's own. */
export interface IndexChange {
  readonly key: SharedKey;
  readonly command: string;
  readonly args: readonly (string | number)[];
}

/** How long after it is written a check falls due, in milliseconds. */
const CHECK_MS = 60_000;

/** How long a check stands for further changes of the session: what began must have ended before the check falls due. */
const STANDS_MS = 20_000;

/** The most checks that are remembered as standing. */
const MOST_CHECKS = 10_000;

/** A session to be looked at, should the one who changes it not come to the end. */
export interface Check {
  /** Its part of keys. */
  readonly part: string;
  /** The node that owns it, or is about to. */
  readonly nodeId: string;
}

/** The checks that stand. */
export class Checks {
  readonly #standing = new Map<string, number>();

  /** What has to be written before sessions are changed; nothing for those whose check stands. */
  begin(checks: readonly Check[], now: number): IndexChange[] {
    const args: (string | number)[] = [];
    for (const { part, nodeId } of checks) {
      const member = checkMember(part, nodeId);
      const at = this.#standing.get(member);
      if (at !== undefined && now >= at && now < at + STANDS_MS) continue;
      args.push(Math.ceil(now) + CHECK_MS, member);
    }
    return args.length === 0 ? [] : [{ key: "due", command: "ZADD", args }];
  }

  /** Remembers that they are written. */
  begun(checks: readonly Check[], changes: readonly IndexChange[], now: number): void {
    const written = new Set(changes.flatMap(({ args }) => args));
    for (const { part, nodeId } of checks) {
      const member = checkMember(part, nodeId);
      if (!written.has(member)) continue;
      this.#standing.delete(member);
      this.#standing.set(member, now);
    }
    while (this.#standing.size > MOST_CHECKS) {
      const [oldest = ""] = this.#standing.keys();
      this.#standing.delete(oldest);
    }
  }
}

/** How a check stands among what is due. */
export function checkMember(part: string, nodeId: string): string {
  return `c/${part}/${named(nodeId)}`;
}
