import type { ClientEvent } from "../../machine/client_event.ts";
import type { ClientPacket, ServerPacket } from "../../mqtt/packet.ts";
import { Room } from "../room.ts";
import type { ClientConnection, ClientTransport } from "./options.ts";

/** What a connection needs of its client. */
interface Listener {
  tell(event: ClientEvent): void;
  /** Whether too much waits. */
  isFull(): boolean;
}

/** One connection. Once it is over nothing of it counts any more (C15). */
export class HostConnection implements ClientConnection {
  readonly done: Promise<void>;
  readonly #transport: ClientTransport;
  readonly #listener: Listener;
  readonly #room = new Room();
  /** What came before CONNECT could leave. */
  #early: ClientEvent[] | undefined = [];
  #resolveDone = () => {};
  isOver = false;

  constructor(transport: ClientTransport, listener: Listener) {
    this.#transport = transport;
    this.#listener = listener;
    this.done = new Promise((resolve) => this.#resolveDone = resolve);
  }

  receive(packets: readonly ServerPacket[]): Promise<void> {
    for (const packet of packets) this.#tell({ type: "packetReceived", packet });
    return this.#room.wait(!this.isOver && this.#listener.isFull());
  }

  malformed(reasonCode: number): void {
    this.#tell({ type: "packetMalformed", reasonCode });
  }

  closed(): void {
    this.#tell({ type: "connectionClosed" });
    this.#end();
  }

  /** CONNECT is on its way: what came is heard from now on. */
  begin(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.#tell(event);
  }

  /** Sends a packet; a transport that breaks has broken the connection. */
  send(packet: ClientPacket): void {
    if (this.isOver) return;
    try {
      this.#transport.send(packet);
    } catch {
      this.closed();
    }
  }

  /** The connection is over. */
  close(): void {
    if (this.isOver) return;
    this.#end();
    try {
      this.#transport.close();
    } catch {
      // It is gone either way.
    }
  }

  /** There may be room again. */
  roomChanged(): void {
    if (this.#room.awaited && !this.#listener.isFull()) this.#room.open();
  }

  #tell(event: ClientEvent): void {
    if (this.isOver) return;
    if (this.#early !== undefined) this.#early.push(event);
    else this.#listener.tell(event);
  }

  #end(): void {
    this.isOver = true;
    this.#room.open();
    this.#resolveDone();
  }
}
