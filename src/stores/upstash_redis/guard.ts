/**
 * What an owner knows of its session, so that its next commit needs no read.
 *
 * @module
 */
import type { OutboundMark, SessionHead } from "../../machine/snapshot.ts";
import type { Guard } from "../../store/session_store.ts";

/** What a guard of this store knows. */
export interface GuardState {
  readonly clientId: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly version: number;
  /** The node that owns it, or owned it last. */
  readonly nodeId: string;
  readonly head: SessionHead;
  /** Sequence → phase of every mark. */
  readonly marks: ReadonlyMap<number, OutboundMark["phase"]>;
}

/** A guard of this store. */
export class RedisGuard implements Guard {
  readonly clientId: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly version: number;
  readonly #state: GuardState;

  constructor(state: GuardState) {
    this.clientId = state.clientId;
    this.incarnation = state.incarnation;
    this.epoch = state.epoch;
    this.version = state.version;
    this.#state = state;
  }

  /** What it knows; `undefined` for a mere copy of a guard, which knows nothing. */
  static stateOf(guard: Guard): GuardState | undefined {
    return guard instanceof RedisGuard ? guard.#state : undefined;
  }
}
