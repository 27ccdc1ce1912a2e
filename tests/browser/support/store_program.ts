/**
 * What pages run: the promises of a store, each asked of the one in the browser's own IndexedDB.
 *
 * @module
 */
import { indexedDbStore } from "@edge-mqtt/session/idb-keyval";
import { memoryStore } from "@edge-mqtt/session/memory";
import { keyValueStore } from "@edge-mqtt/session/key-value";
import {
  compareStores,
  driverRows,
  type ExploreReport,
  exploreStore,
  storeConformance,
} from "@edge-mqtt/session/testing";
import { Connection } from "../../../src/stores/idb_keyval/connection.ts";
import { Doorbell } from "../../../src/stores/idb_keyval/doorbell.ts";
import { indexedDbDriver, readToWriteDriver } from "../../../src/stores/idb_keyval/driver.ts";
import type { IndexedDbPlatform } from "../../../src/stores/idb_keyval/platform.ts";

const CAPABILITIES = { fencing: "strict", durability: "host", consistency: "strong", watch: "process" } as const;

/** What became of all cases. */
export interface Verdict {
  readonly count: number;
  readonly failures: readonly string[];
}

interface Case {
  readonly name: string;
  run(): Promise<void>;
}

/** Asks for all promises, one after the other, each in a database of its own. */
export async function conformance(): Promise<Verdict> {
  const cases: Case[] = [];
  storeConformance({
    test: (name, run) => cases.push({ name, run }),
    name: "IndexedDB",
    store: () => Promise.resolve(inDatabase()),
  });
  cases.push({ name: "IndexedDB answers and holds what the memory store does", run: compare });
  const failures: string[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.stack : error}`);
    }
  }
  return { count: cases.length, failures };
}

/** Explores the small worlds of these names, any two acting at the same time, by the calls of the driver. */
export async function explore(scenarios: readonly string[]): Promise<ExploreReport> {
  const platform = (): IndexedDbPlatform => globalThis as IndexedDbPlatform;
  const database = crypto.randomUUID();
  const newId = (): string => crypto.randomUUID();
  const connection = new Connection({ database, platform, openWithinMs: 10_000, newId });
  const parts = {
    connection,
    doorbell: new Doorbell({ name: database, platform, watched: "" }),
    platform,
    newVersion: newId,
  };
  const driver = indexedDbDriver(parts);
  const writing = readToWriteDriver(driver, parts);
  const report = await exploreStore({
    name: "IndexedDB",
    make: async () => {
      const rows = await driverRows(driver);
      await driver.commit([], rows.map(({ key }) => ({ type: "delete", key })));
      return {
        open: (gate) => {
          const options = { capabilities: CAPABILITIES, newId: () => "id" };
          const { commit } = keyValueStore(gate.wrap(writing), options);
          return { ...keyValueStore(gate.wrap(driver), options), commit };
        },
        contents: () => driverRows(driver),
      };
    },
    scenarios,
    together: 2,
    faults: 0,
  });
  parts.doorbell.close();
  await connection.close();
  return report;
}

async function compare(): Promise<void> {
  const { store, close } = inDatabase();
  await compareStores(memoryStore(), store, { seed: 1, steps: 100 });
  await close();
}

function inDatabase() {
  const database = crypto.randomUUID();
  let store = indexedDbStore({ database });
  return {
    store,
    close: async () => {
      await store.close();
      // A page has it; the types of a browser are not known here.
      (globalThis as unknown as { indexedDB: { deleteDatabase(name: string): void } }).indexedDB.deleteDatabase(
        database,
      );
    },
    reopen: async () => {
      await store.close();
      return store = indexedDbStore({ database });
    },
  };
}
