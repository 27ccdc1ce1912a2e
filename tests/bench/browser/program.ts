/**
 * What pages run that are measured: 1000 QoS 1 messages put and deleted through the stores of MQTT.js, and pages that open
 * on what another one left.
 *
 * @module
 */
import { createStore, del, set, type UseStore } from "idb-keyval";
import mqtt, { type IStore } from "mqtt";
import { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval";
import { mqttjsSession } from "@edge-mqtt/session/mqttjs";

/** Which store is measured. */
export type Kind = "ours" | "idb-keyval" | "idb-keyval, strict" | "memory";

/** How calls follow each other. */
export type Mode = "one by one" | "all at once";

/** The calls of a store as promises. */
interface Asked {
  allocate(): number;
  put(packet: Packet): Promise<void>;
  del(messageId: number): Promise<void>;
  close(): Promise<void>;
}

interface Packet {
  readonly cmd: "publish";
  readonly messageId: number;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 1;
  readonly retain: false;
  readonly dup: false;
}

/** Puts and deletes so many messages of 64 bytes; the milliseconds of it. */
export async function putAndDelete(kind: Kind, mode: Mode, messages: number): Promise<number> {
  const asked = await open(kind);
  const packets = Array.from({ length: messages }, (): Packet => ({
    cmd: "publish",
    messageId: asked.allocate(),
    topic: "meters/7/reading",
    payload: new Uint8Array(64),
    qos: 1,
    retain: false,
    dup: false,
  }));
  const startedAt = performance.now();
  if (mode === "one by one") {
    for (const packet of packets) {
      await asked.put(packet);
      await asked.del(packet.messageId);
    }
  } else {
    await Promise.all(packets.map((packet) => asked.put(packet)));
    await Promise.all(packets.map(({ messageId }) => asked.del(messageId)));
  }
  const took = performance.now() - startedAt;
  await asked.close();
  return took;
}

/** Leaves so many messages in a database. */
export async function leave(database: string, messages: number): Promise<void> {
  const store = indexedDbClientStore({ database });
  const session = await mqttjsSession(store, { clientId: "left" });
  const { outgoingStore, messageIdProvider } = session.options();
  for (let index = 0; index < messages; index++) {
    const messageId = messageIdProvider.allocate() ?? 0;
    const packet: Packet = {
      cmd: "publish",
      messageId,
      topic: "t",
      payload: new Uint8Array(64),
      qos: 1,
      retain: false,
      dup: false,
    };
    outgoingStore.put(packet, () => {});
  }
  await session.flush();
  await session.close();
  await store.close();
}

/** How long a page takes until its session can be used, in milliseconds. */
export async function ready(database: string): Promise<number> {
  const startedAt = performance.now();
  const store = indexedDbClientStore({ database });
  const session = await mqttjsSession(store, { clientId: "left" });
  const took = performance.now() - startedAt;
  await session.close();
  await store.close();
  return took;
}

async function open(kind: Kind): Promise<Asked> {
  const database = crypto.randomUUID();
  if (kind === "idb-keyval") return keyval(createStore(database, "packets"));
  if (kind === "idb-keyval, strict") return keyval(strictStore(database));
  if (kind === "memory") return asked(new mqtt.Store({ clean: true }) as IStore, () => Promise.resolve());
  const store = indexedDbClientStore({ database });
  const session = await mqttjsSession(store, { clientId: "measured" });
  const { outgoingStore, messageIdProvider } = session.options();
  return {
    ...asked(outgoingStore as unknown as IStore, async () => {
      await session.close();
      await store.close();
    }),
    allocate: () => messageIdProvider.allocate() ?? 0,
  };
}

function asked(store: IStore, close: () => Promise<void>): Asked {
  let last = 0;
  return {
    allocate: () => ++last,
    put: (packet) =>
      new Promise((resolve, reject) => {
        store.put(packet as never, (error?: Error) => error === undefined ? resolve() : reject(error));
      }),
    del: (messageId) =>
      new Promise((resolve, reject) => {
        store.del({ messageId }, (error?: Error | null) => error ? reject(error) : resolve());
      }),
    close,
  };
}

/** What of a page's IndexedDB is used: its types are not known here. */
interface PageDatabases {
  readonly indexedDB: { open(name: string): PageRequest };
}
interface PageRequest {
  readonly result: {
    createObjectStore(name: string): unknown;
    transaction(name: string, mode: string, options: object): { objectStore(name: string): never };
  };
  onupgradeneeded: () => void;
  onsuccess: () => void;
}

/** The same as `createStore`, with the durability of ours: a write is answered once the disk has it. */
function strictStore(database: string): UseStore {
  const opened = new Promise<PageRequest["result"]>((resolve) => {
    const request = (globalThis as unknown as PageDatabases).indexedDB.open(database);
    request.onupgradeneeded = () => void request.result.createObjectStore("packets");
    request.onsuccess = () => resolve(request.result);
  });
  return async (mode, act) => {
    const transaction = (await opened).transaction("packets", mode, { durability: "strict" });
    return await act(transaction.objectStore("packets"));
  };
}

function keyval(store: UseStore): Asked {
  let last = 0;
  return {
    allocate: () => ++last,
    put: (packet) => set(packet.messageId, packet, store),
    del: (messageId) => del(messageId, store),
    close: () => Promise.resolve(),
  };
}
