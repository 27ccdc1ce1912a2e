/**
 * Inbound delivery: this side is the receiver (rows I1 to I10), by method B: what is accepted is passed on at once, and
 * the Packet Identifier is remembered until it is released.
 *
 * The table does not know which role it plays; `publishing` carries it out for a server.
 */

/** Whether an identifier of the peer is remembered. */
export type InboundState = "free" | "unreleased";

/** What can happen to it. */
export type InboundEvent =
  | "publishOverLimit"
  | "publishRefused"
  | "publishRefusedV311"
  | "publishAccepted"
  | "publishQoS2Repeated"
  | "publishQoS1SameId"
  | "pubrel"
  | "connectionClosed"
  | "sessionEnded";

/** What a row does. What it does not name stays as it is. */
export interface InboundRow {
  /** The row of the reference's table. */
  readonly row: string;
  /** The state after the row. */
  readonly next: InboundState;
  /** The packet that goes out; `refusal` carries the code that the host gave. */
  readonly answers?: "pubrec" | "pubrecRefusal" | "pubcomp" | "pubcompNotFound" | "pubackInUse";
  /** Whether the message is handed on, in the same commit. */
  readonly passesOn?: true;
  /** The reason code with which the connection closes. */
  readonly closes?: 0x93;
}

/** Rows I1 to I10: state, event → what happens. */
export const INBOUND_TABLE = {
  free: {
    publishOverLimit: { row: "I1", next: "free", closes: 0x93 },
    publishRefused: { row: "I2", next: "free", answers: "pubrecRefusal" },
    publishRefusedV311: { row: "I3", next: "unreleased", answers: "pubrec" },
    publishAccepted: { row: "I4", next: "unreleased", answers: "pubrec", passesOn: true },
    pubrel: { row: "I8", next: "free", answers: "pubcompNotFound" },
  },
  unreleased: {
    publishOverLimit: { row: "I1", next: "unreleased", closes: 0x93 },
    publishQoS2Repeated: { row: "I5", next: "unreleased", answers: "pubrec" },
    publishQoS1SameId: { row: "I6", next: "unreleased", answers: "pubackInUse" },
    pubrel: { row: "I7", next: "free", answers: "pubcomp" },
    connectionClosed: { row: "I9", next: "unreleased" },
    sessionEnded: { row: "I10", next: "free" },
  },
} as const satisfies Record<InboundState, Partial<Record<InboundEvent, InboundRow>>>;
