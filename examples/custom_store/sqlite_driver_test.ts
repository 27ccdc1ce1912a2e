import { DatabaseSync } from "node:sqlite";
import { keyValueStore } from "@edge-mqtt/session/key-value";
import { storeConformance } from "@edge-mqtt/session/testing";
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
