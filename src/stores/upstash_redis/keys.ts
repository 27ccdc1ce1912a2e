/**
 * Where records stand, and how names look in them: printable ASCII without `/`, `;`, commas apart and spaces.
 *
 * A client has two keys: `…/log`, its head, gate and log, and `…/rows`, what else its session owns. All sessions share
 * `owned`, `due`, `rings`, `nodes`, `owed`, `routes`, `places` and `ended`, since a script names its keys before it knows whose
 * session it finds; in a cluster also `debtors`, and there `owed`, `left` and `ended` stand beside each session as well.
 *
 * @module
 */
import { SCHEMA_VERSION } from "../../store/encoding.ts";
import { escapePart, KeyParts, MAX_PART_BYTES } from "../../store/keys.ts";

export { unescapePart } from "../../store/keys.ts";

/** A key that all sessions share. */
export type SharedKey = "owned" | "due" | "rings" | "nodes" | "owed" | "routes" | "ended" | "places" | "debtors";

/** The keys of one store. */
export class RedisKeys {
  readonly #root: string;
  readonly #parts = new KeyParts();

  constructor(prefix: string) {
    this.#root = `${prefix}/${SCHEMA_VERSION}/`;
  }

  /** Prepares names to stand in keys. */
  prepare(names: Iterable<string>): Promise<void> {
    return this.#parts.prepare(names);
  }

  /** A prepared name: a long one is a digest. */
  part(name: string): string {
    return this.#parts.of(name);
  }

  /** A key that all sessions share. In a cluster all of them live in one slot. */
  shared(key: SharedKey): string {
    return `${this.#root}{shared}/${key}`;
  }

  /** A key of what is kept for topics. In a cluster all of them live in one slot. */
  kept(key: "values" | "names" | "ends" | "counts"): string {
    return `${this.#root}{kept}/${key}`;
  }

  /** The key of a prepared client's head, gate and log. */
  log(clientId: string): string {
    return this.logOf(this.part(clientId));
  }

  /** As {@linkcode log}, by a name as it stands in records. */
  logOf(part: string): string {
    return `${this.#ofClient(part)}log`;
  }

  /** A pattern of the keys of all logs. */
  allLogs(): string {
    // Prefixes hold nothing that a pattern reads otherwise.
    return `${this.#root}{c*}/log`;
  }

  /** The name in the key of a log, as it stands in records; `undefined` for another key. */
  partOfLog(key: string): string | undefined {
    const [start, end] = [`${this.#root}{c`, "}/log"];
    return key.startsWith(start) && key.endsWith(end) ? key.slice(start.length, -end.length) : undefined;
  }

  /** The key of what else a session owns. */
  rowsOf(part: string): string {
    return `${this.#ofClient(part)}rows`;
  }

  /** A key beside them that a cluster needs. */
  besideOf(part: string, key: "owed" | "left" | "ended"): string {
    return `${this.#ofClient(part)}${key}`;
  }

  /** Keys beside them for a session that is about to be put in place; `attempt` tells one from the next. */
  staged(part: string, attempt: string): { readonly log: string; readonly rows: string } {
    const place = `${this.#ofClient(part)}staged/${escapePart(attempt)}/`;
    return { log: `${place}log`, rows: `${place}rows` };
  }

  // The letter keeps the braces from being empty: then they would not say where in a cluster the key lives.
  #ofClient(part: string): string {
    return `${this.#root}{c${part}}/`;
  }
}

/** Whether a prefix can stand in front of keys. */
export function isPrefix(prefix: string): boolean {
  return prefix !== "" && escapePart(prefix).length <= MAX_PART_BYTES;
}

/** A number from 0 to 2^52 − 1 that tells one unique id from the next. */
export function stampOf(id: string): number {
  return (spreadOf(id, 0x9747b28c) >>> 12) * 2 ** 32 + spreadOf(id);
}

/** A number from 0 to 2^32 − 1 that spreads names evenly (FNV-1a). */
export function spreadOf(part: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let index = 0; index < part.length; index++) {
    hash = Math.imul(hash ^ part.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
