/**
 * A session that is this page's: its machine, its commits, and its inbox.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import type { PublishMessage, SessionChange } from "../../machine/change.ts";
import type { ClientEffect } from "../../machine/client_effect.ts";
import type { ClientEvent } from "../../machine/client_event.ts";
import { stepClient } from "../../machine/client_step.ts";
import { type ClientSession, openClientSession, releasedHead } from "../../machine/client_session.ts";
import { nextDeadline } from "../../machine/state/deadlines.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import type { CommitBatch, CommitResult, Delivery, QueuePage } from "../../store/session_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import { Arrivals } from "../arrivals.ts";
import { CommitLane } from "../lane.ts";
import { EMPTY_LETTER, type Letter, Mailbox, type MailboxOwner } from "../mailbox.ts";
import type { Flight } from "../flight.ts";
import { persistently } from "../within.ts";
import type { HostConnection } from "./host_connection.ts";
import { ClientInbox } from "./inbox.ts";
import type { OpenedClient, TakenSession } from "./opening.ts";
import type { Outcomes } from "./outcomes.ts";
import type { ResolvedClient } from "./resolve.ts";

/** The client, as its session sees it. */
export interface CoreOwner {
  readonly options: ResolvedClient;
  readonly outcomes: Outcomes;
  /** The connection at the moment. */
  readonly connection: HostConnection | undefined;
  /** Carries an effect out, of the connection that was there when it came about. */
  runEffect(effect: ClientEffect, connection: HostConnection | undefined): void;
  /** Another page has the session. */
  takenOver(): void;
  /** The store did not take what had to be stored: what is in memory counts no more. */
  failed(error: SessionError): void;
  /** Time matters at another moment, or there is room. */
  moved(): void;
}

/** An effect, and the connection that it belongs to: by the time it is carried out there may be another one (C15). */
interface BoundEffect {
  readonly type: ClientEffect["type"];
  readonly packet?: { readonly type: string; readonly reasonCode?: number };
  readonly effect: ClientEffect;
  readonly connection: HostConnection | undefined;
}

/** A session that this page owns. */
export class ClientCore implements MailboxOwner<BoundEffect> {
  readonly session: ClientSession;
  readonly inbox: ClientInbox;
  readonly lane: CommitLane;
  readonly #owner: CoreOwner;
  readonly #taken: TakenSession;
  readonly #mailbox: Mailbox<BoundEffect>;
  readonly #arrivals = new Arrivals();
  readonly #events: ClientEvent[] = [];
  readonly #flight: Flight | undefined;
  /** Messages of which it is not known where they stand, in their order. */
  #unknown: Message[] = [];
  #stepping = false;
  #over = false;
  /** What waits in the log, with what is on its way there. */
  queuedMessages: number;
  queuedBytes: number;

  constructor(owner: CoreOwner, opened: OpenedClient) {
    this.#owner = owner;
    this.#taken = opened.session;
    const { options } = owner;
    const { store, environment, commit } = options;
    const { session: { snapshot, guard, queue }, inbox, summary } = opened;
    this.lane = new CommitLane({
      store,
      environment,
      observe: (event) => {
        if (event.type === "commit" || event.type === "commitFailed") options.observe(event);
      },
      commit,
      run: environment.randomId(),
      queue: UNLIMITED,
      afterResults: () => this.#takeArrivals(),
      outcomeLost: () => {},
    });
    const acquired = { snapshot, startedThrough: snapshot.head.sentLimit, tail: queue.tail };
    const chosen = { policy: options.policy ?? {}, limits: options.limits ?? {} };
    this.session = openClientSession(acquired, chosen);
    this.#flight = options.record?.open({ role: "client", ...acquired, ...chosen });
    this.queuedMessages = summary?.queuedMessages ?? 0;
    this.queuedBytes = summary?.queuedBytes ?? 0;
    this.#arrivals.tail = queue.tail;
    this.#mailbox = new Mailbox<BoundEffect>({
      owner: this,
      lane: this.lane,
      capabilities: store.capabilities,
      flight: this.#flight,
    });
    // One receiver always fits: nothing of this session waits in an outbox.
    this.#mailbox.attach(guard, false);
    this.inbox = new ClientInbox({
      store,
      lane: this.lane,
      environment,
      page: PAGE,
      onMessage: options.onMessage,
      read: (box, after) => this.#read("read an inbox", box, after),
      failed: (error) => options.observe({ type: "workFailed", work: "callback", error }),
      taken: () => this.#owner.moved(),
      lost: () => this.commitSuperseded(),
      storeFailed: (error) => this.storeFailed(error),
    }, inbox);
  }

  /** Steps an event, after those that came before it. What the application may not ask for throws. */
  tell(event: ClientEvent): void {
    if (this.#over) return;
    this.#events.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#step(next);
    } finally {
      this.#stepping = false;
      this.#mailbox.flush();
    }
    this.#owner.moved();
  }

  /** What is not yet durable, in bytes and acknowledgements. */
  get pending(): { readonly bytes: number; readonly acknowledgements: number } {
    return { bytes: this.#mailbox.cost, acknowledgements: this.#mailbox.unsentAcknowledgements };
  }

  /** When time matters next. */
  get deadline(): number | undefined {
    return this.#over ? undefined : nextDeadline(this.session);
  }

  /** Reads the log. */
  read(after: number): Promise<QueuePage> {
    return this.#read("read a log", this.#taken, after);
  }

  /** Lets go of the session: the next page need not guess what was sent. */
  async release(): Promise<void> {
    await this.inbox.close();
    const head = this.#over ? undefined : releasedHead(this.session);
    if (head !== undefined) {
      this.#mailbox.post({ changes: [{ type: "putHead", head }], deliveries: [], effects: [] }, 0);
    }
    this.#mailbox.flush();
    await this.lane.idle;
    this.#over = true;
  }

  /** Nothing of it counts any more. */
  drop(): void {
    this.#over = true;
    this.#mailbox.drop();
    void this.inbox.close();
    this.inbox.mailbox.drop();
  }

  // For the mailbox.

  runEffect({ effect, connection }: BoundEffect): void {
    this.#owner.runEffect(effect, connection);
  }

  batchCommitted(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): boolean {
    for (const [index, { message, receivers = [] }] of batch.deliveries.entries()) {
      const [receiver] = receivers;
      const [outcome] = result.deliveries[index] ?? [];
      if (receiver === undefined) continue;
      const isOwn = receiver.clientId === this.#taken.snapshot.clientId;
      if (outcome?.outcome === "appended") {
        const { qos, retain, subscriptionIdentifiers } = receiver;
        const queued = { ...message, qos, retain, subscriptionIdentifiers, sequence: outcome.sequence };
        if (!isOwn) this.inbox.arrived(queued);
        else {
          this.#owner.outcomes.stored(message, outcome.sequence);
          this.#arrivals.add(queued);
        }
      } else if (outcome === undefined) {
        // The commit was repeated, and the store does not remember where its messages stand: they are looked for.
        if (isOwn) this.#lookFor(message);
        else this.inbox.look();
      } else {
        const error = new SessionError("CLOSED", `Cannot store a message: its receiver answered ${outcome.outcome}`);
        this.#owner.failed(error);
      }
    }
    return false;
  }

  publishRefused(): Letter<never> {
    return EMPTY_LETTER;
  }

  commitSuperseded(): void {
    if (this.#over) return;
    this.tell({ type: "superseded" });
    this.drop();
    this.#owner.takenOver();
  }

  storeFailed(error: SessionError | undefined): void {
    // What was learned by repeating is as good as any.
    if (error !== undefined && !this.#over) this.#owner.failed(error);
  }

  mailboxMoved(): void {
    this.#owner.moved();
  }

  #step(event: ClientEvent): void {
    const now = this.#owner.options.environment.now();
    const told = event.type === "packetReceived"
      ? { ...event, unsentAcknowledgements: this.#mailbox.unsentAcknowledgements }
      : event;
    const { changes, effects: all, requests } = this.#flight === undefined
      ? stepClient(this.session, told, now)
      : this.#flight.step(told, now, () => stepClient(this.session, told, now));
    // Nothing has to be durable for a refusal.
    const effects = all.filter((effect) => effect.type !== "publishRejected");
    for (const effect of all) if (effect.type === "publishRejected") this.#owner.runEffect(effect, undefined);
    if (changes.length > 0 || effects.length > 0) {
      this.#mailbox.post({ ...this.#divided(changes), effects: this.#bound(effects) }, costOf(event));
    }
    for (const { after, messages, bytes } of requests) {
      this.#read("read a log", this.#taken, after, { messages, bytes }).then(
        (page) => this.tell({ type: "queueLoaded", messages: page.messages, through: page.through }),
        (error) => this.storeFailed(error),
      );
    }
  }

  #bound(effects: readonly ClientEffect[]): readonly BoundEffect[] {
    const { connection } = this.#owner;
    return effects.map((effect) => {
      const { type } = effect;
      return type === "sendPacket" ? { type, packet: effect.packet, effect, connection } : { type, effect, connection };
    });
  }

  #divided(changes: readonly (SessionChange | PublishMessage)[]): {
    readonly changes: readonly SessionChange[];
    readonly deliveries: readonly Delivery[];
  } {
    const own: SessionChange[] = [];
    const deliveries: Delivery[] = [];
    for (const change of changes) {
      if (change.type === "publishMessage") {
        deliveries.push(change.to === "inbox" ? this.#toInbox(change) : this.#toLog(change.message));
        continue;
      }
      own.push(change);
      if (change.type !== "deleteQueued") continue;
      this.queuedMessages--;
      this.queuedBytes -= change.bytes;
    }
    return { changes: own, deliveries };
  }

  #toLog(message: Message): Delivery {
    const { clientId, incarnation } = this.#taken.snapshot;
    const { qos, retain } = message;
    return { message, receivers: [{ clientId, incarnation, qos, retain, subscriptionIdentifiers: [] }] };
  }

  #toInbox({ message, subscriptionIdentifiers = [] }: PublishMessage): Delivery {
    const { qos, retain } = message;
    return { message, receivers: [{ ...this.inbox.address, qos, retain, subscriptionIdentifiers }] };
  }

  #takeArrivals(): void {
    const event = this.#arrivals.take(true);
    if (event !== undefined) this.tell(event);
  }

  /** Nobody else puts anything into this log: what was committed next stands next in it, one after the other. */
  #lookFor(message: Message): void {
    this.#unknown.push(message);
    if (this.#unknown.length > 1) return;
    this.#read("read a log", this.#taken, this.#arrivals.tail).then((page) => {
      const { tail } = this.#arrivals;
      const found = page.messages.filter(({ sequence }) => sequence > tail);
      for (const [index, lost] of this.#unknown.splice(0).entries()) {
        const next = found[index];
        if (next === undefined) {
          return this.storeFailed(new SessionError("OUTCOME_UNKNOWN", "Cannot find a message that was stored"));
        }
        this.#owner.outcomes.stored(lost, next.sequence);
        this.#arrivals.add(next);
      }
      this.#takeArrivals();
    }, (error) => this.storeFailed(error));
  }

  #read(what: string, { guard }: TakenSession, after: number, size = PAGE): Promise<QueuePage> {
    const { store, environment, commit, observe } = this.#owner.options;
    // A page is read under the right that was given with the session: an owner reads its own log.
    return persistently(
      {
        environment,
        commit,
        observe: (event) => {
          if (event.type === "workFailed") observe(event);
        },
      },
      what,
      (signal) => store.readQueue(guard, { after, ...size }, { signal }),
    );
  }
}

/** A page of a log. */
export const PAGE = { messages: 128, bytes: 1_048_576 };

/** What an event weighs until it is durable. */
function costOf(event: ClientEvent): number {
  if (event.type === "publishRequested") return messageBytes(event.message);
  return event.type === "packetReceived" && event.packet.type === "publish" ? event.packet.payload.length + 256 : 256;
}
