/// <reference lib="dom" />
/**
 * Packets over a WebSocket, with `mqtt-packet` as the codec.
 *
 * @module
 */
import { Buffer } from "buffer";
import {
  fromMqttPacket,
  type ParsedMqttPacket,
  reasonCodeOfParserError,
  toMqttPacket,
} from "@edge-mqtt/session/mqtt-packet";
import type { ClientPacket, ServerPacket } from "@edge-mqtt/session/mqtt-packet";
import type { SessionClient } from "@edge-mqtt/session/client";
import { generate, parser } from "mqtt-packet";

/** One connection of the page's session, from its first byte to its last. */
export interface Wire {
  /** Ends when it is closed, and says whether it had ever been open. */
  readonly closed: Promise<boolean>;
  /** Drops the socket, and says nothing: what a network does. */
  cut(): void;
}

/** Opens a WebSocket, and the session on it. */
export function openWire(url: string, session: SessionClient): Wire {
  const socket = new WebSocket(url, "mqtt");
  socket.binaryType = "arraybuffer";
  const { promise: closed, resolve } = Promise.withResolvers<boolean>();
  let wasOpen = false;
  let end = (): void => resolve(wasOpen);
  socket.onopen = () => {
    wasOpen = true;
    const connection = session.connect({
      send(packet) {
        if (socket.readyState === WebSocket.OPEN) socket.send(encode(packet));
      },
      close: () => socket.close(1000),
    });
    const read = reader();
    socket.onmessage = ({ data }) => {
      // MQTT is carried in binary frames alone.
      const { packets, fault } = data instanceof ArrayBuffer ? read(new Uint8Array(data)) : NO_MQTT;
      // A WebSocket cannot be paused, so nobody waits for it: the client bounds what it keeps in memory by the window.
      void connection.receive(packets);
      if (fault !== undefined) connection.malformed(fault);
    };
    end = () => {
      connection.closed();
      resolve(wasOpen);
    };
  };
  socket.onclose = () => end();
  return {
    closed,
    cut() {
      // The handshake of closing takes its time, and nothing may come or go in it.
      socket.onmessage = socket.onclose = null;
      socket.close();
      end();
    },
  };
}

/** What bytes hold: packets, and why what follows them cannot be read. */
interface Read {
  readonly packets: readonly ServerPacket[];
  readonly fault?: number;
}

const NO_MQTT: Read = { packets: [], fault: 0x81 };

/** Reads what comes, piece by piece. */
function reader(): (bytes: Uint8Array) => Read {
  const incoming = parser({ protocolVersion: 5 });
  let parsed: ParsedMqttPacket[] = [];
  let fault: number | undefined;
  incoming.on("packet", (packet) => parsed.push(packet));
  incoming.on("error", (error) => fault ??= reasonCodeOfParserError(error));
  return (bytes) => {
    parsed = [];
    if (fault === undefined) incoming.parse(asBuffer(bytes));
    const packets: ServerPacket[] = [];
    for (const one of parsed) {
      const result = fromMqttPacket(one);
      if (!result.ok) return { packets, fault: result.reasonCode };
      if (!isFromServer(result.packet)) return { packets, fault: 0x82 };
      packets.push(result.packet);
    }
    return fault === undefined ? { packets } : { packets, fault };
  };
}

function encode(packet: ClientPacket): Uint8Array<ArrayBuffer> {
  // Its memory is the page's own, shared with nobody.
  return generate(toMqttPacket(packet, 5, asBuffer), { protocolVersion: 5 }) as Uint8Array<ArrayBuffer>;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function isFromServer(packet: ClientPacket | ServerPacket): packet is ServerPacket {
  switch (packet.type) {
    case "connect":
    case "subscribe":
    case "unsubscribe":
    case "pingreq":
      return false;
    default:
      return true;
  }
}
