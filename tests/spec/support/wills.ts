import { equal } from "node:assert/strict";
import type { Will } from "../../../src/mqtt/will.ts";
import { type Client, read, type Rig, text } from "./rig.ts";

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

/** The part of a CONNECT that carries such a Will with this payload. */
export function willOf(payload: string, options: Partial<Will> = {}): { readonly will: Will } {
  return { will: will({ payload: text(payload), ...options }) };
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
