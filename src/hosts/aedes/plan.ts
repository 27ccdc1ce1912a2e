import type { Delivery } from "../../store/session_store.ts";
import type { SessionView } from "./session_view.ts";

/**
 * What a plan may need before it can be made: a session, one that is attached, the session as it is now, or a part of its
 * log.
 */
export type Need = "session" | "attached" | "reload" | LogPart;

/** Entries of the log with a higher sequence, at most so many. */
export interface LogPart {
  readonly after: number;
  readonly messages: number;
}

/** What a plan answers: what it did to the view, or what it needs for that. */
export type Planned<Answer> =
  | { readonly answer: Answer; readonly deliveries?: readonly Delivery[] }
  | { readonly need: Need };

/** What a plan is made from. */
export interface Desk {
  /** The session; `undefined` when there is none. */
  readonly view: SessionView | undefined;
  /** Whether it was read after the plan was asked for, or nobody else changes it: what it does not hold is not there. */
  readonly isCertain: boolean;
  /** Whether this part of the log was read for this plan. */
  hasRead(after: number): boolean;
}

/** Decides what to change in a view. It is made again where somebody else was faster; what it throws changes nothing. */
export type Plan<Answer> = (desk: Desk) => Planned<Answer>;

/** What a connection was sent. */
export interface Sent {
  /** Entries that aedes has sent, or is just sending. */
  readonly entries: Set<number>;
  /** Entries that are marked as sent and will be: those that follow in a page. */
  readonly ahead: Set<number>;
}
