/**
 * What a scenario is: rows of the reference as data, which any broker can be asked over the wire.
 *
 * Everything here is JSON: no scenario holds code. Strings are read so:
 *
 * - `~` is replaced by letters and digits that no other scenario of the run has, so that all can run beside each other.
 * - `$name` in what is expected takes the value at its first mention, and asks for the same one at each later mention;
 *   in what is sent it stands for that value.
 *
 * @module
 */

/** The protocol version of a client: 4 is MQTT 3.1.1. */
export type Version = 4 | 5;

/** A value in a packet. */
export type Value = null | boolean | number | string | readonly Value[] | Fields;

/** The fields of a packet, named as npm `mqtt-packet` names them; bytes are text. */
export interface Fields {
  readonly [name: string]: Value;
}

/** In what is expected, instead of a value. */
export type Matcher =
  | { readonly is: "any" }
  | { readonly is: "absent" }
  | { readonly is: "oneOf"; readonly values: readonly Value[] }
  | { readonly is: "between"; readonly low: number; readonly high: number };

/** A part of the body of a packet that no codec would write: hex digits, or text after its length in two bytes. */
export type Piece = string | { readonly text: string };

/** One thing that a scenario does or waits for. `client` names a connection within the scenario. */
export type Step =
  /** Opens a connection; nothing is sent yet. Clients answer PUBLISH and PUBREL by themselves unless `manual`. */
  | { readonly do: "open"; readonly client: string; readonly version: Version; readonly manual: boolean }
  | { readonly do: "send"; readonly client: string; readonly packets: readonly Fields[] }
  /** Sends a packet that no codec would write. */
  | { readonly do: "sendRaw"; readonly client: string; readonly header: number; readonly body: readonly Piece[] }
  /** Waits for a packet with these fields. */
  | {
    readonly do: "expect";
    readonly client: string;
    readonly packet: Fields;
    /** Which packet it has to be: the next of its kind, the very next of all, or any. */
    readonly which: "kind" | "next" | "any";
    /** Not sooner than so long after the last `drop`, `leave` or `mark`. */
    readonly notBeforeMs?: number;
    /** What it means if it does not come: the broker does not have what the scenario is about. */
    readonly otherwiseUnsupported?: string;
  }
  /** Waits until the broker closes. It may say why before, and nothing else. */
  | {
    readonly do: "closed";
    readonly client: string;
    /** Codes that a DISCONNECT, or a CONNACK before any other, may have; all failures if there are none here. */
    readonly codes: readonly number[];
    /** Kinds of packets that may come before. */
    readonly besides: readonly string[];
    readonly notBeforeMs?: number;
  }
  /** PINGREQ: PINGRESP comes, and nothing else has come or comes before it. */
  | { readonly do: "quiet"; readonly client: string }
  /** Closes without DISCONNECT, and waits until the broker has closed too. */
  | { readonly do: "drop"; readonly client: string }
  /** Lets go of the connection, whatever becomes of it. */
  | { readonly do: "forget"; readonly client: string }
  /** Starts the time that `notBeforeMs` is about. */
  | { readonly do: "mark" }
  /** Lets time pass, in rows that are about time. */
  | { readonly do: "pause"; readonly ms: number }
  /** The broker dies where it stands, or is asked to stop, and is started again. All connections are gone. */
  | { readonly do: "restart"; readonly how: Ending }
  /** Goes on only if the properties of the CONNACK are such. */
  | { readonly do: "only"; readonly client: string; readonly connack: Fields; readonly otherwiseUnsupported: string }
  /** These names have different values. */
  | { readonly do: "distinct"; readonly names: readonly string[] }
  /** All copies of a message, until another one comes: together they have these Subscription Identifiers. */
  | {
    readonly do: "gather";
    readonly client: string;
    readonly payload: string;
    readonly until: string;
    readonly identifiers: readonly number[];
  }
  /** SUBSCRIBE is refused: by each code of a SUBACK, or by the end of the connection. */
  | { readonly do: "refused"; readonly client: string }
  /** Sends a message again and again under identifiers from 1 on: so often, and once more. */
  | { readonly do: "flood"; readonly client: string; readonly packet: Fields; readonly times: string };

/** How a broker ends: at once (SIGKILL), or when asked (SIGTERM). */
export type Ending = "kill" | "stop";

/** What a broker has or lacks, as its CONNACK in 5.0 says. */
export type Feature = "retain" | "shared" | "subscriptionIdentifiers" | "noRetain" | "noShared";

/** A story that a broker is told, and what has to come of it. */
export interface Scenario {
  readonly name: string;
  /** The rows of rows.json that it shows. */
  readonly rows: readonly string[];
  readonly version: Version;
  /** `should` where the texts recommend or leave open: another answer is counted apart, not as a failure. */
  readonly strength: "must" | "should";
  readonly needs: readonly Feature[];
  readonly steps: readonly Step[];
}

/** Whether it takes seconds, since it is about time. */
export function isSlow({ steps }: Scenario): boolean {
  return steps.some((step) => step.do === "pause" || ("notBeforeMs" in step && step.notBeforeMs !== undefined));
}

/** Whether the broker has to be started again in it. */
export function needsStart({ steps }: Scenario): boolean {
  return steps.some((step) => step.do === "restart");
}
