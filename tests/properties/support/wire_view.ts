/**
 * What a reader of the wire knows of each client's session. Written from the MQTT text, apart from `src`.
 *
 * @module
 */
import type { ClientPacket, ConnectPacket, QoS, ServerPacket } from "../../../src/machine/mod.ts";
import { type Acquired, type Appended, type Exchange, numberIn, type TraceRecord } from "./trace.ts";

const PUBACK_CODES = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as const;
const PUBCOMP_CODES = [0, 0x92] as const;

export type Phase = "queued" | "puback" | "pubrec" | "pubcomp" | "done";

/** One copy on its way to a client. */
export interface CopyView {
  readonly copy: number;
  readonly stream: string;
  readonly qos: QoS;
  readonly expiresAt: number;
  phase: Phase;
  id: number;
  transmissions: number;
  /** The connection of the last transmission. */
  sentOn: number;
  /** Its connection may have sent it before it went away without a word. */
  maybeSent: boolean;
  /** The place of its PUBREC among all. */
  pubrecOrder: number;
}

/** A Will that a CONNECT carried. */
export interface WillView {
  readonly delayMs: number;
  readonly connection: number;
  published: boolean;
  /** A DISCONNECT of code 0 took it away. */
  revoked: boolean;
  /** It may be published from then on: the earlier of its delay and the session's end. */
  dueAt: number;
}

/** One client's session as the wire shows it. */
export class ClientView {
  copies = new Map<number, CopyView>();
  /** Ids of QoS 2 messages of the client that were answered by PUBREC and not yet released. */
  held = new Set<number>();
  readonly wills = new Map<number, WillView>();
  connection = 0;
  connect: ConnectPacket | undefined;
  /** Expected Session Present, by connection. */
  readonly present = new Map<number, boolean>();
  exists = false;
  /** Infinity while attached. */
  closedAt = Infinity;
  intervalMs = 0;
  /** Whether the last connection went away without a word to the store. */
  unwitnessed = false;
  /** PUBRELs that may still be sent, by id: one for each that was open at the start, and for each PUBREC. */
  pubrelsOwed = new Map<number, number>();
  lastPubrecOrder = 0;
  /** Ids that the client says, or may think, are in use. */
  outOfUse = new Set<number>();

  live(id: number): CopyView | undefined {
    for (const copy of this.copies.values()) if (copy.id === id && isLive(copy)) return copy;
    return undefined;
  }

  *liveCopies(): Iterable<CopyView> {
    for (const copy of this.copies.values()) if (isLive(copy)) yield copy;
  }

  goesOnAt(now: number): boolean {
    if (!this.exists) return false;
    return this.closedAt === Infinity ? this.intervalMs > 0 : now < this.closedAt + this.intervalMs;
  }
}

export function isLive(copy: CopyView): boolean {
  return copy.phase === "puback" || copy.phase === "pubrec" || copy.phase === "pubcomp";
}

/** All clients. */
export class WireView {
  readonly #clients = new Map<string, ClientView>();
  readonly closedConnections = new Set<number>();

  client(id: string): ClientView {
    const known = this.#clients.get(id) ?? new ClientView();
    this.#clients.set(id, known);
    return known;
  }

  /** Takes a record other than an exchange in. */
  note(record: TraceRecord): void {
    if (record.type === "appended") this.#append(record);
    if (record.type === "acquired") this.#attach(record);
    if (record.type === "lapsed") {
      const view = this.client(record.clientId);
      if (view.closedAt === Infinity) view.unwitnessed = true;
      this.#detach(view, record.at);
    }
    if (record.type === "endedByHost") {
      const view = this.client(record.clientId);
      view.exists = false;
      for (const will of view.wills.values()) will.dueAt = 0;
    }
    if (record.type === "willPublished") {
      const will = this.client(record.clientId).wills.get(record.will);
      if (will !== undefined) will.published = true;
    }
  }

  receive(exchange: Exchange, packet: ClientPacket): void {
    const view = this.client(exchange.clientId);
    if (packet.type === "puback" || packet.type === "pubrec" || packet.type === "pubcomp") {
      acknowledge(view, packet.type, packet.packetId, packet.reasonCode);
    }
    if (packet.type === "disconnect") disconnect(view, packet);
  }

  send(exchange: Exchange, packet: ServerPacket): void {
    const view = this.client(exchange.clientId);
    if (packet.type === "publish") {
      const copy = view.copies.get(numberIn(packet.payload));
      if (copy === undefined) return;
      copy.transmissions += 1;
      copy.sentOn = exchange.connection;
      copy.id = packet.packetId ?? 0;
      copy.phase = packet.qos === 0 ? "done" : packet.qos === 1 ? "puback" : "pubrec";
    }
    if (packet.type === "pubrel") {
      view.pubrelsOwed.set(packet.packetId, (view.pubrelsOwed.get(packet.packetId) ?? 0) - 1);
    }
  }

  /** A copy was given up. The client may still hold the id of one whose PUBREC is awaited. */
  lose(view: ClientView, copy: CopyView): void {
    if (copy.phase === "pubrec") view.outOfUse.add(copy.id);
    copy.phase = "done";
  }

  /** The end of an exchange. */
  end(exchange: Exchange): void {
    const view = this.client(exchange.clientId);
    const { received } = exchange;
    const answer = exchange.sent.find(({ type }) => type === "pubrec");
    if (received?.type === "publish" && received.qos === 2 && answer?.type === "pubrec" && answer.reasonCode < 0x80) {
      view.held.add(answer.packetId);
    }
    if (received?.type === "pubrel") view.held.delete(received.packetId);
    if (!exchange.closes) return;
    this.closedConnections.add(exchange.connection);
    if (exchange.connection === view.connection) this.#detach(view, exchange.at);
  }

  #append(record: Appended): void {
    const { copy, publisher, topic, qos } = record;
    this.client(record.clientId).copies.set(copy, {
      copy,
      stream: `${publisher} ${topic} ${qos}`,
      qos,
      expiresAt: record.expiresAt ?? Infinity,
      phase: "queued",
      id: 0,
      transmissions: 0,
      sentOn: 0,
      maybeSent: false,
      pubrecOrder: 0,
    });
  }

  #attach(record: Acquired): void {
    const view = this.client(record.clientId);
    const { connect, at } = record;
    const goesOn = view.goesOnAt(at);
    view.present.set(record.connection, goesOn && !connect.cleanStart);
    // A session that ends releases its Will then and there; one taken over releases a Will without a delay.
    for (const will of view.wills.values()) {
      const isTakenOver = view.closedAt === Infinity;
      if (!goesOn || connect.cleanStart || (isTakenOver && will.delayMs === 0)) will.dueAt = Math.min(will.dueAt, at);
      else if (isTakenOver) will.revoked = true;
      else if (will.dueAt > at) will.revoked = true;
    }
    if (!goesOn || connect.cleanStart) {
      view.copies = new Map();
      view.held = new Set();
      view.outOfUse = new Set();
    } else if (view.closedAt === Infinity || view.unwitnessed) {
      for (const copy of view.copies.values()) if (copy.phase === "queued") copy.maybeSent = true;
    }
    view.pubrelsOwed = new Map();
    for (const copy of view.copies.values()) if (copy.phase === "pubcomp") view.pubrelsOwed.set(copy.id, 1);
    view.exists = true;
    view.closedAt = Infinity;
    view.unwitnessed = false;
    view.connection = record.connection;
    view.connect = connect;
    view.intervalMs = intervalOf(connect);
    if (connect.will !== undefined) {
      view.wills.set(numberIn(connect.will.payload), {
        delayMs: connect.protocolVersion === 4 ? 0 : connect.will.willDelayInterval * 1_000,
        connection: record.connection,
        published: false,
        revoked: false,
        dueAt: Infinity,
      });
    }
  }

  #detach(view: ClientView, at: number): void {
    if (view.closedAt !== Infinity) return;
    view.closedAt = at;
    for (const will of view.wills.values()) {
      if (will.connection === view.connection) {
        will.dueAt = Math.min(will.dueAt, at + will.delayMs, at + view.intervalMs);
      }
    }
  }
}

function acknowledge(view: ClientView, type: "puback" | "pubrec" | "pubcomp", id: number, code: number): void {
  // A code that the packet cannot carry closes the connection, and is no answer.
  const legal: readonly number[] = type === "pubcomp" ? PUBCOMP_CODES : PUBACK_CODES;
  if (!legal.includes(code)) return;
  if (type === "pubrec" && code < 0x80) view.pubrelsOwed.set(id, (view.pubrelsOwed.get(id) ?? 0) + 1);
  const copy = view.live(id);
  if (copy === undefined) return;
  const fails = code >= 0x80;
  if (copy.phase === type && code === 0x91) view.outOfUse.add(id);
  if (copy.phase === "puback" && type === "puback") copy.phase = "done";
  else if (copy.phase === "pubcomp" && (type === "pubcomp" || (type === "pubrec" && fails))) copy.phase = "done";
  else if (copy.phase === "pubrec" && type === "pubrec") {
    copy.phase = fails ? "done" : "pubcomp";
    copy.pubrecOrder = ++view.lastPubrecOrder;
  }
}

function disconnect(view: ClientView, packet: Extract<ClientPacket, { type: "disconnect" }>): void {
  const { connect } = view;
  const isV4 = connect?.protocolVersion === 4;
  const asked = connect?.sessionExpiryInterval ?? 0;
  const interval = packet.sessionExpiryInterval;
  if (!isV4 && asked === 0 && (interval ?? 0) > 0) return;
  if (!isV4 && interval !== undefined) view.intervalMs = toMs(interval);
  if (!isV4 && packet.reasonCode !== 0) return;
  for (const will of view.wills.values()) if (will.connection === view.connection) will.revoked = true;
}

function intervalOf(connect: ConnectPacket): number {
  if (connect.protocolVersion === 4) return connect.cleanStart ? 0 : Infinity;
  return toMs(connect.sessionExpiryInterval ?? 0);
}

function toMs(seconds: number): number {
  return seconds === 0xffff_ffff ? Infinity : seconds * 1_000;
}
