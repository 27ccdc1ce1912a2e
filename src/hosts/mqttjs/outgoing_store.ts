import { SessionError } from "../../errors.ts";
import type { SessionChange } from "../../machine/change.ts";
import { messageBytes } from "../../mqtt/message.ts";
import { packetIdOf } from "../../mqtt/packet_id.ts";
import { handOut, type MqttJsDone, type MqttJsPacket, type MqttJsPacketCallback, type MqttJsStore } from "./client.ts";
import type { Journal } from "./journal.ts";
import type { OutgoingEntry } from "./entries.ts";
import type { PacketMemory } from "./packet_memory.ts";
import { storedForm } from "./packets.ts";
import { Replay } from "./replay.ts";
import { ReplayStream } from "./replay_stream.ts";
import type { SessionContext } from "./session_context.ts";

/** What the client publishes at QoS 1 and 2, in the log of its session. */
export class OutgoingStore implements MqttJsStore {
  readonly #context: SessionContext;
  readonly #journal: Journal;
  readonly #memory: PacketMemory;
  /** By Packet Identifier, in the order in which they were published. */
  readonly #entries: Map<number, OutgoingEntry>;
  #bytes = 0;
  #replay: Replay | undefined;

  constructor(context: SessionContext, journal: Journal, memory: PacketMemory, entries: Iterable<OutgoingEntry>) {
    this.#context = context;
    this.#journal = journal;
    this.#memory = memory;
    this.#entries = new Map();
    for (const entry of entries) {
      this.#entries.set(entry.messageId, entry);
      this.#bytes += entry.bytes;
    }
  }

  /** How many are stored. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether something is stored that never was sent. */
  get holdsUnsent(): boolean {
    for (const entry of this.#entries.values()) {
      if (!entry.removed && !entry.released && !entry.maybeSent) return true;
    }
    return false;
  }

  /** Whether a Packet Identifier is in use. */
  has(messageId: number): boolean {
    return this.#entries.has(messageId);
  }

  put(packet: MqttJsPacket, callback: MqttJsDone): this {
    if (packet.cmd === "pubrel") this.#release(packet, callback);
    else this.#publish(packet, callback);
    return this;
  }

  get(packet: MqttJsPacket, callback: MqttJsPacketCallback): this {
    const entry = this.#entries.get(packet.messageId ?? 0);
    this.#journal.idle()
      .then(() => entry === undefined || entry.removed ? undefined : this.packetOf(entry))
      .then((found) => found === undefined ? callback(missing()) : handOut(callback, found), callback);
    return this;
  }

  del(packet: MqttJsPacket, callback: MqttJsPacketCallback): this {
    const entry = this.#entries.get(packet.messageId ?? 0);
    if (entry === undefined || entry.removed) {
      this.#journal.add({ done: () => callback(missing()) });
      return this;
    }
    const removed = entry.packet ?? { cmd: entry.released ? "pubrel" : "publish", messageId: entry.messageId };
    // The server has it, whatever the store says.
    this.remove(entry, () => handOut(callback, removed));
    return this;
  }

  createStream(): never {
    const stream = new ReplayStream();
    const replay = new Replay(this.#context, this.#journal, this, stream);
    if (this.#context.link.client !== undefined) this.#replay = replay;
    replay.run([...this.#entries.values()]);
    // `never` fits the stream of MQTT.js, whose types are not imported: see MqttJsStore.
    return stream as never;
  }

  close(callback: MqttJsDone): void {
    this.#journal.idle().then(() => callback(), () => callback());
  }

  /** The packet of an entry; `undefined` when its row cannot be read. */
  packetOf(entry: OutgoingEntry): Promise<MqttJsPacket | undefined> {
    if (entry.released) {
      return Promise.resolve(entry.packet ?? { cmd: "pubrel", qos: 2, messageId: entry.messageId } as MqttJsPacket);
    }
    return this.#memory.load(this.#journal, entry, this.#context.packetForm());
  }

  /** Removes an entry, and tells when that is durable or nothing can be stored any more. */
  remove(entry: OutgoingEntry, done?: () => void): void {
    entry.removed = true;
    this.#replay?.left(entry);
    this.#journal.add({
      isReady: () => entry.stored,
      changes: () => entry.stored ? removal(entry) : [],
      done: () => {
        this.#forget(entry);
        done?.();
      },
    });
  }

  /** Removes what may not be sent any more, and tells the caller of `publish`. */
  drop(entry: OutgoingEntry, reason: "expired" | "unreadable"): void {
    const { messageId } = entry;
    this.remove(entry);
    this.#context.observe({ type: "dropped", reason, messageId });
    this.#context.link.failPublish(messageId, new Error(`Cannot publish message ${messageId}: it is ${reason}`));
  }

  /** A packet leaves for the server. */
  sending(messageId: number): void {
    const entry = this.#entries.get(messageId);
    if (entry === undefined) return;
    entry.maybeSent = true;
    entry.sentOn = this.#context.link.connection;
  }

  /** The server knows nothing of this session: what was started is given up, and its number returned. */
  discard(): number {
    const { link, whenSessionLost } = this.#context;
    let discarded = 0;
    for (const entry of [...this.#entries.values()]) {
      if (entry.removed || (!entry.maybeSent && !entry.released)) continue;
      if (whenSessionLost === "resend" && !entry.released) {
        entry.maybeSent = false;
        continue;
      }
      discarded += 1;
      this.remove(entry);
      const found = "the server has lost the session in which it was sent";
      link.failPublish(entry.messageId, new Error(`Cannot tell what became of message ${entry.messageId}: ${found}`));
    }
    return discarded;
  }

  /** The connection is gone. */
  disconnected(): void {
    this.#replay?.stop();
    this.#replay = undefined;
  }

  /** A replay has come to its end. */
  replayed(replay: Replay): void {
    if (this.#replay === replay) this.#replay = undefined;
  }

  #publish(packet: MqttJsPacket, callback: MqttJsDone): void {
    const { link, clientId, now, queue } = this.#context;
    const { connection, sendsAtOnce } = link;
    const messageId = packet.messageId ?? 0;
    const fail = (error: Error): void => this.#notStored(messageId, error, sendsAtOnce, callback);
    const form = storedForm(packet, clientId, now());
    if (typeof form === "string") return fail(new TypeError(`Cannot store a message: its ${form} is not valid`));
    const bytes = messageBytes(form.message);
    if (this.#entries.size >= queue.maximumMessages || this.#bytes + bytes > queue.maximumBytes) {
      return fail(new SessionError("LIMIT_EXCEEDED", "Cannot store a message: as many as allowed are stored"));
    }
    const entry = newEntry(messageId, bytes, form.message.expiresAt);
    const replaced = this.#place(entry);
    this.#memory.keep(entry, packet);
    const replay = sendsAtOnce ? this.#replay : undefined;
    const isEarly = replay?.expect() ?? false;
    const answer = (): void => {
      const isGone = sendsAtOnce && link.connection !== connection;
      // MQTT.js would write to whatever connection there is now, before or beside its replay, which holds it anyway.
      callback(isGone ? new Error(`The connection is lost; message ${messageId} is stored`) : undefined);
    };
    this.#journal.add({
      isReady: () => replaced?.stored !== false,
      changes: () => replaced?.stored === true ? removal(replaced) : [],
      append: {
        ...form,
        sends: sendsAtOnce && !isEarly,
        placed: (sequence) => {
          entry.sequence = sequence;
          if (packetIdOf(sequence) === messageId) return [];
          return [{ type: "putOutboundMark", sequence, mark: { packetId: messageId, phase: "sent", pubrecOrder: 0 } }];
        },
      },
      done: (error) => {
        if (error !== undefined) {
          this.#forget(entry);
          replay?.unexpect(isEarly);
          return fail(error);
        }
        entry.stored = true;
        if (replay === undefined) answer();
        else replay.hold({ sequence: entry.sequence, isEarly, answer });
      },
    });
  }

  /** Puts an entry in the place of one with its Packet Identifier, which it answers, or last. */
  #place(entry: OutgoingEntry): OutgoingEntry | undefined {
    const replaced = this.#entries.get(entry.messageId);
    this.#entries.set(entry.messageId, entry);
    this.#bytes += entry.bytes;
    if (replaced === undefined) return undefined;
    this.#bytes -= replaced.bytes;
    this.#memory.forget(replaced);
    return replaced.removed ? undefined : replaced;
  }

  #release(packet: MqttJsPacket, callback: MqttJsDone): void {
    const { link, pubrecs } = this.#context;
    const entry = this.#entries.get(packet.messageId ?? 0);
    if (entry === undefined || entry.removed || entry.released) {
      // It is stored, or its exchange is over and nothing has to be remembered.
      this.#journal.add({ done: () => callback() });
      return;
    }
    const { connection } = link;
    const { bytes, messageId } = entry;
    const mark = { packetId: messageId, phase: "released", pubrecOrder: ++pubrecs.last } as const;
    entry.released = true;
    this.#memory.keep(entry, packet);
    this.#journal.add({
      isReady: () => entry.stored,
      changes: () => {
        const { sequence, stored } = entry;
        if (!stored) return [];
        return [{ type: "deleteQueued", sequence, bytes }, { type: "putOutboundMark", sequence, mark }];
      },
      done: (error) => {
        if (error === undefined) {
          this.#bytes -= entry.bytes;
          entry.bytes = 0;
        } else {
          entry.released = false;
          this.#memory.forget(entry);
          link.cut(error);
        }
        const isGone = link.connection !== connection;
        callback(error ?? (isGone ? new Error(`The connection is lost; PUBREL ${messageId} is stored`) : undefined));
      },
    });
  }

  #notStored(messageId: number, error: Error, wasConnected: boolean, callback: MqttJsDone): void {
    const { link, observe, freeId } = this.#context;
    observe({ type: "dropped", reason: "notStored", messageId });
    const pending = link.takePending(messageId);
    if (!this.has(messageId)) freeId(messageId);
    callback(error);
    // MQTT.js tells the caller of `publish` itself only where it is not connected.
    if (wasConnected) pending?.(error);
  }

  #forget(entry: OutgoingEntry): void {
    if (this.#entries.get(entry.messageId) !== entry) return;
    this.#entries.delete(entry.messageId);
    this.#memory.forget(entry);
    this.#bytes -= entry.bytes;
  }
}

/** What removes an entry from the store. */
function removal({ sequence, bytes, released }: OutgoingEntry): readonly SessionChange[] {
  return released ? [{ type: "deleteOutboundMark", sequence }] : [{ type: "deleteQueued", sequence, bytes }];
}

/** What MQTT.js expects to hear of a packet that is not there. */
export function missing(): Error {
  return new Error("missing packet");
}

function newEntry(messageId: number, bytes: number, expiresAt: number | undefined): OutgoingEntry {
  return {
    messageId,
    sequence: 0,
    bytes,
    expiresAt,
    released: false,
    stored: false,
    removed: false,
    maybeSent: false,
    sentOn: 0,
    packet: undefined,
  };
}
