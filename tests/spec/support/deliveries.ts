/**
 * Deliveries as they look on the wire: packets as short texts, so that an expectation reads like a trace.
 */
import { equal } from "node:assert/strict";
import type { ClientPacket, ServerPacket } from "../../../src/mqtt/packet.ts";
import { lasting, type Version } from "./both_versions.ts";
import { type Client, type ConnectOptions, type PacketOf, read, type Rig, text } from "./rig.ts";

type Response = "puback" | "pubrec" | "pubrel" | "pubcomp";

/** An acknowledgement as a client sends it. */
export function response(type: Response, packetId: number, reasonCode = 0): ClientPacket {
  return { type, packetId, reasonCode };
}

/**
 * A packet as text: `m1 q1 #2 dup` for a PUBLISH of payload m1, `pubrel #2` or `pubrel #2 0x92` for an acknowledgement,
 * `disconnect 0x82`, else the type.
 */
export function trace(packet: ServerPacket): string {
  switch (packet.type) {
    case "publish": {
      const id = packet.packetId === undefined ? "" : ` #${packet.packetId}`;
      return `${read(packet.payload)} q${packet.qos}${id}${packet.dup ? " dup" : ""}`;
    }
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return `${packet.type} #${packet.packetId}${code(packet.reasonCode)}`;
    case "disconnect":
      return `${packet.type}${code(packet.reasonCode)}`;
    default:
      return packet.type;
  }
}

function code(reasonCode: number): string {
  return reasonCode === 0 ? "" : ` 0x${reasonCode.toString(16).padStart(2, "0")}`;
}

/** Takes all that came, as texts. */
export function traces(client: Client): readonly string[] {
  return client.takeAll().map(trace);
}

/** Takes the next packet: a PUBLISH of this payload and QoS above 0, sent for the first time. Answers its identifier. */
export function takeFirst(client: Client, payload: string, qos: 1 | 2): number {
  const packet = client.take("publish");
  const id = idOf(packet);
  equal(trace(packet), `${payload} q${qos} #${id}`);
  return id;
}

/** The identifier of a PUBLISH that must have one. */
export function idOf(packet: PacketOf<"publish">): number {
  equal(typeof packet.packetId, "number", "a PUBLISH of QoS 1 or 2 has a Packet Identifier");
  // The line above has compared the type.
  return packet.packetId as number;
}

/** A client `a` with a lasting session and a subscription to `t` at QoS 2, and nothing left to take. */
export async function subscriber(rig: Rig, version: Version, options: ConnectOptions = {}): Promise<Client> {
  const client = await rig.connect(lasting(version, options));
  await client.subscribe("t", 2);
  return client;
}

/** The same client comes back to its session and takes the CONNACK. */
export function resume(rig: Rig, version: Version, options: ConnectOptions = {}): Promise<Client> {
  return rig.connect(lasting(version, options), true);
}

/** A client `p` that publishes, with a lasting session. */
export function publisher(rig: Rig, version: Version, options: ConnectOptions = {}): Promise<Client> {
  return rig.connect(lasting(version, { clientId: "p", ...options }));
}

/** Routes messages to topic `t` from nobody's session, one after another. */
export async function route(rig: Rig, qos: 0 | 1 | 2, ...payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) await rig.broker.publish({ topic: "t", payload: text(payload), qos });
  await rig.settle();
}

/** Connected or lost, a client whose connection the broker must not have closed. */
export function stillOpen(client: Client): void {
  equal(client.closed, false, `the broker has closed the connection: ${client.timeline.join(", ")}`);
}

/** The broker closed the connection for this reason: 5.0 is told by a DISCONNECT, 3.1.1 is not. */
export function closedWith(client: Client, version: Version, reasonCode: number): void {
  if (version === 5) equal(client.take("disconnect").reasonCode, reasonCode);
  client.quiet();
  equal(client.closed, true);
}
