/**
 * What one session has yet to commit, and the effects that wait for it.
 *
 * @module
 */
import type { SessionError } from "../errors.ts";
import type { SessionChange } from "../machine/change.ts";
import type { Effect } from "../machine/effect.ts";
import { messageBytes } from "../mqtt/message.ts";
import type { StoreCapabilities } from "../store/capabilities.ts";
import type { CommitBatch, CommitResult, Delivery, Guard, QueueLimits } from "../store/session_store.ts";
import { type AnyEffect, type Deed, Deeds, givesCredit, type Offer } from "./deeds.ts";
import { commitNote, type Flight } from "./flight.ts";
import type { CommitLane, LaneSource } from "./lane.ts";

/** What a step leaves for the mailbox: the effects are those of a server, or of a client. */
export interface Letter<Effects extends AnyEffect = Effect> {
  readonly changes: readonly SessionChange[];
  readonly deliveries: readonly Delivery[];
  readonly effects: readonly Effects[];
  /** Done once the changes are durable, after the effects; those of later letters wait for them. */
  readonly offers?: readonly Offer[];
  /** Begins once the changes are durable; the effects, and those of later letters, wait for it. It never rejects. */
  readonly until?: () => Promise<void>;
  /** A publish that may be refused by its commit (D11), and so travels alone. */
  readonly refusableRef?: number;
}

/** The connection, as its mailbox sees it. Nothing of it throws. */
export interface MailboxOwner<Effects extends AnyEffect = Effect> {
  runEffect(effect: Effects): void;
  /** A batch is committed; called before its effects. Returns whether deliveries of it stand in the outbox. */
  batchCommitted(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): boolean;
  /** Nobody took the message of this ref; what is to be done instead comes back as a letter. */
  publishRefused(ref: number): Letter<Effects>;
  /** The commit was not carried out: somebody else owns the session, or has ended it. */
  commitSuperseded(): void;
  /** The outcome was learned only by repeating, or never. */
  storeFailed(error: SessionError | undefined): void;
  /** Something was committed or dropped: there is room, or nothing left. */
  mailboxMoved(): void;
}

/** What the mailbox of a connection needs. */
export interface MailboxOptions<Effects extends AnyEffect = Effect> {
  readonly owner: MailboxOwner<Effects>;
  readonly lane: CommitLane;
  /** How long the log of a receiver may grow before it refuses a message; absent where nothing is refused. */
  readonly queue?: QueueLimits;
  readonly capabilities: Pick<
    StoreCapabilities,
    "maxChangesPerBatch" | "maxReceiversPerCommit" | "maxMessageBytes"
  >;
  /** Is told what became of each batch. */
  readonly flight?: Flight | undefined;
}

interface Envelope<Effects extends AnyEffect> {
  readonly changes: SessionChange[];
  readonly deliveries: Delivery[];
  readonly deeds: Deed<Effects>[];
  /** Of later steps, which wait for their turn only: they are done even if a publish that may be refused is. */
  readonly followers: Deed<Effects>[];
  holdsOffers: boolean;
  receivers: number;
  bytes: number;
  cost: number;
  acknowledgements: number;
  movesSubscriptions: boolean;
  refusableRef: number | undefined;
  /** Nothing may be added any more but effects that wait for it. */
  sealed: boolean;
}

/** One FIFO of changes and effects for one session: no effect runs before its changes, and none overtakes another. */
export class Mailbox<Effects extends AnyEffect = Effect> implements LaneSource {
  readonly #options: MailboxOptions<Effects>;
  readonly #envelopes: Envelope<Effects>[] = [];
  readonly #deeds: Deeds<Effects>;
  #guard: Guard | undefined;
  #inFlight: CommitBatch | undefined;
  #requested = false;
  #dropped = false;
  #cost = 0;
  #acknowledgements = 0;
  #onDrained: (() => void)[] = [];
  /** Whether publishes of this session wait in its outbox, so that later ones go behind them. */
  behindOutbox = false;

  constructor(options: MailboxOptions<Effects>) {
    this.#options = options;
    const { owner } = options;
    this.#deeds = new Deeds({
      runEffect: (effect) => owner.runEffect(effect),
      deedsMoved: () => {
        this.#moved();
        owner.mailboxMoved();
      },
    });
  }

  /** The guard that the next commit builds on. */
  get guard(): Guard | undefined {
    return this.#guard;
  }

  /** The session was acquired. */
  attach(guard: Guard, outboxPending: boolean): void {
    this.#guard = guard;
    this.behindOutbox = outboxPending;
  }

  /** Whether nothing waits for a commit. */
  get empty(): boolean {
    return this.#envelopes.length === 0 && this.#deeds.empty;
  }

  /** Ends when nothing waits for a commit. */
  drained(): Promise<void> {
    return this.empty ? Promise.resolve() : new Promise((resolve) => this.#onDrained.push(resolve));
  }

  /** What waits, in the measure given to {@linkcode Mailbox.post}. */
  get cost(): number {
    return this.#cost;
  }

  /** Acknowledgements that give credit back to the client and have not left. */
  get unsentAcknowledgements(): number {
    return this.#acknowledgements + this.#deeds.unsentAcknowledgements;
  }

  /** Whether a change of subscriptions waits, or for what it has led to, which a look-up would not see yet. */
  get movesSubscriptions(): boolean {
    return this.#deeds.waits || this.#envelopes.some((envelope) => envelope.movesSubscriptions);
  }

  /** Whether a publish that may be refused waits for its outcome. */
  get holdsRefusable(): boolean {
    return this.#envelopes.some((envelope) => envelope.refusableRef !== undefined);
  }

  /** Takes what a step left; `cost` is given back once it is durable. */
  post(letter: Letter<Effects>, cost: number): void {
    if (this.#dropped) return;
    if (letter.changes.length === 0 && letter.deliveries.length === 0) {
      const last = this.#envelopes.at(-1);
      if (last === undefined) {
        this.#deeds.run(letter.effects);
        return this.#deeds.offer(letter.offers ?? NO_OFFERS);
      }
      // Offers wait for earlier ones alone: nobody else's copy is kept waiting by the store.
      if (this.#envelopes.some(({ holdsOffers }) => holdsOffers)) return this.#fill(last, letter, letter.changes, cost);
      this.#fill(last, { ...letter, offers: NO_OFFERS }, letter.changes, cost);
      return this.#deeds.offer(letter.offers ?? NO_OFFERS);
    }
    const { maxChangesPerBatch } = this.#options.capabilities;
    let changes = letter.changes;
    for (; changes.length > maxChangesPerBatch; changes = changes.slice(maxChangesPerBatch)) {
      this.#fill(this.#newEnvelope(true), EMPTY_LETTER, changes.slice(0, maxChangesPerBatch), 0);
    }
    this.#fill(this.#envelopeFor(letter, changes.length), letter, changes, cost);
  }

  /** Asks the lane to carry what waits. Called once a run of steps is over, so that they leave together. */
  flush(): void {
    if (this.#requested || this.#envelopes.length === 0 || this.#guard === undefined) return;
    this.#requested = true;
    this.#options.lane.request(this);
  }

  /** Forgets everything: nothing of this connection counts any more. */
  drop(): void {
    this.#dropped = true;
    this.#envelopes.length = 0;
    this.#deeds.drop();
    this.#cost = 0;
    this.#acknowledgements = 0;
    this.#moved();
  }

  /** Runs effects although everything else was dropped: the last words of a superseded connection. */
  runNow(effects: readonly Effects[]): void {
    this.#deeds.run(effects);
  }

  take(): CommitBatch | undefined {
    const envelope = this.#envelopes[0];
    if (envelope === undefined || this.#guard === undefined) {
      this.#requested = false;
      return undefined;
    }
    envelope.sealed = true;
    const { lane, queue } = this.#options;
    const { changes, deliveries, refusableRef } = envelope;
    this.#inFlight = lane.batch({
      guard: this.#guard,
      changes,
      deliveries,
      // Only a publish that stands alone can be refused whole; a Will or a QoS 0 message has nobody to tell.
      ...(queue === undefined || refusableRef === undefined ? {} : { limits: queue }),
      ...(this.behindOutbox && deliveries.length > 0 ? { behindOutbox: true } : {}),
    });
    return this.#inFlight;
  }

  settled(result: CommitResult, repeated: boolean): void {
    const batch = this.#inFlight as CommitBatch;
    this.#inFlight = undefined;
    this.#requested = false;
    const { owner, flight } = this.#options;
    flight?.note(commitNote(batch, result.outcome, repeated));
    switch (result.outcome) {
      case "committed": {
        this.#guard = result.guard ?? this.#guard;
        if (owner.batchCommitted(batch, result)) this.behindOutbox = true;
        const envelope = this.#envelopes.shift();
        if (envelope === undefined) break;
        this.#giveBack(envelope);
        this.#deeds.run([...envelope.deeds, ...envelope.followers]);
        if (repeated) owner.storeFailed(undefined);
        break;
      }
      case "superseded":
        if (!this.#dropped) owner.commitSuperseded();
        break;
      case "refused": {
        const envelope = this.#envelopes.shift();
        if (envelope === undefined) break;
        this.#giveBack(envelope);
        const letter = owner.publishRefused(envelope.refusableRef as number);
        this.#postFirst(letter, envelope);
        if (repeated) owner.storeFailed(undefined);
        break;
      }
      default:
        result satisfies never;
    }
    this.flush();
    this.#moved();
    owner.mailboxMoved();
  }

  failed(error: SessionError): void {
    if (this.#inFlight !== undefined) this.#options.flight?.note(commitNote(this.#inFlight, "failed", true));
    this.#inFlight = undefined;
    this.#requested = false;
    if (!this.#dropped) this.#options.owner.storeFailed(error);
    this.#options.owner.mailboxMoved();
  }

  /** Lets those go on that wait for nothing to be left. */
  #moved(): void {
    if (!this.empty) return;
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** Puts a letter before all that wait, in the place of what was refused. */
  #postFirst(letter: Letter<Effects>, { followers, holdsOffers }: Envelope<Effects>): void {
    if (letter.changes.length === 0 && letter.deliveries.length === 0) {
      this.#deeds.run([...letter.effects, ...followers]);
      return;
    }
    const envelope = emptyEnvelope<Effects>(true);
    this.#envelopes.unshift(envelope);
    this.#fill(envelope, letter, letter.changes, 0);
    envelope.followers.push(...followers);
    envelope.holdsOffers ||= holdsOffers;
  }

  /** The envelope that takes a letter: the open one if it fits, or else a new one. */
  #envelopeFor(letter: Letter<Effects>, changes: number): Envelope<Effects> {
    const { capabilities } = this.#options;
    const alone = letter.refusableRef !== undefined;
    const last = this.#envelopes.at(-1);
    if (last === undefined || last.sealed || alone) return this.#newEnvelope(alone);
    const fits = last.changes.length + changes <= capabilities.maxChangesPerBatch &&
      (letter.deliveries.length === 0 || last.deliveries.length === 0 ||
        last.receivers + receiversOf(letter.deliveries) <= capabilities.maxReceiversPerCommit &&
          last.bytes + bytesOf(letter.deliveries) <= capabilities.maxMessageBytes);
    return fits ? last : this.#newEnvelope(false);
  }

  /** Only the last envelope takes letters, so that none gets in front of an earlier one. */
  #newEnvelope(sealed: boolean): Envelope<Effects> {
    const envelope = emptyEnvelope<Effects>(sealed);
    this.#envelopes.push(envelope);
    return envelope;
  }

  #fill(envelope: Envelope<Effects>, letter: Letter<Effects>, changes: readonly SessionChange[], cost: number): void {
    for (const change of changes) {
      envelope.changes.push(change);
      envelope.movesSubscriptions ||= change.type === "putSubscription" || change.type === "deleteSubscription";
    }
    if (letter.deliveries.length > 0) {
      envelope.deliveries.push(...letter.deliveries);
      envelope.receivers += receiversOf(letter.deliveries);
      envelope.bytes += bytesOf(letter.deliveries);
    }
    const { effects, offers = NO_OFFERS, until } = letter;
    // In the place of what was refused there may be followers already: what comes behind them is one of them.
    const follows = envelope.refusableRef !== undefined || envelope.followers.length > 0;
    const wait = until === undefined ? [] : [{ until }];
    (follows ? envelope.followers : envelope.deeds).push(...wait, ...effects, ...offers);
    envelope.holdsOffers ||= offers.length > 0;
    const credit = effects.filter(givesCredit).length;
    envelope.acknowledgements += credit;
    this.#acknowledgements += credit;
    if (letter.refusableRef !== undefined) envelope.refusableRef = letter.refusableRef;
    envelope.cost += cost;
    this.#cost += cost;
  }

  #giveBack(envelope: Envelope<Effects>): void {
    this.#cost -= envelope.cost;
    this.#acknowledgements -= envelope.acknowledgements;
  }
}

const NO_OFFERS: readonly Offer[] = [];
/** A letter with nothing in it, of whichever role. */
export const EMPTY_LETTER: Letter<never> = { changes: [], deliveries: [], effects: [] };

function emptyEnvelope<Effects extends AnyEffect>(sealed: boolean): Envelope<Effects> {
  return {
    changes: [],
    deliveries: [],
    deeds: [],
    followers: [],
    holdsOffers: false,
    receivers: 0,
    bytes: 0,
    cost: 0,
    acknowledgements: 0,
    movesSubscriptions: false,
    refusableRef: undefined,
    sealed,
  };
}

function receiversOf(deliveries: readonly Delivery[]): number {
  let receivers = 0;
  for (const delivery of deliveries) receivers += delivery.receivers?.length ?? 1;
  return receivers;
}

function bytesOf(deliveries: readonly Delivery[]): number {
  let bytes = 0;
  for (const delivery of deliveries) bytes += messageBytes(delivery.message);
  return bytes;
}
