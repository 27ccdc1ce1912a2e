/**
 * What a row of the client's role is driven with: the machine of a client over a store of its own, a server that the
 * test plays, and a clock that moves by hand. Expectations are literals; nothing here decides what is right.
 *
 * Effects run once the changes of their step are durable, and commits can be held back. After every step the law of
 * changes is checked.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import {
  applyChanges,
  type ClientEffect,
  type ClientEvent,
  type ClientLimits,
  type ClientPacket,
  type ClientSession,
  type ClientStepResult,
  type ConnackPacket,
  type ConnectPacket,
  type ConnectRequest,
  type DisconnectRequested,
  type Message,
  nextDeadline,
  openClientSession,
  type PublishPacket,
  releasedHead,
  type ServerPacket,
  type SessionPolicy,
  type SessionSnapshot,
  snapshot,
  stepClient,
  type SubscriptionRequest,
} from "../../../src/machine/mod.ts";
import type { Version } from "./both_versions.ts";
import { type ClientChange, ClientWorld } from "./client_world.ts";
import { read, text } from "./rig.ts";

/** How a client is made: what differs from a 5.0 client `c` with the defaults. */
export interface ClientRigOptions {
  readonly version?: Version;
  readonly clientId?: string;
  readonly policy?: Partial<SessionPolicy>;
  readonly limits?: Partial<ClientLimits>;
  /** The Session Expiry Interval of a 5.0 CONNECT: an hour, unless told otherwise. */
  readonly interval?: number | "absent";
}

/** A packet that a client sends, and the packet of that type. */
export type ClientPacketOf<Type extends ClientPacket["type"]> = Extract<ClientPacket, { type: Type }>;

/** What the application is told, and the one of that type. */
export type ToldOf<Type extends ClientEffect["type"]> = Extract<ClientEffect, { type: Type }>;

interface Commit {
  readonly connection: number;
  readonly changes: readonly ClientChange[];
  readonly effects: readonly ClientEffect[];
  readonly requests: ClientStepResult["requests"];
}

/** The server, as far as its transport to this client goes. */
export class PlayedServer {
  /** Everything that reached it on this connection and the earlier ones, in order. */
  readonly received: ClientPacket[] = [];
  readonly #rig: ClientRig;
  #next = 0;

  constructor(rig: ClientRig) {
    this.#rig = rig;
  }

  /** Sends packets, one after another. */
  sends(...packets: readonly ServerPacket[]): void {
    for (const packet of packets) this.#rig.receive(packet);
  }

  /** The next packet, which must be of this type. */
  takes<Type extends ClientPacket["type"]>(type: Type): ClientPacketOf<Type> {
    const packet = this.received[this.#next];
    ok(packet !== undefined, `${type} was expected, nothing came`);
    equal(packet.type, type);
    this.#next += 1;
    // The line above has compared the type.
    return packet as ClientPacketOf<Type>;
  }

  /** All packets that have not been taken, and takes them. */
  takesAll(): readonly ClientPacket[] {
    const packets = this.received.slice(this.#next);
    this.#next = this.received.length;
    return packets;
  }

  /** The same as short texts. */
  traces(): readonly string[] {
    return this.takesAll().map(clientTrace);
  }

  /** Nothing is left to take. */
  quiet(): void {
    deepEqual(this.received.slice(this.#next).map(clientTrace), []);
  }
}

/** A client with its store, its server and its application. */
export class ClientRig {
  readonly version: Version;
  readonly world: ClientWorld;
  readonly server: PlayedServer;
  now = 1_700_000_000_000;
  session: ClientSession;
  /** Whether the transport is open. */
  open = false;
  /** The reason code of the last close; absent while nothing was closed. */
  closedWith: number | undefined;
  /** What the application was told, in order; packets and closes are not in it. */
  heard: ClientEffect[] = [];
  readonly #options: ClientRigOptions;
  readonly #commits: Commit[] = [];
  #connection = 0;
  #isHeld = false;
  #ref = 0;

  constructor(options: ClientRigOptions = {}) {
    this.#options = options;
    this.version = options.version ?? 5;
    this.world = new ClientWorld(options.clientId ?? "c");
    this.server = new PlayedServer(this);
    this.session = this.#acquired();
  }

  #acquired(): ClientSession {
    const { policy = {}, limits = {} } = this.#options;
    return openClientSession(this.world.acquire(this.now), { policy, limits });
  }

  /** Steps the machine, checks the law of changes and commits, unless commits are held back. */
  step(event: ClientEvent): ClientStepResult {
    const before = snapshot(this.session);
    const result = stepClient(this.session, event, this.now);
    if (before !== undefined && event.type !== "superseded") {
      deepEqual(snapshot(this.session), applyChanges(before, result.changes), "applyChanges tells the snapshot");
    }
    this.stepped(result);
    this.#commits.push({ connection: this.#connection, ...result });
    if (!this.#isHeld) this.flush();
    return result;
  }

  /** For those who look on: called with what every step results in. */
  protected stepped(_result: ClientStepResult): void {}

  /** From now on nothing becomes durable, so nothing has an effect either. */
  hold(): void {
    this.#isHeld = true;
  }

  /** What was held back is carried out, in order: all of it, or so many commits, and then the next ones are held. */
  flush(commits: number = Infinity): void {
    this.#isHeld = commits !== Infinity;
    for (let left = commits; left > 0; left--) {
      const commit = this.#commits.shift();
      if (commit === undefined) return;
      const appended = this.world.commit(commit.changes);
      for (const effect of commit.effects) this.#run(effect, commit.connection);
      if (appended.length > 0) this.step({ type: "messagesAppended", tail: this.world.tail, messages: appended });
      for (const { after, messages, bytes } of commit.requests) {
        if (commit.connection !== this.#connection || !this.session.online) continue;
        this.step({ type: "queueLoaded", ...this.world.page(after, messages, bytes) });
      }
    }
  }

  #run(effect: ClientEffect, connection: number): void {
    const isCurrent = connection === this.#connection && this.open;
    if (effect.type === "sendPacket") {
      if (isCurrent) this.server.received.push(effect.packet);
    } else if (effect.type === "closeConnection") {
      if (!isCurrent) return;
      this.open = false;
      this.closedWith = effect.reasonCode;
    } else {
      this.heard.push(effect);
    }
  }

  /** A packet of the server arrives. */
  receive(packet: ServerPacket): void {
    ok(this.open, `the server sends ${packet.type}, the connection is closed`);
    const unsentAcknowledgements =
      this.#commits.flatMap(({ connection, effects }) =>
        connection === this.#connection ? effects.filter(isAnswerThatEnds) : []
      ).length;
    this.step({ type: "packetReceived", packet, unsentAcknowledgements });
  }

  /**
   * A transport opens and CONNECT goes out: for a session of an hour that goes on, unless told otherwise. What came
   * before and was not taken is let go.
   */
  connect(connect: Partial<ConnectRequest> = {}): ConnectPacket {
    this.server.takesAll();
    this.dial(connect);
    return this.server.takes("connect");
  }

  /** The same, and whatever goes out is left to be taken. */
  dial(connect: Partial<ConnectRequest> = {}): void {
    const { interval: sessionExpiryInterval = 3_600 } = this.#options;
    const interval = this.version === 4 || sessionExpiryInterval === "absent" ? {} : { sessionExpiryInterval };
    this.#connection += 1;
    this.open = true;
    this.closedWith = undefined;
    this.step({
      type: "connectRequested",
      connect: { protocolVersion: this.version, cleanStart: false, keepAlive: 0, ...interval, ...connect },
    });
  }

  /** The server accepts. */
  accept(connack: Partial<ConnackPacket> = {}): void {
    this.server.sends({ type: "connack", sessionPresent: false, reasonCode: 0, ...connack });
  }

  /** Connects, and the server has no session. */
  begin(connect: Partial<ConnectRequest> = {}, connack: Partial<ConnackPacket> = {}): void {
    this.connect(connect);
    this.accept(connack);
    equal(this.session.online, true);
  }

  /** Connects, and the server has the session. */
  resume(connack: Partial<ConnackPacket> = {}, connect: Partial<ConnectRequest> = {}): void {
    equal(this.connect(connect).cleanStart, false);
    this.accept({ sessionPresent: true, ...connack });
    equal(this.session.online, true);
  }

  /** The transport breaks. */
  drop(): void {
    this.open = false;
    this.step({ type: "connectionClosed" });
  }

  /** The process dies: what is not durable is gone, and a new one takes the session. */
  crash(): void {
    this.#commits.length = 0;
    this.#isHeld = false;
    this.open = false;
    this.#connection += 1;
    this.session = this.#acquired();
  }

  /** The application lets go of a session that has no connection, and a new one takes it. */
  reopen(): void {
    const head = releasedHead(this.session);
    ok(head !== undefined);
    this.world.release(head);
    this.session = this.#acquired();
  }

  /** Lets time pass as a host does that sleeps until the next deadline. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (let due = nextDeadline(this.session); due !== undefined && due <= end; due = nextDeadline(this.session)) {
      this.now = Math.max(this.now, due);
      this.step({ type: "timePassed" });
    }
    this.now = end;
  }

  /** The application publishes to topic `t`; answers its `ref`. */
  publish(payload: string, qos: 0 | 1 | 2 = 1, differing: Partial<Message> = {}): number {
    const ref = ++this.#ref;
    const message = { topic: "t", payload: text(payload), qos, retain: false, properties: {}, publisher: "" };
    this.step({ type: "publishRequested", ref, message: { publishedAt: this.now, ...message, ...differing } });
    return ref;
  }

  /** The application subscribes; answers its `ref`. */
  subscribe(filters: string | readonly SubscriptionRequest[], subscriptionIdentifier?: number): number {
    const ref = ++this.#ref;
    const subscriptions = typeof filters === "string" ? [subscription(filters)] : filters;
    const identified = subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier };
    this.step({ type: "subscribeRequested", ref, subscriptions, ...identified });
    return ref;
  }

  /** The application unsubscribes; answers its `ref`. */
  unsubscribe(...filters: readonly string[]): number {
    const ref = ++this.#ref;
    this.step({ type: "unsubscribeRequested", ref, filters });
    return ref;
  }

  /** The application says good-bye. */
  disconnect(options: Omit<DisconnectRequested, "type"> = {}): void {
    this.step({ type: "disconnectRequested", ...options });
  }

  /** Takes what the application has heard of this kind. */
  told<Type extends ClientEffect["type"]>(type: Type): readonly ToldOf<Type>[] {
    const isOfType = (effect: ClientEffect): effect is ToldOf<Type> => effect.type === type;
    const told = this.heard.filter(isOfType);
    this.heard = this.heard.filter((effect) => !isOfType(effect));
    return told;
  }

  /** The payloads that the application has got at QoS 1 and 2, in order. */
  get inbox(): readonly string[] {
    return this.world.inbox.map(({ message }) => read(message.payload));
  }

  /** The payloads that stand in the log, in order. */
  get log(): readonly string[] {
    return [...this.world.log.values()].map(({ payload }) => read(payload));
  }

  /** The session as it is stored. */
  get stored(): SessionSnapshot {
    ok(this.world.stored !== undefined);
    return this.world.stored;
  }
}

function isAnswerThatEnds(effect: ClientEffect): boolean {
  return effect.type === "sendPacket" && (effect.packet.type === "puback" || effect.packet.type === "pubcomp");
}

/** One filter of a SUBSCRIBE at QoS 2; every option that is not named is 0. */
export function subscription(filter: string, differing: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { filter, qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0, ...differing };
}

/** A PUBLISH of the server to topic `t`. */
export function incoming(payload: string, qos: 0 | 1 | 2, differing: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: "publish",
    topic: "t",
    payload: text(payload),
    qos,
    retain: false,
    dup: false,
    properties: {},
    ...differing,
  };
}

/** An acknowledgement as a server sends it. */
export function answer(
  type: "puback" | "pubrec" | "pubrel" | "pubcomp",
  packetId: number,
  reasonCode = 0,
): ServerPacket {
  return { type, packetId, reasonCode };
}

/**
 * A packet as text: `m1 q1 #2 dup` for a PUBLISH of payload m1, `pubrel #2` or `pubrel #2 0x92` for an acknowledgement,
 * `connect clean`, `subscribe #65535`, `disconnect 0x82`, else the type.
 */
export function clientTrace(packet: ClientPacket): string {
  switch (packet.type) {
    case "connect":
      return packet.cleanStart ? "connect clean" : "connect";
    case "publish": {
      const id = packet.packetId === undefined ? "" : ` #${packet.packetId}`;
      return `${read(packet.payload)} q${packet.qos}${id}${packet.dup ? " dup" : ""}`;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `${packet.type} #${packet.packetId}${code(packet.reasonCode)}`;
    case "subscribe":
    case "unsubscribe":
      return `${packet.type} #${packet.packetId}`;
    case "disconnect":
    case "auth":
      return `${packet.type}${code(packet.reasonCode)}`;
    default:
      return packet.type;
  }
}

function code(reasonCode: number): string {
  return reasonCode === 0 ? "" : ` 0x${reasonCode.toString(16).padStart(2, "0")}`;
}
