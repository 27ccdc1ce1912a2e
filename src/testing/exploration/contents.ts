/** What is stored, row by row, as numbers. */
import { latin1, type Names, textOf } from "./names.ts";

/** What is stored at a moment. */
export interface Contents {
  /** The same for the same rows, with the names of their versions. */
  readonly number: number;
  /** The same for the same rows, whatever their versions: enough for those who have seen none of them. */
  readonly plain: number;
}

/** Reads the rows of one store, each but once as long as it has the same version. */
export class RowReader {
  readonly #names: Names;
  readonly #versions: ReadonlyMap<string, string>;
  readonly #plain = new Map<string, number>();

  /** @param versions By version: who made it. It may grow. */
  constructor(names: Names, versions: ReadonlyMap<string, string>) {
    this.#names = names;
    this.#versions = versions;
  }

  /** The numbers of rows. */
  read(rows: readonly unknown[]): Contents {
    const full: string[] = [];
    const plain: number[] = [];
    for (const row of rows) {
      const number = this.#numberOf(row);
      plain.push(number);
      full.push(isVersioned(row) ? `${number}@${this.#versions.get(row.version) ?? row.version}` : `${number}`);
    }
    return { number: this.#names.of(full.join()), plain: this.#names.of(plain.join()) };
  }

  #numberOf(row: unknown): number {
    if (!isVersioned(row)) return this.#names.of(textOf(row, this.#versions));
    // A driver never uses a version twice for a key.
    const name = `${row.key} ${row.version}`;
    let number = this.#plain.get(name);
    if (number === undefined) this.#plain.set(name, number = this.#names.of(`${row.key}=${latin1(row.value)}`));
    return number;
  }
}

interface VersionedRow {
  readonly key: string;
  readonly version: string;
  readonly value: Uint8Array;
}

function isVersioned(row: unknown): row is VersionedRow {
  return typeof row === "object" && row !== null && "key" in row && "version" in row && "value" in row &&
    typeof row.key === "string" && typeof row.version === "string" && row.value instanceof Uint8Array;
}
