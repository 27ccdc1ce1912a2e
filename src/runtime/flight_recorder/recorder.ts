import { type BrokerEnvironment, systemEnvironment } from "../environment.ts";
import type { Flight, FlightNote, FlightOpening, FlightRecorder } from "../flight.ts";
import { type Concealment, toJson } from "./encoding.ts";
import { bytesOf, keyedDigest } from "./keyed_digest.ts";
import { FLIGHT_FORMAT, FLIGHT_VERSION, type FlightLine, thrownText } from "./line.ts";

/** What is taken down, and what of it is hidden. */
export interface FlightRecorderOptions {
  /**
   * Payloads, Correlation Data and the values of User Properties: `digest` writes their length and a digest that is
   * comparable within this recording alone, `whole` writes them. Default: `digest`.
   */
  readonly payloads?: "digest" | "whole";
  /**
   * Client Identifiers: as they are, or as digests that are comparable within this recording alone. A topic that holds
   * one is written as it is all the same. Default: `plain`.
   */
  readonly clientIds?: "plain" | "hashed";
  /** Which clients are taken down; all when absent. Until a connection has said who it is, its lines are held back. */
  readonly only?: (clientId: string) => boolean;
  /** Where the names of flights and the key of digests come from; the platform's random source when absent. */
  readonly environment?: Pick<BrokerEnvironment, "randomId">;
}

/** How many lines of a connection are held back until it is known whose it is. */
const MOST_HELD = 64;

/**
 * A recorder for the `record` option of a broker or a client: takes down what each session's machine is given and
 * answers, as lines of JSON, so that a report of a fault is a file (`replayFlight`).
 *
 * `write` takes a line without its line end, at once and in order; what it throws is ignored. User names, passwords and
 * authentication data are never written.
 *
 * @example A broker that takes down what its clients do
 * ```ts
 * import { sessionBroker } from "@edge-mqtt/session";
 * import { flightRecorder } from "@edge-mqtt/session/recorder";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const lines: string[] = [];
 * const record = flightRecorder((line) => lines.push(line));
 * await using broker = sessionBroker({ store: memoryStore(), record });
 * const connection = broker.accept({ send: () => {}, close: () => {} });
 * await connection.receive([
 *   { type: "connect", protocolVersion: 5, clientId: "a", cleanStart: true, keepAlive: 0, password: new Uint8Array(9) },
 * ]);
 * await broker.settled();
 * console.assert(lines.some((line) => line.includes('"connack"')));
 * ```
 */
export function flightRecorder(write: (line: string) => void, options: FlightRecorderOptions = {}): FlightRecorder {
  const { payloads = "digest", clientIds = "plain", only, environment = systemEnvironment() } = options;
  const encoder = new TextEncoder();
  const condensed = keyedDigest(new Uint8Array(8));
  // The key is written nowhere: whoever has the recording alone cannot try out what a digest stands for.
  const digest = keyedDigest(bytesOf(condensed(encoder.encode(environment.randomId()))));
  const run = condensed(encoder.encode(environment.randomId()));
  const hides: Concealment = {
    digest: payloads === "whole" ? undefined : digest,
    nameOf: clientIds === "plain" ? (name) => name : (name) => `~${digest(encoder.encode(name))}`,
  };
  let flights = 0;
  return {
    open: (opening) => {
      const flight = `${run}-${++flights}`;
      const recorded = new RecordedFlight(flight, hides, new Sink(write, only));
      recorded.begin(opening, payloads === "whole");
      return recorded;
    },
  };
}

/** Writes the lines of one flight, as soon as it is known that they are wanted. */
class Sink {
  readonly #write: (line: string) => void;
  readonly #only: ((clientId: string) => boolean) | undefined;
  #held: string[] = [];
  #is: "asked" | "wanted" | "unwanted";

  constructor(write: (line: string) => void, only: ((clientId: string) => boolean) | undefined) {
    this.#write = write;
    this.#only = only;
    this.#is = only === undefined ? "wanted" : "asked";
  }

  get isUnwanted(): boolean {
    return this.#is === "unwanted";
  }

  /** Whose it is. */
  knows(clientId: string): void {
    if (this.#is !== "asked" || this.#only === undefined) return;
    this.#is = this.#only(clientId) ? "wanted" : "unwanted";
    if (this.#is === "wanted") { for (const line of this.#held) this.#write(line); }
    this.#held = [];
  }

  add(line: FlightLine): void {
    if (this.#is === "unwanted") return;
    const text = JSON.stringify(line);
    if (this.#is === "wanted") return this.#write(text);
    this.#held.push(text);
    if (this.#held.length < MOST_HELD) return;
    this.#is = "unwanted";
    this.#held = [];
  }
}

class RecordedFlight implements Flight {
  readonly #flight: string;
  readonly #hides: Concealment;
  readonly #sink: Sink;
  #steps = 0;

  constructor(flight: string, hides: Concealment, sink: Sink) {
    this.#flight = flight;
    this.#hides = hides;
    this.#sink = sink;
  }

  begin(opening: FlightOpening, wholePayloads: boolean): void {
    harmlessly(() => {
      if (opening.snapshot !== undefined) this.#sink.knows(opening.snapshot.clientId);
      this.#sink.add({
        type: "opened",
        flight: this.#flight,
        format: FLIGHT_FORMAT,
        version: FLIGHT_VERSION,
        wholePayloads,
        opening: toJson(opening, this.#hides),
      });
    });
  }

  step<Result extends object>(
    event: {
      readonly type: string;
      readonly clientId?: string;
      readonly snapshot?: { readonly clientId: string };
    },
    now: number,
    move: () => Result,
  ): Result {
    if (event.type === "authenticated") harmlessly(() => this.#sink.knows(event.clientId ?? ""));
    if (event.type === "sessionReloaded") harmlessly(() => this.#sink.knows(event.snapshot?.clientId ?? ""));
    if (this.#sink.isUnwanted) return move();
    const line = { type: "stepped", flight: this.#flight, n: ++this.#steps, now } as const;
    try {
      const result = move();
      // An event is never changed, and what comes of a step are copies: both are still what they were.
      harmlessly(() => {
        this.#sink.add({ ...line, event: toJson(event, this.#hides), result: toJson(result, this.#hides) });
      });
      return result;
    } catch (error) {
      harmlessly(() => this.#sink.add({ ...line, event: toJson(event, this.#hides), threw: thrownText(error) }));
      throw error;
    }
  }

  note(note: FlightNote): void {
    harmlessly(() => this.#sink.add({ type: "noted", flight: this.#flight, note }));
  }
}

/** Watching must not change what is watched. */
function harmlessly(take: () => void): void {
  try {
    take();
  } catch {
    // Whoever takes the lines down is at fault, and alone.
  }
}
