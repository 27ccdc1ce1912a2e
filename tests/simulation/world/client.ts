/**
 * A client that keeps MQTT's promises from its side, over all its connections: what it has sent and not got acknowledged
 * is sent again in order, what it has taken is not taken twice.
 *
 * @module
 */
import type { AuthPacket, ClientPacket, ConnackPacket, PublishPacket, ServerPacket } from "../../../mod.ts";
import type { ClientPlan, FilterPlan, Level } from "../plan/plan.ts";
import { Aliases } from "./aliases.ts";
import { connectPacket } from "./connect_packet.ts";
import type { Journal } from "./journal.ts";
import type { Link, LinkOwner } from "./link.ts";
import { Prover } from "./prover.ts";
import type { VirtualTime } from "./virtual_time.ts";

/** What a client needs of the world. */
export interface ClientWorld {
  readonly time: VirtualTime;
  readonly journal: Journal;
  /** Opens a network connection to a node, or to any. */
  open(client: Client, node: number | undefined): Link;
  /** A text that no other message has. */
  nextText(): string;
  /** Whether everything has healed: nobody holds anything back any more. */
  readonly isHealed: boolean;
}

/** A message that is to be sent. */
export interface Outgoing {
  readonly topic: string;
  readonly text: string;
  readonly qos: Level;
  readonly retain: boolean;
  readonly expiry?: number;
}

/** How a connection is made. */
export interface ConnectChoice {
  readonly node?: number;
  readonly clean: boolean;
  readonly expiry?: number;
  readonly will: boolean;
}

/** It stays away for so long after its connection was lost, in milliseconds. */
const RETURNS_AFTER_MS = 300;
/** The same where its principal may have as many sessions as it may have. */
const TRIES_AGAIN_AFTER_MS = 1_500;

/** A client. */
export class Client implements LinkOwner {
  readonly name: string;
  readonly plan: ClientPlan;
  link: Link | undefined;
  /** A second device under the same name, whose connection was taken over: it reads, and may still send. */
  second: Link | undefined;
  /** When its last connection ended, as the server was told. */
  detachedAt: number | undefined;
  /** In seconds, as it asked for last. */
  expiry: number;
  isRude = false;
  neverAnswers = false;
  readonly #world: ClientWorld;
  readonly #wanted = new Map<string, FilterPlan>();
  readonly #granted = new Set<string>();
  /** What it has sent and waits for, in order. */
  readonly #open = new Map<number, ClientPacket>();
  readonly #unreleased = new Set<number>();
  readonly #waiting: Outgoing[] = [];
  readonly #answers: ClientPacket[] = [];
  #isOnline = false;
  #receiveMaximum = 65_535;
  readonly #aliases = new Aliases();
  readonly #prover: Prover | undefined;
  #nextId: number;
  #answersAt = 0;
  #cancelPing = () => {};
  #hasLeft = false;
  /** Its last CONNECT was refused, perhaps for the quota of its principal: it tries again until all is at rest. */
  #isTurnedAway = false;
  #isAtRest = false;
  #wills = 0;

  constructor(world: ClientWorld, name: string, plan: ClientPlan) {
    this.#world = world;
    this.name = name;
    this.plan = plan;
    this.expiry = plan.sessionExpiryInterval;
    this.#nextId = plan.firstPacketId;
    this.#prover = plan.proof && new Prover(plan.proof);
    for (const filter of plan.filters) this.#wanted.set(filter.filter, filter);
  }

  get isOnline(): boolean {
    return this.#isOnline;
  }
  /** Whether it is connected and waits for nothing. */
  get isSettled(): boolean {
    return this.#isOnline && this.#open.size === 0 && this.#waiting.length === 0 && this.#answers.length === 0;
  }

  connect(choice: ConnectChoice): void {
    const { plan } = this;
    this.#forgetConnection();
    if (choice.clean) this.#forgetSession();
    this.expiry = choice.expiry ?? plan.sessionExpiryInterval;
    const link = this.link = this.#world.open(this, choice.node);
    if (!link.isOpen) return;
    const expiry = this.expiry;
    const will = choice.will && plan.will !== undefined ? `w${++this.#wills}.${this.name}` : undefined;
    this.#prover?.connects();
    link.send(connectPacket(this.name, plan, { clean: choice.clean, expiry, will }));
    this.#pingLater(link);
  }

  /** Closes with DISCONNECT. */
  disconnect(reasonCode: 0 | 4, waits: boolean, expiry?: number): void {
    const { link, plan } = this;
    if (link === undefined || !this.#isOnline) return;
    const changes = plan.version === 5 && expiry !== undefined && this.expiry > 0;
    if (changes) this.expiry = expiry;
    link.send({
      type: "disconnect",
      reasonCode: plan.version === 5 ? reasonCode : 0,
      ...(changes ? { sessionExpiryInterval: expiry } : {}),
    });
    // Nothing may be sent behind it.
    this.#forgetConnection();
    if (!waits) link.close();
  }

  publish(message: Outgoing): void {
    // What is not promised is not kept either.
    if (message.qos === 0 && !this.#isOnline) return;
    this.#waiting.push(message);
    this.#pump();
  }

  subscribe(filter: FilterPlan): void {
    this.#wanted.set(filter.filter, filter);
    this.#granted.delete(filter.filter);
    if (this.#isOnline) this.#sendSubscribe(filter);
  }

  unsubscribe(filter: string): void {
    if (!this.#wanted.delete(filter) || !this.#isOnline) return;
    this.#granted.delete(filter);
    const packetId = this.#freeId();
    this.#sendOpen(packetId, { type: "unsubscribe", packetId, filters: [filter] });
  }

  /** Asks for a shared subscription with No Local, and wants nothing of it if the connection ends for that. */
  shareNoLocal(): void {
    if (!this.#isOnline) return;
    const options = { qos: 1, noLocal: true, retainAsPublished: false, retainHandling: 0 } as const;
    const packetId = this.#freeId();
    this.link?.send({ type: "subscribe", packetId, subscriptions: [{ filter: "$share/g/t/#", ...options }] });
  }

  ping(): void {
    if (this.#isOnline) this.link?.send({ type: "pingreq" });
  }

  /** Proves once more who it is. */
  reauthenticate(): void {
    const begins = this.#isOnline ? this.#prover?.again() : undefined;
    if (begins !== undefined) this.link?.send(begins);
  }

  /** Answers nothing for so long, then all in order. */
  holdAnswers(ms: number): void {
    this.#answersAt = Math.max(this.#answersAt, this.#world.time.now + ms);
  }

  /** Everything has healed: nothing is held back any more. */
  heal(): void {
    this.#answersAt = 0;
    this.neverAnswers = false;
    this.#flush();
  }

  /** All is at rest: nothing is said of its own accord any more. */
  rest(): void {
    this.#isAtRest = true;
    this.#cancelPing();
  }

  /** Goes, and does not come back. */
  leave(): void {
    this.#hasLeft = true;
    this.link?.close();
  }

  take(packet: ServerPacket, link: Link): void {
    // The second device only reads.
    if (link !== this.link) return;
    switch (packet.type) {
      case "connack":
        this.#isTurnedAway = packet.reasonCode !== 0 && this.plan.principal !== undefined;
        return packet.reasonCode === 0 ? this.#connected(packet) : undefined;
      case "auth":
        return this.#takeAuth(packet, link);
      case "publish":
        return this.#takePublish(packet);
      case "pubrel":
        this.#unreleased.delete(packet.packetId);
        return this.#answer({ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 });
      case "puback":
      case "pubcomp":
        this.#open.delete(packet.packetId);
        return this.#pump();
      case "pubrec":
        return this.#takePubrec(packet.packetId, packet.reasonCode);
      case "suback":
        return this.#takeSuback(packet.packetId, packet.reasonCodes);
      case "unsuback":
        return void this.#open.delete(packet.packetId);
      default:
        return;
    }
  }

  lost(link: Link): void {
    if (link === this.second) this.second = undefined;
    if (link !== this.link) return;
    this.#isOnline = false;
    this.link = undefined;
    this.detachedAt = link.toldAt ?? this.#world.time.now;
    this.#forgetConnection();
    if (this.#hasLeft || !this.plan.returns || (this.isRude && !this.#world.isHealed)) return;
    this.#world.time.after(this.#isTurnedAway ? TRIES_AGAIN_AFTER_MS : RETURNS_AFTER_MS, () => {
      if (this.#isAtRest && this.#isTurnedAway) return;
      if (this.link === undefined && !this.#hasLeft) this.connect({ clean: this.isRude, will: true });
    });
  }

  /** A free Packet Identifier of its own. */
  freeId(): number {
    return this.#freeId();
  }

  #forgetConnection(): void {
    this.#cancelPing();
    this.#isOnline = false;
    this.#answers.length = 0;
  }

  #forgetSession(): void {
    this.#open.clear();
    this.#unreleased.clear();
    this.#granted.clear();
  }

  #connected({ sessionPresent: isPresent, receiveMaximum = 65_535, topicAliasMaximum = 0 }: ConnackPacket): void {
    this.#isOnline = true;
    this.#prover?.done();
    this.#receiveMaximum = receiveMaximum;
    this.#aliases.begin(this.plan.usesAliases ? topicAliasMaximum : 0);
    this.#world.journal.count(isPresent ? "resumed" : "new session");
    if (!isPresent) this.#forgetSession();
    // Only what was promised and not taken yet goes again, in its first order; SUBSCRIBE is asked anew.
    for (const [packetId, packet] of [...this.#open]) {
      if (packet.type === "publish") this.link?.send({ ...packet, dup: true });
      else if (packet.type === "pubrel") this.link?.send(packet);
      else this.#open.delete(packetId);
    }
    for (const filter of this.#wanted.values()) {
      if (!this.#granted.has(filter.filter)) this.#sendSubscribe(filter);
    }
    this.#pump();
  }

  #takeAuth(packet: AuthPacket, link: Link): void {
    if (packet.reasonCode === 0) return this.#prover?.done();
    this.#world.time.after(this.plan.proof?.thinksMs ?? 0, () => {
      if (this.#prover !== undefined) link.send(this.#prover.answer(packet, this.#world.isHealed));
    });
  }

  #takePublish(packet: PublishPacket): void {
    const { packetId, qos } = packet;
    if (packetId === undefined) return;
    if (qos === 2) this.#unreleased.add(packetId);
    this.#answer({ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
  }

  #takePubrec(packetId: number, reasonCode: number): void {
    if (reasonCode >= 0x80) {
      this.#open.delete(packetId);
      return this.#pump();
    }
    const release: ClientPacket = { type: "pubrel", packetId, reasonCode: 0 };
    if (!this.#open.has(packetId)) return this.link?.send(release);
    // At its place in the order of what is released.
    this.#open.delete(packetId);
    this.#sendOpen(packetId, release);
  }

  #takeSuback(packetId: number, reasonCodes: readonly number[]): void {
    const asked = this.#open.get(packetId);
    this.#open.delete(packetId);
    if (asked?.type !== "subscribe") return;
    for (const [index, { filter }] of asked.subscriptions.entries()) {
      if ((reasonCodes[index] ?? 0x80) < 0x80 && this.#wanted.has(filter)) this.#granted.add(filter);
    }
  }

  #sendSubscribe({ filter, qos, noLocal, retainAsPublished, retainHandling = 0, identifier }: FilterPlan): void {
    const isV5 = this.plan.version === 5;
    const packetId = this.#freeId();
    const options = {
      noLocal: isV5 && noLocal,
      retainAsPublished: isV5 && retainAsPublished,
      retainHandling: isV5 ? retainHandling : 0,
    } as const;
    this.#sendOpen(packetId, {
      type: "subscribe",
      packetId,
      subscriptions: [{ filter, qos, ...options }],
      ...(isV5 && identifier !== undefined ? { subscriptionIdentifier: identifier } : {}),
    });
  }

  #sendOpen(packetId: number, packet: ClientPacket): void {
    this.#open.set(packetId, packet);
    this.link?.send(packet);
  }

  /** Sends what waits, as far as the server takes it. */
  #pump(): void {
    while (this.#isOnline) {
      const [message] = this.#waiting;
      if (message === undefined) return;
      const { qos, topic, text, retain, expiry } = message;
      if (qos > 0 && this.#inFlight() >= this.#receiveMaximum) return;
      this.#waiting.shift();
      const packetId = qos === 0 ? undefined : this.#freeId();
      const packet: PublishPacket = {
        type: "publish",
        topic,
        payload: bytes(text),
        qos,
        retain,
        dup: false,
        properties: {},
        ...(packetId === undefined ? {} : { packetId }),
        ...(expiry !== undefined && this.plan.version === 5 ? { messageExpiryInterval: expiry } : {}),
      };
      // What is kept for a repetition has its whole topic: an alias ends with the connection.
      if (packetId !== undefined) this.#open.set(packetId, packet);
      this.link?.send(this.#aliases.named(packet));
    }
  }

  #inFlight(): number {
    let count = 0;
    for (const { type } of this.#open.values()) if (type === "publish" || type === "pubrel") count++;
    return count;
  }

  #freeId(): number {
    while (this.#open.has(this.#nextId)) this.#nextId = this.#nextId % 65_535 + 1;
    const id = this.#nextId;
    this.#nextId = id % 65_535 + 1;
    return id;
  }

  #answer(packet: ClientPacket): void {
    if (this.neverAnswers) return;
    this.#answers.push(packet);
    const { time, isHealed } = this.#world;
    const at = isHealed ? 0 : Math.max(this.#answersAt, time.now + this.plan.answersAfterMs);
    if (at <= time.now) return this.#flush();
    const { link } = this;
    time.after(at - time.now, () => {
      if (this.link === link && this.#answersAt <= time.now) this.#flush();
    });
  }

  #flush(): void {
    const answers = this.#answers.splice(0);
    if (answers.length > 0) this.link?.send(...answers);
  }

  #pingLater(link: Link): void {
    const { keepAlive } = this.plan;
    if (keepAlive === 0) return;
    this.#cancelPing = this.#world.time.after(keepAlive * 700, () => {
      if (this.link !== link) return;
      this.ping();
      this.#pingLater(link);
    });
  }
}

/** A text as a payload. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
