/** Messages, and recordings to look at. */
import assert from "node:assert/strict";
import type { Message } from "../../../../src/mqtt/message.ts";
import {
  type FlightRecorder,
  flightRecorder,
  type FlightRecorderOptions,
  type ReplayedStep,
  replayFlight,
} from "../../../../src/runtime/flight_recorder/mod.ts";

/** A message with the plainest values. */
export function message(given: Partial<Message> = {}): Message {
  const payload = new TextEncoder().encode("payload");
  return { topic: "t", payload, qos: 1, retain: false, properties: {}, publisher: "p", publishedAt: 0, ...given };
}

/** A recorder whose lines are kept. */
export function recording(options: FlightRecorderOptions = {}): {
  readonly lines: string[];
  readonly record: FlightRecorder;
} {
  const lines: string[] = [];
  return { lines, record: flightRecorder((line) => lines.push(line), options) };
}

/** The steps of a recording; all of it can be played. */
export function stepsOf(lines: readonly string[]): readonly ReplayedStep[] {
  const all = [...replayFlight(lines)];
  assert.deepEqual(all.filter(({ type }) => type === "unplayable"), []);
  return all.filter((each) => each.type === "stepped");
}

/** All differences between what was recorded and what was computed. */
export function differencesOf(lines: readonly string[]): readonly string[] {
  return stepsOf(lines).flatMap(({ n, differences }) => {
    return differences.map(({ where, recorded, computed }) => `${n} ${where}: ${recorded} ${computed}`);
  });
}

/** The rows that were taken, in order. */
export function rowsOf(lines: readonly string[]): readonly string[] {
  return stepsOf(lines).flatMap(({ row }) => row === undefined ? [] : [row]);
}
