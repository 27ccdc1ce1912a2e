/// <reference lib="dom" />
/**
 * What pages run: the promises of a store, each asked of the one in the browser's own IndexedDB.
 *
 * @module
 */
import { indexedDbStore } from "@edge-mqtt/session/idb-keyval";
import { memoryStore } from "@edge-mqtt/session/memory";
import { compareStores, type ExploreReport, storeConformance } from "@edge-mqtt/session/testing";
import type { IndexedDbPlatform } from "../../../src/stores/idb_keyval/platform.ts";
import { exploreIndexedDb } from "../../support/explore_indexed_db.ts";

/** What became of all cases. */
export interface Verdict {
  readonly count: number;
  readonly failures: readonly string[];
}

interface Case {
  readonly name: string;
  run(): Promise<void>;
}

/** So many cases wait for the disk at the same time. */
const AT_ONCE = 6;

/** Asks for all promises, each in a database of its own. */
export async function conformance(): Promise<Verdict> {
  const cases: Case[] = [];
  storeConformance({
    test: (name, run) => cases.push({ name, run }),
    name: "IndexedDB",
    store: () => Promise.resolve(inDatabase()),
  });
  cases.push({ name: "IndexedDB answers and holds what the memory store does", run: compare });
  const failures: string[] = [];
  const waiting = cases.values();
  const work = async (): Promise<void> => {
    for (const { name, run } of waiting) {
      try {
        await run();
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.stack : error}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { count: cases.length, failures };
}

/** Explores the small worlds of these names, any two acting at the same time, by the calls of the driver. */
export async function explore(scenarios: readonly string[]): Promise<ExploreReport> {
  // What is explored is the order of calls: none of them is to be outlived by the disk.
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (stores, mode) {
    return transaction.call(this, stores, mode, { durability: "relaxed" });
  };
  try {
    return await exploreIndexedDb(globalThis as IndexedDbPlatform, scenarios);
  } finally {
    IDBDatabase.prototype.transaction = transaction;
  }
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
