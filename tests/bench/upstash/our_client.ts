import type { BrokerConnection, SessionBroker } from "@edge-mqtt/session";
import type { ClientPacket, ServerPacket } from "../../../src/mqtt/packet.ts";

/** A client of a broker in the same process: what it is sent, and answers to it. */
export class OurClient {
  /** Whether it acknowledges what it is sent: all that comes in one turn with one piece, as it would with one read. */
  answers = false;
  readonly #connection: BrokerConnection;
  #received: ServerPacket[] = [];
  #replies: ClientPacket[] = [];
  #acknowledged = 0;
  #waiting: { readonly isOver: () => boolean; readonly resolve: () => void }[] = [];

  constructor(broker: SessionBroker) {
    this.#connection = broker.accept({ send: (packet) => this.#take(packet), close: () => {} });
  }

  /** Ends when the connection is over and that is stored. */
  get done(): Promise<unknown> {
    return this.#connection.done;
  }

  /** What came since it was last forgotten. */
  get received(): readonly ServerPacket[] {
    return this.#received;
  }

  /** Sends packets in one piece. */
  send(...packets: readonly ClientPacket[]): void {
    // It never rejects; answers are waited for, not this.
    void this.#connection.receive(packets);
  }

  /** Loses its connection, until that is stored. */
  lose(): Promise<unknown> {
    this.#connection.closed("transport");
    return this.done;
  }

  /** Waits for so many packets of a type since it last forgot. */
  first(type: ServerPacket["type"], count = 1): Promise<void> {
    return this.#until(() => {
      let found = 0;
      for (const packet of this.#received) if (packet.type === type) found += 1;
      return found >= count;
    });
  }

  /** Waits until so many messages were acknowledged since it last forgot: the last word about them was sent. */
  acknowledged(count: number): Promise<void> {
    return this.#until(() => this.#acknowledged >= count);
  }

  /** Forgets what came. */
  forget(): void {
    this.#received = [];
    this.#acknowledged = 0;
  }

  #take(packet: ServerPacket): void {
    this.#received.push(packet);
    if (this.answers) this.#answer(packet);
    if (this.#waiting.length === 0) return;
    const over = this.#waiting.filter(({ isOver }) => isOver());
    if (over.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => !over.includes(each));
    for (const { resolve } of over) resolve();
  }

  #answer(packet: ServerPacket): void {
    if (packet.type === "publish" && packet.packetId !== undefined) {
      this.#reply(packet.qos === 1 ? "puback" : "pubrec", packet.packetId, packet.qos === 1);
    } else if (packet.type === "pubrel") {
      this.#reply("pubcomp", packet.packetId, true);
    }
  }

  #reply(type: "puback" | "pubrec" | "pubcomp", packetId: number, isLast: boolean): void {
    if (this.#replies.length === 0) {
      queueMicrotask(() => {
        const replies = this.#replies;
        this.#replies = [];
        this.send(...replies);
      });
    }
    this.#replies.push({ type, packetId, reasonCode: 0 });
    if (isLast) this.#acknowledged += 1;
  }

  #until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isOver, resolve }));
  }
}
