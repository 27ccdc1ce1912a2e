/** Who takes part in a delivery, and what they do. */
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import { lasting, type Version } from "./both_versions.ts";
import { type Client, type ConnectOptions, type Rig, text } from "./rig.ts";

type Response = "puback" | "pubrec" | "pubrel" | "pubcomp";

/** An acknowledgement as a client sends it. */
export function response(type: Response, packetId: number, reasonCode = 0): ClientPacket {
  return { type, packetId, reasonCode };
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
