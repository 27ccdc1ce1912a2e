/**
 * The six cases of MQTT.js's own suite for stores, which its runner cannot run under Deno: see tests/runtimes.
 */
import assert from "node:assert/strict";
import type { MqttJsPacket, MqttJsStore } from "../../../../src/hosts/mqttjs/client.ts";
import { mqttjsSession } from "../../../../src/hosts/mqttjs.ts";
import type { ReplayStream } from "../../../../src/hosts/mqttjs/replay_stream.ts";
import { memoryStore } from "../../../../src/stores/memory.ts";

const PACKET = { topic: "hello", payload: "world", qos: 1, messageId: 42 };

type Kind = "outgoingStore" | "incomingStore";

/** Runs a case over a new store. */
async function withStore(kind: Kind, body: (store: MqttJsStore) => Promise<void>): Promise<void> {
  await using session = await mqttjsSession(memoryStore(), { clientId: "suite" });
  const store = session.options()[kind];
  await body(store);
  await new Promise<void>((resolve) => store.close(() => resolve()));
}

function put(store: MqttJsStore, packet: MqttJsPacket): Promise<void> {
  return new Promise((resolve, reject) =>
    store.put(packet, (error) => error === undefined ? resolve() : reject(error))
  );
}

function taken(call: "get" | "del", store: MqttJsStore): Promise<MqttJsPacket | undefined> {
  return new Promise((resolve, reject) => {
    store[call]({ messageId: 42 }, (error, packet) => error === undefined ? resolve(packet) : reject(error));
  });
}

/** What the stream of a store gives until its end. */
function streamed(store: MqttJsStore): Promise<unknown[]> {
  const stream: ReplayStream = store.createStream();
  const packets: unknown[] = [];
  return new Promise((resolve) =>
    stream.on("data", (packet) => packets.push(packet)).on("end", () => resolve(packets))
  );
}

for (const kind of ["outgoingStore", "incomingStore"] satisfies Kind[]) {
  Deno.test(`${kind}: puts and streams a packet`, () =>
    withStore(kind, async (store) => {
      await put(store, PACKET);
      assert.deepEqual(await streamed(store), [PACKET]);
    }));

  Deno.test(`${kind}: a stream can be destroyed`, () =>
    withStore(kind, async (store) => {
      await put(store, PACKET);
      const stream: ReplayStream = store.createStream();
      await new Promise((resolve) => stream.on("close", resolve).destroy());
    }));

  Deno.test(`${kind}: a packet that was removed is not streamed`, () =>
    withStore(kind, async (store) => {
      await put(store, PACKET);
      await taken("del", store);
      assert.deepEqual(await streamed(store), []);
    }));

  Deno.test(`${kind}: del hands out the original packet`, () =>
    withStore(kind, async (store) => {
      await put(store, PACKET);
      assert.deepEqual(await taken("del", store), PACKET);
    }));

  Deno.test(`${kind}: get hands out the packet`, () =>
    withStore(kind, async (store) => {
      await put(store, PACKET);
      assert.deepEqual(await taken("get", store), PACKET);
    }));

  Deno.test(`${kind}: a put replaces a packet of the same Packet Identifier`, () =>
    withStore(kind, async (store) => {
      await put(store, { ...PACKET, qos: 2 } as MqttJsPacket);
      const second = kind === "outgoingStore"
        ? { cmd: "pubrel", qos: 2, messageId: 42 }
        : { ...PACKET, qos: 2, payload: "another" };
      await put(store, second);
      assert.deepEqual(await streamed(store), [second]);
    }));
}
