import assert from "node:assert/strict";
import { SessionError } from "../../../../mod.ts";
import type { KeyValueDriver } from "../../../../src/store/key_value/driver.ts";
import { cloudflareKvDriver, type CloudflareKvOptions } from "../../../../src/stores/cloudflare_kv/mod.ts";
import { WorkersKv } from "../../../support/workers_kv.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const set = (key: string, text: string) => ({ type: "set", key, value: bytes(text) }) as const;
const open = (kv: WorkersKv, place = kv.place(), options: Partial<CloudflareKvOptions> = {}) =>
  cloudflareKvDriver(place, { key: "k", clock: kv.clock, ...options });

async function text(driver: KeyValueDriver, key: string): Promise<string | undefined> {
  const [entry] = await driver.get([key]);
  return entry && new TextDecoder().decode(entry.value);
}

const hasCode = (code: string) => (error: unknown): boolean => error instanceof SessionError && error.code === code;

/** Holds writes back until it is told to let them go. */
function hold(kv: WorkersKv): () => void {
  let release = (): void => {};
  kv.held = new Promise((resolve) => release = resolve);
  return () => {
    kv.held = undefined;
    release();
  };
}

/** Lets everything go on that waits for nothing but its turn. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("Workers KV: a commit ends once it is written, and until then nobody reads what it changed", async () => {
  const kv = new WorkersKv();
  const driver = open(kv);
  await driver.commit([], [set("a", "1"), set("b", "1")]);
  kv.pass(1_000);
  const release = hold(kv);
  const seen: string[] = [];
  const commit = driver.commit([], [set("a", "2")]).then(() => seen.push("committed"));
  const read = text(driver, "a").then((found) => seen.push(`a=${found}`));
  const list = driver.list({ start: "a", end: "b", limit: 9 }).then(({ entries }) =>
    seen.push(`${entries.length} row`)
  );
  assert.equal(await text(driver, "b"), "1");
  assert.deepEqual((await driver.list({ start: "b", end: "c", limit: 9 })).entries.length, 1);
  await turns();
  assert.deepEqual(seen, []);
  release();
  await Promise.all([commit, read, list]);
  assert.deepEqual(seen.sort(), ["1 row", "a=2", "committed"]);
});

Deno.test("Workers KV: commits that come together share a write, and writes are a second apart", async () => {
  const kv = new WorkersKv();
  const driver = open(kv);
  for (let round = 0; round < 5; round++) {
    await Promise.all(["a", "b", "c", "d"].map((key) => driver.commit([], [set(key, `${round}`)])));
  }
  assert.equal(kv.refused, 0);
  const times = kv.writes.map(({ at }) => at);
  assert.ok(times.length <= 10, `${times.length} writes of 20 commits`);
  for (const [index, at] of times.entries()) {
    assert.ok(index === 0 || at - (times[index - 1] ?? 0) >= 1_000, `${times}`);
  }
  assert.equal(await text(open(kv, kv.place()), "d"), "4");
});

Deno.test("Workers KV: checks see what waits to be written, and a check that fails writes nothing", async () => {
  const kv = new WorkersKv();
  const driver = open(kv);
  const first = driver.commit([{ key: "a", version: null }], [set("a", "1")]);
  assert.equal(await driver.commit([{ key: "a", version: null }], [set("a", "2")]), undefined);
  const { version = "" } = await first ?? {};
  assert.equal(await text(driver, "a"), "1");
  assert.notEqual(await driver.commit([{ key: "a", version }], [{ type: "delete", key: "a" }]), undefined);
  assert.notEqual(await driver.commit([{ key: "a", version: null }], [set("a", "3")]), undefined);
  assert.equal(await driver.commit([{ key: "a", version }], []), undefined, "no version comes again");
  assert.equal(kv.writes.length, 3);
});

Deno.test("Workers KV: a write that is turned away, another writer having been faster, is repeated a second later", async () => {
  const kv = new WorkersKv();
  await kv.place().put("k", new Uint8Array(await valueOf("other")));
  const driver = open(kv);
  assert.notEqual(await driver.commit([], [set("a", "1")]), undefined);
  assert.equal(kv.refused, 1);
  assert.equal(await text(open(kv, kv.place()), "a"), "1");
});

Deno.test("Workers KV: where the faster writer is seen, it is not written over", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const [one, other] = [open(kv, place), open(kv, place)];
  assert.equal(await text(one, "a"), undefined);
  await other.commit([], [set("a", "other")]);
  assert.equal(await one.commit([], [set("a", "one")]), undefined);
  assert.equal(kv.refused, 1);
  assert.equal(await text(one, "a"), "other");
});

/** A value that some store has written. */
async function valueOf(content: string): Promise<Uint8Array<ArrayBuffer>> {
  const kv = new WorkersKv();
  await open(kv).commit([], [set("content", content)]);
  return kv.bytes("k") ?? new Uint8Array();
}

Deno.test("Workers KV: a write that is turned away again and again changed nothing, and the next one goes through", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  let isBusy = true;
  const busy: typeof place = {
    ...place,
    put: (...call) => isBusy ? Promise.reject(new Error("KV PUT failed: 429 Too Many Requests")) : place.put(...call),
  };
  const driver = open(kv, busy, { refusedWrites: 2 });
  await assert.rejects(driver.commit([], [set("a", "1")]), hasCode("STORE_UNAVAILABLE"));
  assert.equal(await text(driver, "a"), undefined);
  isBusy = false;
  await driver.commit([{ key: "a", version: null }], [set("a", "2")]);
  assert.equal(await text(open(kv), "a"), "2");
});

for (const fault of ["lost", "unanswered"] as const) {
  Deno.test(`Workers KV: of a write that is ${fault} the outcome is unknown, what waits behind it was not sent, and both can be repeated`, async () => {
    const kv = new WorkersKv();
    const driver = open(kv);
    await driver.commit([], [set("a", "1")]);
    kv.writeFaults.push(fault);
    const release = hold(kv);
    const failing = driver.commit([], [set("a", "2")]);
    await turns();
    const behind = driver.commit([], [set("b", "2")]);
    const reading = text(driver, "a");
    release();
    await assert.rejects(failing, hasCode("OUTCOME_UNKNOWN"));
    await assert.rejects(behind, hasCode("STORE_UNAVAILABLE"));
    assert.equal(await reading, "1", "what was confirmed");
    await Promise.all([driver.commit([], [set("a", "3")]), driver.commit([], [set("b", "3")])]);
    const other = open(kv, kv.place());
    assert.deepEqual([await text(other, "a"), await text(other, "b")], ["3", "3"]);
  });
}

Deno.test("Workers KV: while it cannot be read nothing happens, and the next call reads it", async () => {
  const kv = new WorkersKv();
  kv.overwrite("k", await valueOf("here"));
  kv.failingReads = 2;
  const driver = open(kv);
  await assert.rejects(text(driver, "content"), hasCode("STORE_UNAVAILABLE"));
  await assert.rejects(driver.commit([], [set("a", "1")]), hasCode("STORE_UNAVAILABLE"));
  assert.equal(await text(driver, "content"), "here");
  // And where it cannot be looked at before a write.
  await driver.commit([], [set("a", "1")]);
  kv.failingReads = 1;
  await assert.rejects(driver.commit([], [set("a", "2")]), hasCode("STORE_UNAVAILABLE"));
  assert.equal(await text(driver, "a"), "1");
  await driver.commit([], [set("a", "2")]);
  assert.equal(await text(driver, "a"), "2");
});

Deno.test("Workers KV: a value that was damaged is an error that names its key, and is never written over", async () => {
  const whole = await valueOf("here");
  const damages: [string, Uint8Array<ArrayBuffer>, string][] = [
    ["cut off", whole.slice(0, -1), "RECORD_UNREADABLE"],
    ["empty", new Uint8Array(), "RECORD_UNREADABLE"],
    ["of a later release", Uint8Array.of(2, ...whole.subarray(1)), "RECORD_FROM_FUTURE"],
    ...Array.from(whole, (_, at): [string, Uint8Array<ArrayBuffer>, string] => {
      return [`another at ${at}`, whole.map((byte, index) => index === at ? byte ^ 0x40 : byte), "RECORD_UNREADABLE"];
    }).slice(1),
  ];
  for (const [what, damaged, code] of damages) {
    const kv = new WorkersKv();
    kv.overwrite("k", damaged);
    const driver = open(kv);
    const isNamed = (error: unknown): boolean => hasCode(code)(error) && (error as SessionError).key === "k";
    await assert.rejects(driver.get(["content"]), isNamed, what);
    await assert.rejects(driver.commit([], [set("a", "1")]), isNamed, what);
    assert.deepEqual(kv.bytes("k"), damaged, what);
  }
});

Deno.test("Workers KV: more than one value holds is refused, and what was there stays and can grow less", async () => {
  const kv = new WorkersKv();
  const driver = open(kv);
  const part = (key: string) => ({ type: "set", key, value: new Uint8Array(10_000_000) }) as const;
  await driver.commit([], [part("a"), part("b")]);
  const isTooMuch = (error: unknown): boolean =>
    hasCode("LIMIT_EXCEEDED")(error) && (error as SessionError).key === "k";
  await assert.rejects(driver.commit([], [part("c")]), isTooMuch);
  assert.equal(await text(driver, "c"), undefined);
  await driver.commit([], [{ type: "delete", key: "a" }, part("c")]);
  assert.ok((kv.bytes("k")?.length ?? 0) > 20_000_000);
  assert.equal((await open(kv, kv.place()).get(["c"]))[0]?.value.length, 10_000_000);
});

Deno.test("Workers KV: a value vanishes where nothing is written for so long, and each write puts that off", async () => {
  const kv = new WorkersKv();
  const place = kv.place();
  const driver = open(kv, place, { expirationTtl: 60 });
  await driver.commit([], [set("a", "1")]);
  kv.pass(59_000);
  await driver.commit([], [set("a", "2")]);
  kv.pass(59_000);
  assert.equal(await text(open(kv, kv.place()), "a"), "2");
  kv.pass(1_000);
  assert.equal(await text(open(kv, kv.place()), "a"), undefined);
});

Deno.test("Workers KV: a key or an expiration that it does not take is refused before anything is sent", () => {
  const kv = new WorkersKv();
  for (const key of ["", ".", "..", "k".repeat(513), "é".repeat(257)]) {
    assert.throws(() => open(kv, kv.place(), { key }), RangeError);
  }
  for (const expirationTtl of [59, 0, -1, 60.5, NaN, Infinity]) {
    assert.throws(() => open(kv, kv.place(), { expirationTtl }), RangeError);
  }
  open(kv, kv.place(), { key: "é".repeat(256), expirationTtl: 60 });
});
