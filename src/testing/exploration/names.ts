/** Texts of data, and numbers for texts: the same number for the same data, and for no other. */

/** Gives each text a number. Nothing is hashed, so that two states never pass for one. */
export class Names {
  readonly #numbers = new Map<string, number>();
  readonly #ofObjects = new WeakMap<object, number>();

  /** The number of a text. */
  of(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) this.#numbers.set(text, number = this.#numbers.size);
    return number;
  }

  /** The number of an object that never changes, and holds no version. */
  ofObject(value: object): number {
    let number = this.#ofObjects.get(value);
    if (number === undefined) this.#ofObjects.set(value, number = this.of(textOf(value)));
    return number;
  }
}

/**
 * A value as text, without order where it has none.
 *
 * A version that a driver made up is told by who made it: which of two commits came first must not tell two states
 * apart that are otherwise the same. Versions are compared for equality only, so a renaming changes nothing.
 */
export function textOf(value: unknown, versions: ReadonlyMap<string, string> = NO_NAMES): string {
  if (value instanceof Uint8Array) return latin1(value);
  if (Array.isArray(value)) return `[${value.map((part) => textOf(part, versions)).join()}]`;
  if (value instanceof Map) {
    const parts = Array.from(value, ([key, part]) => `${textOf(key, versions)}:${textOf(part, versions)}`);
    return `Map{${parts.sort().join()}}`;
  }
  if (value instanceof Set) return `Set{${Array.from(value, (part) => textOf(part, versions)).sort().join()}}`;
  if (typeof value === "object" && value !== null) {
    const parts: string[] = [];
    for (const [name, part] of Object.entries(value)) {
      if (part === undefined) continue;
      const made = name === "version" && typeof part === "string" ? versions.get(part) : undefined;
      parts.push(`${name}:${made ?? textOf(part, versions)}`);
    }
    return `{${parts.sort().join()}}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const NO_NAMES: ReadonlyMap<string, string> = new Map();

/** Bytes as characters, so that names in a record can be found in its text. */
export function latin1(bytes: Uint8Array): string {
  let text = "'";
  for (let start = 0; start < bytes.length; start += 4_096) {
    text += String.fromCharCode(...bytes.subarray(start, start + 4_096));
  }
  return `${text}'`;
}
