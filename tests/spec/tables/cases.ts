/**
 * Reads the tables of this folder. They were written from the MQTT texts, never from `src`; here JSON only becomes the
 * values that the machine takes: texts become payloads, short messages whole ones.
 */
import type { Change, Effect, Event, QueuedMessage, Request } from "../../../src/machine/mod.ts";
import { type Given, message } from "../../unit/machine/rig.ts";

/** One way through a row: what is given, what happens, and all that follows. */
export interface Case {
  readonly name?: string;
  /** What differs from the state that the row begins in. */
  readonly given?: Given;
  /** Epoch milliseconds; 0 when absent. */
  readonly at?: number;
  /** `resume`: the store hands the session out. */
  readonly when: Event | "resume";
  /** The entry or identifier to look at afterwards. */
  readonly sequence?: number;
  readonly requests?: readonly Request[];
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
  readonly next: string;
}

/** A row of a table: what is the same for all its cases. */
export interface Row<Does> {
  readonly row: string;
  readonly state: string;
  readonly event: string;
  readonly title: string;
  readonly statements: readonly string[];
  /** What the table of `src` must say. */
  readonly does: Does;
  readonly cases: readonly Case[];
}

/** A packet that a state does not allow. */
export interface RefusedPair {
  readonly row?: string;
  readonly state: string;
  readonly event: string;
  readonly given?: Given;
  readonly when: Event;
  readonly closes: number;
}

/** Pairs that have no row since they cannot come about. */
export interface ImpossiblePairs {
  readonly state: string;
  readonly events: readonly string[];
  readonly because: string;
}

/** A whole table. */
export interface Table {
  readonly states: Readonly<Record<string, Given>>;
  readonly rows: readonly Row<Readonly<Record<string, unknown>>>[];
  readonly refused: readonly RefusedPair[];
  readonly cannotArise: readonly ImpossiblePairs[];
}

/** The values that JSON text stands for. The tests that use them say, by passing, that they have the shape of `T`. */
export function revive<T>(json: unknown): T {
  return JSON.parse(JSON.stringify(json), revived) as T;
}

function revived(key: string, value: unknown): unknown {
  if (key === "payload" && typeof value === "string") return new TextEncoder().encode(value);
  if ((key === "log" || key === "messages") && Array.isArray(value)) {
    return value.map(({ sequence, ...rest }: QueuedMessage) => message(sequence, rest));
  }
  return value;
}

/** What a row is called in a test's name. */
export function nameOf(row: Pick<Row<unknown>, "row" | "state" | "title" | "statements">): string {
  const statements = row.statements.map((statement) => ` [${statement}]`).join("");
  return `${row.row} ${row.state}, ${row.title}${statements}`;
}
