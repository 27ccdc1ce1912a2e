/** Files of sessions that go wrong on their way: what is imported is what was exported, or an error that names the line. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { exportResumePoint, exportSessions, importSessions } from "../../src/admin/mod.ts";
import { type ExportLine, LineWriter } from "../../src/admin/export_line.ts";
import { memoryRetained, memoryStore } from "../../src/stores/memory.ts";
import { bytesOf, message, START } from "../../src/testing/conformance/kit.ts";
import { ENVIRONMENT, fill } from "../unit/admin/exported.ts";
import { withinLater } from "./support/allocation.ts";
import { damage } from "./support/damage.ts";
import { outcomeOfLater } from "./support/verdict.ts";

/** More than the whole of the file takes as values, and far less than a number in it could ask for. */
const ROOM = 2_000_000;
const SHOWN = "payload-that-is-nobody's-business";

const LINES = await exported();
const FILE = new TextEncoder().encode(LINES.join(""));

async function exported(): Promise<readonly string[]> {
  const store = memoryStore();
  const kit = await fill(store);
  const one = await store.read("one");
  assert.ok(one !== undefined);
  const receiver = { clientId: "one", incarnation: one.guard.incarnation, qos: 1, retain: false } as const;
  await kit.deliver([{ ...receiver, subscriptionIdentifiers: [] }], { payload: bytesOf(SHOWN) });
  const retained = memoryRetained();
  await retained.put([{ message: message({ topic: "kept", retain: true, payload: bytesOf(SHOWN) }) }], {
    limits: { maximumMessages: Infinity, maximumBytes: Infinity },
    order: { writer: "w", number: 1 },
    now: START,
  });
  const lines: string[] = [];
  for await (const line of exportSessions(store, { environment: ENVIRONMENT, retained })) lines.push(line);
  return lines;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** Imports a file into empty stores; how it ends, and how many sessions are there then. */
async function imported(bytes: Uint8Array) {
  const store = memoryStore();
  const retained = memoryRetained();
  const outcome = await withinLater(ROOM, () =>
    outcomeOfLater(async () => {
      for await (const _ of importSessions(store, once(bytes), { environment: ENVIRONMENT, retained }));
    }));
  if ("error" in outcome) assert.doesNotMatch(outcome.error.message, /business/);
  return { outcome, store };
}

/** Whatever stands in a store can be listed and read. */
async function lookAround(store: ReturnType<typeof memoryStore>): Promise<void> {
  const { sessions } = await store.directory.list({ limit: 100 });
  for (const { clientId } of sessions) {
    const stored = await store.read(clientId);
    assert.ok(stored !== undefined && !stored.snapshot.head.attached);
    await store.readQueue(stored.guard, { after: 0, messages: 1_000, bytes: 1e9 });
  }
}

Deno.test("a file that is not as it was written is refused, and what was read of it before stands whole", async () => {
  assert.ok("value" in (await imported(FILE)).outcome);
  await fc.assert(
    fc.asyncProperty(damage, async ({ apply }) => {
      const spoiled = apply(FILE);
      const { outcome, store } = await imported(spoiled);
      const isSame = spoiled.length === FILE.length && spoiled.every((byte, index) => byte === FILE[index]);
      // Only what follows the end can be anything.
      const text = new TextDecoder().decode(spoiled);
      if ("value" in outcome) assert.ok(isSame || text.startsWith(LINES.join("")), "a spoiled file was taken");
      await lookAround(store);
    }),
    { numRuns: 60 },
  );
});

Deno.test("the place where a broken file goes on is one of its pages, or there is none, or the file is refused", async () => {
  await fc.assert(
    fc.asyncProperty(damage, async ({ apply }) => {
      const spoiled = apply(FILE);
      const outcome = await withinLater(ROOM, () => outcomeOfLater(() => exportResumePoint(once(spoiled))));
      if (!("value" in outcome) || outcome.value === undefined) return;
      const { bytes, cursor } = outcome.value;
      const kept = new TextDecoder().decode(FILE.subarray(0, bytes));
      assert.ok(kept.endsWith("\n") && kept.includes(JSON.stringify(cursor)));
      assert.deepEqual(spoiled.subarray(0, bytes), FILE.subarray(0, bytes));
    }),
    { numRuns: 60 },
  );
});

/** A value in the place of another: of the same kind, or of any. */
const other: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, -1, 0.5, 2 ** 53, 1e308, "", "x", "\u0000", "__proto__", [], {}, [[]], 65_536),
  fc.jsonValue({ maxDepth: 2 }),
);

/** The places in a value, each as the names that lead to it. */
function placesOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...at, name]))];
}

function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by;
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? [...value] : { ...value as object };
  // A list has numbers for names.
  (copy as Record<string, unknown>)[name] = replaced((copy as Record<string, unknown>)[name], rest, by);
  return copy;
}

Deno.test("a line with a right sum that holds what no export holds is refused, or is one that could have been exported", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat(), other, async (line, place, by) => {
      const at = line % LINES.length;
      const writer = new LineWriter();
      let file = "";
      for (const [index, text] of LINES.entries()) {
        const { sum: _sum, ...value } = JSON.parse(text);
        const places = placesOf(value);
        const where = places[place % places.length] ?? [];
        // What is written may be no line: the reader is to find that out.
        file += await writer.write((index === at ? replaced(value, where, by) : value) as ExportLine);
      }
      const { store } = await imported(new TextEncoder().encode(file));
      await lookAround(store);
    }),
    { numRuns: 60 },
  );
});
