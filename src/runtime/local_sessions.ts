import type { Message, QueuedMessage } from "../mqtt/message.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { CommitBatch, CommitResult, DeliveryReceiver } from "../store/session_store.ts";
import { filterOf } from "./groups/names.ts";
import type { Observe } from "./observe.ts";

/** A session that a connection of this node owns. */
export interface LocalSession {
  readonly clientId: string;
  readonly incarnation: string;
  readonly token: string;
  readonly epoch: number;
  /** When the connection was made, as the head of its session says. */
  readonly connectedAt: number;
  /** Whether it takes messages: connected, and not about to go. */
  readonly live: boolean;
  /** Whether its end has been seen and is not yet stored. */
  readonly leaving: boolean;
  /** Whether its session was ended by it, and that is stored. */
  readonly ended: boolean;
  /** Settles when nothing of the connection is left to do. */
  readonly done: Promise<void>;
  /** A message stands in its log; several come before {@linkcode LocalSession.takeArrivals}. */
  arrived(message: QueuedMessage): void;
  /** All arrivals of a commit have been told. */
  takeArrivals(): void;
  /** A QoS 0 copy that was never stored. */
  offerQos0(message: Message, receiver: Receiver): void;
  /** Another connection owns the session. */
  supersede(reasonCode?: number): void;
  /** The host wants the connection closed. */
  requestClose(reasonCode: number): void;
  /** Its log may have grown: looks. */
  probe(): void;
  /** The session is to end. */
  requestEnd(): void;
  /** Nothing of it waits in its outbox any more. */
  outboxEmptied(): void;
}

/** What came for a session while it was being acquired. */
export interface News {
  /** How far its log has grown; 0 when nothing was appended here. */
  readonly grownTo: number;
  /**
   * Whether another node has rung, or nobody knows what became of a commit: its log may have grown further, or the session
   * may have gone.
   */
  readonly rung: boolean;
}

/** What comes for a client while its session is being acquired. */
interface Watch {
  /** Incarnation → how far its log has grown. The one that was there may give way to a new one, whose log begins anew. */
  readonly grown: Map<string, number>;
  rung: boolean;
}

/** The sessions that connections of this node own, by client; and what commits bring them. */
export class LocalSessions {
  readonly #sessions = new Map<string, LocalSession>();
  readonly #byIncarnation = new Map<string, LocalSession>();
  readonly #acquiring = new Map<string, Watch>();
  readonly #told = new Set<LocalSession>();
  readonly #observe: Observe;
  readonly #nodeId: string;
  readonly #absent: (clientId: string) => void;

  /** `absent` hears of what has come for a session that this node owns though its connection is not among these. */
  constructor(nodeId: string, observe: Observe, absent: (clientId: string) => void = () => {}) {
    this.#nodeId = nodeId;
    this.#observe = observe;
    this.#absent = absent;
  }

  /** How many there are. */
  get size(): number {
    return this.#sessions.size;
  }

  /** All of them. */
  all(): Iterable<LocalSession> {
    return this.#sessions.values();
  }

  /** The one of this client. */
  get(clientId: string): LocalSession | undefined {
    return this.#sessions.get(clientId);
  }

  /** The one of this client if it takes messages and is of this incarnation. */
  live(clientId: string, incarnation: string): LocalSession | undefined {
    const session = this.#sessions.get(clientId);
    return session?.live && session.incarnation === incarnation ? session : undefined;
  }

  /** The outbox of this id was found empty. */
  outboxEmptied(outboxId: string): void {
    this.#byIncarnation.get(outboxId)?.outboxEmptied();
  }

  /** Begins to watch for news of a client that is being acquired. */
  beginAcquire(clientId: string): void {
    this.#acquiring.set(clientId, { grown: new Map(), rung: false });
  }

  /** Another node has rung for a client; for all of them when it is not known for whom. */
  rung(clientId?: string): void {
    for (const [acquiring, watch] of this.#acquiring) if (acquiring === (clientId ?? acquiring)) watch.rung = true;
  }

  /** Ends that without a new owner: whoever had the session looks for what came meanwhile. */
  giveUpAcquire(clientId: string): void {
    const watch = this.#acquiring.get(clientId);
    this.#acquiring.delete(clientId);
    if (watch !== undefined && (watch.grown.size > 0 || watch.rung)) this.#sessions.get(clientId)?.probe();
  }

  /** Ends that, and says what came meanwhile for the session that was got. */
  endAcquire(clientId: string, incarnation: string): News {
    const watch = this.#acquiring.get(clientId);
    this.#acquiring.delete(clientId);
    return { grownTo: watch?.grown.get(incarnation) ?? 0, rung: watch?.rung ?? false };
  }

  /** Registers a session, in the place of an older one. */
  add(session: LocalSession): void {
    this.#sessions.set(session.clientId, session);
    this.#byIncarnation.set(session.incarnation, session);
  }

  /** Forgets a session, unless another has taken its place. */
  remove(session: LocalSession): void {
    this.#told.delete(session);
    if (this.#byIncarnation.get(session.incarnation) === session) this.#byIncarnation.delete(session.incarnation);
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
  }

  /** Tells the receivers of a committed batch. Returns whether some of its deliveries stand in an outbox. */
  deliver(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): boolean {
    let owed = false;
    for (const [index, { message, receivers }] of batch.deliveries.entries()) {
      if (receivers === undefined) {
        owed = true;
        continue;
      }
      const outcomes = result.deliveries[index] ?? [];
      // A repeated commit may leave out what became of its deliveries: some may be owed.
      if (outcomes.length < receivers.length) {
        this.probe(receivers);
        owed = true;
      }
      for (const [place, outcome] of outcomes.entries()) {
        switch (outcome.outcome) {
          case "appended": {
            const receiver = receivers[place];
            for (const reason of outcome.dropped ?? []) {
              this.#observe({ type: "dropped", clientId: outcome.clientId, reason });
            }
            if (outcome.ownerNode !== this.#nodeId || receiver === undefined) break;
            this.#tell(message, receiver, outcome.sequence);
            break;
          }
          case "dropped":
            this.#observe({
              type: "dropped",
              clientId: outcome.clientId,
              reason: outcome.reason,
              topic: message.topic,
            });
            break;
          case "owed":
            owed = true;
            break;
          case "ended":
            // What a member gives back to a group that has ended is lost with it.
            if (filterOf(outcome.clientId) !== undefined && batch.changes.some(({ type }) => type === "deleteQueued")) {
              const { topic } = message;
              this.#observe({ type: "dropped", clientId: outcome.clientId, reason: "groupEnded", topic });
            }
            break;
          default:
            outcome satisfies never;
        }
      }
    }
    return owed;
  }

  /** Lets the receivers of this node look for themselves what has come. */
  probe(receivers: readonly Receiver[]): void {
    for (const { clientId, incarnation } of receivers) {
      const watch = this.#acquiring.get(clientId);
      // As in #tell: the old connection must not begin to send; the new one looks once it is here.
      if (watch !== undefined) watch.rung = true;
      else if (this.#sessions.has(clientId)) this.live(clientId, incarnation)?.probe();
      else this.#absent(clientId);
    }
  }

  /** Lets every session that was told of messages take them, in order of sequence. */
  takeArrivals(): void {
    for (const session of this.#told) session.takeArrivals();
    this.#told.clear();
  }

  #tell(message: Message, receiver: DeliveryReceiver, sequence: number): void {
    const { clientId, incarnation } = receiver;
    const watch = this.#acquiring.get(clientId);
    if (watch !== undefined) {
      // The store may have given the session to the new connection already: the old one must not begin to send.
      watch.grown.set(incarnation, Math.max(watch.grown.get(incarnation) ?? 0, sequence));
      return;
    }
    if (!this.#sessions.has(clientId)) return this.#absent(clientId);
    const session = this.live(clientId, incarnation);
    if (session === undefined) return;
    session.arrived(queued(message, receiver, sequence));
    this.#told.add(session);
  }
}

/** The copy as it stands in the receiver's log. */
function queued(message: Message, receiver: DeliveryReceiver, sequence: number): QueuedMessage {
  const { qos, retain, subscriptionIdentifiers, claimed } = receiver;
  const copy = { ...message, sequence, qos, retain, subscriptionIdentifiers };
  return claimed === undefined ? copy : { ...copy, claimed };
}
