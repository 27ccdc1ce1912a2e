/** A client that keeps its side of every exchange, and notices what a server may not do. */
import assert from "node:assert/strict";
import type { ClientPacket, ConnectPacket, ServerPacket } from "../../../mod.ts";
import type { Platform, Socket } from "./hibernation_support.ts";
import { connectPacket, publishPacket } from "./support.ts";

interface Sending {
  readonly text: string;
  readonly topic: string;
  readonly qos: 1 | 2;
  isReleased: boolean;
}

export class Peer {
  readonly clientId: string;
  /** What came, each as often as it came to the application. */
  readonly received: string[] = [];
  /** How many connections the server has closed. */
  closed = 0;
  socket: Socket | undefined;
  readonly #platform: Platform;
  readonly #connect: Partial<ConnectPacket>;
  readonly #sending = new Map<number, Sending>();
  /** Identifier to text: PUBLISH at QoS 2 that is not released. */
  readonly #held = new Map<number, string>();
  /** Text to identifier: what came at QoS 1 or 2 and was not acknowledged to the end, on any connection. */
  readonly #open = new Map<string, number>();
  /** The same, of this connection. */
  #openHere = new Set<string>();
  /** Identifiers of what it has sent on this connection. */
  #sentHere = new Set<number>();
  #lastId = 0;
  #isAccepted = false;

  constructor(platform: Platform, clientId: string, connect: Partial<ConnectPacket> = {}) {
    this.#platform = platform;
    this.clientId = clientId;
    this.#connect = connect;
  }

  /** Whether nothing of its own is under way. */
  get isDone(): boolean {
    return this.#sending.size === 0 && this.#open.size === 0;
  }

  /** Sends a CONNECT on a new socket. */
  begin(): ClientPacket {
    this.socket = this.#platform.socket();
    this.#isAccepted = false;
    this.#openHere = new Set();
    this.#sentHere = new Set();
    return connectPacket(this.clientId, this.#connect);
  }

  /** The next identifier, and the message under way by it. */
  publish(topic: string, qos: 1 | 2, text: string): ClientPacket {
    const packetId = ++this.#lastId;
    this.#sending.set(packetId, { text, topic, qos, isReleased: false });
    this.#sentHere.add(packetId);
    return publishPacket(topic, qos, packetId, text);
  }

  /** What is to be answered to all that came; a new CONNECT where the connection was closed. */
  answers(): ClientPacket[] {
    const { socket } = this;
    if (socket === undefined) return [this.begin()];
    const answers = socket.got.splice(0).flatMap((packet) => this.#answers(packet));
    if (socket.isOpen) return answers;
    this.closed++;
    return [this.begin()];
  }

  #answers(packet: ServerPacket): ClientPacket[] {
    switch (packet.type) {
      case "connack":
        assert.equal(packet.reasonCode, 0);
        this.#isAccepted = true;
        if (!packet.sessionPresent) {
          for (const state of [this.#held, this.#open]) state.clear();
          for (const packetId of this.#sending.keys()) {
            if (!this.#sentHere.has(packetId)) this.#sending.delete(packetId);
          }
        }
        return [...this.#sending].filter(([packetId]) => !this.#sentHere.has(packetId)).map((
          [packetId, { text, topic, qos, isReleased }],
        ) =>
          isReleased
            ? { type: "pubrel", packetId, reasonCode: 0 }
            : { ...publishPacket(topic, qos, packetId, text), dup: true } as ClientPacket
        );
      case "publish": {
        const text = new TextDecoder().decode(packet.payload);
        const { packetId = 0, qos, dup, retain } = packet;
        if (qos === 0) {
          this.received.push(text);
          return [];
        }
        // A retained message comes with every SUBSCRIBE.
        if (retain) return [{ type: qos === 1 ? "puback" : "pubrec", packetId, reasonCode: 0 }];
        assert.ok(!this.#openHere.has(text), `${text} came twice on one connection ([MQTT-4.4.0-1])`);
        const known = this.#open.get(text);
        assert.ok(known === undefined || known === packetId, `${text} came under ${known} and ${packetId}`);
        assert.ok(dup || known === undefined, `${text} came again without DUP`);
        if (qos === 1) {
          this.received.push(text);
          return [{ type: "puback", packetId, reasonCode: 0 }];
        }
        this.#open.set(text, packetId);
        this.#openHere.add(text);
        if (!this.#held.has(packetId)) this.received.push(text);
        this.#held.set(packetId, text);
        return [{ type: "pubrec", packetId, reasonCode: 0 }];
      }
      case "pubrel": {
        const text = this.#held.get(packet.packetId);
        this.#held.delete(packet.packetId);
        if (text !== undefined) this.#open.delete(text);
        return [{ type: "pubcomp", packetId: packet.packetId, reasonCode: 0 }];
      }
      case "puback":
        assert.equal(this.#sending.get(packet.packetId)?.qos, 1);
        this.#sending.delete(packet.packetId);
        return [];
      case "pubrec": {
        const sending = this.#sending.get(packet.packetId);
        assert.ok(sending?.qos === 2 && !sending.isReleased);
        sending.isReleased = true;
        return [{ type: "pubrel", packetId: packet.packetId, reasonCode: 0 }];
      }
      case "pubcomp":
        assert.ok(this.#sending.get(packet.packetId)?.isReleased);
        this.#sending.delete(packet.packetId);
        return [];
      case "disconnect":
      case "suback":
      case "unsuback":
      case "pingresp":
        return [];
      default:
        throw new Error(`A ${packet.type} came, accepted: ${this.#isAccepted}`);
    }
  }
}
