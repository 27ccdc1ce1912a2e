import assert from "node:assert/strict";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { exploreIndexedDb } from "../support/explore_indexed_db.ts";

Deno.test("IndexedDB keeps its promises in every order of the driver calls of any two", async () => {
  const report = await exploreIndexedDb({ indexedDB: new IDBFactory(), IDBKeyRange });
  assert.ok(report.complete);
  assert.ok(report.states >= 12_700, JSON.stringify(report));
});
