/** What is to be done in a store when its time comes. */
import type { StoreCallOptions } from "./call.ts";

/** Something that is due. */
export type DueWork =
  /** `endsAt` or `willDueAt` of a detached session has come. */
  | { readonly type: "session"; readonly clientId: string; readonly dueAt: number }
  /** A node's lease has run out; its sessions are lost connections at `dueAt`. */
  | { readonly type: "node"; readonly nodeId: string; readonly dueAt: number; readonly clientIds: readonly string[] }
  /** An outbox has entries left. */
  | { readonly type: "outbox"; readonly outboxId: string; readonly dueAt: number }
  /** Rows of an ended incarnation are left. */
  | { readonly type: "sweep"; readonly work: SweepWork };

/** Rows that an ended incarnation left behind. */
export interface SweepWork {
  /** The client whose session it was; `""` for what belongs to no session. */
  readonly clientId: string;
  /** The session that ended. */
  readonly incarnation: string;
  /** Since when it can be swept, in epoch milliseconds. */
  readonly dueAt: number;
}

/** How much due work one call returns. */
export interface DueOptions extends StoreCallOptions {
  /** The most pieces of work. */
  readonly limit: number;
  /** How long past its lease a node is still waited for, in milliseconds: skew between clocks. */
  readonly graceMs: number;
}

/** When work is due, in epoch milliseconds. */
export function dueAtOf(work: DueWork): number {
  return work.type === "sweep" ? work.work.dueAt : work.dueAt;
}
