/**
 * The Session State of a client that goes by the book, over all its connections.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { IPublishPacket, ISubscription, Packet } from "mqtt-packet";
import type { Version } from "../e2e/support/wire_client.ts";
import type { Draft } from "./traffic.ts";

/** A message that is not completed. */
interface Outgoing {
  readonly packet: IPublishPacket;
  recorded: boolean;
}

/** Where packets go. */
export type Send = (packet: Packet) => void;

/** What the client keeps. */
export class BookSession {
  readonly #version: Version;
  /** In the order in which they were published first. */
  readonly #outgoing = new Map<number, Outgoing>();
  /** QoS 2 messages that were got and are not released. */
  readonly #incoming = new Set<number>();
  /** SUBSCRIBE and UNSUBSCRIBE that are not answered. */
  readonly #asked = new Set<number>();
  readonly #waiting: { readonly most: number; resolve(): void }[] = [];
  #packetId = 0;
  #isDoubtful = false;
  /** What the server takes at once. */
  receiveMaximum = 65_535;

  constructor(version: Version) {
    this.#version = version;
  }

  /** How much the server has not answered yet. */
  get open(): number {
    return this.#outgoing.size + this.#asked.size;
  }

  /**
   * What the server has to go on with: messages that were got and are not released. Unknown after a CONNECT whose answer
   * was lost: that may have begun another session, which knows nothing of them, and Session Present 1 speaks of that one.
   */
  get unreleased(): number {
    return this.#isDoubtful ? 0 : this.#incoming.size;
  }

  /** A CONNECT was not answered: whether the session is still the same is not known until a new one is begun. */
  unanswered(): void {
    this.#isDoubtful = true;
  }

  /** A connection has begun: goes on where the last one ended, or forgets everything. */
  connected(sessionPresent: boolean, send: Send): void {
    this.#asked.clear();
    if (!sessionPresent) {
      this.#outgoing.clear();
      this.#incoming.clear();
      this.#isDoubtful = false;
    }
    for (const [packetId, { packet, recorded }] of this.#outgoing) {
      send(recorded ? { cmd: "pubrel", messageId: packetId } : { ...packet, dup: true });
    }
    this.#answered();
  }

  /** The connection is gone: nobody waits any more. */
  disconnected(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Publishes; `false` when the server takes no more at the moment. */
  publish(draft: Draft, send: Send): boolean {
    const { topic, text, qos, retain = false, expiry } = draft;
    if (qos > 0 && this.#outgoing.size >= this.receiveMaximum) return false;
    const packet: IPublishPacket = {
      cmd: "publish",
      topic,
      payload: Buffer.from(text),
      qos,
      dup: false,
      retain,
      ...(qos === 0 ? {} : { messageId: this.#freeId() }),
      ...(expiry === undefined || this.#version === 4 ? {} : { properties: { messageExpiryInterval: expiry } }),
    };
    if (packet.messageId !== undefined) this.#outgoing.set(packet.messageId, { packet, recorded: false });
    send(packet);
    return true;
  }

  /** Subscribes. */
  subscribe(subscription: ISubscription, identifier: number | undefined, send: Send): void {
    const messageId = this.#ask();
    const { topic, qos } = subscription;
    if (this.#version === 4) return send({ cmd: "subscribe", messageId, subscriptions: [{ topic, qos }] });
    const properties = identifier === undefined ? {} : { properties: { subscriptionIdentifier: identifier } };
    send({ cmd: "subscribe", messageId, subscriptions: [subscription], ...properties });
  }

  /** Ends a subscription. */
  unsubscribe(filter: string, send: Send): void {
    send({ cmd: "unsubscribe", messageId: this.#ask(), unsubscriptions: [filter] });
  }

  /** Takes what the server sends, and answers it. What fits nowhere is for the oracle to judge. */
  take(packet: Packet, send: Send): void {
    const messageId = packet.messageId ?? 0;
    switch (packet.cmd) {
      case "publish":
        if (packet.qos === 1) send({ cmd: "puback", messageId });
        if (packet.qos !== 2) return;
        this.#incoming.add(messageId);
        return send({ cmd: "pubrec", messageId });
      case "pubrel": {
        const known = this.#incoming.delete(messageId);
        return send({ cmd: "pubcomp", messageId, ...(known || this.#version === 4 ? {} : { reasonCode: 0x92 }) });
      }
      case "pubrec":
        return this.#pubrec(messageId, packet.reasonCode ?? 0, send);
      case "puback":
      case "pubcomp":
        this.#outgoing.delete(messageId);
        return this.#answered();
      case "suback":
      case "unsuback":
        this.#asked.delete(messageId);
        return this.#answered();
      default:
    }
  }

  /** Ends once at most so much is unanswered, or the connection is gone. */
  async fewOpen(most: number): Promise<void> {
    if (this.open <= most) return;
    await new Promise<void>((resolve) => this.#waiting.push({ most, resolve }));
  }

  #pubrec(messageId: number, reasonCode: number, send: Send): void {
    const entry = this.#outgoing.get(messageId);
    if (reasonCode >= 0x80) {
      this.#outgoing.delete(messageId);
      return this.#answered();
    }
    if (entry === undefined) {
      if (this.#version === 5) send({ cmd: "pubrel", messageId, reasonCode: 0x92 });
      return;
    }
    entry.recorded = true;
    send({ cmd: "pubrel", messageId });
  }

  #answered(): void {
    for (const entry of this.#waiting.splice(0)) {
      if (this.open <= entry.most) entry.resolve();
      else this.#waiting.push(entry);
    }
  }

  #ask(): number {
    const messageId = this.#freeId();
    this.#asked.add(messageId);
    return messageId;
  }

  #freeId(): number {
    do this.#packetId = this.#packetId % 65_535 + 1; while (
      this.#outgoing.has(this.#packetId) || this.#asked.has(this.#packetId)
    );
    return this.#packetId;
  }
}
