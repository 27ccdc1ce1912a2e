/**
 * The model host: two clients, a store, and one connection each at a time. Every action is synchronous.
 *
 * @module
 */
import {
  type ClientPacket,
  type ConnectPacket,
  type Event,
  type Message,
  nextDeadline,
  openSession,
  type QueuedMessage,
  type SessionOptions,
  snapshot,
  willMessage,
} from "../../../src/machine/mod.ts";
import { type Action, CLIENTS, type ConnectAction, TOPICS } from "./actions.ts";
import { Client } from "./client.ts";
import { Judge, leftOver } from "./invariants.ts";
import { type Answers, checkedStep, comparedWithRestored, type Fault, Link, packetOf, type Pending } from "./link.ts";
import { ModelStore, type Stored } from "./model_store.ts";
import { numberIn, payloadWith, type Verdict } from "./trace.ts";

const LIMITS = { receiveMaximum: 6, sendAhead: 4, pageMessages: 6, maximumInFlight: 8 } as const;
const OPTIONS: SessionOptions = { role: "server", limits: LIMITS };
/** Where the sequences of a new log begin: shortly before the identifiers run around. */
const FIRST_SEQUENCE = 65_530;
const LARGE = 60;
/** Each round takes the whole window of a client, so the longest run is over after far fewer. */
const SETTLING_ROUNDS = 40;

export class World {
  readonly judge: Judge = new Judge();
  readonly store: ModelStore = new ModelStore();
  readonly #clients = CLIENTS.map((id) => new Client(id));
  readonly #links: (Link | undefined)[] = CLIENTS.map(() => undefined);
  /** Connections whose session is another's by now and that have not heard of it. */
  #stale: Link[] = [];
  #now = 1_000_000;
  #numbers = 0;
  #verdict: Verdict = "routed";
  readonly #fault: Fault;

  constructor(fault: Fault = {}) {
    this.#fault = fault;
  }

  act(action: Action): void {
    this.#now += 1;
    switch (action.do) {
      case "connect":
        return this.#connect(action);
      case "publish": {
        const { topic, qos, expiry, large, verdict } = action;
        const isV5 = this.#links[action.client]?.connect?.protocolVersion === 5;
        const packet = this.#client(action.client).publish({
          topic: TOPICS[topic] ?? "",
          payload: payloadWith(0, large ? LARGE : 4),
          qos,
          ...(expiry === undefined || !isV5 ? {} : { messageExpiryInterval: expiry }),
        });
        if (packet === undefined) return;
        return this.#receive(action.client, packet, verdict);
      }
      case "rude":
        return this.#receive(action.client, action.packet, action.verdict);
      case "answer": {
        const due = this.#client(action.client).due;
        const [packet] = due.splice(action.which % Math.max(1, due.length), 1);
        if (packet === undefined) return;
        const fails = packet.type === "puback" || packet.type === "pubrec";
        const isV5 = this.#links[action.client]?.connect?.protocolVersion === 5;
        const code = isV5 && fails && action.reasonCode !== 0x92 ? action.reasonCode : 0;
        return this.#receive(action.client, "reasonCode" in packet ? { ...packet, reasonCode: code } : packet);
      }
      case "answerAll":
        for (const packet of this.#client(action.client).due.splice(0)) this.#receive(action.client, packet);
        return;
      case "commit":
        return this.#withLink(action.client, (link) => this.#commit(link));
      case "pump":
        return this.#withLink(action.client, () => this.#pump(action.client));
      case "ring":
        return this.#withLink(action.client, (link) => this.#ring(link, action.withMessages));
      case "load":
        return this.#withLink(action.client, (link) => this.#load(link));
      case "lose":
        return this.#withLink(action.client, (link) => this.#end(link, "connectionClosed"));
      case "crash":
        return this.#crash(action.client, action.lease);
      case "disconnect": {
        const { reasonCode, sessionExpiryInterval } = action;
        const isV4 = this.#links[action.client]?.connect?.protocolVersion === 4;
        this.#receive(action.client, {
          type: "disconnect",
          reasonCode: isV4 ? 0 : reasonCode,
          ...(isV4 || sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }),
        });
        return this.#withLink(action.client, (link) => this.#commit(link));
      }
      case "wait":
        this.#now += action.ms;
        return this.#runDue();
      case "end":
        return this.#endSession(action.client);
      case "skip": {
        const stored = this.store.sessions.get(CLIENTS[action.client] ?? "");
        const link = this.#links[action.client];
        if (stored === undefined || link === undefined) return;
        // As if so many messages had come and been dropped unsent.
        stored.tail += action.sequences;
        return this.#ring(link, false);
      }
      default:
        return action satisfies never;
    }
  }

  /** All clients behave from now on, and take everything. Answers what is left all the same: nothing should be. */
  settle(): readonly unknown[] {
    for (const client of CLIENTS.keys()) this.#connect({ ...WILLING, client });
    for (let round = 0; round < SETTLING_ROUNDS; round++) {
      for (const client of CLIENTS.keys()) {
        this.#pump(client);
      }
    }
    return CLIENTS.flatMap((id) => {
      const stored = this.store.sessions.get(id);
      return [
        ...stored?.log.keys() ?? [],
        ...stored?.snapshot.outbound.keys() ?? [],
        ...leftOver(this.judge.wire.client(id)),
      ];
    });
  }

  #client(index: number): Client {
    const client = this.#clients[index];
    if (client === undefined) throw new RangeError(`Cannot act: client ${index} does not exist`);
    return client;
  }

  #withLink(index: number, use: (link: Link) => void): void {
    const link = this.#links[index];
    if (link?.open) use(link);
  }

  /** All that a willing client and its server do in one go. */
  #pump(client: number): void {
    this.act({ do: "ring", client, withMessages: this.#now % 2 === 0 });
    this.act({ do: "load", client });
    this.act({ do: "commit", client });
    this.act({ do: "answerAll", client });
    this.act({ do: "commit", client });
  }

  #connect(action: ConnectAction): void {
    const { id } = this.#client(action.client);
    const old = this.#links[action.client];
    if (old?.open && action.old === "keep") return;
    if (old?.open) this.#stale.push(old);
    const link = new Link({ number: ++this.#numbers, clientId: id }, OPTIONS, this.#answers, this.#fault);
    this.#links[action.client] = link;
    link.follow({ type: "connectionOpened" }, {
      event: "connectionOpened",
      received: undefined,
      at: this.#now,
      changes: [],
      effects: [],
      verdict: undefined,
    });
    link.connect = this.#connectPacket(id, action);
    this.#step(link, { type: "packetReceived", packet: link.connect });
    if (action.old === "tell") this.#supersede();
    this.#commit(link);
  }

  #connectPacket(clientId: string, action: ConnectAction): ConnectPacket {
    const { version, cleanStart, keepAlive, receiveMaximum, maximumPacketSize, sessionExpiryInterval, willDelay } =
      action;
    const isV5 = version === 5;
    return {
      type: "connect",
      protocolVersion: version,
      clientId,
      cleanStart,
      keepAlive,
      ...(isV5 && receiveMaximum !== undefined ? { receiveMaximum } : {}),
      ...(isV5 && maximumPacketSize !== undefined ? { maximumPacketSize } : {}),
      ...(isV5 && sessionExpiryInterval !== undefined ? { sessionExpiryInterval } : {}),
      ...(willDelay === undefined ? {} : {
        will: {
          topic: "to/b",
          payload: payloadWith(++this.#numbers),
          qos: 1,
          retain: false,
          properties: {},
          willDelayInterval: willDelay,
        },
      }),
    };
  }

  #receive(index: number, packet: ClientPacket, verdict: Verdict = "routed"): void {
    const link = this.#links[index];
    if (!link?.open) return;
    this.#verdict = verdict;
    // A refusal by the commit takes back that commit alone: what came before it is committed apart.
    if (verdict === "refusedByCommit") this.#commit(link);
    if (!link.open) return;
    this.#step(link, { type: "packetReceived", packet, unsentAcknowledgements: link.unsent() });
    this.#verdict = "routed";
  }

  #step(link: Link, event: Event): void {
    link.begin(event, this.#now);
    this.#observe(link);
    const closes = link.pending.at(-1)?.effects.some(({ type }) => type === "closeConnection");
    if (closes) this.#commit(link);
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
            this.#now,
            FIRST_SEQUENCE,
          );
          if (connect !== undefined) {
            const { clientId, number } = link;
            this.judge.see({ type: "acquired", clientId, connection: number, connect, at: this.#now });
          }
          const { snapshot, tail } = this.#stored(link.clientId);
          const page = this.store.page(link.clientId, 0, LIMITS.pageMessages);
          link.rung = [];
          link.follow({ type: "sessionAcquired", snapshot, resumed, startedThrough, ...page, tail }, pending);
          if (released === undefined) return;
          // The acquire puts it into the outbox; whom it reaches, this very session maybe, is found out after.
          this.#seeWill(link.clientId, released.payload);
          return this.#deliver(willMessage(released, link.clientId, this.#now));
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
      at: this.#now,
      online: link.session.online && this.#owns(link),
      nextDeadline: nextDeadline(link.session),
      snapshot: snapshot(link.session),
    });
  }

  #owns(link: Link): boolean {
    return this.store.sessions.get(link.clientId)?.owner === link.number;
  }

  /** Commits all that a connection waits for, or learns that it was superseded; then lets the effects out. */
  #commit(link: Link): void {
    const batch = link.pending;
    link.pending = [];
    if (!this.#owns(link) && batch.some(({ changes }) => changes.length > 0)) {
      return this.#tellSuperseded(link);
    }
    for (const pending of batch) this.#release(link, pending);
    if (!link.open) this.#links.forEach((one, index) => one === link && (this.#links[index] = undefined));
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
    for (const packet of sent) if (this.#links.includes(link)) client?.receive(packet);
    if (!closes) return;
    link.open = false;
    this.#stale = this.#stale.filter((one) => one !== link);
    this.#links.forEach((one, index) => one === link && (this.#links[index] = undefined));
    const both = comparedWithRestored(link.session, OPTIONS, this.#now);
    if (both !== undefined) this.judge.see({ type: "restored", kept: both[0], restored: both[1] });
  }

  #deliver(message: Message): void {
    for (const clientId of this.#receiversOf(message.topic)) {
      const copy = ++this.#numbers;
      const payload = payloadWith(copy, message.payload.length);
      const link = this.#links.find((one) => one?.open && one.clientId === clientId && this.#owns(one));
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
        this.#ring(link, true);
        this.#step(link, {
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

  #ring(link: Link, withMessages: boolean): void {
    const stored = this.store.sessions.get(link.clientId);
    if (!link.open || stored === undefined || !this.#owns(link)) return;
    const messages: readonly QueuedMessage[] = link.rung;
    link.rung = [];
    const { tail } = stored;
    const isWhole = messages.length > 0 && messages.at(-1)?.sequence === tail && isGapless(messages);
    this.#step(link, { type: "messagesAppended", tail, ...(withMessages && isWhole ? { messages } : {}) });
  }

  #load(link: Link): void {
    const { load } = link;
    if (load === undefined || !this.#owns(link)) return;
    link.load = undefined;
    this.#step(link, { type: "queueLoaded", ...this.store.page(link.clientId, load.after, load.messages) });
  }

  #end(link: Link, type: "connectionClosed"): void {
    this.#step(link, { type });
    this.#commit(link);
    link.open = false;
  }

  /** The process is gone, and with it all that was not committed. */
  #crash(index: number, lease: "none" | "lapsed" | "found"): void {
    const link = this.#links[index];
    if (!link?.open) return;
    this.#links[index] = undefined;
    link.open = false;
    const stored = this.store.sessions.get(link.clientId);
    if (stored === undefined || !this.#owns(link) || lease === "none") return;
    const at = this.#now;
    this.#now += 1_000;
    this.judge.see({ type: "lapsed", clientId: link.clientId, at });
    stored.ownerUntil = at;
    if (lease === "found") this.#unowned(link.clientId, stored, { type: "ownerLost", at });
  }

  #supersede(): void {
    const stale = this.#stale;
    this.#stale = [];
    for (const link of stale) if (link.open) this.#tellSuperseded(link);
  }

  #tellSuperseded(link: Link): void {
    link.pending = [];
    const { changes, effects } = checkedStep(link.session, { type: "superseded" }, this.#now, this.#fault);
    const sent = effects.flatMap(packetOf);
    this.judge.see({ type: "supersededOutput", changes: changes.length, sent });
    const late = checkedStep(
      link.session,
      { type: "packetReceived", packet: { type: "pingreq" } },
      this.#now,
      this.#fault,
    );
    this.judge.see({ type: "supersededOutput", changes: late.changes.length + late.effects.length, sent: [] });
    link.open = false;
    this.#stale = this.#stale.filter((one) => one !== link);
    this.#links.forEach((one, index) => one === link && (this.#links[index] = undefined));
  }

  /** Work on a session that nobody holds: read, step, commit. */
  #unowned(clientId: string, stored: Stored, event: Event): void {
    const session = openSession(stored.snapshot, OPTIONS);
    const { changes } = checkedStep(session, event, this.#now, this.#fault);
    stored.owner = 0;
    this.store.commit(clientId, changes);
    for (const change of changes) {
      if (change.type !== "publishMessage") continue;
      this.#seeWill(clientId, change.message.payload);
      this.#deliver(change.message);
    }
  }

  #runDue(): void {
    for (const link of [...this.#links, ...this.#stale]) {
      if (!link?.open) continue;
      const deadline = nextDeadline(link.session);
      if (deadline !== undefined && deadline <= this.#now) this.#step(link, { type: "timePassed" });
    }
    for (const [clientId, stored] of [...this.store.sessions]) {
      if (stored.snapshot.head.attached) continue;
      const due = nextDeadline(openSession(stored.snapshot, OPTIONS));
      if (due !== undefined && due <= this.#now) this.#unowned(clientId, stored, { type: "timePassed" });
    }
  }

  #endSession(index: number): void {
    const clientId = CLIENTS[index] ?? "";
    const stored = this.store.sessions.get(clientId);
    if (stored === undefined) return;
    const link = this.#links[index];
    if (link?.open && this.#owns(link)) {
      this.#commit(link);
      if (!link.open) return;
      this.judge.see({ type: "endedByHost", clientId });
      this.#step(link, { type: "endRequested" });
    } else {
      this.judge.see({ type: "endedByHost", clientId });
      this.#unowned(clientId, stored, { type: "endRequested" });
    }
  }

  #seeWill(clientId: string, payload: Uint8Array): void {
    this.judge.see({ type: "willPublished", clientId, will: numberIn(payload), at: this.#now });
  }
}

const WILLING: ConnectAction = {
  do: "connect",
  client: 0,
  version: 5,
  cleanStart: false,
  receiveMaximum: undefined,
  maximumPacketSize: undefined,
  sessionExpiryInterval: 0xffff_ffff,
  willDelay: undefined,
  keepAlive: 0,
  old: "tell",
};

function isGapless(messages: readonly QueuedMessage[]): boolean {
  return messages.every(({ sequence }, index) => sequence === (messages[0]?.sequence ?? 0) + index);
}
