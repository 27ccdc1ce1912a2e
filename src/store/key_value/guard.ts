import type { OutboundMark } from "../../machine/snapshot.ts";
import type { DeliveryReceiver, Guard } from "../session_store.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import type { HeadRecord } from "./head.ts";
import type { KnownLog } from "./known_log.ts";
import type { PacketIdsRecord } from "./rows.ts";

/** What a guard of this store knows, so that its owner's next commit needs no read. */
export interface GuardState extends PacketIdsRecord {
  readonly head: HeadRecord;
  /** The driver's version of the head. */
  readonly headVersion: string;
  /** Sequence → phase of every mark. */
  readonly marks: ReadonlyMap<number, OutboundMark["phase"]>;
  /** Where the Will stands, when it is large. */
  readonly will: ChunkRef | undefined;
  readonly log: KnownLog;
}

/** Whether a receiver is the session of a guard itself. */
export function isOwn({ head }: GuardState, { clientId, incarnation }: DeliveryReceiver): boolean {
  return clientId === head.clientId && incarnation === head.incarnation;
}

/** A guard of this store. */
export class KeyValueGuard implements Guard {
  readonly clientId: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly version: number;
  readonly #state: GuardState;

  constructor(state: GuardState) {
    this.clientId = state.head.clientId;
    this.incarnation = state.head.incarnation;
    this.epoch = state.head.epoch;
    this.version = state.head.version;
    this.#state = state;
  }

  /** What it knows; `undefined` for a mere copy of a guard, which knows nothing. */
  static stateOf(guard: Guard): GuardState | undefined {
    return guard instanceof KeyValueGuard ? guard.#state : undefined;
  }
}
