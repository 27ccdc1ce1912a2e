/**
 * The life of a session at the client's end (rows C1 to C15).
 *
 * "There is state" means the marker of the session, `connectedAt` of its head, and not that anything is under way.
 */

/** Where a client stands. */
export type ClientPhase = "idle" | "connecting" | "online";

/** What can happen to a client. */
export type ClientLifecycleEvent =
  | "connectClean"
  | "connect"
  | "connectExpired"
  | "connectCleanPending"
  | "acceptedWithoutState"
  | "acceptedNew"
  | "acceptedPresent"
  | "acceptedUnexpectedly"
  | "refused"
  | "connectionClosed"
  | "requested"
  | "disconnected"
  | "disconnectInvalid"
  | "protocolError";

/** What a row does. What it does not name stays as it is. */
export interface ClientRow {
  /** The row of the reference's table. */
  readonly row: string;
  /** Where the client stands afterwards. */
  readonly next: ClientPhase;
  /** The Clean Start of the CONNECT that goes out. */
  readonly sendsCleanStart?: boolean;
  /** Whether both sets are cleared: `always`, or where the effective interval is 0. */
  readonly forgets?: "always" | "intervalZero";
  /** Whether the resend set goes out. */
  readonly resends?: true;
  /** The code with which the connection is closed. */
  readonly closes?: number;
}

/** Rows C1 to C14: phase, event → what happens. Nothing of an older connection counts (C15): the host has let go of it. */
export const CLIENT_TABLE = {
  idle: {
    connectClean: { row: "C1", next: "connecting", sendsCleanStart: true, forgets: "always" },
    connect: { row: "C2", next: "connecting", sendsCleanStart: false },
    connectExpired: { row: "C2", next: "connecting", sendsCleanStart: true, forgets: "always" },
    connectCleanPending: { row: "C3", next: "connecting", sendsCleanStart: true },
    requested: { row: "C10", next: "idle" },
  },
  connecting: {
    acceptedWithoutState: { row: "C4", next: "online" },
    acceptedNew: { row: "C5", next: "online", forgets: "always" },
    acceptedPresent: { row: "C6", next: "online", resends: true },
    acceptedUnexpectedly: { row: "C7", next: "idle", closes: 0x82 },
    refused: { row: "C8", next: "idle" },
    connectionClosed: { row: "C9", next: "idle" },
    requested: { row: "C10", next: "connecting" },
  },
  online: {
    disconnected: { row: "C11", next: "idle", forgets: "intervalZero" },
    disconnectInvalid: { row: "C12", next: "online" },
    connectionClosed: { row: "C13", next: "idle", forgets: "intervalZero" },
    protocolError: { row: "C14", next: "idle", forgets: "intervalZero", closes: 0x82 },
  },
} as const satisfies Record<ClientPhase, Partial<Record<ClientLifecycleEvent, ClientRow>>>;
