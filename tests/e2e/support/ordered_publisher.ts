import { Buffer } from "node:buffer";
import type { Packet } from "mqtt-packet";
import { type LoadMessage, payloadOf } from "./load.ts";
import { keptFor, type Version, WireClient } from "./wire_client.ts";

/** A message on its way: sent, or taken by the broker and to be released. */
interface InFlight {
  readonly message: LoadMessage;
  readonly packetId: number;
  released: boolean;
}

/**
 * Publishes messages in their order, and after each loss of its connection resends in that order what was not
 * acknowledged ([MQTT-4.4.0-1]): nothing overtakes anything.
 */
export class OrderedPublisher {
  readonly #version: Version;
  readonly #clientId: string;
  readonly #messages: readonly LoadMessage[];
  readonly #window: number;
  readonly #inFlight = new Map<number, InFlight>();
  #next = 0;
  #packetId = 0;
  #connected = 0;

  constructor(clientId: string, version: Version, messages: readonly LoadMessage[], window = 32) {
    this.#clientId = clientId;
    this.#version = version;
    this.#messages = messages;
    this.#window = window;
  }

  /** Whether the broker has taken everything. */
  get done(): boolean {
    return this.#next === this.#messages.length && this.#inFlight.size === 0;
  }

  /** Connects and publishes until all is done or the connection is lost; `heard` is called after each answer. */
  async run(url: string, heard: () => void): Promise<void> {
    const { client, connack } = await WireClient.connect(url, this.#version, {
      clientId: this.#clientId,
      ...keptFor(this.#version, 3_600),
    });
    using _client = client;
    if (connack.sessionPresent !== this.#connected > 0) throw new Error("The publisher's session is not as it was");
    this.#connected++;
    for (const entry of this.#inFlight.values()) this.#send(client, entry, true);
    this.#fill(client);
    while (!this.done) {
      const answer = await client.next();
      if (answer.cmd === "closed") return;
      this.#take(client, answer);
      this.#fill(client);
      heard();
    }
    await client.disconnect();
  }

  #fill(client: WireClient): void {
    while (this.#inFlight.size < this.#window) {
      const message = this.#messages[this.#next];
      if (message === undefined) return;
      this.#next++;
      const entry = { message, packetId: this.#freeId(), released: false };
      this.#inFlight.set(entry.packetId, entry);
      this.#send(client, entry, false);
    }
  }

  #freeId(): number {
    do this.#packetId = this.#packetId % 65_535 + 1; while (this.#inFlight.has(this.#packetId));
    return this.#packetId;
  }

  #send(client: WireClient, { message, packetId, released }: InFlight, dup: boolean): void {
    if (released) return client.send({ cmd: "pubrel", messageId: packetId });
    const { topic, qos } = message;
    const payload = Buffer.from(payloadOf(message).buffer);
    client.send({ cmd: "publish", topic, qos, dup, retain: false, messageId: packetId, payload });
  }

  #take(client: WireClient, packet: Packet): void {
    const entry = this.#inFlight.get(packet.messageId ?? 0);
    const { cmd } = packet;
    if (entry === undefined) throw new Error(`The broker answered what was not sent: ${JSON.stringify(packet)}`);
    // A PUBREL that comes again finds its identifier released already: 0x92 is as good as success.
    if ("reasonCode" in packet && (packet.reasonCode ?? 0) >= 0x80 && packet.reasonCode !== 0x92) {
      throw new Error(`The broker refused a message: ${JSON.stringify(packet)}`);
    }
    if (cmd === "pubrec" && entry.message.qos === 2) {
      entry.released = true;
      client.send({ cmd: "pubrel", messageId: entry.packetId });
    } else if (cmd === "puback" && entry.message.qos === 1) this.#inFlight.delete(entry.packetId);
    else if (cmd === "pubcomp" && entry.released) this.#inFlight.delete(entry.packetId);
    else throw new Error(`The broker answered out of turn: ${JSON.stringify(packet)}`);
  }
}
