/**
 * The store of the model: a snapshot and a log for each client, moved by `decideAcquire` and `applyChanges` alone.
 *
 * @module
 */
import {
  type AcquireTerms,
  applyChanges,
  type Change,
  decideAcquire,
  type Message,
  type QueuedMessage,
  type SessionSnapshot,
  type Will,
} from "../../../src/machine/mod.ts";

/** What is kept of a client. */
export interface Stored {
  snapshot: SessionSnapshot;
  readonly log: Map<number, QueuedMessage>;
  tail: number;
  /** The connection that owns it. */
  owner: number;
  /** When the owner's lease ran out, if its node is gone. */
  ownerUntil: number | undefined;
}

/** What an acquire gave. */
export interface Acquisition {
  readonly stored: Stored;
  readonly resumed: boolean;
  readonly startedThrough: number;
  /** A Will that the acquire released. */
  readonly released: Will | undefined;
}

export class ModelStore {
  readonly sessions = new Map<string, Stored>();
  #lives = 0;

  /** `firstSequence` lets a new log begin as one through which much has gone already. */
  acquire(terms: AcquireTerms, connection: number, now: number, firstSequence: number): Acquisition {
    const found = this.sessions.get(terms.clientId);
    const decision = decideAcquire(
      found && {
        head: found.snapshot.head,
        hasWill: found.snapshot.will !== undefined,
        ...(found.ownerUntil === undefined ? {} : { ownerUntil: found.ownerUntil }),
      },
      terms,
      now,
    );
    const { resumed, publishesWill, startedThrough } = decision;
    const { will, ...snapshot } = resumed && found !== undefined
      ? found.snapshot
      : this.#newLife(terms.clientId, decision.head);
    const log = resumed && found !== undefined ? found.log : new Map<number, QueuedMessage>();
    const tail = resumed && found !== undefined ? found.tail : firstSequence - 1;
    const sentLimit = resumed ? decision.head.sentLimit : decision.head.sentLimit + tail;
    const head = { ...decision.head, sentLimit };
    const stored: Stored = {
      snapshot: { ...snapshot, head, ...(terms.will === undefined ? {} : { will: terms.will }) },
      log,
      tail,
      owner: connection,
      ownerUntil: undefined,
    };
    this.sessions.set(terms.clientId, stored);
    return {
      stored,
      resumed,
      startedThrough: resumed ? startedThrough : tail,
      released: publishesWill ? found?.snapshot.will ?? will : undefined,
    };
  }

  /** Carries changes of a session out. Answers which log entries were lost, and why. */
  commit(clientId: string, changes: readonly Change[]): readonly { message: QueuedMessage; reason: string }[] {
    const stored = this.sessions.get(clientId);
    if (stored === undefined) throw new Error(`Cannot commit to "${clientId}": it is not stored`);
    const lost: { message: QueuedMessage; reason: string }[] = [];
    for (const change of changes) {
      if (change.type !== "deleteQueued") continue;
      const message = stored.log.get(change.sequence);
      if (message === undefined) throw new Error(`Cannot delete entry ${change.sequence}: it is not in the log`);
      if (change.dropped !== undefined) lost.push({ message, reason: change.dropped });
      stored.log.delete(change.sequence);
    }
    const after = applyChanges(stored.snapshot, changes);
    if (after === undefined) this.sessions.delete(clientId);
    else stored.snapshot = after;
    return lost;
  }

  append(clientId: string, message: Message, payload: Uint8Array): QueuedMessage | undefined {
    const stored = this.sessions.get(clientId);
    if (stored === undefined) return undefined;
    stored.tail += 1;
    const queued = { ...message, payload, retain: false, subscriptionIdentifiers: [], sequence: stored.tail };
    stored.log.set(stored.tail, queued);
    return queued;
  }

  /** A page of the log, as `loadQueue` asks for it. */
  page(clientId: string, after: number, most: number): { messages: QueuedMessage[]; through: number } {
    const stored = this.sessions.get(clientId);
    const tail = stored?.tail ?? after;
    const messages = [...stored?.log.values() ?? []].filter(({ sequence }) => sequence > after)
      .toSorted((a, b) => a.sequence - b.sequence).slice(0, most);
    const last = messages.at(-1);
    return {
      messages,
      through: messages.length === most && last !== undefined ? last.sequence : Math.max(tail, after),
    };
  }

  #newLife(clientId: string, head: SessionSnapshot["head"]): SessionSnapshot {
    return {
      clientId,
      incarnation: `life-${++this.#lives}`,
      head,
      subscriptions: new Map(),
      outbound: new Map(),
      quarantine: new Set(),
      inbound: new Set(),
    };
  }
}
