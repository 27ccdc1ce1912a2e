import assert from "node:assert/strict";
import fc from "fast-check";
import { SessionError } from "../../../../src/errors.ts";
import { fromText, readReply, ReplyReader, toText } from "../../../../src/stores/upstash_redis/text.ts";

/** Runs a body as on a platform without base64 of its own. */
function withoutNative<Value>(body: () => Value): Value {
  const to = Object.getOwnPropertyDescriptor(Uint8Array.prototype, "toBase64");
  const from = Object.getOwnPropertyDescriptor(Uint8Array, "fromBase64");
  Reflect.deleteProperty(Uint8Array.prototype, "toBase64");
  Reflect.deleteProperty(Uint8Array, "fromBase64");
  try {
    return body();
  } finally {
    if (to !== undefined) Object.defineProperty(Uint8Array.prototype, "toBase64", to);
    if (from !== undefined) Object.defineProperty(Uint8Array, "fromBase64", from);
  }
}

Deno.test("bytes are the same after they were text, with and without the platform's own base64", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    const text = toText(bytes);
    assert.match(text, /^[A-Za-z0-9+/]*={0,2}$/);
    assert.equal(withoutNative(() => toText(bytes)), text);
    assert.deepEqual(fromText(text), bytes);
    assert.deepEqual(withoutNative(() => fromText(text)), bytes);
  }));
});

Deno.test("a megabyte of every byte is the same after it was text", () => {
  const bytes = Uint8Array.from({ length: 1_000_003 }, (_, index) => index % 256);
  assert.deepEqual(fromText(toText(bytes)), bytes);
  assert.deepEqual(withoutNative(() => fromText(toText(bytes))), bytes);
});

Deno.test("any text is either what bytes are written as, or none, and never an error", () => {
  const almost = fc.string({ unit: fc.constantFrom("A", "B", "z", "9", "+", "/", "=", "-", " ", "\n", "é") });
  fc.assert(
    fc.property(fc.oneof(almost, fc.string({ unit: "binary" })), (text) => {
      const bytes = fromText(text);
      assert.deepEqual(withoutNative(() => fromText(text)), bytes);
      if (bytes !== undefined) assert.equal(toText(bytes), text);
    }),
    { numRuns: 2_000 },
  );
  for (const text of ["A", "AA", "AAA", "AA=", "A===", "====", "AB==", "AAB=", "AA==AA==", "AAA A", "AAAA\n", "AA-_"]) {
    assert.equal(fromText(text), undefined, text);
  }
});

const write = (texts: readonly string[]): string => `~${texts.map((text) => `${text.length}:${text}`).join("")}`;

Deno.test("a reply's fields are read as they were written, whatever they hold", () => {
  const field = fc.oneof(fc.string(), fc.maxSafeInteger().map(String), fc.constantFrom("", ":", "1:", "~"));
  fc.assert(fc.property(fc.array(field), (texts) => {
    const read = readReply(write(texts), "load", (reader) => {
      const fields: string[] = [];
      while (reader.left > 0) fields.push(reader.text());
      return fields;
    });
    assert.deepEqual(read, texts);
  }));
});

Deno.test("a reply's numbers are whole, and an empty text is nothing", () => {
  const reader = new ReplyReader(write(["0", "-12", "9007199254740991", "", "x"]));
  assert.deepEqual([reader.number(), reader.number(), reader.number()], [0, -12, Number.MAX_SAFE_INTEGER]);
  assert.deepEqual([reader.optional(), reader.optional()], [undefined, "x"]);
  reader.end();
});

const isUnreadable = (code: string) => (error: unknown): true => {
  assert.ok(error instanceof SessionError);
  assert.equal(error.code, code);
  assert.match(error.message, /^Cannot load: Redis answered what this release does not understand: /);
  return true;
};

Deno.test("a malformed reply is an answer that this release does not understand", () => {
  for (const text of ["1.7e+12", "", "-", "-0", "01", "9007199254740992", " 1", "x"]) {
    assert.throws(
      () => readReply(write([text]), "load", (reader) => reader.number()),
      isUnreadable("STORE_UNAVAILABLE"),
    );
  }
  for (const reply of ["", "1:a", "~", "~a", "~2:a", "~-1:", "~1a", "~:", "~1e0:a", "~99999999999999999999:a", null]) {
    const read = () => readReply(reply === null ? [null] : reply, "load", (reader) => reader.text());
    assert.throws(read, isUnreadable("STORE_UNAVAILABLE"));
  }
  assert.throws(() => readReply("~1:a1:b", "load", (reader) => reader.text()), isUnreadable("STORE_UNAVAILABLE"));
  assert.throws(() => readReply("~", "load", (reader) => reader.refuse("so")), isUnreadable("STORE_UNAVAILABLE"));
});

Deno.test("a script that wrote has run, whatever it answered", () => {
  assert.throws(
    () => readReply("~x", "load", (reader) => reader.text(), { writes: true }),
    isUnreadable("OUTCOME_UNKNOWN"),
  );
});

Deno.test("any reply is read or refused, and a reader's own fault is not taken for the reply's", () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom("~", ":", "0", "1", "2", "9", "-", "a") }), (text) => {
    try {
      readReply(`~${text}`, "load", (reader) => {
        while (reader.left > 0) reader.text();
      });
    } catch (error) {
      isUnreadable("STORE_UNAVAILABLE")(error);
    }
  }));
  const fault = new TypeError("mine");
  assert.throws(() =>
    readReply("~", "load", () => {
      throw fault;
    }), fault);
});
