/**
 * What the MQTT texts ask of a client, as far as a broker can be blamed for what follows when one does otherwise. MQTT.js
 * does otherwise at times; the clients of this folder never may.
 *
 * @module
 */
import type { WirePacket, WirePublish } from "../simulation/oracle/observation.ts";
import { identityOf } from "./wire.ts";

/** A message of the client that is not completed. */
interface Outgoing {
  readonly identity: string;
  /** Its place among all that the client has published. */
  readonly order: number;
  recorded: boolean;
}

/** What is known of a client over all its connections. */
interface Known {
  readonly outgoing: Map<number, Outgoing>;
  readonly published: Set<string>;
  order: number;
  connections: number;
  /** The number of the connection to which the session has moved last. */
  accepted: number;
}

/** Watches one client over all its connections. */
export class Manners {
  readonly #known: Known = { outgoing: new Map(), published: new Set(), order: 0, connections: 0, accepted: 0 };

  /** How many messages it has published that are not completed. */
  get open(): number {
    return this.#known.outgoing.size;
  }

  /** Watches a connection; its packets come in their order on the wire. */
  connection(): ConnectionManners {
    return new ConnectionManners(this.#known);
  }
}

/** Watches one connection. */
export class ConnectionManners {
  readonly #known: Known;
  readonly #number: number;
  readonly #got = new Set<string>();
  #latest = 0;

  /** Use {@link Manners.connection}. */
  constructor(known: Known) {
    this.#known = known;
    this.#number = ++known.connections;
  }

  /** The client sends a packet; a complaint, if there is one. */
  sent(packet: WirePacket): string | undefined {
    switch (packet.type) {
      case "publish":
        return packet.packetId === undefined ? undefined : this.#publish(packet, packet.packetId);
      case "pubrel":
        if (this.#known.outgoing.get(packet.packetId)?.recorded === true) return undefined;
        return `PUBREL ${packet.packetId} without a PUBREC before it`;
      case "puback":
        return this.#answers("QoS 1", packet.packetId, packet.type);
      case "pubrec":
        return this.#answers("QoS 2", packet.packetId, packet.type);
      case "pubcomp":
        return this.#answers("PUBREL", packet.packetId, packet.type);
      default:
        return undefined;
    }
  }

  /** The client gets a packet. */
  received(packet: WirePacket): void {
    // The session has moved on: this is from the past.
    if (this.#known.accepted > this.#number) return;
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode !== 0) break;
        this.#known.accepted = this.#number;
        if (!packet.sessionPresent) this.#known.outgoing.clear();
        break;
      case "publish":
        if (packet.packetId !== undefined) this.#got.add(`QoS ${packet.qos} ${packet.packetId}`);
        break;
      case "pubrel":
        this.#got.add(`PUBREL ${packet.packetId}`);
        break;
      case "puback":
      case "pubcomp":
        this.#known.outgoing.delete(packet.packetId);
        break;
      case "pubrec": {
        const entry = this.#known.outgoing.get(packet.packetId);
        if (packet.reasonCode >= 0x80) this.#known.outgoing.delete(packet.packetId);
        else if (entry !== undefined) entry.recorded = true;
        break;
      }
      default:
    }
  }

  #publish({ payload, qos }: WirePublish, packetId: number): string | undefined {
    const identity = identityOf(payload);
    const open = this.#known.outgoing.get(packetId);
    if (open === undefined) {
      // What removes a retained message is empty, and like any other.
      if (identity !== "" && this.#known.published.has(identity)) return `${identity} published again as a new message`;
      this.#known.published.add(identity);
      this.#latest = ++this.#known.order;
      this.#known.outgoing.set(packetId, { identity, order: this.#latest, recorded: false });
      return undefined;
    }
    if (open.identity !== identity) {
      return `Packet Identifier ${packetId} used for ${identity} while ${open.identity} is not completed`;
    }
    if (qos === 2 && open.recorded) return `${identity} published again after its PUBREC`;
    if (open.order <= this.#latest) return `${identity} published again out of order, or twice on one connection`;
    this.#latest = open.order;
    return undefined;
  }

  #answers(what: string, packetId: number, type: string): string | undefined {
    return this.#got.has(`${what} ${packetId}`) ? undefined : `${type} ${packetId} answers nothing on this connection`;
  }
}
