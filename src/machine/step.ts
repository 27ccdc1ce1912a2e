import type { Change } from "./change.ts";
import type { Effect } from "./effect.ts";
import type { Event } from "./event.ts";
import type { Request } from "./request.ts";
import type { Session } from "./state/session.ts";

/** What one step asks, changes and causes. */
export interface StepResult {
  /** Facts that the machine needs; each comes back as an event. */
  readonly requests: readonly Request[];
  /** What must be durable, in one commit with all earlier changes or after them. */
  readonly changes: readonly Change[];
  /** What may then be done, in order, after the effects of all earlier steps. */
  readonly effects: readonly Effect[];
}

/** Moves a session: decides all that the MQTT text decides and does nothing else. */
export function step(_session: Session, _event: Event, _now: number): StepResult {
  throw new Error("not built");
}
