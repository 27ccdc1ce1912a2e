import { equal } from "node:assert/strict";
import type { ConnectPacket } from "../../../src/mqtt/packet.ts";
import { type Client, read, type Rig, text } from "./rig.ts";

/** A Will, as a CONNECT carries it. */
export type Will = NonNullable<ConnectPacket["will"]>;

/** A Will for topic `will` that says `gone`: QoS 1, not retained, without a delay. */
export function will(options: Partial<Will> = {}): Will {
  return {
    topic: "will",
    payload: text("gone"),
    qos: 1,
    retain: false,
    properties: {},
    willDelayInterval: 0,
    ...options,
  };
}

/** A client `w` that is subscribed to `will` at QoS 2 and stays connected. */
export async function watcher(rig: Rig): Promise<Client> {
  const client = await rig.connect({ clientId: "w" });
  await client.subscribe("will", 2);
  return client;
}

/** The Wills that the watcher has got and not yet taken, as texts. */
export async function published(rig: Rig, watching: Client): Promise<readonly string[]> {
  await rig.settle();
  return watching.takeAll().map((packet) => {
    equal(packet.type, "publish");
    return packet.type === "publish" ? read(packet.payload) : "";
  });
}
