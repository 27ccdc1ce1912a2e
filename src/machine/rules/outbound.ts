/**
 * Outbound delivery: this side is the sender (rows O1 to O22).
 *
 * The table says what each acknowledgement and each try to send does to an entry. It does not know which role it plays;
 * `sending` and `acknowledgement` carry it out.
 */
import type { OutboundState } from "../state/window.ts";

/** What can happen to an outbound entry. An acknowledgement is `…Failure` when its code is 0x80 or above. */
export type OutboundEvent =
  | "drainQoS0"
  | "drainQoS1"
  | "drainQoS2"
  | "drainExpired"
  | "drainTooLarge"
  | "drainBlocked"
  | "puback"
  | "pubackFailure"
  | "pubrec"
  | "pubrecFailure"
  | "pubcomp"
  | "connectionClosed"
  | "resume"
  | "resumeTooLarge"
  | "expiryPassed"
  | "sessionEnded";

/** What a row does. What it does not name stays as it is. */
export interface OutboundRow {
  /** The row of the reference's table. */
  readonly row: string;
  /** The state after the row; `done` frees the entry, `none` is that of an identifier without one. */
  readonly next: "queued" | OutboundState | "done" | "none";
  /** The packet that goes out. */
  readonly sends?: "publish" | "publishDup" | "pubrel" | "pubrelNotFound";
  /** What the session's owner learns. */
  readonly tells?: "ok" | "failed" | "expired" | "tooLarge" | "diagnostic";
  /** Whether the identifier stays out of circulation: `onInUse` when the code is 0x91. */
  readonly quarantines?: "onInUse" | "always";
}

/** Rows O1 to O22: state, event → what happens. An event without a row changes nothing and closes with 0x82. */
export const OUTBOUND_TABLE = {
  queued: {
    drainQoS0: { row: "O1", next: "done", sends: "publish" },
    drainExpired: { row: "O2", next: "done", tells: "expired" },
    drainTooLarge: { row: "O3", next: "done", tells: "tooLarge" },
    drainBlocked: { row: "O4", next: "queued" },
    drainQoS1: { row: "O5", next: "awaitPuback", sends: "publish" },
    drainQoS2: { row: "O5", next: "awaitPubrec", sends: "publish" },
    sessionEnded: { row: "O20", next: "done" },
  },
  awaitPuback: {
    puback: { row: "O6", next: "done", tells: "ok" },
    pubackFailure: { row: "O7", next: "done", tells: "failed", quarantines: "onInUse" },
    connectionClosed: { row: "O14", next: "awaitPuback" },
    resume: { row: "O15", next: "awaitPuback", sends: "publishDup" },
    resumeTooLarge: { row: "O17", next: "done", tells: "tooLarge" },
    expiryPassed: { row: "O19", next: "awaitPuback" },
    sessionEnded: { row: "O20", next: "done" },
  },
  awaitPubrec: {
    pubrec: { row: "O8", next: "awaitPubcomp", sends: "pubrel" },
    pubrecFailure: { row: "O9", next: "done", tells: "failed", quarantines: "onInUse" },
    connectionClosed: { row: "O14", next: "awaitPubrec" },
    resume: { row: "O15", next: "awaitPubrec", sends: "publishDup" },
    resumeTooLarge: { row: "O18", next: "done", tells: "tooLarge", quarantines: "always" },
    expiryPassed: { row: "O19", next: "awaitPubrec" },
    sessionEnded: { row: "O20", next: "done" },
  },
  awaitPubcomp: {
    pubcomp: { row: "O10", next: "done", tells: "ok" },
    pubrec: { row: "O11", next: "awaitPubcomp", sends: "pubrel" },
    pubrecFailure: { row: "O12", next: "done", tells: "ok" },
    connectionClosed: { row: "O14", next: "awaitPubcomp" },
    resume: { row: "O16", next: "awaitPubcomp", sends: "pubrel" },
    expiryPassed: { row: "O19", next: "awaitPubcomp" },
    sessionEnded: { row: "O20", next: "done" },
  },
  none: {
    pubrec: { row: "O21", next: "none", sends: "pubrelNotFound", tells: "diagnostic" },
    pubrecFailure: { row: "O22", next: "none", tells: "diagnostic" },
    puback: { row: "O22", next: "none", tells: "diagnostic" },
    pubackFailure: { row: "O22", next: "none", tells: "diagnostic" },
    pubcomp: { row: "O22", next: "none", tells: "diagnostic" },
  },
} as const satisfies Record<
  "queued" | OutboundState | "none",
  Partial<Record<OutboundEvent, OutboundRow>>
>;
