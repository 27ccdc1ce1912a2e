/**
 * A server as a client may meet it: it keeps to MQTT, answers when it likes, forgets its session when it likes, and
 * notes what no client may do.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ClientPacket, type ConnectPacket, nextDeadline, type ServerPacket } from "../../../src/machine/mod.ts";
import { answer, type ClientRig, incoming } from "../../spec/support/client_rig.ts";
import { read } from "../../spec/support/rig.ts";

/** How the server takes a connection. */
export interface Acceptance {
  /** Whether it has lost its session, if it had one. */
  readonly loses: boolean;
  /** Whether CONNACK gets lost, where a client has a way to find that out later. */
  readonly isLost: boolean;
  readonly receiveMaximum: number;
  readonly maximumQoS: 1 | 2;
}

interface Outgoing {
  readonly payload: string;
  readonly qos: 1 | 2;
  isReleased: boolean;
}

/** The server, and the judge of what it sees. */
export class ClientPeer {
  /** Payloads that it took over, each as often as it would hand it on. */
  readonly taken: string[] = [];
  /** Payloads of QoS 1 and 2 that it sent and that the client acknowledged. */
  readonly acknowledged: string[] = [];
  /** Answers that it has not sent yet. */
  owed: ServerPacket[] = [];
  readonly #rig: ClientRig;
  #hasSession = false;
  #cleanStart = true;
  #asksForNone = false;
  #receiveMaximum = 65_535;
  #maximumQoS = 2;
  #accepted = false;
  #isAsked = false;
  /** Whether its session lasts no longer than the connection. */
  #isFleeting = false;
  /** Of its session: identifiers of the client's QoS 2 messages that are not released. */
  readonly #unreleased = new Map<number, string>();
  /** Of its session: identifiers that the client has released and that are not completed. */
  readonly #released = new Set<number>();
  /** Of its session: identifiers that it said are in use, and for which message. */
  readonly #inUse = new Map<number, string>();
  readonly #outgoing = new Map<number, Outgoing>();
  /** Of this connection: what holds an identifier of the client. */
  readonly #held = new Map<number, string>();
  /** Of this connection: PUBLISH packets that count against the Receive Maximum. */
  readonly #spent = new Set<number>();
  readonly #pubrels = new Set<number>();
  #lastNumber = 0;
  #unanswered = 0;
  #nextId = 1;
  #messages = 0;

  constructor(rig: ClientRig) {
    this.#rig = rig;
  }

  /** Looks at what came. */
  look(): void {
    for (const packet of this.#rig.server.takesAll()) this.#take(packet);
  }

  #take(packet: ClientPacket): void {
    switch (packet.type) {
      case "connect":
        return this.#connect(packet);
      case "publish":
        return this.#publish(packet);
      case "pubrel":
        return this.#pubrel(packet.packetId);
      case "puback":
        return this.#finish(packet.packetId);
      case "pubrec":
        return this.#pubrec(packet.packetId);
      case "pubcomp":
        return this.#finish(packet.packetId);
      case "subscribe":
        this.#hold(packet.packetId, "subscribe");
        this.owed.push({ type: "suback", packetId: packet.packetId, reasonCodes: [0] });
        return;
      case "unsubscribe":
        this.#hold(packet.packetId, "unsubscribe");
        this.owed.push({
          type: "unsuback",
          packetId: packet.packetId,
          reasonCodes: this.#rig.version === 5 ? [0] : [],
        });
        return;
      case "pingreq":
        this.owed.push({ type: "pingresp" });
        return;
      case "disconnect":
        if (packet.sessionExpiryInterval === 0) this.#forget();
        return;
      default:
        return;
    }
  }

  #connect({ cleanStart, protocolVersion, sessionExpiryInterval = 0 }: ConnectPacket): void {
    if (this.#isFleeting) this.#forget();
    this.owed = [];
    this.#cleanStart = cleanStart;
    this.#asksForNone = protocolVersion === 4 ? cleanStart : sessionExpiryInterval === 0;
    this.#accepted = this.#isFleeting = false;
    this.#isAsked = true;
    this.#held.clear();
    this.#spent.clear();
    this.#pubrels.clear();
    this.#lastNumber = 0;
    this.#unanswered = 0;
  }

  /** Another transport opens: what was said on the last one is over. */
  opened(): void {
    this.#isAsked = false;
    this.owed = [];
  }

  /** Whether it owes a CONNACK. */
  get isAsked(): boolean {
    return this.#rig.open && this.#isAsked && nextDeadline(this.#rig.session) !== undefined;
  }

  /** Accepts, and then resends what it owes. */
  accept({ loses, isLost, receiveMaximum, maximumQoS }: Acceptance): void {
    if (this.#cleanStart || loses) this.#forget();
    const sessionPresent = this.#hasSession;
    this.#hasSession = true;
    this.#accepted = true;
    this.#isAsked = false;
    this.#isFleeting = this.#asksForNone;
    if (isLost && (this.#cleanStart || sessionPresent)) return this.#rig.drop();
    const hasLimits = this.#rig.version === 5;
    this.#receiveMaximum = hasLimits ? receiveMaximum : 65_535;
    this.#maximumQoS = hasLimits ? maximumQoS : 2;
    this.#rig.accept({
      sessionPresent,
      ...(hasLimits ? { receiveMaximum, ...(maximumQoS === 1 ? { maximumQoS } : {}) } : {}),
    });
    for (const [packetId, { payload, qos, isReleased }] of this.#outgoing) {
      if (!this.#rig.open) return;
      if (!isReleased) this.#unanswered += 1;
      this.#rig.receive(
        isReleased ? answer("pubrel", packetId) : incoming(payload, qos, { packetId, dup: true }),
      );
    }
  }

  /** Refuses. */
  refuse(): void {
    this.#isAsked = false;
    this.#rig.accept({ reasonCode: this.#rig.version === 5 ? 0x88 : 3 });
  }

  #forget(): void {
    this.#hasSession = false;
    this.#unreleased.clear();
    this.#released.clear();
    this.#inUse.clear();
    this.#outgoing.clear();
  }

  /** Publishes to the client, within its Receive Maximum. */
  publish(qos: 1 | 2, receiveMaximum: number): void {
    if (!this.#rig.session.online || !this.#rig.open || this.#unanswered >= receiveMaximum) return;
    const packetId = this.#nextId;
    this.#nextId = packetId % 5 + 1;
    if (this.#outgoing.has(packetId)) return;
    const payload = `s${++this.#messages}`;
    this.#outgoing.set(packetId, { payload, qos, isReleased: false });
    this.#unanswered += 1;
    this.#rig.receive(incoming(payload, qos, { packetId }));
  }

  /** Sends one of the answers that it owes; one that is lost takes the connection with it. */
  send(choice: number, isLost = false): void {
    if (!this.#rig.open || this.owed.length === 0) return;
    const [packet] = this.owed.splice(choice % this.owed.length, 1);
    if (packet === undefined) return;
    this.#answered(packet);
    if (isLost) this.#rig.drop();
    else this.#rig.receive(packet);
  }

  /** Whether everything between the two is done. */
  get isDone(): boolean {
    return this.owed.length === 0 && this.#outgoing.size === 0;
  }

  /** By its answers it gives identifiers and quota back; what is refused was not taken. */
  #answered(packet: ServerPacket): void {
    if (!("packetId" in packet) || packet.packetId === undefined) return;
    const { packetId } = packet;
    const ends = packet.type === "puback" || packet.type === "pubcomp" || packet.type === "suback" ||
      packet.type === "unsuback" || (packet.type === "pubrec" && packet.reasonCode >= 0x80);
    if (!ends) return;
    const holder = this.#held.get(packetId);
    if (holder !== undefined && "reasonCode" in packet && packet.reasonCode === 0x91) this.#inUse.set(packetId, holder);
    this.#held.delete(packetId);
    this.#spent.delete(packetId);
    this.#released.delete(packetId);
    this.#pubrels.delete(packetId);
  }

  #hold(packetId: number, what: string): void {
    assert.ok(Number.isInteger(packetId) && packetId >= 1 && packetId <= 65_535);
    const holder = this.#held.get(packetId);
    assert.equal(holder, undefined, `${what} takes ${packetId}, which ${holder} has`);
    assert.ok(
      !this.#unreleased.has(packetId) || what === this.#unreleased.get(packetId),
      "an identifier is not released",
    );
    assert.ok(!this.#released.has(packetId), `${what} takes ${packetId}, whose PUBREL is not completed`);
    this.#held.set(packetId, what);
  }

  #publish(packet: Extract<ClientPacket, { type: "publish" }>): void {
    const payload = read(packet.payload);
    assert.ok(this.#accepted, "PUBLISH before CONNACK");
    if (packet.qos === 0) {
      assert.equal(packet.dup, false);
      return;
    }
    const { packetId = 0 } = packet;
    const number = Number(payload.slice(1));
    assert.ok(number > this.#lastNumber, `${payload} after m${this.#lastNumber}`);
    this.#lastNumber = number;
    this.#hold(packetId, payload);
    this.#spent.add(packetId);
    assert.ok(this.#spent.size <= this.#receiveMaximum, `${this.#spent.size} are more than ${this.#receiveMaximum}`);
    // What it refuses it has not taken.
    const refuses = this.#rig.version === 5 && number % 7 === 0;
    const code = number % 2 === 0 ? 0x91 : 0x97;
    assert.ok(packet.qos <= this.#maximumQoS, `${payload} is of QoS ${packet.qos}`);
    assert.equal(
      this.#inUse.get(packetId) ?? payload,
      payload,
      `${payload} takes ${packetId}, which was said to be in use`,
    );
    if (packet.qos === 1) {
      if (!refuses) this.taken.push(payload);
      this.owed.push(answer("puback", packetId, refuses ? code : 0));
      return;
    }
    if (!refuses && !this.#unreleased.has(packetId)) {
      this.taken.push(payload);
      this.#unreleased.set(packetId, payload);
    }
    this.owed.push(answer("pubrec", packetId, refuses ? code : 0));
  }

  #pubrel(packetId: number): void {
    assert.ok(!this.#pubrels.has(packetId), `PUBREL ${packetId} came twice`);
    this.#pubrels.add(packetId);
    const isKnown = this.#unreleased.delete(packetId);
    this.#released.add(packetId);
    this.owed.push(answer("pubcomp", packetId, isKnown || this.#rig.version === 4 ? 0 : 0x92));
  }

  #pubrec(packetId: number): void {
    const outgoing = this.#outgoing.get(packetId);
    assert.ok(outgoing?.qos === 2, `PUBREC ${packetId} answers nothing`);
    if (outgoing.isReleased) return;
    outgoing.isReleased = true;
    this.acknowledged.push(outgoing.payload);
    this.owed.push(answer("pubrel", packetId));
  }

  #finish(packetId: number): void {
    const outgoing = this.#outgoing.get(packetId);
    assert.ok(outgoing !== undefined, `an answer to ${packetId} answers nothing`);
    assert.equal(outgoing.isReleased, outgoing.qos === 2);
    this.#outgoing.delete(packetId);
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    if (outgoing.qos === 1) this.acknowledged.push(outgoing.payload);
  }
}
