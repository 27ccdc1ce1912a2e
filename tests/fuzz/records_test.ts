/** Stored bytes, whatever they are: a value no larger than they, or a `SessionError` that names their key. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteReader, decodeRecord, RECORD_KIND, recordWriter } from "../../src/store/encoding.ts";
import { DROP_REASONS } from "../../src/store/records/drops.ts";
import { unpackOutcomes } from "../../src/store/key_value/outcomes.ts";
import { within } from "./support/allocation.ts";
import { damage, joined, leb128 } from "./support/damage.ts";
import { KEY, RECORD_KINDS, type RecordKind } from "./support/record_kinds.ts";
import { assertNumbers, outcomeOf, UNREADABLE, weightOf } from "./support/verdict.ts";

/** What a value holds beside its bytes: its members, and eight Packet Identifiers for each byte of a bitmap. */
const WEIGHT = { each: 16, most: 256 } as const;

/** Room that a decoder may ask for whatever it reads: a few flags. */
const ROOM = 64;

/** Decodes, and holds the outcome to the rules. */
function judge({ decode }: Pick<RecordKind, "decode">, bytes: Uint8Array): void {
  const before = bytes.slice();
  const outcome = within(ROOM, () => outcomeOf(() => decode(KEY, bytes)));
  assert.deepEqual(bytes, before);
  if ("error" in outcome) {
    assert.equal(outcome.error.key, KEY);
    return assert.match(outcome.error.message, /^Cannot read record mqtt\/1\/some\/key: /);
  }
  assertNumbers(outcome.value);
  const weight = weightOf(outcome.value);
  assert.ok(weight <= WEIGHT.most + WEIGHT.each * bytes.length, `${weight} from ${bytes.length} bytes`);
}

Deno.test("every kind of record is tried", () => {
  const tried = new Set(RECORD_KINDS.map(({ kind }) => kind));
  assert.deepEqual([...tried].sort((a, b) => a - b), Object.values(RECORD_KIND).sort((a, b) => a - b));
});

for (const each of RECORD_KINDS) {
  Deno.test(`record ${each.name}: what was written is read, what was damaged gives a value or a SessionError [G13]`, () => {
    const seen = { read: 0, refused: 0 };
    fc.assert(
      fc.property(each.encoded, damage, (bytes, { apply }) => {
        each.decode(KEY, bytes);
        const spoiled = apply(bytes);
        judge(each, spoiled);
        seen["error" in outcomeOf(() => each.decode(KEY, spoiled)) ? "refused" : "read"]++;
      }),
      { numRuns: 700 },
    );
    // Damage that nobody notices, or that never gets past the header, would try nothing.
    assert.ok(seen.refused > 100, JSON.stringify(seen));
  });

  Deno.test(`record ${each.name}: any bytes give a value or a SessionError`, () => {
    const begun = fc.uint8Array({ maxLength: 200 }).map((bytes) => joined(Uint8Array.of(1, each.kind), bytes));
    fc.assert(fc.property(fc.oneof(begun, fc.uint8Array({ maxLength: 60 })), (bytes) => judge(each, bytes)), {
      numRuns: 500,
    });
  });
}

Deno.test("a length of 2^31, or a count, takes no room before the bytes for it are there", () => {
  for (const claimed of [2 ** 31, 2 ** 32, 2 ** 53 - 1]) {
    for (const each of RECORD_KINDS) {
      for (let zeros = 0; zeros < 24; zeros++) {
        judge(each, joined(Uint8Array.of(1, each.kind), new Uint8Array(zeros), leb128(claimed), new Uint8Array(8)));
      }
    }
  }
});

Deno.test("outcomes of a batch in any bytes are as many as are asked for, or a SessionError", () => {
  const count = fc.nat({ max: 40 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 30 }), count, (bytes, count) => {
    const outcome = within(ROOM, () => outcomeOf(() => unpackOutcomes(bytes, count)));
    if ("error" in outcome) return;
    assert.equal(outcome.value.length, count);
    for (const { outcome: what, reason } of outcome.value) {
      assert.ok(["appended", "dropped", "ended", "owed"].includes(what));
      assert.ok(reason === undefined || DROP_REASONS.includes(reason));
    }
  }));
});

/** Decoders that are wrong on purpose, and what has to notice each. */
const WRONG: readonly (readonly [what: string, decode: RecordKind["decode"], notices: RegExp])[] = [
  [
    "takes room for what is claimed",
    (key, bytes) =>
      decodeRecord(key, bytes, RECORD_KIND.chunk, (reader) => {
        const value = new Uint8Array(Math.min(reader.number(), 2 ** 20));
        value.set(reader.rest().subarray(0, value.length));
        return value;
      }),
    /room for/,
  ],
  [
    "throws what is no SessionError",
    (_, bytes) => new ByteReader(bytes.subarray(2)).text(),
    /neither a value nor RECORD_UNREADABLE/,
  ],
  [
    "repeats a value as often as is claimed",
    (key, bytes) =>
      decodeRecord(key, bytes, RECORD_KIND.chunk, (reader) => {
        const values: number[] = [];
        for (let left = Math.min(reader.number(), 2 ** 17); left > 0; left--) values.push(1);
        reader.rest();
        return values;
      }),
    /from \d+ bytes/,
  ],
  [
    "makes a number of what is none",
    (key, bytes) =>
      decodeRecord(key, bytes, RECORD_KIND.chunk, (reader) => Number(String.fromCharCode(...reader.rest()))),
    /it is NaN/,
  ],
  [
    "does not name the key",
    (_, bytes) => decodeRecord("elsewhere", bytes, RECORD_KIND.chunk, (reader) => reader.text()),
    /elsewhere/,
  ],
  [
    "changes what it reads",
    (_, bytes) => bytes.fill(7).length,
    /loosely deep-equal|strictly deep-equal/,
  ],
];

for (const [what, decode, notices] of WRONG) {
  Deno.test(`a decoder that ${what} is noticed`, () => {
    const written = fc.tuple(fc.constantFrom(3, 2 ** 31), fc.uint8Array({ maxLength: 9 })).map(([claimed, bytes]) =>
      joined(recordWriter(RECORD_KIND.chunk).number(claimed).finish(), bytes)
    );
    const found = fc.check(
      fc.property(written, (bytes) => judge({ decode }, bytes)),
      { numRuns: 500, endOnFailure: true },
    );
    assert.ok(found.failed, `seed ${found.seed}: nobody noticed`);
    const { errorInstance } = found;
    assert.ok(errorInstance instanceof Error);
    assert.match(errorInstance.message, notices);
  });
}

Deno.test("the codes by which a record that cannot be read is told are the two of errors.ts", () => {
  assert.deepEqual(UNREADABLE, ["RECORD_UNREADABLE", "RECORD_FROM_FUTURE"]);
});
