import { keyValueStore } from "../../src/store/key_value/mod.ts";
import { Connection } from "../../src/stores/idb_keyval/connection.ts";
import { Doorbell } from "../../src/stores/idb_keyval/doorbell.ts";
import { indexedDbDriver, readToWriteDriver } from "../../src/stores/idb_keyval/driver.ts";
import type { IndexedDbPlatform } from "../../src/stores/idb_keyval/platform.ts";
import { driverRows, type ExploreReport, exploreStore } from "../../src/testing/mod.ts";

const CAPABILITIES = { fencing: "strict", durability: "host", consistency: "strong", watch: "process" } as const;

/** Explores small worlds on an IndexedDB, any two acting at the same time, by the calls of the drivers. Default: all. */
export async function exploreIndexedDb(
  platform: IndexedDbPlatform,
  scenarios?: readonly string[],
): Promise<ExploreReport> {
  const database = "explored";
  let ids = 0;
  const newVersion = (): string => `${++ids}`;
  const find = (): IndexedDbPlatform => platform;
  const connection = new Connection({ database, platform: find, openWithinMs: 10_000, newId: newVersion });
  const doorbell = new Doorbell({ name: database, platform: find, watched: "" });
  const parts = { connection, doorbell, platform: find, newVersion };
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
    ...(scenarios === undefined ? {} : { scenarios }),
    together: 2,
    faults: 0,
  });
  doorbell.close();
  await connection.close();
  return report;
}
