import type { ClientLimits } from "../machine/client_session.ts";
import type { ServerLimits, SessionPolicy } from "../machine/policy.ts";
import type { SessionSnapshot } from "../machine/snapshot.ts";
import type { Acquired, CommitBatch } from "../store/session_store.ts";

/** With what a machine was opened: all that its steps depend on beside their events. */
export type FlightOpening =
  /** A server's: for a connection that has yet to say who it is, or of a stored session that nobody owns. */
  | {
    readonly role: "server";
    readonly policy: Partial<SessionPolicy>;
    readonly limits: Partial<ServerLimits>;
    readonly snapshot?: SessionSnapshot;
  }
  /** A client's: of a session that its store gave to it. */
  | {
    readonly role: "client";
    readonly policy: Partial<SessionPolicy>;
    readonly limits: Partial<ClientLimits>;
    readonly snapshot: SessionSnapshot;
    readonly startedThrough: number;
    readonly tail: number;
  };

/** What is taken down beside the steps: what the store answered. */
export type FlightNote =
  /** An acquire was answered with the session: what it had been, and whether a living owner lost it. */
  | {
    readonly type: "acquired";
    readonly resumed: boolean;
    readonly ended?: "expired" | "cleanStart" | "takenOver";
    readonly superseded: boolean;
  }
  /** A commit of this session was answered, or given up. `repeated`: the answer was learned only by asking again. */
  | {
    readonly type: "commit";
    readonly outcome: "committed" | "superseded" | "refused" | "failed";
    readonly changes: number;
    readonly deliveries: number;
    readonly repeated: boolean;
  };

/** What is taken down of one machine, from its opening to its last step. */
export interface Flight {
  /** Carries a step out, and takes down its event, its time and what came of it. What it throws is thrown on. */
  step<Result extends object>(event: { readonly type: string }, now: number, move: () => Result): Result;
  /** Takes down what the store answered. */
  note(note: FlightNote): void;
}

/** Takes down what machines are given and what they answer, so that it can be played again. */
export interface FlightRecorder {
  /** A machine was opened. */
  open(opening: FlightOpening): Flight;
}

/** What is taken down of an acquire. */
export function acquiredNote({ resumed, ended, superseded }: Acquired): FlightNote {
  return {
    type: "acquired",
    resumed,
    ...(ended === undefined ? {} : { ended: ended.reason }),
    superseded: superseded !== undefined,
  };
}

/** What is taken down of a commit. */
export function commitNote(
  { changes, deliveries }: CommitBatch,
  outcome: Extract<FlightNote, { readonly type: "commit" }>["outcome"],
  repeated: boolean,
): FlightNote {
  return { type: "commit", outcome, changes: changes.length, deliveries: deliveries.length, repeated };
}
