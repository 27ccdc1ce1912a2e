/**
 * A network connection between a client and a node: packets in order both ways, late, in pieces, or lost with it.
 *
 * @module
 */
import type { BrokerConnection, ClientPacket, ServerPacket } from "../../../mod.ts";
import type { Random } from "../../../src/testing/mod.ts";
import type { Journal } from "./journal.ts";
import type { Accepted, Node } from "./node.ts";
import type { VirtualTime } from "./virtual_time.ts";
import type { Chunk, Wire } from "./wire.ts";

/** Whoever holds the client's end. */
export interface LinkOwner {
  readonly name: string;
  take(packet: ServerPacket, link: Link): void;
  /** The connection is gone. */
  lost(link: Link): void;
}

/** What a link needs. */
export interface LinkOptions {
  readonly time: VirtualTime;
  readonly journal: Journal;
  readonly chance: Random;
  readonly networkMs: readonly [number, number];
  readonly number: number;
  readonly wire: Wire;
}

/** One network connection. */
export class Link implements Accepted {
  readonly number: number;
  /** When the server was told that the connection is over, or ended it. */
  toldAt: number | undefined;
  readonly #options: LinkOptions;
  readonly #owner: LinkOwner;
  readonly #server: BrokerConnection | undefined;
  readonly #arrived: Chunk[] = [];
  #isReading = false;
  #toServerAt = 0;
  #toClientAt = 0;
  #isOpen = true;
  /** Nothing goes to the server any more. */
  #isMute = false;
  #unread = 0;
  #readsAt = 0;

  constructor(options: LinkOptions, owner: LinkOwner, node: Node) {
    this.#options = options;
    this.#owner = owner;
    this.number = options.number;
    const { journal, time, number } = options;
    journal.see({ type: "opened", at: time.now, client: owner.name, connection: number });
    this.#server = node.accept({
      send: (packet) => this.#carryToClient(packet),
      close: () => this.#closeAtClient("server"),
      bufferedBytes: () => this.#unread,
    }, this);
    if (this.#server === undefined) this.#closeAtClient("broken");
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends packets, in one piece or in several. */
  send(...packets: readonly ClientPacket[]): void {
    const { journal, time, number, chance, wire } = this.#options;
    if (!this.#isOpen) return;
    for (const packet of packets) {
      journal.see({ type: "sent", at: time.now, connection: number, packet: packet as never });
    }
    for (const chunk of wire.toServer(packets, chance)) this.#later("server", () => this.#arrive(chunk));
  }

  /** The client closes: what it sent arrives first. */
  close(): void {
    if (!this.#isOpen) return;
    this.#end("client");
    this.#later("server", () => this.#tell("transport"));
  }

  /** The network breaks; the server may not hear of it. */
  cut(silent: boolean): void {
    if (!this.#isOpen) return;
    this.#end("broken");
    // What is on its way is lost with the connection, or not.
    if (this.#options.chance.chance(0.5)) this.#isMute = true;
    if (!silent) this.#later("server", () => this.#tell("error"));
  }

  /** The client reads nothing for so long. */
  stopReading(ms: number): void {
    this.#readsAt = Math.max(this.#readsAt, this.#options.time.now + ms);
  }

  nodeDied(): void {
    this.#isMute = true;
    this.toldAt ??= this.#options.time.now;
    this.#closeAtClient("broken");
  }

  #delay(): number {
    const [least, most] = this.#options.networkMs;
    return most === 0 ? 0 : least + this.#options.chance.below(most - least + 1);
  }

  /** Lets something arrive at one end, behind all that is on its way there. */
  #later(end: "server" | "client", run: () => void): void {
    const { time } = this.#options;
    const at = time.now + this.#delay();
    if (end === "server") this.#toServerAt = Math.max(this.#toServerAt, at);
    else this.#toClientAt = Math.max(this.#toClientAt, at, this.#readsAt);
    time.after((end === "server" ? this.#toServerAt : this.#toClientAt) - time.now, run);
  }

  #arrive(chunk: Chunk): void {
    if (this.#isMute || this.#server === undefined) return;
    this.#arrived.push(chunk);
    if (!this.#isReading) this.#read();
  }

  /** Hands on what has arrived, as fast as the server takes it. */
  async #read(): Promise<void> {
    this.#isReading = true;
    for (let chunk = this.#arrived.shift(); chunk !== undefined; chunk = this.#arrived.shift()) {
      const { packets, fault } = this.#options.wire.readAtServer(chunk);
      if (packets.length > 0) await this.#server?.receive(packets);
      if (fault !== undefined) this.#server?.malformed(fault);
    }
    this.#isReading = false;
  }

  #tell(cause: "transport" | "error"): void {
    if (this.toldAt !== undefined) return;
    this.toldAt = this.#options.time.now;
    this.#server?.closed(cause);
  }

  #carryToClient(packet: ServerPacket): void {
    const { wire, chance } = this.#options;
    for (const chunk of wire.toClient([packet], chance)) {
      const bytes = wire.sizeOf(chunk);
      this.#unread += bytes;
      this.#later("client", () => {
        this.#unread -= bytes;
        if (!this.#isOpen) return;
        for (const got of wire.readAtClient(chunk)) this.#takeIn(got);
        if (this.#unread === 0) this.#server?.drained();
      });
    }
  }

  #takeIn(packet: ServerPacket): void {
    const { journal, time, number } = this.#options;
    if (!this.#isOpen) return;
    journal.see({ type: "received", at: time.now, connection: number, packet: packet as never });
    this.#owner.take(packet, this);
  }

  #closeAtClient(by: "server" | "broken"): void {
    if (by === "server") this.toldAt ??= this.#options.time.now;
    this.#later("client", () => this.#end(by));
  }

  #end(by: "client" | "server" | "broken"): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { journal, time, number } = this.#options;
    journal.see({ type: "closed", at: time.now, connection: number, by });
    this.#owner.lost(this);
  }
}
