/**
 * The client's side of a connection: what it owes, what it has published, and what it sends again after a reconnect.
 *
 * @module
 */
import type { ClientPacket, ConnectPacket, PublishPacket, ServerPacket } from "../../../src/machine/mod.ts";
import type { ConnectAction } from "./actions.ts";

const MAX_OPEN = 4;

/** A client that can keep all the rules; the actions decide whether it does. */
export class Client {
  /** Answers that it owes, oldest first. */
  due: ClientPacket[] = [];
  /** Its own messages that are not acknowledged, by id: what it would send again. */
  readonly #open = new Map<number, ClientPacket>();

  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  /** A PUBLISH under a free id; `undefined` when too many wait for their acknowledgement. */
  publish(
    message: Omit<PublishPacket, "type" | "packetId" | "dup" | "properties" | "retain">,
  ): PublishPacket | undefined {
    const packet: PublishPacket = { type: "publish", ...message, dup: false, retain: false, properties: {} };
    if (packet.qos === 0) return packet;
    if (this.#open.size >= MAX_OPEN) return undefined;
    let packetId = 1;
    while (this.#open.has(packetId)) packetId += 1;
    const identified = { ...packet, packetId };
    this.#open.set(packetId, identified);
    return identified;
  }

  /** A new connection: what was owed on the old one is void. */
  reconnected(sessionPresent: boolean): void {
    this.due = [];
    if (!sessionPresent) this.#open.clear();
    for (const packet of this.#open.values()) {
      this.due.push(packet.type === "publish" ? { ...packet, dup: true } : packet);
    }
  }

  receive(packet: ServerPacket): void {
    switch (packet.type) {
      case "connack":
        if (packet.reasonCode === 0) this.reconnected(packet.sessionPresent);
        return;
      case "publish":
        if (packet.qos > 0) this.#owe(packet.qos === 1 ? "puback" : "pubrec", packet.packetId ?? 0);
        return;
      case "pubrel":
        return this.#owe("pubcomp", packet.packetId);
      case "pubrec":
        if (packet.reasonCode >= 0x80) this.#open.delete(packet.packetId);
        else {
          this.#open.set(packet.packetId, { type: "pubrel", packetId: packet.packetId, reasonCode: 0 });
          this.#owe("pubrel", packet.packetId);
        }
        return;
      case "puback":
      case "pubcomp":
        this.#open.delete(packet.packetId);
        return;
      default:
        return;
    }
  }

  #owe(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number): void {
    this.due.push({ type, packetId, reasonCode: 0 });
  }
}

/** The CONNECT of an action; `willPayload` is asked for where it has a Will. */
export function connectPacket(clientId: string, action: ConnectAction, willPayload: () => Uint8Array): ConnectPacket {
  const { version, cleanStart, keepAlive, receiveMaximum, maximumPacketSize, sessionExpiryInterval, willDelay } =
    action;
  const isV5 = version === 5;
  return {
    type: "connect",
    protocolVersion: version,
    clientId,
    cleanStart,
    keepAlive,
    ...(isV5 && receiveMaximum !== undefined ? { receiveMaximum } : {}),
    ...(isV5 && maximumPacketSize !== undefined ? { maximumPacketSize } : {}),
    ...(isV5 && sessionExpiryInterval !== undefined ? { sessionExpiryInterval } : {}),
    ...(willDelay === undefined ? {} : {
      will: {
        topic: "to/b",
        payload: willPayload(),
        qos: 1,
        retain: false,
        properties: {},
        willDelayInterval: willDelay,
      },
    }),
  };
}
