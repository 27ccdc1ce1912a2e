/** Topics and filters of any text: an answer that a plain reading of the standard gives too, and no more work than their length. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { matches, parseFilter } from "../../src/mqtt/filter.ts";
import { isTopicName } from "../../src/mqtt/topic.ts";
import { isUtf8EncodedString, MAX_STRING_BYTES, utf8Length } from "../../src/mqtt/utf8.ts";
import { subscriptionIndex } from "../../src/routing/matcher.ts";
import { candidates, MAX_WILDCARD_LEVELS, shapeOf, shapeSet } from "../../src/routing/shape.ts";
import { type Filter, isFilter, isTopic, plainMatch, readFilter } from "./support/plain_topics.ts";
import { type Work, workOf } from "./support/work.ts";

const level = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("a", "b", "", "$", "$share", "+", "#") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("+a", "a#", "##", "\0", "\ud800", "\udc00\ud800", "é", "💧", "A", "a\u0301"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 4 }) },
);

/** Any text at all, with a liking for slashes and wildcards. */
const anyText = fc.oneof(
  { weight: 6, arbitrary: fc.array(level, { maxLength: 7 }).map((levels) => levels.join("/")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  // Halves of surrogate pairs, which no arbitrary of text gives.
  { weight: 1, arbitrary: fc.array(fc.nat({ max: 0xffff })).map((units) => String.fromCharCode(...units)) },
);

/** Texts around the limits: of bytes, of levels, of levels with wildcards. */
const LONG: readonly string[] = [65_534, 65_535, 65_536, 200_000].flatMap((length) => [
  "/".repeat(length),
  "a".repeat(length),
  "+/".repeat(length / 2),
  `${"a/".repeat(length / 2)}#`,
  `+${"/".repeat(length - 1)}`,
  `$share/g/${"+/".repeat(length / 2)}`,
  `$share/${"g".repeat(length)}/t`,
  `$share/${"/".repeat(length)}`,
  "é".repeat(length / 2),
  "\ud800".repeat(length),
  "💧".repeat(length / 4),
  "#".repeat(length),
  "#/".repeat(length / 2),
]).concat(["+/".repeat(127) + "a", "+/".repeat(128) + "a", `${"a/".repeat(127)}#`, `${"a/".repeat(128)}#`]);

const validTopic = anyText.filter(isTopic);
const validFilter = anyText.map(readFilter).filter((filter) => filter !== undefined);

Deno.test("any text is a Topic Name exactly if a plain reading of the standard takes it for one [MQTT-4.7.3-1] [MQTT-4.7.3-2]", () => {
  const judge = (text: string) => assert.equal(isTopicName(text), isTopic(text), JSON.stringify(text.slice(0, 200)));
  LONG.forEach(judge);
  fc.assert(fc.property(anyText, judge), { numRuns: 5_000 });
});

Deno.test("any text is taken apart as a Topic Filter exactly as a plain reading of the standard does [MQTT-4.7.1-1] [MQTT-4.8.2-2]", () => {
  let valid = 0;
  const judge = (text: string) => {
    const parsed = parseFilter(text);
    const expected = readFilter(text);
    assert.equal(parsed === undefined, expected === undefined, JSON.stringify(text.slice(0, 200)));
    if (parsed === undefined || expected === undefined) return;
    valid++;
    assert.equal(parsed.kind === "shared" ? parsed.group : undefined, expected.group);
    assert.equal(parsed.filter, expected.filter);
    assert.equal(parsed.levels.join("/"), expected.filter);
    assert.equal(parsed.hasWildcard, /[+#]/.test(expected.filter));
  };
  LONG.forEach(judge);
  fc.assert(fc.property(anyText, judge), { numRuns: 5_000 });
  assert.ok(valid > 1_000, `only ${valid} filters`);
});

Deno.test("the bytes of any text are counted as an encoder writes them", () => {
  const encoder = new TextEncoder();
  const judge = (text: string) => {
    const bytes = encoder.encode(text).length;
    assert.equal(utf8Length(text), bytes);
    const isOne = bytes <= MAX_STRING_BYTES && text.isWellFormed() && !text.includes("\0");
    assert.equal(isUtf8EncodedString(text), isOne);
  };
  LONG.forEach(judge);
  fc.assert(fc.property(anyText, judge), { numRuns: 3_000 });
});

Deno.test("any filter matches the topics that a plain matcher finds [MQTT-4.7.2-1] [MQTT-4.7.3-4]", () => {
  let matching = 0;
  // Of few words, so that many match.
  const word = fc.constantFrom("a", "b", "", "$", "+", "+", "#");
  const few = fc.array(word, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
  const filter = fc.oneof(validFilter, few.map(readFilter).filter((filter) => filter !== undefined));
  fc.assert(
    fc.property(filter, fc.oneof(validTopic, few.filter(isTopic)), ({ filter }, topic) => {
      const expected = plainMatch(filter, topic);
      if (expected) matching++;
      assert.equal(matches(filter, topic), expected, `${filter} and ${topic}`);
    }),
    { numRuns: 10_000 },
  );
  assert.ok(matching > 500, `only ${matching} match`);
});

/** The filters that can be routed: not too many levels. */
const routable = validFilter.map(({ filter }) => filter).filter((filter) => shapeOf(filter) !== undefined);

Deno.test("routing by shape and by tree finds the filters that a plain matcher finds, for any topic", () => {
  const topic = fc.oneof({ weight: 9, arbitrary: validTopic }, {
    weight: 1,
    arbitrary: fc.constantFrom(...LONG.filter(isTopic)),
  });
  fc.assert(
    fc.property(fc.uniqueArray(routable, { maxLength: 12 }), topic, (filters, topic) => {
      const expected = filters.filter((filter) => plainMatch(filter, topic)).sort();
      const named = candidates(topic, shapeSet(filters.map((filter) => shapeOf(filter) ?? "")));
      assert.deepEqual(filters.filter((filter) => named.includes(filter)).sort(), expected);
      assert.equal(new Set(named).size, named.length);
      const index = subscriptionIndex<string>();
      for (const filter of filters) index.add(filter, "key", filter);
      assert.deepEqual(index.match(topic).sort(), expected);
      for (const filter of filters) assert.equal(index.remove(filter, "key"), true);
      assert.equal(index.size, 0);
    }),
    { numRuns: 1_500 },
  );
});

Deno.test("any text has a shape of at most 128 characters, or none, and any words are a set of shapes or a RangeError", () => {
  const judge = (text: string) => {
    const shape = shapeOf(text);
    assert.ok(shape === undefined || (shape.length >= 1 && shape.length <= MAX_WILDCARD_LEVELS));
    try {
      const set = shapeSet([text]);
      for (const topic of ["a/b", "$a", "", "/".repeat(65_535)]) {
        assert.ok(candidates(topic, set).length <= set.shapes.length);
      }
    } catch (error) {
      assert.ok(error instanceof RangeError, String(error));
      assert.ok(error.message.length < 2_000);
    }
  };
  LONG.forEach(judge);
  fc.assert(fc.property(anyText, judge), { numRuns: 3_000 });
  fc.assert(fc.property(fc.stringMatching(/^[.+#=]{0,140}$/), judge), { numRuns: 1_000 });
});

/** Texts of a form that have this length, or nearly. */
const FORMS: readonly (readonly [name: string, filter: (n: number) => string, topic: (n: number) => string])[] = [
  ["slashes", (n) => "/".repeat(n), (n) => "/".repeat(n)],
  ["levels of one character", (n) => "a/".repeat(n / 2), (n) => "a/".repeat(n / 2)],
  ["wildcards at each level", (n) => `${"+/".repeat(n / 2)}a`, (n) => "a/".repeat(n / 2)],
  ["a long level", (n) => "a".repeat(n), (n) => "a".repeat(n)],
  ["a shared filter", (n) => `$share/g/${"a/".repeat(n / 2)}#`, (n) => "a/".repeat(n / 2)],
  ["a share name that never ends", (n) => `$share/${"g".repeat(n)}`, (n) => "$".repeat(n)],
  ["halves of pairs", (n) => "\ud800".repeat(n), (n) => "\udc00".repeat(n)],
  ["text of three bytes a character", (n) => "水".repeat(n), (n) => "水".repeat(n)],
];

/** A set of shapes like those of a busy server: as deep as they get, every one a wildcard somewhere else. */
const DEEP_SHAPES = Array.from({ length: 128 }, (_, at) => `${".".repeat(at)}+${".".repeat(127 - at)}`);

const STEPS: readonly (readonly [name: string, run: (filter: string, topic: string) => unknown])[] = [
  ["isTopicName", (_, topic) => isTopicName(topic)],
  ["parseFilter", (filter) => parseFilter(filter)],
  ["matches", (filter, topic) => matches(filter, topic)],
  ["shapeOf", (filter) => shapeOf(filter)],
  ["candidates", (_, topic) => candidates(topic, shapeSet(["=", "+.#", ".#", ...DEEP_SHAPES]))],
];

/** Two lengths above the one from which bytes are counted, and below the longest that there is. */
const LENGTHS = [24_000, 60_000] as const;

/** Insists that more length is no more work than in proportion. */
function assertLinear(measure: (length: number) => Work): void {
  const [small, large] = LENGTHS.map(measure) as [Work, Work]; // Two lengths, two measures.
  const room = 2_000;
  const growth = 1.2 * LENGTHS[1] / LENGTHS[0];
  for (const kind of ["calls", "characters"] as const) {
    const grown = (large[kind] + room) / (small[kind] + room);
    assert.ok(grown <= growth, `${kind}: from ${small[kind]} to ${large[kind]}`);
  }
}

for (const [step, run] of STEPS) {
  Deno.test(`${step} does work in proportion to what it is given, whatever its form`, () => {
    for (const [name, filter, topic] of FORMS) {
      const measure = (length: number): Work => {
        const [f, t] = [filter(length), topic(length)];
        return workOf(() => run(f, t));
      };
      try {
        assertLinear(measure);
      } catch (error) {
        throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
  });
}

const noticed = (run: (text: string) => unknown) => () =>
  assertLinear((length) => {
    // The work of these grows with the square, so that a tenth is enough to see it.
    const text = "a/".repeat(length / 20);
    return workOf(() => run(text));
  });

Deno.test("a parser that looks at everything again for each level is noticed", () => {
  const quadratic = (text: string) => {
    for (let rest = text; rest.includes("/"); rest = rest.slice(rest.indexOf("/") + 1));
  };
  assert.throws(noticed(quadratic), /characters: from \d+ to \d+/);
  const splitting = (text: string) => text.split("/").map((_, index) => text.split("/", index + 1)).length;
  assert.throws(noticed(splitting), /calls|characters/);
  assert.doesNotThrow(noticed((text) => text.split("/").length));
});

/** Matchers that are wrong in one place. */
const WRONG: readonly (readonly [what: string, matches: (filter: string, topic: string) => boolean])[] = [
  [
    "lets # leave its parent level out",
    (filter, topic) =>
      matches(filter, topic) && !(filter.endsWith("/#") && filter.split("/").length > topic.split("/").length),
  ],
  [
    "lets wildcards match topics with a leading $",
    (filter, topic) => matches(filter, topic) || (topic.startsWith("$") && matches(filter, topic.slice(1))),
  ],
  ["takes + for any number of levels", (filter, topic) => matches(filter.replace("+", "#"), topic)],
  ["ignores an empty level at the end", (filter, topic) => matches(filter, topic.replace(/(?<=.)\/$/, ""))],
];

for (const [what, wrong] of WRONG) {
  Deno.test(`a matcher that ${what} is noticed`, () => {
    const found = fc.check(
      fc.property(validFilter, validTopic, ({ filter }, topic) => wrong(filter, topic) === plainMatch(filter, topic)),
      { numRuns: 10_000, endOnFailure: true },
    );
    assert.ok(found.failed, `seed ${found.seed}: nobody noticed`);
  });
}

Deno.test("a filter that the plain reading takes has no wildcard in its middle", () => {
  fc.assert(fc.property(validFilter, ({ filter }: Filter) => isFilter(filter)));
});
