/**
 * What an object writes down beside its sessions: numbers by name, where it is, and filters with a number each.
 *
 * @module
 */
import type { DurableObjectStorageLike } from "@edge-mqtt/session/durable-object";
import type { Place } from "./place.ts";

/** The notes of one object. All of it is synchronous: no event comes in between. */
export class Notes {
  readonly #sql: DurableObjectStorageLike["sql"];

  constructor({ sql }: DurableObjectStorageLike) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS shard_note (name TEXT PRIMARY KEY, value) WITHOUT ROWID");
    sql.exec("CREATE TABLE IF NOT EXISTS shard_filter (filter TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID");
  }

  /** Where this object is; `undefined` before anybody has told. */
  get place(): Place | undefined {
    const text = this.#read("place");
    // Nobody but the setter writes it.
    return typeof text === "string" ? JSON.parse(text) as Place : undefined;
  }

  set place(place: Place) {
    this.#write("place", JSON.stringify(place));
  }

  /** A number of that name; 0 before it is set. */
  number(name: string): number {
    return Number(this.#read(name) ?? 0);
  }

  /** Raises a number; `false` where it is that high already, so that what carries it comes too late. */
  raise(name: string, to: number): boolean {
    if (to <= this.number(name)) return false;
    this.#write(name, to);
    return true;
  }

  /** The next higher number of that name. */
  next(name: string): number {
    const next = this.number(name) + 1;
    this.#write(name, next);
    return next;
  }

  /** The number of a filter; `undefined` where it is not noted. */
  filter(filter: string): number | undefined {
    const [row] = this.#sql.exec("SELECT value FROM shard_filter WHERE filter = ?", filter).toArray();
    return row === undefined ? undefined : Number(row.value);
  }

  /** All filters that are noted. */
  filters(): readonly string[] {
    return this.#sql.exec("SELECT filter FROM shard_filter").toArray().map(({ filter }) => String(filter));
  }

  /** Notes the number of a filter; `undefined` forgets it. */
  setFilter(filter: string, value: number | undefined): void {
    if (value === undefined) this.#sql.exec("DELETE FROM shard_filter WHERE filter = ?", filter);
    else {
      const put = "INSERT INTO shard_filter VALUES (?, ?) ON CONFLICT (filter) DO UPDATE SET value = excluded.value";
      this.#sql.exec(put, filter, value);
    }
  }

  #read(name: string): unknown {
    return this.#sql.exec("SELECT value FROM shard_note WHERE name = ?", name).toArray()[0]?.value;
  }

  #write(name: string, value: string | number): void {
    const put = "INSERT INTO shard_note VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    this.#sql.exec(put, name, value);
  }
}
