/**
 * Packet Identifiers of messages that came at QoS 2 and are not released.
 *
 * @module
 */
import { isPacketId } from "../../mqtt/packet_id.ts";
import { deferred } from "../../store/deferred.ts";
import type { AedesClientLike, AedesPacket } from "./packets.ts";
import type { SessionLines } from "./session_lines.ts";
import type { Plan } from "./plan.ts";

/** A message that aedes is about to queue, whose Packet Identifier is stored with it. */
export interface InboundMessage {
  readonly client: AedesClientLike;
  readonly packetId: number;
  /** Whether it is stored now. */
  settle(isStored: boolean): void;
}

interface Pending extends InboundMessage {
  readonly topic: string | undefined;
  readonly stored: Promise<boolean>;
}

/** How many packets are remembered beside their identifiers: aedes asks only whether there is one. */
const REMEMBERED = 256;

/** Keeps identifiers: of a session that goes on in its store, of one that ends with its connection in memory. */
export class Inbound {
  readonly #lines: SessionLines;
  readonly #isConnection: (client: AedesClientLike) => boolean;
  /** Of clients whose session ends with their connection. */
  readonly #ofClean = new WeakMap<object, Set<number>>();
  /** By the bytes of their payload, which aedes hands on as they are. */
  readonly #byPayload = new WeakMap<object, Pending>();
  readonly #ofConnection = new WeakMap<object, Map<number, Pending>>();
  readonly #packets = new Map<string, AedesPacket>();

  constructor(lines: SessionLines, isConnection: (client: AedesClientLike) => boolean) {
    this.#lines = lines;
    this.#isConnection = isConnection;
  }

  /**
   * A message came. aedes publishes it next and answers with PUBREC then: so of a connected client the identifier is stored
   * with what is queued, and a broker that dies in between has stored neither.
   */
  async store(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    const packetId = idOf(packet);
    if (this.#isConnection(client)) {
      if (client.clean === true) {
        this.#cleanOf(client).add(packetId);
        return;
      }
      if (typeof packet.payload === "object") return this.#expect(client, packet, packet.payload, packetId);
    }
    await this.#lines.of(client.id).run(storing(packetId), { asOwner: client });
    this.#remember(client.id, packet);
  }

  /** The identifier that belongs to a message which is about to be queued. */
  take(packet: AedesPacket): InboundMessage | undefined {
    if (typeof packet.payload !== "object") return undefined;
    const pending = this.#byPayload.get(packet.payload);
    if (pending === undefined || pending.topic !== packet.topic) return undefined;
    this.#byPayload.delete(packet.payload);
    return pending;
  }

  /** The message that came under this identifier, as far as it is remembered; rejects when none did. */
  async get(client: AedesClientLike, { messageId }: AedesPacket): Promise<AedesPacket> {
    const isKnown = isPacketId(messageId) && await this.#has(client, messageId);
    if (!isKnown) throw new Error("no such packet");
    return this.#packets.get(nameOf(client.id, messageId)) ?? { cmd: "publish", messageId };
  }

  /** It was released. */
  async delete(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    const packetId = idOf(packet);
    this.#packets.delete(nameOf(client.id, packetId));
    if (this.#isConnection(client)) {
      if (client.clean === true) {
        this.#cleanOf(client).delete(packetId);
        return;
      }
      await this.#ofConnection.get(client)?.get(packetId)?.stored;
    }
    await this.#lines.of(client.id).run(({ view }) => {
      if (view?.draft.inbound.has(packetId)) view.change({ type: "deleteInboundId", packetId });
      return { answer: undefined };
    }, { asOwner: client });
  }

  /** All of them are forgotten. */
  async clean(client: AedesClientLike): Promise<void> {
    for (const name of [...this.#packets.keys()]) {
      if (name.startsWith(nameOf(client.id, ""))) this.#packets.delete(name);
    }
    if (this.#isConnection(client) && client.clean === true) {
      // Its session is new, and has no store: what was there ended with the one before.
      this.#ofClean.delete(client);
      return;
    }
    await this.#lines.of(client.id).run(({ view }) => {
      for (const packetId of view?.draft.inbound ?? []) view?.change({ type: "deleteInboundId", packetId });
      return { answer: undefined };
    });
  }

  async #has(client: AedesClientLike, packetId: number): Promise<boolean> {
    if (this.#isConnection(client)) {
      if (client.clean === true) return this.#cleanOf(client).has(packetId);
      // No PUBREC before it is stored, also not for one that came twice.
      if (await this.#ofConnection.get(client)?.get(packetId)?.stored) return true;
    }
    return await this.#lines.of(client.id).run(({ view, isCertain }) => {
      const isKnown = view?.draft.inbound.has(packetId) === true;
      return isKnown || isCertain ? { answer: isKnown } : { need: "reload" };
    }, { asOwner: client });
  }

  #expect(client: AedesClientLike, packet: AedesPacket, payload: object, packetId: number): void {
    const ofConnection = this.#ofConnection.get(client) ?? new Map<number, Pending>();
    this.#ofConnection.set(client, ofConnection);
    const { promise, resolve } = deferred<boolean>();
    const pending: Pending = {
      client,
      packetId,
      topic: packet.topic,
      stored: promise,
      settle: (isStored) => {
        if (ofConnection.get(packetId) === pending) ofConnection.delete(packetId);
        resolve(isStored);
      },
    };
    ofConnection.set(packetId, pending);
    this.#byPayload.set(payload, pending);
  }

  #cleanOf(client: AedesClientLike): Set<number> {
    const known = this.#ofClean.get(client) ?? new Set();
    this.#ofClean.set(client, known);
    return known;
  }

  #remember(clientId: string, { cmd = "publish", topic, payload, qos, retain, dup, messageId }: AedesPacket): void {
    const copy = { cmd, topic, payload, qos, retain, dup, messageId };
    // A packet of the wire has them all.
    this.#packets.set(nameOf(clientId, messageId), copy as AedesPacket);
    const [oldest] = this.#packets.keys();
    if (this.#packets.size > REMEMBERED && oldest !== undefined) this.#packets.delete(oldest);
  }
}

function storing(packetId: number): Plan<void> {
  return ({ view }) => {
    if (view === undefined) return { need: "session" };
    if (!view.draft.inbound.has(packetId)) view.change({ type: "putInboundId", packetId });
    return { answer: undefined };
  };
}

function idOf({ messageId }: AedesPacket): number {
  if (isPacketId(messageId)) return messageId;
  throw new RangeError("Cannot store a packet: it has no Packet Identifier");
}

/** No Client Identifier holds U+0000. */
function nameOf(clientId: string, packetId: number | string | undefined): string {
  return `${clientId}\u0000${packetId}`;
}
