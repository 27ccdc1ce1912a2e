import { messageBytes } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import { asSessionError } from "../../runtime/within.ts";
import { handOut, type MqttJsDone, type MqttJsPacket, type MqttJsPacketCallback, type MqttJsStore } from "./client.ts";
import type { IncomingEntry } from "./entries.ts";
import type { Journal } from "./journal.ts";
import { missing } from "./outgoing_store.ts";
import type { PacketMemory } from "./packet_memory.ts";
import { isSameMessage, storedForm } from "./packets.ts";
import { ReplayStream } from "./replay_stream.ts";
import type { SessionContext } from "./session_context.ts";

/** QoS 2 messages from PUBLISH until the application has handled them, in the log of the inbox. */
export class IncomingStore implements MqttJsStore {
  readonly #context: SessionContext;
  readonly #journal: Journal;
  readonly #memory: PacketMemory;
  readonly #entries = new Map<number, IncomingEntry>();
  /** Which entry a packet that was handed out came from. */
  readonly #handedOut = new WeakMap<object, IncomingEntry>();

  constructor(context: SessionContext, journal: Journal, memory: PacketMemory, entries: Iterable<IncomingEntry>) {
    this.#context = context;
    this.#journal = journal;
    this.#memory = memory;
    for (const entry of entries) this.#entries.set(entry.messageId, entry);
  }

  /** How many are stored. */
  get size(): number {
    return this.#entries.size;
  }

  put(packet: MqttJsPacket, callback: MqttJsDone): this {
    const { link, clientId, now } = this.#context;
    const { connection } = link;
    const messageId = packet.messageId ?? 0;
    const answer = (error?: Error): void => {
      // MQTT.js does not look at the error, and sends PUBREC: so it must not be called.
      if (error !== undefined && link.client !== undefined) link.cut(error);
      else if (error !== undefined) callback(error);
      else if (link.connection === connection) callback();
    };
    const known = link.withTopic(packet);
    const form = storedForm(known, clientId, now());
    if (typeof form === "string") {
      answer(new TypeError(`Cannot store a received message: its ${form} is not valid`));
      return this;
    }
    const stored = this.#entries.get(messageId);
    const current = stored?.removed === true ? undefined : stored;
    if (current?.packet !== undefined && isResend(packet) && isSameMessage(current.packet, known)) {
      this.#journal.add({ done: (error) => answer(error ?? (current.stored ? undefined : missing())) });
      return this;
    }
    const entry = newEntry(messageId, messageBytes(form.message));
    this.#entries.set(messageId, entry);
    if (stored !== undefined) this.#memory.forget(stored);
    this.#memory.keep(entry, known);
    this.#journal.add({
      isReady: () => current?.stored !== false,
      changes: () => current?.stored === true ? removal(current) : [],
      append: {
        ...form,
        sends: true,
        placed: (sequence) => {
          entry.sequence = sequence;
          if (packetIdOf(sequence) === messageId) return [];
          return [{ type: "putOutboundMark", sequence, mark: { packetId: messageId, phase: "sent", pubrecOrder: 0 } }];
        },
      },
      done: (error) => {
        if (error === undefined) entry.stored = true;
        else this.#forget(entry);
        answer(error);
      },
    });
    return this;
  }

  get(packet: MqttJsPacket, callback: MqttJsPacketCallback): this {
    const { link } = this.#context;
    const { connection } = link;
    this.#get(packet.messageId ?? 0).then((found) => {
      if (link.connection !== connection) return;
      // Apart, so that what the application throws is its own.
      queueMicrotask(() => found === undefined ? callback(missing()) : handOut(callback, found));
    }, (error) => {
      // MQTT.js takes any error for a message that was handled before, and sends PUBCOMP.
      const failure = asSessionError(error, "read a received message");
      if (link.client === undefined) callback(failure);
      else if (link.connection === connection) link.cut(failure);
    });
    return this;
  }

  del(packet: MqttJsPacket, callback: MqttJsPacketCallback): this {
    const entry = this.#entries.get(packet.messageId ?? 0);
    if (entry === undefined || entry.removed) this.#journal.add({ done: () => callback(missing()) });
    else this.#delete(entry, packet, callback);
    return this;
  }

  createStream(): never {
    const stream = new ReplayStream();
    const entries = [...this.#entries.values()];
    this.#journal.idle().then(async () => {
      for (const entry of entries) {
        const packet = entry.removed ? undefined : await this.#load(entry);
        if (packet !== undefined) stream.push(packet);
      }
    }).catch(() => {}).finally(() => stream.finish());
    // `never` fits the stream of MQTT.js, whose types are not imported: see MqttJsStore.
    return stream as never;
  }

  close(callback: MqttJsDone): void {
    this.#journal.idle().then(() => callback(), () => callback());
  }

  #delete(entry: IncomingEntry, packet: MqttJsPacket, callback: MqttJsPacketCallback): void {
    const removed = entry.packet ?? packet;
    this.remove(entry).then(() => handOut(callback, removed), callback);
  }

  /** The entry that a packet was handed out for. */
  entryOf(packet: MqttJsPacket): IncomingEntry | undefined {
    return this.#handedOut.get(packet);
  }

  /** Removes an entry; ends once that is durable. */
  remove(entry: IncomingEntry): Promise<void> {
    entry.removed = true;
    return new Promise((resolve, reject) => {
      this.#journal.add({
        isReady: () => entry.stored,
        changes: () => entry.stored ? removal(entry) : [],
        done: (error) => {
          if (error !== undefined) return reject(error);
          this.#forget(entry);
          resolve();
        },
      });
    });
  }

  /** The server knows nothing of this session: it will release none of these; returns how many. */
  discard(): number {
    const entries = [...this.#entries.values()].filter(({ removed }) => !removed);
    // Whoever cannot remove them is told by the journal.
    for (const entry of entries) this.remove(entry).catch(() => {});
    return entries.length;
  }

  /** Names a message for good: the same text however often it is handed over. */
  keyOf(entry: IncomingEntry): string {
    return `${this.#journal.guard.incarnation}/${entry.sequence}`;
  }

  async #get(messageId: number): Promise<MqttJsPacket | undefined> {
    // What an earlier connection handed over may still be handled.
    await this.#entries.get(messageId)?.handling;
    await this.#journal.idle();
    const entry = this.#entries.get(messageId);
    if (entry === undefined || entry.removed) return undefined;
    const packet = await this.#load(entry);
    if (packet === undefined) this.#context.observe({ type: "dropped", reason: "unreadable", messageId });
    else this.#handedOut.set(packet, entry);
    return packet;
  }

  async #load(entry: IncomingEntry): Promise<MqttJsPacket | undefined> {
    return await this.#memory.load(this.#journal, entry, this.#context.packetForm());
  }

  #forget(entry: IncomingEntry): void {
    this.#memory.forget(entry);
    if (this.#entries.get(entry.messageId) === entry) this.#entries.delete(entry.messageId);
  }
}

function removal(
  { sequence, bytes }: IncomingEntry,
): readonly [{ type: "deleteQueued"; sequence: number; bytes: number }] {
  return [{ type: "deleteQueued", sequence, bytes }];
}

function isResend(packet: MqttJsPacket): boolean {
  return (packet as { readonly dup?: boolean }).dup === true;
}

function newEntry(messageId: number, bytes: number): IncomingEntry {
  return { messageId, sequence: 0, bytes, stored: false, removed: false, handling: undefined, packet: undefined };
}
