/** A broker with a store of retained messages that fails as told, and what its clients send and get. */
import assert from "node:assert/strict";
import type { BrokerOptions, ClientPacket, RetainedStore, ServerPacket } from "../../../mod.ts";
import { memoryRetained } from "../../../src/stores/memory.ts";
import { type FaultyStore, faultyStore } from "../../../src/testing/mod.ts";
import { publishPacket, type TestClient, type World, world } from "./support.ts";

export interface Kept {
  readonly world: World;
  readonly retained: FaultyStore<RetainedStore>;
}

export function keeping(options: Partial<BrokerOptions> = {}, inner: RetainedStore = memoryRetained()): Kept {
  const retained = faultyStore(inner);
  return { world: world({ retained: retained.store, ...options }), retained };
}

/** A PUBLISH with RETAIN 1. */
export function retain(topic: string, text: string, packetId = 1, qos: 0 | 1 | 2 = 1): ClientPacket {
  const packet = publishPacket(topic, qos, qos === 0 ? undefined : packetId, text);
  return { ...packet, retain: true } as ClientPacket;
}

/** `topic=payload` of what a client got, with `R` where RETAIN is 1. */
export function got(client: TestClient, from = 0): readonly string[] {
  return client.got.slice(from).flatMap((packet: ServerPacket) => {
    if (packet.type !== "publish") return [];
    return [`${packet.topic}=${new TextDecoder().decode(packet.payload)}${packet.retain ? " R" : ""}`];
  });
}

/** Acknowledges all that a client has not acknowledged yet, until nothing more comes. Subscriptions are of QoS 1 at most here. */
export async function acknowledgeAll(client: TestClient): Promise<void> {
  for (let from = 0, round = 0; from < client.got.length; round++) {
    assert.ok(round < 1_000, "it never ends");
    const packets = client.got.slice(from);
    from = client.got.length;
    await client.send(
      ...packets.flatMap((packet) =>
        packet.type === "publish" && packet.qos === 1
          ? [{ type: "puback", packetId: packet.packetId ?? 0, reasonCode: 0 } as const]
          : []
      ),
    );
  }
}

export async function fill(broker: World["broker"], count: number, name = "t"): Promise<void> {
  for (let index = 0; index < count; index++) {
    const topic = `${name}/${String(index).padStart(6, "0")}`;
    await broker.publish({ topic, payload: new TextEncoder().encode(String(index)), retain: true, qos: 1 });
  }
}

/** A SUBSCRIBE to one filter, of QoS 1 unless told otherwise. */
export function subscribing(
  packetId: number,
  filter: string,
  more: Partial<{ qos: 0 | 1 | 2; retainHandling: 0 | 1 | 2 }> = {},
): ClientPacket {
  const plain = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetId, subscriptions: [{ filter, ...plain, ...more }] };
}
