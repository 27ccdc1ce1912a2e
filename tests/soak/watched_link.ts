/**
 * A link whose packets are seen in both directions, in the order in which they pass the client's end.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Packet, parser } from "mqtt-packet";
import type { Version } from "../e2e/support/wire_client.ts";
import type { Journal } from "./journal.ts";
import { type EndedBy, Link } from "./link.ts";
import type { ConnectionManners, Manners } from "./manners.ts";
import { toWire } from "./wire.ts";

/** A client, over all its connections. */
export interface Watched {
  readonly clientId: string;
  readonly version: Version;
  readonly journal: Journal;
  readonly manners: Manners;
}

/** What the client does about what comes. */
export interface WatchedEvents {
  /** A packet came. */
  packet?(packet: Packet): void;
  /** Bytes came, whose packets were seen. */
  bytes?(bytes: Uint8Array): void;
  /** Nothing comes any more. Called once. */
  ended(by: EndedBy): void;
}

/** One connection of a client. */
export class WatchedLink {
  readonly #watched: Watched;
  readonly #connection: number;
  readonly #link: Link;
  readonly #outgoing: ReturnType<typeof parser>;

  private constructor(watched: Watched, connection: number, link: Link, manners: ConnectionManners) {
    this.#watched = watched;
    this.#connection = connection;
    this.#link = link;
    this.#outgoing = parser({ protocolVersion: watched.version });
    this.#outgoing.on("packet", (packet) => this.#sent(packet, manners));
    this.#outgoing.on("error", (error) => this.#unreadable("sent", error));
  }

  /** Connects; `undefined` when nobody answers. */
  static async open(url: string, watched: Watched, events: WatchedEvents): Promise<WatchedLink | undefined> {
    const { journal, version, clientId } = watched;
    const manners = watched.manners.connection();
    const incoming = parser({ protocolVersion: version });
    let connection: number | undefined;
    const link = await Link.open(url, {
      bytes(bytes) {
        incoming.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
        events.bytes?.(bytes);
      },
      ended(by) {
        if (connection === undefined) return;
        journal.closed(connection, by);
        events.ended(by);
      },
    });
    if (link === undefined || link.ended) return undefined;
    const number = connection = journal.opened(clientId);
    const watchedLink = new WatchedLink(watched, number, link, manners);
    incoming.on("packet", (packet) => {
      // What came in the same frame behind a packet that ended the connection was not taken any more.
      if (link.ended) return;
      const wire = toWire(packet);
      manners.received(wire);
      journal.received(number, wire);
      events.packet?.(packet);
    });
    incoming.on("error", (error) => watchedLink.#unreadable("received", error));
    return watchedLink;
  }

  /** The number by which the journal knows it. */
  get connection(): number {
    return this.#connection;
  }

  /** Whether nothing can be sent or received any more. */
  get ended(): boolean {
    return this.#link.ended;
  }

  /** Ends when the socket is given back, which may be later. */
  get closed(): Promise<void> {
    return this.#link.closed;
  }

  /** Sends bytes; nothing once it has ended. */
  send(bytes: Uint8Array): void {
    if (this.#link.ended) return;
    this.#outgoing.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#link.send(bytes);
  }

  /** Closes in order. */
  leave(): void {
    this.#link.leave();
  }

  /** Breaks the connection without a word. */
  cut(): void {
    if (!this.#link.ended) this.#watched.journal.counts.cuts++;
    this.#link.cut();
  }

  /** Falls silent; the server learns of the end only `ms` later. */
  abandon(ms: number): void {
    if (!this.#link.ended) this.#watched.journal.counts.cuts++;
    this.#link.abandon(ms);
  }

  /** Leaves what comes in the socket. */
  pause(): void {
    if (!this.#link.ended) this.#watched.journal.counts.pauses++;
    this.#link.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#link.resume();
  }

  /** Gives the socket back. */
  dispose(): void {
    this.#link.dispose();
  }

  #sent(packet: Packet, manners: ConnectionManners): void {
    const { journal, clientId } = this.#watched;
    const wire = toWire(packet);
    const complaint = manners.sent(wire);
    if (complaint !== undefined) journal.misbehaved(clientId, complaint);
    journal.sent(this.#connection, wire);
  }

  #unreadable(what: "sent" | "received", error: unknown): void {
    const { journal, clientId } = this.#watched;
    journal.violated("readable packets", clientId, `${what} on connection ${this.#connection}: ${error}`);
    this.#link.cut();
  }
}
