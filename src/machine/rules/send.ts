/** The way out of the machine: packets, and what is lost when there is none. */
import type { ClientPacket, ServerPacket } from "../../mqtt/packet.ts";
import { withinMaximumPacketSize } from "../../mqtt/packet_size.ts";
import type { SendClientPacket } from "../client_effect.ts";
import type { SendPacket } from "../effect.ts";
import type { Output } from "../output.ts";
import type { ConnectionState } from "../state/connection.ts";

/**
 * Sends a packet, without its optional texts where they would break the peer's Maximum Packet Size (CL-06).
 *
 * One that does not fit even bare is not sent ([MQTT-3.1.2-24]); the connection cannot go on without it, and
 * `closeUnsendable` ends it at the end of the step.
 */
export function send(connection: ConnectionState, out: Output, packet: ServerPacket | ClientPacket): void {
  // CONNECT goes before any limit is known.
  if (connection.maximumPacketSize === Infinity || packet.type === "connect") {
    out.effects.push(sendPacket(packet));
    return;
  }
  const fitting = withinMaximumPacketSize(packet, connection.version, connection.maximumPacketSize);
  if (fitting !== undefined) out.effects.push(sendPacket(fitting));
  else connection.hasUnsendable = true;
}

/** Each role makes packets of its own side alone: the rules see to that. */
function sendPacket(packet: ServerPacket | ClientPacket): SendPacket | SendClientPacket {
  return { type: "sendPacket", packet } as SendPacket | SendClientPacket;
}

/** QoS 0 copies that waited for their turn were never stored: they are lost with the connection (G14). */
export function dropHeld(connection: ConnectionState, out: Output): void {
  const held = connection.held;
  connection.held = [];
  for (const { message } of held) {
    out.effects.push({ type: "messageDropped", reason: "atMostOnce", topic: message.topic });
  }
}
