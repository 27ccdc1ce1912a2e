/**
 * The lines of a recording: one JSON object each, the first of every machine naming the form and its version.
 *
 * @module
 */
import type { FlightNote } from "../flight.ts";
import type { Json } from "./encoding.ts";

/** What a recording calls its form. */
export const FLIGHT_FORMAT = "edge-mqtt-session/flight";
/** The version of the form that is written. A reader refuses any other. */
export const FLIGHT_VERSION = 1;

/** A machine was opened. */
export interface OpenedLine {
  readonly type: "opened";
  readonly flight: string;
  readonly format: typeof FLIGHT_FORMAT;
  readonly version: typeof FLIGHT_VERSION;
  /** Whether bytes are written whole. */
  readonly wholePayloads: boolean;
  readonly opening: Json;
}

/** A machine took a step. */
export interface SteppedLine {
  readonly type: "stepped";
  readonly flight: string;
  /** Counts the steps of a machine, from 1. */
  readonly n: number;
  /** In epoch milliseconds. */
  readonly now: number;
  readonly event: Json;
  /** What came of it; absent when it threw. */
  readonly result?: Json;
  /** What it threw: the name of the error and its text. */
  readonly threw?: string;
}

/** The store answered. */
export interface NotedLine {
  readonly type: "noted";
  readonly flight: string;
  readonly note: FlightNote;
}

/** Any of them. */
export type FlightLine = OpenedLine | SteppedLine | NotedLine;

/** What an error says, in one line. */
export function thrownText(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

/** A line that nobody has looked at. */
type UnreadLine = Readonly<Partial<Record<keyof OpenedLine | keyof SteppedLine | keyof NotedLine, unknown>>>;

/** Reads a line; a text tells what is wrong with it. */
export function readFlightLine(text: string): FlightLine | string {
  let line: UnreadLine | null;
  try {
    line = JSON.parse(text);
  } catch {
    return "it is no JSON";
  }
  if (typeof line !== "object" || typeof line?.flight !== "string") return "it is no line of a recording";
  const { type } = line;
  switch (type) {
    case "opened":
      if (line.format !== FLIGHT_FORMAT) return `it is of another form: ${line.format}`;
      if (line.version !== FLIGHT_VERSION) {
        return `it is of version ${line.version}, and ${FLIGHT_VERSION} is read here`;
      }
      // Its own members were looked at; what they hold is judged where they are played.
      return isObject(line.opening) ? line as unknown as OpenedLine : "it does not tell how the machine was opened";
    case "stepped": {
      const isWhole = typeof line.n === "number" && typeof line.now === "number" && isObject(line.event) &&
        (isObject(line.result) || typeof line.threw === "string");
      return isWhole ? line as unknown as SteppedLine : "the step is not whole";
    }
    case "noted":
      return isObject(line.note) ? line as unknown as NotedLine : "the note is not whole";
    default:
      return `it is of an unknown type: ${String(type)}`;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
