import assert from "node:assert/strict";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { type MqttJsClient, mqttjsSession } from "../../../../src/hosts/mqttjs.ts";
import { sessionClient } from "../../../../src/runtime/client/mod.ts";
import { indexedDbClientStore, indexedDbStore } from "../../../../src/stores/idb_keyval/mod.ts";

/** A database of its own. */
function database() {
  return { database: "d", platform: { indexedDB: new IDBFactory(), IDBKeyRange } };
}

/** A client of MQTT.js that never connects. */
function offline(): MqttJsClient {
  const outgoing = {};
  return {
    connected: false,
    outgoing,
    queue: [],
    options: {},
    incomingStore: undefined,
    outgoingStore: undefined,
    handleMessage: () => {},
    on: () => {},
    end: () => {},
  };
}

Deno.test("a page goes on with either store in IndexedDB, and back", async () => {
  const place = database();
  for (const [index, open] of [indexedDbClientStore, indexedDbStore, indexedDbClientStore].entries()) {
    const store = open(place);
    await using client = sessionClient({ store, clientId: "page", onMessage: () => {} });
    const { outgoing } = await client.inspect();
    assert.deepEqual(outgoing.map(({ sequence }) => sequence), Array.from({ length: index }, (_, at) => at + 1));
    // Larger than a row.
    await client.publish({ topic: "t", payload: new Uint8Array(100_000), qos: 2 }).stored;
    await client[Symbol.asyncDispose]();
    await store.close();
  }
});

Deno.test("sessions of MQTT.js live in a client's store as they do in a whole one", async () => {
  const place = database();
  for (const [index, open] of [indexedDbClientStore, indexedDbStore, indexedDbClientStore].entries()) {
    const store = open(place);
    const session = await mqttjsSession(store, { clientId: "page" });
    assert.equal(session.stored.outgoing, index);
    session.attach(offline());
    const { outgoingStore, messageIdProvider } = session.options();
    const packet = { cmd: "publish", messageId: messageIdProvider.allocate() ?? 0, topic: "t", payload: "x", qos: 1 };
    await new Promise<void>((resolve, reject) => {
      outgoingStore.put(packet, (error) => error === undefined ? resolve() : reject(error));
    });
    await session.close();
    await store.close();
  }
});

Deno.test("a client's store takes no subscriptions, which are the server's, and has nothing of a broker's", async () => {
  const store = indexedDbClientStore(database());
  const whole = indexedDbStore(database());
  const missing = Object.keys(whole).filter((name) => !(name in store));
  assert.ok(["listDue", "matchSubscriptions", "maintenance", "readRings"].every((name) => missing.includes(name)));
  assert.deepEqual(store.capabilities, whole.capabilities);
  const answer = await store.acquire({
    terms: {
      clientId: "page",
      mustBeNew: true,
      cleanStart: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: 0,
        sessionExpiryInterval: 60,
        onTakeover: "discard",
        sentLimit: 0,
      },
      sendAhead: 0,
      releaseWillOnCleanStart: false,
      resumeAcrossVersions: true,
    },
    token: "token",
    nodeId: "node",
    incarnation: "incarnation",
    whenOwned: "take",
    page: { messages: 1, bytes: 1 },
    now: 1,
  });
  assert.ok(answer.outcome === "acquired");
  const subscription = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  const batch = {
    id: "batch",
    guard: answer.guard,
    changes: [{ type: "putSubscription", filter: "a/+", subscription }],
    deliveries: [],
    limits: { maximumMessages: 1, maximumBytes: 1, whenFull: "dropNewest" },
    now: 2,
  } as const;
  await assert.rejects(store.commit([batch]), RangeError);
  await store.close();
  await whole.close();
});
