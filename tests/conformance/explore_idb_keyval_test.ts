import assert from "node:assert/strict";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { Connection } from "../../src/stores/idb_keyval/connection.ts";
import { Doorbell } from "../../src/stores/idb_keyval/doorbell.ts";
import { indexedDbDriver, readToWriteDriver } from "../../src/stores/idb_keyval/driver.ts";
import { driverRows, exploreStore } from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "host", consistency: "strong", watch: "process" } as const;

Deno.test("IndexedDB keeps its promises in every order of the driver calls of any two", async () => {
  const platform = { indexedDB: new IDBFactory(), IDBKeyRange };
  const doorbell = new Doorbell({ name: "d", platform: () => platform, watched: "" });
  let version = 0;
  const newVersion = () => `${++version}`;
  const options = { database: "d", platform: () => platform, openWithinMs: 10_000, newId: newVersion };
  const connection = new Connection(options);
  const parts = { connection, doorbell, platform: () => platform, newVersion };
  const driver = indexedDbDriver(parts);
  const writing = readToWriteDriver(driver, parts);
  const report = await exploreStore({
    name: "IndexedDB",
    make: async () => {
      const rows = await driverRows(driver);
      await driver.commit([], rows.map(({ key }) => ({ type: "delete", key })));
      return {
        // As `indexedDbStore` does it, but that the drivers stand behind a gate.
        open: (gate) => {
          const options = { capabilities: CAPABILITIES, newId: () => "id" };
          const { commit } = keyValueStore(gate.wrap(writing), options);
          return { ...keyValueStore(gate.wrap(driver), options), commit };
        },
        contents: () => driverRows(driver),
      };
    },
    together: 2,
    faults: 0,
  });
  await connection.close();
  assert.ok(report.complete);
  assert.ok(report.states >= 12_700, JSON.stringify(report));
});
