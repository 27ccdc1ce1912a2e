/**
 * The machine of one connection: events go through it one by one, and what a step asks is answered before the next packet.
 *
 * @module
 */
import type { Event } from "../machine/event.ts";
import type { Request } from "../machine/request.ts";
import { openSession, type Session } from "../machine/state/session.ts";
import { step, type StepResult } from "../machine/step.ts";
import type { BrokerContext } from "./context.ts";
import type { Flight } from "./flight.ts";
import { Inbox } from "./inbox.ts";
import type { Mailbox } from "./mailbox.ts";

/** What a connection waits for before it takes the next packet. */
type Awaited = "authenticate" | "acquire" | "route" | "subscribe" | "refusable";

/** The connection, as its machine sees it. */
export interface SteppingOwner {
  readonly mailbox: Pick<Mailbox, "unsentAcknowledgements">;
  /** A step has closed the connection; what it has left comes next. */
  machineClosed(): void;
  /** What a step has left is to be put in line. */
  stepped(event: Event, result: StepResult): void;
  /** A step has asked something. */
  ask(request: Request): void;
  /** All that can be stepped now is stepped. */
  rested(): void;
  /** Something waits for a session that is still to be reloaded. */
  wantsSession(): void;
  /** The machine, or what was made of its answer, threw. */
  fault(error: unknown): void;
}

/** Steps the events of one connection, and knows what it waits for. */
export class Stepping {
  readonly session: Session;
  /** What came from the client. */
  readonly inbox: Inbox = new Inbox();
  /** Is told what became of what was stepped. */
  readonly flight: Flight | undefined;
  awaited: Awaited | undefined;
  /** The machine has closed the connection; only what it left is still to be done. */
  closing = false;
  /** No packet counts any more: the session is somebody else's, or nobody's. */
  isDeaf = false;
  /** What was under way in another process is lost: nothing counts but the close. */
  isGivenUp = false;
  readonly #context: BrokerContext;
  readonly #owner: SteppingOwner;
  readonly #signals: Event[] = [];
  /** What the packet in hand weighs, until a letter takes it over. */
  #carried = 0;
  #running = false;
  #finished = false;

  constructor(context: BrokerContext, owner: SteppingOwner) {
    const { policy, limits, record } = context.options;
    this.#context = context;
    this.#owner = owner;
    this.session = openSession(undefined, { role: "server", policy, limits });
    this.flight = record?.open({ role: "server", policy, limits });
  }

  /** Whether nothing waits here, nor for an answer. */
  get isQuiet(): boolean {
    return this.inbox.empty && this.#signals.length === 0 && this.awaited === undefined && !this.isDeaf;
  }

  /** Whether nothing is stepped any more. */
  get finished(): boolean {
    return this.#finished;
  }

  /** What waits here and is in hand, in bytes. */
  get cost(): number {
    return this.inbox.cost + this.#carried;
  }

  /** Steps what was told before what came from the client. */
  tell(event: Event): void {
    if (this.#finished) return;
    this.#signals.push(event);
    this.work();
  }

  /** Steps what was awaited. */
  answer(event: Event): void {
    this.awaited = undefined;
    this.tell(event);
  }

  /** Something threw that a step has led to. */
  fault(error: unknown): void {
    this.#owner.fault(error);
  }

  /** Gives away what the packet in hand weighs. */
  takeCarried(): number {
    const carried = this.#carried;
    this.#carried = 0;
    return carried;
  }

  /** Steps all that can be stepped now, then lets go of what has gathered. */
  work(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let event = this.#next(); event !== undefined; event = this.#next()) this.#step(event);
    } catch (error) {
      this.#owner.fault(error);
    }
    this.#running = false;
    if (this.awaited === undefined) this.#carried = 0;
    this.#owner.rested();
  }

  /** Moves the machine by an event whose turn is now. */
  move(event: Event): StepResult {
    const now = this.#context.options.environment.now();
    const result = this.flight === undefined
      ? step(this.session, event, now)
      : this.flight.step(event, now, () => step(this.session, event, now));
    // A close is always the last effect of its step.
    if (result.effects.at(-1)?.type === "closeConnection") {
      this.closing = true;
      this.#owner.machineClosed();
    }
    return result;
  }

  /** Nothing that waits here counts any more. */
  forget(): void {
    this.inbox.clear();
    this.#signals.length = 0;
  }

  /** Nothing is stepped any more. */
  finish(): void {
    this.#finished = true;
    this.forget();
  }

  /** What is stepped next: what was answered or told, before what came from the client. */
  #next(): Event | undefined {
    if (this.#finished) return undefined;
    if (this.session.asleep) return this.#nextAsleep();
    const signal = this.#signals.shift();
    if (signal !== undefined) return signal;
    if (this.awaited !== undefined || this.closing || this.isDeaf) return undefined;
    const item = this.inbox.shift();
    if (item === undefined) return undefined;
    this.#carried = item.cost;
    const { event } = item;
    const { unsentAcknowledgements } = this.#owner.mailbox;
    if (event.type !== "packetReceived" || unsentAcknowledgements === 0) return event;
    return { ...event, unsentAcknowledgements };
  }

  /** While the session is still to be reloaded: what needs nothing of it. All else waits. */
  #nextAsleep(): Event | undefined {
    const index = this.isGivenUp ? 0 : this.#signals.findIndex(({ type }) => ASLEEP.has(type));
    const [signal] = index < 0 ? [] : this.#signals.splice(index, 1);
    if (signal !== undefined || this.isGivenUp || this.isDeaf) return signal;
    if (this.inbox.beginsWithPing) return this.inbox.shift()?.event;
    if (this.#signals.length > 0 || !this.inbox.empty) this.#owner.wantsSession();
    return undefined;
  }

  #step(event: Event): void {
    const result = this.move(event);
    this.#owner.stepped(event, result);
    for (const request of result.requests) this.#owner.ask(request);
  }
}

/** What is stepped while the session is still to be reloaded, beside PINGREQ. */
const ASLEEP: ReadonlySet<Event["type"]> = new Set(["sessionReloaded", "queueLoaded", "superseded"] as const);
