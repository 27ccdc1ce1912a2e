/**
 * The flight recorder: what each session's machine was given and what it answered, as lines of a file; and the way back,
 * which plays them again. A report of a fault is such a file.
 *
 * @module
 */
export { flightRecorder } from "./recorder.ts";
export type { FlightRecorderOptions } from "./recorder.ts";
export { replayFlight } from "./replay.ts";
export type { Replayed, ReplayedNews, ReplayedStep } from "./replay.ts";
export { tellReplayed } from "./telling.ts";
export type { FlightDifference } from "./difference.ts";
export type { ConnectionPhase } from "../../machine/state/connection.ts";
export type { FlyingMessage, Standing } from "./standing.ts";
export type { Flight, FlightNote, FlightOpening, FlightRecorder } from "../flight.ts";
