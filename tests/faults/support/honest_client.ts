/** A client that keeps MQTT's promises from its side, and remembers what it saw. It knows nothing of the broker. */
import type { BrokerConnection, ClientPacket, ServerPacket, SessionBroker } from "../../../mod.ts";
import { connectPacket, publishPacket } from "../../unit/runtime/support.ts";

/** A message that a client has published. */
export interface Sent {
  readonly text: string;
  readonly qos: 1 | 2;
}

/** One client, over all its connections. */
export class HonestClient {
  /** Payloads in the order in which they were taken; QoS 2 as its sender means it. */
  readonly texts: string[] = [];
  /** Those that its broker took responsibility for. */
  readonly acknowledged = new Set<string>();
  /** What it saw that no broker may do. */
  readonly faults: string[] = [];
  readonly sent: Sent[] = [];
  readonly #clientId: string;
  readonly #filter: string | undefined;
  readonly #open = new Map<number, ClientPacket>();
  readonly #unreleased = new Set<number>();
  #connection: BrokerConnection | undefined;
  #isOpen = false;
  #knowsSession = false;
  #nextId = 1;

  constructor(clientId: string, filter?: string) {
    this.#clientId = clientId;
    this.#filter = filter;
    if (filter !== undefined) this.#open.set(65_000, subscribe(filter));
  }

  /** Whether it is connected and waits for nothing. */
  get settled(): boolean {
    return this.#isOpen && this.#open.size === 0;
  }
  get gone(): boolean {
    return this.#connection === undefined;
  }
  get isOpen(): boolean {
    return this.#isOpen;
  }

  connect(broker: SessionBroker): void {
    this.#isOpen = false;
    const mine: BrokerConnection = broker.accept({
      send: (packet) => {
        if (this.#connection === mine) this.#take(packet);
      },
      close: () => {
        if (this.#connection === mine) this.#lose();
      },
    });
    this.#connection = mine;
    void mine.receive([connectPacket(this.#clientId, { sessionExpiryInterval: 1_000_000 })]);
  }

  publish(qos: 1 | 2): void {
    const text = `${this.#clientId}-${this.sent.length}`;
    this.sent.push({ text, qos });
    const packetId = this.#nextId++;
    const packet = publishPacket("t", qos, packetId, text);
    this.#open.set(packetId, packet);
    if (this.#isOpen) void this.#connection?.receive([packet]);
  }

  /** The network breaks, without a word to the broker if it is `silent`. */
  drop(silent: boolean): void {
    const lost = this.#connection;
    this.#lose();
    if (!silent) lost?.closed();
  }

  #lose(): void {
    this.#connection = undefined;
    this.#isOpen = false;
  }

  #answer(packet: ClientPacket): void {
    void this.#connection?.receive([packet]);
  }

  #take(packet: ServerPacket): void {
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode !== 0) return;
        this.#isOpen = true;
        if (this.#knowsSession && !packet.sessionPresent) this.faults.push("the session was lost");
        this.#knowsSession = true;
        for (const waiting of this.#open.values()) {
          this.#answer(waiting.type === "publish" ? { ...waiting, dup: true } : waiting);
        }
        return;
      case "publish": {
        const { packetId, qos } = packet;
        if (packetId === undefined) return;
        const isRepeated = qos === 2 && this.#unreleased.has(packetId);
        if (!isRepeated) this.texts.push(new TextDecoder().decode(packet.payload));
        if (qos === 2) this.#unreleased.add(packetId);
        return this.#answer({ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 });
      }
      case "pubrel":
        this.#unreleased.delete(packet.packetId);
        return this.#answer({ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 });
      case "puback":
      case "pubrec": {
        const sent = this.#open.get(packet.packetId);
        if (packet.reasonCode >= 0x80) this.faults.push(`${packet.type} ${packet.reasonCode}`);
        if (sent?.type === "publish") this.acknowledged.add(new TextDecoder().decode(sent.payload));
        if (packet.type === "puback") return void this.#open.delete(packet.packetId);
        const pubrel: ClientPacket = { type: "pubrel", packetId: packet.packetId, reasonCode: 0 };
        this.#open.set(packet.packetId, pubrel);
        return this.#answer(pubrel);
      }
      case "pubcomp":
        return void this.#open.delete(packet.packetId);
      case "suback":
        if (packet.reasonCodes.some((code) => code >= 0x80)) this.faults.push(`SUBACK for ${this.#filter}`);
        return void this.#open.delete(packet.packetId);
      default:
        return;
    }
  }
}

function subscribe(filter: string): ClientPacket {
  const options = { qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetId: 65_000, subscriptions: [{ filter, ...options }] };
}
