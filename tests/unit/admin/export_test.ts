import assert from "node:assert/strict";
import { SessionError } from "../../../mod.ts";
import { doctor, exportResumePoint, exportSessions, type ImportEvent, importSessions } from "../../../src/admin/mod.ts";
import { denoKvStore } from "../../../src/stores/deno_kv.ts";
import { memoryRetained, memoryStore } from "../../../src/stores/memory.ts";
import type { Message } from "../../../src/mqtt/message.ts";
import type { RetainedStore } from "../../../src/store/retained_store.ts";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { bytesOf, message, START } from "../../../src/testing/conformance/kit.ts";
import { contents, ENVIRONMENT, fill, move } from "./exported.ts";
import { mapStore } from "./support.ts";

async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

async function* chunksOf(text: string, size = 1_000): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let start = 0; start < bytes.length; start += size) {
    await undefined;
    yield bytes.subarray(start, start + size);
  }
}

async function imported(
  store: SessionStore,
  text: string,
  options: Parameters<typeof importSessions>[2] = {},
): Promise<ImportEvent[]> {
  const events: ImportEvent[] = [];
  for await (const event of importSessions(store, chunksOf(text), { environment: ENVIRONMENT, ...options })) {
    events.push(event);
  }
  return events;
}

const outcomes = (events: readonly ImportEvent[]): string[] =>
  events.flatMap((event) => event.type === "session" ? [event.outcome] : []);

const isUnreadable = (error: unknown): boolean => error instanceof SessionError && error.code === "RECORD_UNREADABLE";

async function exported(): Promise<{ readonly store: SessionStore; readonly text: string; readonly lines: string[] }> {
  const store = memoryStore();
  await fill(store);
  const lines = await all(exportSessions(store, { environment: ENVIRONMENT }));
  return { store, text: lines.join(""), lines };
}

Deno.test("sessions that go round from memory by key-value and Deno KV back are what they were, and nothing is amiss", async () => {
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${folder}/sessions.db`);
  try {
    const first = memoryStore();
    await fill(first);
    const stores = [first, mapStore(), denoKvStore(kv), memoryStore()];
    // What a connection owned arrives as what it left: from the first move on it stays so.
    let expected: unknown;
    for (const [index, store] of stores.entries()) {
      const from = stores[index - 1];
      if (from === undefined) continue;
      assert.deepEqual(outcomes(await move(from, store)), Array(4).fill("restored"));
      const found = await contents(store);
      if (index === 1) expected = found;
      assert.deepEqual(found, expected);
      assert.deepEqual(
        await all((async function* () {
          for await (const finding of doctor(store, { environment: ENVIRONMENT })) yield JSON.stringify(finding);
        })()),
        [],
      );
    }
  } finally {
    kv.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what a connection owned arrives as what it left when its node was last known, and goes on with the same identifiers", async () => {
  const { store, text } = await exported();
  const to = mapStore();
  await imported(to, text);
  const before = (await store.read("owned"))?.snapshot;
  const after = (await to.read("owned"))?.snapshot;
  assert.ok(before?.head.attached === true && after !== undefined);
  const { head } = after;
  assert.deepEqual([after.outbound, after.inbound, after.quarantine, after.will], [
    before.outbound,
    before.inbound,
    before.quarantine,
    before.will,
  ]);
  assert.deepEqual([head.attached, head.disconnectedAt, head.disconnectReason], [false, START + 1_000, 0x80]);
});

Deno.test("retained messages that a subscription is owed are owed from the first on in another store", async () => {
  const { store, text } = await exported();
  const to = mapStore();
  await imported(to, text);
  assert.equal((await store.read("one"))?.snapshot.subscriptions.get("own/0/#")?.retainedAfter, "own/0");
  const subscriptions = (await to.read("one"))?.snapshot.subscriptions;
  assert.equal(subscriptions?.get("own/0/#")?.retainedAfter, "");
  assert.equal(subscriptions?.get("a/+")?.retainedAfter, undefined);
});

Deno.test("what is owed is handed on: to the same sessions, or to be routed", async () => {
  const { text } = await exported();
  const to = mapStore();
  const events = await imported(to, text);
  assert.equal(events.filter(({ type }) => type === "owed").length, 2);
  const one = await to.read("one");
  assert.ok(one !== undefined);
  const log = await to.readQueue(one.guard, { after: 20, messages: 100, bytes: 1e9 });
  assert.equal(log.messages.at(-1)?.topic, "owed to one");
  const due = await to.listDue(START + 2_000, { limit: 10, graceMs: 1e12 });
  const [outbox] = due.filter((work) => work.type === "outbox");
  assert.ok(outbox !== undefined);
  const [entry] = await to.readOutbox(outbox.outboxId, 10);
  assert.deepEqual([entry?.message.topic, entry?.receivers], ["owed", undefined]);
});

Deno.test("a file is imported once: again it changes nothing, and over another session only where that is told", async () => {
  const { text } = await exported();
  const to = mapStore();
  await imported(to, text);
  const expected = await contents(to);
  assert.deepEqual(outcomes(await imported(to, text)), Array(4).fill("present"));
  const other = mapStore(2);
  await fill(other);
  const before = await contents(other);
  // The incarnations of two stores that were filled alike are the same; these are other sessions.
  const renamed = await withIncarnations(text);
  assert.deepEqual(outcomes(await imported(other, renamed)), Array(4).fill("exists"));
  assert.deepEqual(outcomes(await imported(other, renamed, { whenExists: "replace" })), Array(4).fill("replaced"));
  assert.notDeepEqual(await contents(other), before);
  assert.deepEqual(outcomes(await imported(other, renamed, { whenExists: "replace" })), Array(4).fill("present"));
  // Both times what is owed is handed on.
  assert.ok(expected !== undefined);
});

/** The same file of other sessions: written anew, since every line has its sum. */
async function withIncarnations(text: string): Promise<string> {
  const { LineWriter, LineReader } = await import("../../../src/admin/export_line.ts");
  const reader = new LineReader();
  const writer = new LineWriter();
  let renamed = "";
  for (const each of text.split("\n").filter((line) => line !== "")) {
    const line = await reader.read(each);
    if (line.type !== "session") renamed += await writer.write(line);
    else {
      const { image } = line;
      const snapshot = { ...image.snapshot, incarnation: `other-${image.snapshot.incarnation}` };
      renamed += await writer.write({ ...line, image: { ...image, snapshot } });
    }
  }
  return renamed;
}

Deno.test("a dry run tells what would happen and how sessions differ, and changes nothing", async () => {
  const { store, text } = await exported();
  const empty = mapStore();
  assert.deepEqual(outcomes(await imported(empty, text, { dryRun: true })), Array(4).fill("restored"));
  assert.deepEqual((await empty.directory.list({ limit: 10 })).sessions, []);
  const stored = await store.read("one");
  assert.ok(stored !== undefined);
  const limits = { maximumMessages: 1, maximumBytes: 1, whenFull: "dropNewest" } as const;
  const changes = [{ type: "deleteSubscription", filter: "a/+" }, { type: "putInboundId", packetId: 10 }] as const;
  await store.commit([{ id: "x", guard: stored.guard, changes, deliveries: [], limits, now: START }]);
  const before = await contents(store);
  const events = await imported(store, text, { dryRun: true });
  const one = events.find((event) => event.type === "session" && event.clientId === "one");
  assert.ok(one?.type === "session" && one.outcome === "present");
  assert.deepEqual(one.differences?.map((line) => line.slice(0, 26)), [
    'subscription: + a/+ {"noLo',
    "inbound identifier: - 10",
  ]);
  assert.deepEqual(await contents(store), before);
});

Deno.test("an export that was broken off goes on at its last page, and the whole is the same file", async () => {
  const store = memoryStore();
  const kit = await fill(store);
  for (let index = 0; index < 120; index++) await kit.open(`more-${index}`);
  const whole = await all(exportSessions(store, { environment: ENVIRONMENT }));
  for (const cut of [1, 40, Math.floor(whole.length / 2), whole.length - 2]) {
    const text = whole.slice(0, cut).join("") + "{half a li";
    const point = await exportResumePoint(chunksOf(text));
    const resumed = await all(exportSessions(store, { environment: ENVIRONMENT, ...(point && { resume: point }) }));
    const kept = new TextEncoder().encode(text).subarray(0, point?.bytes ?? 0);
    const joined = new TextDecoder().decode(kept) + resumed.join("");
    assert.equal(joined, whole.join(""), `cut at line ${cut}`);
  }
  assert.equal(await exportResumePoint(chunksOf(whole.join(""))), undefined);
});

Deno.test("retained messages are exported behind the sessions, and put where no later ones stand", async () => {
  const { store } = await exported();
  const [from, to] = [memoryRetained(), memoryRetained()];
  const kept = (topic: string, publishedAt: number) =>
    message({ topic, publishedAt, retain: true, payload: bytesOf(topic) });
  const put = (retained: RetainedStore, messages: readonly Message[]) =>
    retained.put(messages.map((each) => ({ message: each })), {
      limits: { maximumMessages: Infinity, maximumBytes: Infinity },
      order: { writer: "w", number: 1 },
      now: START,
    });
  const topics = Array.from({ length: 250 }, (_, index) => `t/${String(index).padStart(3, "0")}`).concat("$SYS/t");
  await put(from, topics.map((topic) => kept(topic, 10)));
  await put(to, [kept("t/000", 20), kept("other", 1)]);
  const lines = await all(exportSessions(store, { environment: ENVIRONMENT, retained: from }));
  const text = lines.join("");
  const summed = (events: readonly ImportEvent[]) =>
    events.flatMap((event) => event.type === "retained" ? [[event.stored, event.left]] : [])
      .reduce(([stored = 0, left = 0], [more = 0, others = 0]) => [stored + more, left + others], [0, 0]);
  assert.deepEqual(summed(await imported(mapStore(), text)), [0, 251]);
  assert.deepEqual(summed(await imported(mapStore(), text, { retained: to, dryRun: true })), [251, 0]);
  assert.equal((await to.totals()).messages, 2);
  const events = await imported(mapStore(), text, { retained: to });
  assert.deepEqual(summed(events), [250, 1]);
  const last = events.at(-1);
  assert.deepEqual(last?.type === "end" && [last.sessions, last.retained], [4, 251]);
  const found = await to.read(["t/000", "t/249", "$SYS/t", "other"], { now: START });
  assert.deepEqual(found.map((each) => each?.publishedAt), [20, 10, 10, 1]);
  // Broken off between two pages of them, the file goes on to be the same.
  const pages = lines.flatMap((line, index) => line.includes('"cursor":"retained') ? [index] : []);
  assert.ok(pages.length >= 3, `${pages.length} pages`);
  for (const index of pages) {
    const head = lines.slice(0, index + 2).join("");
    const point = await exportResumePoint(chunksOf(head));
    assert.ok(point !== undefined);
    const kept = head.slice(
      0,
      new TextDecoder().decode(new TextEncoder().encode(head).subarray(0, point.bytes)).length,
    );
    const rest = exportSessions(store, { environment: ENVIRONMENT, retained: from, resume: point });
    assert.equal(kept + (await all(rest)).join(""), text);
  }
  assert.ok(
    !(await all(exportSessions(store, { retained: from, filter: { clientIdPrefix: "one" } }))).join("").includes(
      '"retained","message"',
    ),
  );
});

Deno.test("an import that was broken off goes on after the line that it came to", async () => {
  const { text } = await exported();
  const to = mapStore();
  let line = 0;
  for await (const event of importSessions(to, chunksOf(text), { environment: ENVIRONMENT })) {
    line = event.line;
    if (event.type === "session" && event.clientId === "one") break;
  }
  const events = await imported(to, text, { afterLine: line });
  assert.ok(events.every((event) => event.line > line));
  assert.equal((await to.directory.list({ limit: 10 })).sessions.length, 4);
});

Deno.test("a file of which a line was changed, is missing, out of place or cut off is refused there", async () => {
  const { lines } = await exported();
  const spoiled: Readonly<Record<string, string[]>> = {
    "a changed digit": lines.map((line, index) =>
      index === 3 ? line.replace('"retain":false', '"retain":true ') : line
    ),
    "a missing line": lines.filter((_, index) => index !== 2),
    "two that changed places": [...lines.slice(0, 2), lines[3] ?? "", lines[2] ?? "", ...lines.slice(4)],
    "no end": lines.slice(0, -1),
    "no beginning": lines.slice(1),
    "nothing": [],
    "other text": ["hello\n"],
    "a line without its end": [...lines.slice(0, 5), (lines[5] ?? "").slice(0, 30)],
  };
  for (const [what, file] of Object.entries(spoiled)) {
    const to = mapStore();
    await assert.rejects(imported(to, file.join("")), isUnreadable, what);
    for (const { clientId } of (await to.directory.list({ limit: 10 })).sessions) {
      assert.ok(await to.read(clientId) !== undefined, `${what}: what is there is whole`);
    }
  }
});

Deno.test("lines that hold what no export holds are refused, and the error shows nothing of them", async () => {
  const { LineWriter } = await import("../../../src/admin/export_line.ts");
  const { lines } = await exported();
  const image = JSON.parse(lines[1] ?? "").image;
  const spoil = (change: (image: Record<string, unknown>) => void): unknown => {
    const copy = structuredClone(image);
    change(copy);
    return copy;
  };
  const wrong = [
    spoil((copy) => copy["tail"] = -1),
    spoil((copy) => copy["journal"] = "secret secret"),
    spoil((copy) => copy["extra"] = "secret"),
    spoil((copy) => (copy["snapshot"] as { head: Record<string, unknown> }).head["protocolVersion"] = 3),
    spoil((copy) => (copy["snapshot"] as Record<string, unknown>)["inbound"] = [70_000]),
  ];
  for (const each of wrong) {
    const writer = new LineWriter();
    let text = await writer.write({ type: "export", version: 1, exportedAt: 1 });
    // Deliberately outside the types: a file may hold anything.
    text += await writer.write({ type: "session", readAt: 1, image: each } as never);
    await assert.rejects(
      imported(memoryStore(), text),
      (error) => isUnreadable(error) && !`${error}`.includes("secret"),
    );
  }
  const future = await new LineWriter().write({ type: "export", version: 2, exportedAt: 1 });
  const isFuture = (error: unknown) => error instanceof SessionError && error.code === "RECORD_FROM_FUTURE";
  await assert.rejects(imported(memoryStore(), future), isFuture);
});

Deno.test("a session that changes all the time while it is exported is left out, and the file says so", async () => {
  const store = memoryStore();
  const kit = await fill(store);
  let busy = await kit.open("busy");
  const { readQueue } = store;
  const restless: SessionStore = {
    ...store,
    readQueue: async (guard, ...rest) => {
      if (guard.clientId === "busy") busy = await kit.change(busy, [{ type: "putInboundId", packetId: 1 }]);
      return await readQueue(guard, ...rest);
    },
  };
  await kit.fill(busy, ["a message"]);
  const text = (await all(exportSessions(restless, { environment: ENVIRONMENT }))).join("");
  const to = mapStore();
  const events = await imported(to, text);
  assert.deepEqual(outcomes(events).filter((outcome) => outcome === "notWhole").length, 5);
  assert.equal(await to.read("busy"), undefined);
  assert.equal((await to.directory.list({ limit: 10 })).sessions.length, 4);
  assert.deepEqual(events.at(-1)?.type === "end" && [events.at(-1)].map((end) => end?.type === "end" && end.sessions), [
    4,
  ]);
});
