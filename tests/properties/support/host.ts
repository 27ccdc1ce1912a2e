/**
 * The server of the model: it steps its connections, answers what they ask, commits, and hands on what they publish.
 *
 * All that is here calls each other in a circle: a step may lead to a commit, that to a delivery, and that to a step.
 *
 * @module
 */
import {
  type ClientPacket,
  type Event,
  type Message,
  nextDeadline,
  openSession,
  type QueuedMessage,
  type SessionOptions,
  snapshot,
  willMessage,
} from "../../../src/machine/mod.ts";
import { Judge } from "./invariants.ts";
import { type Answers, checkedStep, comparedWithRestored, type Fault, Link, packetOf, type Pending } from "./link.ts";
import { ModelStore, type Stored } from "./model_store.ts";
import type { Client } from "./client.ts";
import { numberIn, payloadWith, type Verdict } from "./trace.ts";

const LIMITS = { receiveMaximum: 6, sendAhead: 4, pageMessages: 6, maximumInFlight: 8 } as const;
const OPTIONS: SessionOptions = { role: "server", limits: LIMITS };
/** Where the sequences of a new log begin: shortly before the identifiers run around. */
const FIRST_SEQUENCE = 65_530;

export class Host {
  readonly judge: Judge = new Judge();
  readonly store: ModelStore = new ModelStore();
  now = 1_000_000;
  readonly #clients: readonly Client[];
  /** The connection that each client uses. */
  readonly #links: Map<string, Link> = new Map();
  /** Connections whose session is another's by now and that have not heard of it. */
  #stale: Link[] = [];
  #numbers = 0;
  #verdict: Verdict = "routed";
  readonly #fault: Fault;

  constructor(clients: readonly Client[], fault: Fault) {
    this.#clients = clients;
    this.#fault = fault;
  }

  /** A number that was not given out before: of a connection, a Will or a copy. */
  nextNumber(): number {
    return ++this.#numbers;
  }

  /** The connection that a client uses. */
  link(clientId: string): Link | undefined {
    return this.#links.get(clientId);
  }

  /** All open connections, those included that were superseded and have not heard of it. */
  openLinks(): readonly Link[] {
    return [...this.#links.values(), ...this.#stale].filter(({ open }) => open);
  }

  /** A new connection of a client, in place of the one that it had. */
  accept(clientId: string): Link {
    const old = this.#links.get(clientId);
    if (old?.open) this.#stale.push(old);
    const link = new Link({ number: this.nextNumber(), clientId }, OPTIONS, this.#answers, this.#fault);
    this.#links.set(clientId, link);
    link.follow({ type: "connectionOpened" }, {
      event: "connectionOpened",
      received: undefined,
      at: this.now,
      changes: [],
      effects: [],
      verdict: undefined,
    });
    return link;
  }

  /** A packet comes in; the verdict is what becomes of a PUBLISH. */
  receive(link: Link, packet: ClientPacket, verdict: Verdict): void {
    // A refusal by the commit takes back that commit alone: what came before it is committed apart.
    if (verdict === "refusedByCommit") this.commit(link);
    if (!link.open) return;
    this.#verdict = verdict;
    this.step(link, { type: "packetReceived", packet, unsentAcknowledgements: link.unsent() });
    this.#verdict = "routed";
  }

  /** Steps an event of a connection; one that closes it is committed at once. */
  step(link: Link, event: Event): void {
    link.begin(event, this.now);
    this.#observe(link);
    const closes = link.pending.at(-1)?.effects.some(({ type }) => type === "closeConnection");
    if (closes) this.commit(link);
  }

  readonly #answers: Answers = {
    request: (link, request, pending) => {
      switch (request.type) {
        case "authenticate":
          return link.follow({ type: "authenticated", clientId: request.connect.clientId, assigned: false }, pending);
        case "acquire": {
          const { terms } = request;
          const { connect } = link;
          const { released, resumed, startedThrough } = this.store.acquire(
            terms,
            link.number,
            this.now,
            FIRST_SEQUENCE,
          );
          if (connect !== undefined) {
            const { clientId, number } = link;
            this.judge.see({ type: "acquired", clientId, connection: number, connect, at: this.now });
          }
          const { snapshot, tail } = this.#stored(link.clientId);
          const page = this.store.page(link.clientId, 0, LIMITS.pageMessages);
          link.rung = [];
          link.follow({ type: "sessionAcquired", snapshot, resumed, startedThrough, ...page, tail }, pending);
          if (released === undefined) return;
          // The acquire puts it into the outbox; whom it reaches, this very session maybe, is found out after.
          this.#seeWill(link.clientId, released.payload);
          return this.#deliver(willMessage(released, link.clientId, this.now));
        }
        case "authorizeSubscribe": {
          const verdicts = request.subscriptions.map(({ qos }) => qos === 0 ? 0x87 : qos);
          return link.follow({ type: "subscribeAuthorized", ref: request.ref, verdicts }, pending);
        }
        case "routePublish": {
          const { ref, message } = request;
          const receivers = this.#receiversOf(message.topic).length;
          pending.verdict = this.#verdict === "routed" && receivers === 0 ? "nobody" : this.#verdict;
          if (this.#verdict === "refused") {
            return link.follow({ type: "publishRefused", ref, reasonCode: 0x87 }, pending);
          }
          link.follow({ type: "publishRouted", ref, receivers }, pending);
          if (this.#verdict === "routed") return;
          pending.changes.length = 0;
          pending.effects.length = 0;
          return link.follow({ type: "publishRefused", ref, reasonCode: 0x97 }, pending);
        }
        case "loadRetained":
          throw new Error("A server that retains nothing asks for retained messages");
        case "authenticateStep":
        case "reauthenticate":
          // No method is offered here.
          throw new Error(`Cannot answer ${request.type}`);
        default:
          return request satisfies never;
      }
    },
  };

  #stored(clientId: string): Stored {
    const stored = this.store.sessions.get(clientId);
    if (stored === undefined) throw new Error(`Cannot find the session of "${clientId}"`);
    return stored;
  }

  #receiversOf(topic: string): readonly string[] {
    return topic.split("/").filter((level) => this.store.sessions.has(level));
  }

  #observe(link: Link): void {
    this.judge.see({
      type: "observed",
      clientId: link.clientId,
      connection: link.number,
      at: this.now,
      online: link.session.online && this.owns(link),
      nextDeadline: nextDeadline(link.session),
      snapshot: snapshot(link.session),
    });
  }

  /** Whether the stored session is this connection's. */
  owns(link: Link): boolean {
    return this.store.sessions.get(link.clientId)?.owner === link.number;
  }

  /** Commits all that a connection waits for, or learns that it was superseded; then lets the effects out. */
  commit(link: Link): void {
    const batch = link.pending;
    link.pending = [];
    if (!this.owns(link) && batch.some(({ changes }) => changes.length > 0)) {
      return this.#tellSuperseded(link);
    }
    for (const pending of batch) this.#release(link, pending);
  }

  #release(link: Link, pending: Pending): void {
    const lost = pending.changes.length === 0 ? [] : this.store.commit(link.clientId, pending.changes);
    const sent = pending.effects.flatMap(packetOf);
    const handed = pending.changes.flatMap((change) => change.type === "publishMessage" ? [change] : []);
    const closes = pending.event === "connectionClosed" ||
      pending.effects.some(({ type }) => type === "closeConnection");
    this.judge.see({
      type: "exchange",
      connection: link.number,
      clientId: link.clientId,
      at: pending.at,
      event: pending.event,
      ...(pending.received === undefined ? {} : { received: pending.received }),
      sent,
      handedOn: handed.filter(({ ref }) => ref !== undefined).length,
      ...(pending.verdict === undefined ? {} : { verdict: pending.verdict }),
      lost: lost.map(({ message, reason }) => ({ copy: numberIn(message.payload), reason })),
      closes,
    });
    for (const { ref, message } of handed) {
      if (ref === undefined) this.#seeWill(link.clientId, message.payload);
      this.#deliver(message);
    }
    const client = this.#clients.find(({ id }) => id === link.clientId);
    for (const packet of sent) if (link.hears && this.#links.get(link.clientId) === link) client?.receive(packet);
    if (!closes) return;
    this.#close(link);
    const both = comparedWithRestored(link.session, OPTIONS, this.now);
    if (both !== undefined) this.judge.see({ type: "restored", kept: both[0], restored: both[1] });
  }

  #deliver(message: Message): void {
    for (const clientId of this.#receiversOf(message.topic)) {
      const copy = this.nextNumber();
      const payload = payloadWith(copy, message.payload.length);
      const used = this.#links.get(clientId);
      const link = used?.open && this.owns(used) ? used : undefined;
      const { publisher, topic, qos, expiresAt } = message;
      // As if each client were on a node of its own: what comes from another node is appended, whatever its level.
      const isOffered = qos === 0 && link !== undefined && publisher === clientId;
      this.judge.see({
        type: "appended",
        clientId,
        copy,
        publisher,
        topic,
        qos,
        ...(expiresAt === undefined ? {} : { expiresAt }),
      });
      if (isOffered) {
        // The host tells of what is queued before it offers what is not: it must not be overtaken.
        this.ring(link, true);
        this.step(link, {
          type: "qos0Offered",
          message: { ...message, payload },
          retain: false,
          subscriptionIdentifiers: [],
        });
        continue;
      }
      const queued = this.store.append(clientId, message, payload);
      if (queued !== undefined) link?.rung.push(queued);
    }
  }

  /** Tells a connection what was appended, with the messages if it is to have them. */
  ring(link: Link, withMessages: boolean): void {
    const stored = this.store.sessions.get(link.clientId);
    if (!link.open || stored === undefined || !this.owns(link)) return;
    const messages: readonly QueuedMessage[] = link.rung;
    link.rung = [];
    const { tail } = stored;
    const isWhole = messages.length > 0 && messages.at(-1)?.sequence === tail && isGapless(messages);
    this.step(link, { type: "messagesAppended", tail, ...(withMessages && isWhole ? { messages } : {}) });
  }

  /** Answers what a connection has asked of its log. */
  load(link: Link): void {
    const { load } = link;
    if (load === undefined || !this.owns(link)) return;
    link.load = undefined;
    this.step(link, { type: "queueLoaded", ...this.store.page(link.clientId, load.after, load.messages) });
  }

  /** A process is gone, and with it all that was not committed. */
  forget(link: Link): void {
    this.#close(link);
  }

  /** Superseded connections hear of it. */
  supersede(): void {
    const stale = this.#stale;
    this.#stale = [];
    for (const link of stale) if (link.open) this.#tellSuperseded(link);
  }

  #tellSuperseded(link: Link): void {
    link.pending = [];
    const { changes, effects } = checkedStep(link.session, { type: "superseded" }, this.now, this.#fault);
    const sent = effects.flatMap(packetOf);
    this.judge.see({ type: "supersededOutput", changes: changes.length, sent });
    const late = checkedStep(
      link.session,
      { type: "packetReceived", packet: { type: "pingreq" } },
      this.now,
      this.#fault,
    );
    this.judge.see({ type: "supersededOutput", changes: late.changes.length + late.effects.length, sent: [] });
    this.#close(link);
  }

  #close(link: Link): void {
    link.open = false;
    this.#stale = this.#stale.filter((one) => one !== link);
    if (this.#links.get(link.clientId) === link) this.#links.delete(link.clientId);
  }

  /** Work on a session that nobody holds: read, step, commit. */
  unowned(clientId: string, stored: Stored, event: Event): void {
    const session = openSession(stored.snapshot, OPTIONS);
    const { changes } = checkedStep(session, event, this.now, this.#fault);
    stored.owner = 0;
    this.store.commit(clientId, changes);
    for (const change of changes) {
      if (change.type !== "publishMessage") continue;
      this.#seeWill(clientId, change.message.payload);
      this.#deliver(change.message);
    }
  }

  /** When work on a stored session is due that nobody holds. */
  dueAt(stored: Stored): number | undefined {
    return nextDeadline(openSession(stored.snapshot, OPTIONS));
  }

  #seeWill(clientId: string, payload: Uint8Array): void {
    this.judge.see({ type: "willPublished", clientId, will: numberIn(payload), at: this.now });
  }
}

function isGapless(messages: readonly QueuedMessage[]): boolean {
  return messages.every(({ sequence }, index) => sequence === (messages[0]?.sequence ?? 0) + index);
}
