import { applyChanges, type Change } from "../../machine/change.ts";
import type { ClientEvent } from "../../machine/client_event.ts";
import { type ClientSession, openClientSession } from "../../machine/client_session.ts";
import { type ClientStepResult, stepClient } from "../../machine/client_step.ts";
import type { Event } from "../../machine/event.ts";
import { openSession, type Session, snapshot, stateOf } from "../../machine/state/session.ts";
import { step, type StepResult } from "../../machine/step.ts";
import type { FlightNote, FlightOpening } from "../flight.ts";
import { differences, type FlightDifference } from "./difference.ts";
import { asRecorded, type Concealment, fromJson, toJson } from "./encoding.ts";
import { type NotedLine, type OpenedLine, readFlightLine, type SteppedLine, thrownText } from "./line.ts";
import { type AcquiredNote, clientRow, serverRow } from "./row.ts";
import { type Standing, standingOf } from "./standing.ts";

/** A step that was played again. */
export interface ReplayedStep {
  /** Tells it from the others. */
  readonly type: "stepped";
  /** The line of the file, from 1. */
  readonly line: number;
  /** The machine. */
  readonly flight: string;
  /** Which side of the connection it is. */
  readonly role: "server" | "client";
  /** The client whose session it is, once that is known. */
  readonly clientId?: string;
  /** Counts the steps of the machine, from 1. */
  readonly n: number;
  /** In epoch milliseconds. */
  readonly now: number;
  /** What happened. */
  readonly event: Event | ClientEvent;
  /** What came of it here; absent when it threw. */
  readonly result?: StepResult | ClientStepResult;
  /** What it threw here. */
  readonly threw?: string;
  /** Where the machine stood before. */
  readonly before: Standing;
  /** Where it stands now. */
  readonly after: Standing;
  /** The row of the lifecycle table: S1 to S17, C1 to C14; absent where the session's life was not touched. */
  readonly row?: string;
  /** Where what was computed is not what was recorded; empty for a machine that does what it did. */
  readonly differences: readonly FlightDifference[];
}

/** A machine was opened, or its store answered. */
export type ReplayedNews =
  | {
    readonly type: "opened";
    readonly line: number;
    readonly flight: string;
    readonly opening: FlightOpening;
    readonly standing: Standing;
  }
  | { readonly type: "noted"; readonly line: number; readonly flight: string; readonly note: FlightNote }
  /** A line that cannot be played, and why. Later lines of the same machine may differ for it. */
  | { readonly type: "unplayable"; readonly line: number; readonly why: string };

/** What a line of a recording becomes. */
export type Replayed = ReplayedStep | ReplayedNews;

/**
 * Plays a recording of `flightRecorder` again: opens the same machines, gives them the same events at the same times, and
 * says of each step what came of it, and where that is not what was recorded. Lines may come from several processes,
 * one after the other or mixed; what cannot be played is said, and left out.
 *
 * @example
 * ```ts
 * import { flightRecorder, replayFlight } from "@edge-mqtt/session/recorder";
 *
 * const lines: string[] = [];
 * flightRecorder((line) => lines.push(line)).open({ role: "server", policy: {}, limits: {} });
 * for (const replayed of replayFlight(lines)) console.assert(replayed.type === "opened");
 * ```
 */
export function* replayFlight(lines: Iterable<string>): Generator<Replayed, undefined> {
  const machines = new Map<string, Machine>();
  let line = 0;
  for (const text of lines) {
    line++;
    if (text.trim() === "") continue;
    const read = readFlightLine(text);
    if (typeof read === "string") {
      yield { type: "unplayable", line, why: read };
      continue;
    }
    const machine = machines.get(read.flight);
    if (read.type === "opened") {
      if (machine !== undefined) {
        yield { type: "unplayable", line, why: "its machine is open already" };
        continue;
      }
      const opened = openMachine(read);
      if (typeof opened === "string") yield { type: "unplayable", line, why: opened };
      else {
        machines.set(read.flight, opened);
        yield {
          type: "opened",
          line,
          flight: read.flight,
          opening: opened.opening,
          standing: standingOf(opened.session),
        };
      }
    } else if (machine === undefined) {
      yield { type: "unplayable", line, why: "the opening of its machine is missing" };
    } else if (read.type === "noted") {
      machine.noted(read);
      yield { type: "noted", line, flight: read.flight, note: read.note };
    } else {
      yield machine.play(read, line);
    }
  }
  return undefined;
}

/** What plays the lines of one machine. */
interface Machine {
  readonly opening: FlightOpening;
  readonly session: Session | ClientSession;
  noted(line: NotedLine): void;
  play(line: SteppedLine, at: number): ReplayedStep;
}

function openMachine({ opening: json, wholePayloads }: OpenedLine): Machine | string {
  const hides = asRecorded(wholePayloads);
  try {
    // What it says is judged by opening a machine of it.
    const opening = fromJson(json) as FlightOpening;
    switch (opening.role) {
      case "server": {
        const { policy, limits } = opening;
        const session = openSession(opening.snapshot, { role: "server", policy, limits });
        return new PlayedMachine(opening, session, hides);
      }
      case "client": {
        const { snapshot: stored, startedThrough, tail, policy, limits } = opening;
        const session = openClientSession({ snapshot: stored, startedThrough, tail }, { policy, limits });
        return new PlayedMachine(opening, session, hides);
      }
      default:
        return "the machine has an unknown role";
    }
  } catch (error) {
    return `its machine cannot be opened: ${thrownText(error)}`;
  }
}

class PlayedMachine implements Machine {
  readonly opening: FlightOpening;
  readonly session: Session | ClientSession;
  readonly #hides: Concealment;
  #steps = 0;
  #acquired: AcquiredNote | undefined;

  constructor(opening: FlightOpening, session: Session | ClientSession, hides: Concealment) {
    this.opening = opening;
    this.session = session;
    this.#hides = hides;
  }

  noted({ note }: NotedLine): void {
    if (note.type === "acquired") this.#acquired = note;
  }

  play({ flight, n, now, event: json, result: recorded, threw: recordedThrow }: SteppedLine, at: number): ReplayedStep {
    const found: FlightDifference[] = [];
    if (n !== this.#steps + 1) {
      found.push({ where: "n", recorded: String(n), computed: String(this.#steps + 1) });
    }
    this.#steps = n;
    const before = standingOf(this.session);
    const durableBefore = snapshot(this.session);
    const wasEstablished = (durableBefore?.head.connectedAt ?? 0) > 0;
    // An event that the machine does not know throws.
    const event = fromJson(json) as Event | ClientEvent;
    let result: StepResult | ClientStepResult | undefined;
    let threw: string | undefined;
    try {
      result = this.#step(event, now);
    } catch (error) {
      threw = thrownText(error);
    }
    if (recordedThrow !== threw) {
      found.push({
        where: "threw",
        ...(recordedThrow === undefined ? {} : { recorded: recordedThrow }),
        ...(threw === undefined ? {} : { computed: threw }),
      });
    }
    if (recorded !== undefined && result !== undefined) {
      found.push(...differences(recorded, toJson(result, this.#hides)));
    }
    const after = standingOf(this.session);
    if (result !== undefined && durableBefore !== undefined) found.push(...this.#lawBroken(durableBefore, result));
    const row = result === undefined ? undefined : this.#rowOf(before, event, result, after, wasEstablished);
    const { role, clientId } = this.session;
    return {
      type: "stepped",
      line: at,
      flight,
      role,
      ...(clientId === undefined ? {} : { clientId }),
      n,
      now,
      event,
      ...(result === undefined ? {} : { result }),
      ...(threw === undefined ? {} : { threw }),
      before,
      after,
      ...(row === undefined ? {} : { row }),
      differences: found,
    };
  }

  #step(event: Event | ClientEvent, now: number): StepResult | ClientStepResult {
    // The role of a session is that of its events: another's throws.
    return this.session.role === "server"
      ? step(this.session, event as Event, now)
      : stepClient(this.session, event as ClientEvent, now);
  }

  /** The changes must lead from the state before to the state after (D9). */
  #lawBroken(
    before: Parameters<typeof applyChanges>[0],
    { changes }: { readonly changes: readonly Change[] },
  ): readonly FlightDifference[] {
    const after = snapshot(this.session);
    // Of a session that is another's by now nothing is known here.
    if (after === undefined || after.incarnation !== before.incarnation) return [];
    const told = applyChanges(before, changes);
    return differences(toJson(told, this.#hides), toJson(after, this.#hides), "changes lead to");
  }

  #rowOf(
    before: Standing,
    event: Event | ClientEvent,
    { changes, effects }: StepResult | ClientStepResult,
    after: Standing,
    wasEstablished: boolean,
  ): string | undefined {
    const seen = { before, changes, after };
    // Events and effects are those of the session's role.
    if (stateOf(this.session).role === "server") {
      return serverRow(
        { ...seen, event: event as Event, effects: effects as StepResult["effects"] },
        this.#acquired,
      );
    }
    return clientRow(
      { ...seen, event: event as ClientEvent, effects: effects as ClientStepResult["effects"] },
      wasEstablished,
    );
  }
}
