import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { keyValueRetained, keyValueStore } from "@edge-mqtt/session/key-value";
import { driverRows, exploreStore, retainedConformance, storeConformance } from "@edge-mqtt/session/testing";
import { sqliteDriver } from "./sqlite_driver.ts";

const capabilities = { fencing: "strict", durability: "power", consistency: "strong", watch: "none" } as const;

storeConformance({
  test: Deno.test,
  name: "SQLite",
  store: () => {
    const database = new DatabaseSync(":memory:");
    const open = () => keyValueStore(sqliteDriver(database), { capabilities });
    return Promise.resolve({ store: open(), close: () => database.close(), reopen: () => Promise.resolve(open()) });
  },
});

retainedConformance({
  test: Deno.test,
  name: "SQLite",
  store: () => {
    const database = new DatabaseSync(":memory:");
    const open = () => keyValueRetained(sqliteDriver(database), { durability: "power" });
    return Promise.resolve({ retained: open(), close: () => database.close(), reopen: () => Promise.resolve(open()) });
  },
});

Deno.test("SQLite keeps its promises in every order of the driver calls of any two who act at the same time", async () => {
  const { complete } = await exploreStore({
    name: "SQLite",
    make: () => {
      const database = new DatabaseSync(":memory:");
      const driver = sqliteDriver(database);
      return {
        open: (gate) => keyValueStore(gate.wrap(driver), { capabilities }),
        contents: () => driverRows(driver),
        close: () => database.close(),
      };
    },
    scenarios: ["takeover", "clean start"],
    together: 2,
    faults: 0,
  });
  assert.ok(complete);
});
