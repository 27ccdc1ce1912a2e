import assert from "node:assert/strict";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import type { DriverLimits } from "../../src/store/key_value/mod.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import {
  compareStores,
  type MapDriver,
  mapDriver,
  plantFault,
  random,
  storeConformance,
  type StoreUnderTest,
} from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "process", consistency: "strong", watch: "process" } as const;

/** As tight as Deno KV. */
const DENO_KV: Partial<DriverLimits> = {
  valueBytes: 65_536,
  keyBytes: 2_048,
  keysPerGet: 10,
  entriesPerList: 500,
  checksPerCommit: 100,
  mutationsPerCommit: 1_000,
  bytesPerCommit: 819_200,
  keyBytesPerCommit: 81_920,
};

/** Tighter than any backend, so that everything comes in parts. */
const TIGHT: Partial<DriverLimits> = {
  valueBytes: 20_000,
  keyBytes: 2_048,
  keysPerGet: 2,
  entriesPerList: 3,
  checksPerCommit: 20,
  mutationsPerCommit: 90,
  bytesPerCommit: 60_000,
  keyBytesPerCommit: 20_000,
};

function subject(driver: MapDriver): StoreUnderTest {
  const newId = random(1).id;
  const open = () => keyValueStore(driver, { capabilities: CAPABILITIES, newId });
  return {
    store: open(),
    close: () => {},
    reopen: () => Promise.resolve(open()),
    beside: () => Promise.resolve(open()),
    plant: (fault) => plantFault(driver, fault),
  };
}

const LIMITS = Object.entries({ "without limits": {}, "as Deno KV": DENO_KV, "tight": TIGHT });

for (const [name, limits] of LIMITS) {
  storeConformance({
    test: Deno.test,
    name: `key-value ${name}`,
    store: () => Promise.resolve(subject(mapDriver({ limits }))),
  });
}

for (const [name, limits] of LIMITS) {
  Deno.test(`key-value ${name}: it answers and holds what the memory store does, on random histories`, async () => {
    for (let seed = 1; seed <= 25; seed++) {
      await compareStores(memoryStore(), subject(mapDriver({ limits })).store, { seed, steps: 150 });
    }
  });
}

Deno.test("key-value: a principal is not stored as it is [G6]", async () => {
  const driver = mapDriver();
  const { store } = subject(driver);
  await store.acquire({
    terms: {
      clientId: "client",
      mustBeNew: false,
      cleanStart: false,
      head: {
        protocolVersion: 5,
        attached: true,
        connectedAt: 1,
        sessionExpiryInterval: 1,
        endsAfterMs: 1_000,
        onTakeover: "discard",
        sentLimit: 0,
      },
      sendAhead: 1,
      releaseWillOnCleanStart: false,
      resumeAcrossVersions: false,
    },
    token: "token",
    nodeId: "node",
    incarnation: "incarnation",
    principal: "tenant-a/the-principal",
    whenOwned: "take",
    page: { messages: 1, bytes: 1 },
    now: 1,
  });
  const latin1 = new TextDecoder("latin1");
  for (const { key, value } of driver.entries()) {
    assert.ok(!`${key} ${latin1.decode(value)}`.includes("the-principal"), key);
  }
});
