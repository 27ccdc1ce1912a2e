import type { ClientStore } from "../../store/client_store.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { MqttJsPacket } from "./client.ts";
import type { Journal } from "./journal.ts";
import { packetBytes, type PacketForm, storedPacket } from "./packets.ts";

/** A stored packet that may be kept in memory as well. */
export interface Remembered {
  readonly messageId: number;
  sequence: number;
  packet: MqttJsPacket | undefined;
}

/** Reads pages of a log, again and again where the store fails. */
export type ReadQueue = (
  journal: Journal,
  after: number,
) => ReturnType<ClientStore["readQueue"]>;

/** Up to so many bytes of stored packets are kept in memory as well; what is beyond is read when it is needed. */
const KEPT_BYTES = 4_194_304;

/** The packets of a log: some in memory, the others a page at a time. */
export class PacketMemory {
  readonly #read: ReadQueue;
  #bytes = 0;
  #page = new Map<number, QueuedMessage>();

  constructor(read: ReadQueue) {
    this.#read = read;
  }

  /** Keeps a packet, if there is room. */
  keep(entry: Remembered, packet: MqttJsPacket): void {
    this.forget(entry);
    const bytes = packetBytes(packet);
    if (this.#bytes + bytes > KEPT_BYTES) return;
    this.#bytes += bytes;
    entry.packet = packet;
  }

  /** Keeps it no more. */
  forget(entry: Remembered): void {
    if (entry.packet === undefined) return;
    this.#bytes -= packetBytes(entry.packet);
    entry.packet = undefined;
  }

  /** The PUBLISH of an entry; `undefined` when its row is gone or cannot be read. */
  async load(
    journal: Journal,
    entry: Remembered,
    form: Omit<PacketForm, "messageId">,
  ): Promise<MqttJsPacket | undefined> {
    if (entry.packet !== undefined) return entry.packet;
    const { messageId, sequence } = entry;
    if (!this.#page.has(sequence)) {
      const { messages } = await this.#read(journal, sequence - 1);
      this.#page = new Map(messages.map((message) => [message.sequence, message]));
    }
    const queued = this.#page.get(sequence);
    this.#page.delete(sequence);
    const packet = queued && storedPacket(queued, { ...form, messageId });
    if (packet !== undefined) this.keep(entry, packet);
    return packet;
  }
}
