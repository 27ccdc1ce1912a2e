/**
 * The lifecycle of a session as the machine's tables have it: in the broker's store, and at the client's end.
 *
 * @module
 */
import {
  ACQUIRE_TABLE,
  type AcquireCondition,
  CLIENT_TABLE,
  type ClientLifecycleEvent,
  type ClientPhase,
  ENDING_TABLE,
  type EndingEvent,
  type EndingRow,
  type StoredState,
} from "@edge-mqtt/session/machine";

/** One way from a state to another. */
export interface Step<State extends string> {
  readonly from: State;
  readonly to: State;
  /** The row of the table. */
  readonly row: string;
  readonly says: string;
}

const CONNECTS: Readonly<Record<AcquireCondition, string>> = {
  any: "CONNECT",
  goesOn: "CONNECT, resumed",
  hasEnded: "CONNECT, old session has ended",
  cleanStart: "CONNECT, Clean Start",
};

const ENDS: Readonly<Record<EndingEvent, string>> = {
  connectRefused: "CONNECT refused",
  disconnectNormal: "DISCONNECT 0x00",
  disconnectWithWill: "DISCONNECT, other code",
  disconnectInvalid: "DISCONNECT, not valid",
  connectionLost: "connection lost",
  superseded: "taken over, goes on elsewhere",
  endRequested: "ended by an administrator",
  ownerLost: "node lost",
  willDue: "Will due",
  expiryDue: "expired",
};

const CLIENT: Readonly<Record<ClientLifecycleEvent, string>> = {
  connectClean: "CONNECT, Clean Start",
  connect: "CONNECT, to resume",
  connectExpired: "CONNECT, the session has expired",
  connectCleanPending: "CONNECT, a Clean Start not yet granted",
  acceptedWithoutState: "CONNACK, there was no session",
  acceptedNew: "CONNACK, the broker has none",
  acceptedPresent: "CONNACK, resumed",
  acceptedUnexpectedly: "CONNACK, resumes what was never there",
  refused: "CONNACK, refused",
  connectionClosed: "connection lost",
  requested: "a request waits",
  disconnected: "DISCONNECT",
  disconnectInvalid: "DISCONNECT, not valid",
  protocolError: "protocol error",
};

/** Every step of a stored session, from the tables that decide. */
export function storedSteps(): readonly Step<StoredState>[] {
  const steps: Step<StoredState>[] = [];
  // The tables' own keys: that is what they are typed by.
  for (const [from, rows] of Object.entries(ACQUIRE_TABLE) as [StoredState, Record<string, { row: string }>][]) {
    for (const [condition, { row }] of Object.entries(rows)) {
      steps.push({ from, to: "attached", row, says: CONNECTS[condition as AcquireCondition] });
    }
  }
  for (const [from, rows] of Object.entries(ENDING_TABLE) as [StoredState, Record<string, EndingRow>][]) {
    for (const [event, { row, next }] of Object.entries(rows)) {
      const says = ENDS[event as EndingEvent];
      const to = next === "same" || next === "lost" ? from : next;
      steps.push({ from, to, row, says });
      if (from === "attached" && to === "detached") {
        steps.push({ from, to: "absent", row, says: `${says}, with interval 0` });
      }
    }
  }
  return steps;
}

/** Every step of the client's end, from the table that decides. */
export function clientSteps(): readonly Step<ClientPhase>[] {
  return (Object.entries(CLIENT_TABLE) as [ClientPhase, Record<string, { row: string; next: ClientPhase }>][]).flatMap(
    ([from, rows]) =>
      Object.entries(rows).map(([event, { row, next }]) => ({
        from,
        to: next,
        row,
        says: CLIENT[event as ClientLifecycleEvent],
      })),
  );
}

/** The names of rows, those that follow each other drawn together: S3–S5. */
export function rowNames(rows: readonly string[]): string {
  const letter = rows[0]?.slice(0, 1) ?? "";
  const numbers = [...new Set(rows.map((row) => Number(row.slice(1))))].sort((a, b) => a - b);
  const spans: [first: number, last: number][] = [];
  for (const number of numbers) {
    const span = spans.at(-1);
    if (span !== undefined && span[1] === number - 1) span[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([first, last]) => {
    if (first === last) return `${letter}${first}`;
    return `${letter}${first}${last - first > 1 ? "–" : " "}${letter}${last}`;
  }).join(" ");
}
