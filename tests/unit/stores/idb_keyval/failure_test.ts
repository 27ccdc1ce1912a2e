import assert from "node:assert/strict";
import { forceCloseDatabase } from "fake-indexeddb";
import { SessionError, type SessionErrorCode } from "../../../../src/errors.ts";
import { indexedDbStore } from "../../../../src/stores/idb_keyval/mod.ts";
import type { IndexedDbPlatform, OpenRequest } from "../../../../src/stores/idb_keyval/platform.ts";
import { acquired, batch, message, request, to } from "../../store/key_value/kit.ts";
import { DATABASE, deleteElsewhere, freshPlatform, openElsewhere, pageOf, set } from "./kit.ts";

/** Whether an error is ours, of this code, with this cause, and says this. */
function says(code: SessionErrorCode, message: RegExp, cause?: unknown): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof SessionError, `${error}`);
    assert.deepEqual([error.code, message.test(error.message) || error.message], [code, true]);
    if (cause !== undefined) assert.equal(error.cause, cause);
    return true;
  };
}

function domException(name: string): DOMException {
  return new DOMException("said by the browser", name);
}

for (const indexedDB of [undefined, null]) {
  Deno.test(`no IndexedDB (${indexedDB}): every call says so, and nothing happened`, async () => {
    await using store = indexedDbStore({ database: DATABASE, platform: indexedDB === null ? { indexedDB } : {} });
    const unavailable = says("STORE_UNAVAILABLE", /Cannot open the database "sessions": there is no IndexedDB here/);
    await assert.rejects(store.renewNode("n", 1), unavailable);
    await assert.rejects(store.read("c"), unavailable);
    await assert.rejects(store.readRings("n"), unavailable);
    const receiver = to({ snapshot: { clientId: "c", incarnation: "1" } });
    const deliveries = [{ message: message(new Uint8Array(1)), receivers: [receiver] }];
    await assert.rejects(store.commit([batch("b", { deliveries })]), unavailable);
  });
}

Deno.test("a browser without key ranges cannot list, and says so", async () => {
  const { indexedDB } = freshPlatform();
  await using page = pageOf({ indexedDB });
  const range = { start: "a", end: "b", limit: 1 };
  await assert.rejects(page.driver.list(range), says("STORE_UNAVAILABLE", /there is no IDBKeyRange here/));
});

Deno.test("IndexedDB that may not be touched: the error of the browser is the cause", async () => {
  const cause = domException("SecurityError");
  const platform = {
    get indexedDB(): never {
      throw cause;
    },
  };
  await using page = pageOf(platform);
  await assert.rejects(page.driver.get(["a"]), says("STORE_UNAVAILABLE", /keeps this page from IndexedDB/, cause));
});

Deno.test("an opening that fails, as in a private mode: it says why, and the next call tries again", async () => {
  const cause = domException("InvalidStateError");
  const working = freshPlatform();
  let fails = true;
  const prevented: string[] = [];
  const platform: IndexedDbPlatform = {
    ...working,
    indexedDB: { open: (name) => fails ? failing(cause, prevented) : working.indexedDB.open(name) },
  };
  await using page = pageOf(platform);
  const unavailable = says(
    "STORE_UNAVAILABLE",
    /Cannot open the database "sessions": .*stores nothing in this mode/,
    cause,
  );
  await Promise.all([
    assert.rejects(page.driver.commit([], [set("a")]), unavailable),
    assert.rejects(page.writing.get(["a"]), unavailable),
  ]);
  assert.deepEqual(prevented, ["default"], "both waited for one opening, which is not told to the page as well");
  fails = false;
  assert.ok(await page.driver.commit([], [set("a")]));
});

Deno.test("an opening that another page holds up ends after its time, and what comes late is closed", async () => {
  const working = freshPlatform();
  const held: OpenRequest[] = [];
  const holding = { open: () => held[held.push({ onsuccess: null } as OpenRequest) - 1] };
  let indexedDB: { open(name: string): unknown } = holding;
  const platform = {
    ...working,
    get indexedDB() {
      return indexedDB;
    },
  };
  await using page = pageOf(platform, { openWithinMs: 1 });
  await assert.rejects(page.driver.get(["a"]), says("STORE_UNAVAILABLE", /another page is changing or deleting it/));
  let closed = 0;
  Object.assign(held[0] ?? {}, { result: { close: () => closed++ } });
  held[0]?.onsuccess?.();
  assert.equal(closed, 1);
  indexedDB = working.indexedDB;
  await using patient = pageOf(platform);
  assert.deepEqual(await patient.driver.get(["a"]), [undefined]);
});

Deno.test("a page that does not let go of an older version: it is said at once, and opened once it does", async () => {
  const platform = freshPlatform();
  const theirs = await openElsewhere(platform, 3);
  await using page = pageOf(platform);
  const blocked = says("STORE_UNAVAILABLE", /another page keeps it open at an older version/);
  await assert.rejects(page.driver.commit([], [set("a")]), blocked);
  theirs.close();
  assert.ok(await page.driver.commit([], [set("a")]));
});

Deno.test("a database that is deleted under a page: nobody is blocked, one call says so, and the next begins anew", async () => {
  const platform = freshPlatform();
  await using store = indexedDbStore({ database: DATABASE, platform });
  const session = await acquired(store, request("c", "1"));
  await deleteElsewhere(platform);
  const commit = () =>
    store.commit([batch("b", { guard: session.guard, changes: [{ type: "putInboundId", packetId: 1 }] })]);
  await assert.rejects(commit(), says("STORE_UNAVAILABLE", /"sessions": it was deleted while it was in use/));
  assert.equal((await commit())[0]?.outcome, "superseded", "its owner learns that the session is no more");
  assert.equal(await store.read("c"), undefined);
});

Deno.test("a database that is deleted and made anew by another page is another one", async () => {
  const platform = freshPlatform();
  await using one = pageOf(platform);
  await using other = pageOf(platform);
  await one.driver.commit([], [set("a")]);
  await deleteElsewhere(platform);
  await other.driver.commit([], [set("b")]);
  await assert.rejects(one.driver.get(["a"]), says("STORE_UNAVAILABLE", /it was deleted while it was in use/));
  assert.deepEqual((await one.driver.get(["a", "b"])).map((entry) => entry?.key), [undefined, "b"]);
});

Deno.test("a new version by another page: this one lets go at once, finishes what it began, and goes on in the new one", async () => {
  const platform = freshPlatform();
  await using page = pageOf(platform);
  await page.driver.get(["a"]);
  const writing = page.driver.commit([], [set("a")]);
  const theirs = await openElsewhere(platform, 9);
  theirs.close();
  assert.ok(await writing);
  assert.deepEqual((await page.driver.get(["a"])).map((entry) => entry?.key), ["a"]);
});

Deno.test("a database that the browser closes is opened again by the next call", async () => {
  const platform = freshPlatform();
  const opened: unknown[] = [];
  const watched: IndexedDbPlatform = {
    ...platform,
    indexedDB: {
      open: (name) => {
        const request = platform.indexedDB.open(name) as EventTarget & OpenRequest;
        request.addEventListener("success", () => opened.push(request.result));
        return request;
      },
    },
  };
  await using page = pageOf(watched);
  assert.ok(await page.driver.commit([], [set("a")]));
  forceCloseDatabase(opened[0] as Parameters<typeof forceCloseDatabase>[0]);
  assert.deepEqual((await page.driver.get(["a"])).map((entry) => entry?.key), ["a"]);
  // As Safari does it: without a word.
  (opened[1] as { close(): void }).close();
  assert.deepEqual((await page.driver.get(["a"])).map((entry) => entry?.key), ["a"]);
  (opened[2] as { close(): void }).close();
  assert.ok(await page.writing.commit([], [set("b")]));
  assert.equal(opened.length, 4);
});

const ABORTS: readonly (readonly [name: string, code: SessionErrorCode, message: RegExp])[] = [
  ["QuotaExceededError", "STORE_UNAVAILABLE", /Cannot commit: the origin has used up what the browser lets it store/],
  ["AbortError", "OUTCOME_UNKNOWN", /Cannot commit: the browser broke the transaction off/],
  ["UnknownError", "OUTCOME_UNKNOWN", /Cannot commit: IndexedDB failed \(UnknownError\)/],
];

for (const [name, code, message] of ABORTS) {
  Deno.test(`a commit that ends with ${name} is ${code}, and a read STORE_UNAVAILABLE`, async () => {
    const cause = domException(name);
    await using page = pageOf(aborting(cause));
    await assert.rejects(page.driver.commit([], [set("a")]), says(code, message, cause));
    await assert.rejects(page.driver.commit([{ key: "a", version: "1" }], [set("a")]), says(code, message, cause));
    await assert.rejects(page.driver.get(["a"]), says("STORE_UNAVAILABLE", /Cannot read/, cause));
    await assert.rejects(page.writing.get(["a"]), says("STORE_UNAVAILABLE", /Cannot read/, cause));
    await assert.rejects(
      page.driver.list({ start: "a", end: "b", limit: 1 }),
      says("STORE_UNAVAILABLE", /Cannot list/, cause),
    );
  });
}

Deno.test("a value that cannot be stored takes the whole commit back", async () => {
  await using page = pageOf(freshPlatform());
  const value = Uint8Array.of(1);
  structuredClone(value, { transfer: [value.buffer] });
  const detached = { type: "set", key: "b", value } as const;
  for (
    const { driver, checks } of [
      { driver: page.driver, checks: [] },
      { driver: page.driver, checks: [{ key: "a", version: null }] },
    ]
  ) {
    const refused = says("STORE_UNAVAILABLE", /Cannot commit: IndexedDB failed \(DataCloneError\)/);
    await assert.rejects(driver.commit(checks, [set("a"), detached]), refused);
  }
  await page.writing.get(["a"]);
  await assert.rejects(page.writing.commit([{ key: "a", version: null }], [set("a"), detached]), {
    code: "STORE_UNAVAILABLE",
  });
  assert.deepEqual(await page.driver.get(["a", "b"]), [undefined, undefined]);
});

Deno.test("a closed store finishes what it began, and every later call says that it is closed", async () => {
  const platform = freshPlatform();
  const store = indexedDbStore({ database: DATABASE, platform });
  await acquired(store, request("c", "1"));
  const watching = Array.fromAsync(store.watch?.("n", new AbortController().signal) ?? []);
  await store.close();
  await watching;
  await store.close();
  await assert.rejects(store.renewNode("n", 3), says("CLOSED", /the store was closed/));
  await using next = indexedDbStore({ database: DATABASE, platform });
  assert.ok(await next.read("c"));
  const page = pageOf(platform);
  const writing = page.driver.commit([], [set("a")]);
  await page[Symbol.asyncDispose]();
  assert.ok(await writing);
});

/** An opening that fails, and writes down what becomes of the event. */
function failing(cause: unknown, prevented: string[]): unknown {
  const request = { error: cause, onerror: (_: { preventDefault(): void }): void => {} };
  queueMicrotask(() => request.onerror({ preventDefault: () => prevented.push("default") }));
  return request;
}

/** A browser whose transactions all end with an error, once they have been asked for something. */
function aborting(error: unknown): IndexedDbPlatform {
  const answered = (result: unknown) => {
    const request = { result, onsuccess: (): void => {} };
    queueMicrotask(() => request.onsuccess());
    return request;
  };
  const database = {
    objectStoreNames: { contains: () => true },
    close: () => {},
    transaction: () => {
      const transaction = { error, onabort: (): void => {}, objectStore: () => store };
      const broken = () => {
        const request = { error, onerror: (): void => {} };
        queueMicrotask(() => {
          request.onerror();
          transaction.onabort();
        });
        return request;
      };
      const get = (key: unknown) => key === 0 ? answered(undefined) : broken();
      const store = { transaction, get, getAll: broken, getAllKeys: broken, put: broken };
      return transaction;
    },
  };
  return { indexedDB: { open: () => answered(database) }, IDBKeyRange: { bound: () => ({}) } };
}
