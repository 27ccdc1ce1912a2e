import assert from "node:assert/strict";
import { matches, parseFilter } from "../../../src/mqtt/filter.ts";

const MATCHING: readonly (readonly [filter: string, topic: string, matches: boolean])[] = [
  // Without wildcards: the same text, and no other [MQTT-4.7.3-4].
  ["a/b", "a/b", true],
  ["a/b", "a/B", false],
  ["a/b", "a/b/", false],
  ["a/b", "/a/b", false],
  ["a/b", "a//b", false],
  ["a", "a/b", false],
  ["a/b", "a", false],
  ["ACCOUNTS", "Accounts", false],
  ["\u00e9", "e\u0301", false],
  ["a/../b", "b", false],
  [" a", "a", false],
  ["/", "/", true],
  ["/", "//", false],
  // Multi-level wildcard: its parent, and everything below.
  ["sport/tennis/player1/#", "sport/tennis/player1", true],
  ["sport/tennis/player1/#", "sport/tennis/player1/ranking", true],
  ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
  ["sport/tennis/player1/#", "sport/tennis/player10", false],
  ["sport/#", "sport", true],
  ["sport/#", "sport/", true],
  ["sport/#", "/sport", false],
  ["sport/#", "sports", false],
  ["#", "a", true],
  ["#", "/", true],
  ["#", "a/b/c", true],
  ["/#", "/", true],
  ["/#", "a", false],
  ["//#", "/", true],
  ["//#", "/a", false],
  // Single-level wildcard: exactly one level, empty ones included.
  ["sport/tennis/+", "sport/tennis/player1", true],
  ["sport/tennis/+", "sport/tennis/player1/ranking", false],
  ["sport/+", "sport", false],
  ["sport/+", "sport/", true],
  ["+", "finance", true],
  ["+", "/finance", false],
  ["+/+", "/finance", true],
  ["/+", "/finance", true],
  ["+/+", "/", true],
  ["+/tennis/#", "sport/tennis", true],
  ["+/tennis/#", "sport/tennis/a/b", true],
  ["sport/+/player1", "sport/tennis/player1", true],
  ["sport/+/player1", "sport//player1", true],
  ["sport/+/player1", "sport/player1", false],
  ["+/#", "a", true],
  ["+/+/#", "a", false],
  // Names of other things.
  ["__proto__", "__proto__", true],
  ["__proto__/+", "__proto__/constructor", true],
  ["constructor", "__proto__", false],
];

const RESERVED: readonly (readonly [filter: string, topic: string, matches: boolean])[] = [
  ["#", "$SYS", false],
  ["#", "$SYS/monitor/Clients", false],
  ["+", "$SYS", false],
  ["+/monitor/Clients", "$SYS/monitor/Clients", false],
  ["+/#", "$SYS/monitor", false],
  ["$SYS/#", "$SYS/monitor/Clients", true],
  ["$SYS/#", "$SYS", true],
  ["$SYS/+/Clients", "$SYS/monitor/Clients", true],
  ["$SYS/monitor/+", "$SYS/monitor/Clients", true],
  ["$SYS", "$SYS", true],
  ["$/#", "$/a", true],
  ["+", "$", false],
  // Only a `$` at the very start counts.
  ["#", "a/$SYS", true],
  ["+/+", "/$SYS", true],
  ["a/+", "a/$SYS", true],
  ["a/#", "a/$SYS", true],
];

Deno.test("SB-32: a filter matches a topic level by level, and nothing is normalised [MQTT-4.7.3-4]", () => {
  for (const [filter, topic, expected] of MATCHING) {
    assert.equal(matches(filter, topic), expected, `${filter} and ${topic}`);
  }
});

Deno.test("SB-32: a leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1]", () => {
  for (const [filter, topic, expected] of RESERVED) {
    assert.equal(matches(filter, topic), expected, `${filter} and ${topic}`);
  }
});

Deno.test("A plain filter is taken apart at its slashes", () => {
  assert.deepEqual(parseFilter("a//+/#"), {
    kind: "plain",
    filter: "a//+/#",
    levels: ["a", "", "+", "#"],
    hasWildcard: true,
  });
  assert.deepEqual(parseFilter("/a b"), { kind: "plain", filter: "/a b", levels: ["", "a b"], hasWildcard: false });
  for (
    const filter of ["a", "/", "+", "#", "+/#", "/#", "/+/", "$SYS/#", "$", "$sharegroup/a", "$share", "a/$share/b"]
  ) {
    assert.equal(parseFilter(filter)?.kind, "plain", filter);
  }
});

Deno.test("A filter has # only as its whole last level [MQTT-4.7.1-1]", () => {
  for (const filter of ["a#", "a/b#", "#/a", "a/#/b", "##", "a/##", "#a", "a/#/", "+#", "#+"]) {
    assert.equal(parseFilter(filter), undefined, filter);
  }
});

Deno.test("A filter has + only as a whole level [MQTT-4.7.1-2]", () => {
  for (const filter of ["a+", "+a", "a/b+/c", "++", "a/++/b", "sport+", "+/a+"]) {
    assert.equal(parseFilter(filter), undefined, filter);
  }
});

Deno.test("A filter is not empty, and has no U+0000 and no lone surrogate [MQTT-4.7.3-1] [MQTT-4.7.3-2]", () => {
  for (const filter of ["", "\0", "a/\0/b", "a\0", "\ud800", "+/\udc00", "$share/g/\0", "$share/\0/a"]) {
    assert.equal(parseFilter(filter), undefined);
  }
});

Deno.test("A filter has 65535 bytes at most, its $share part included [MQTT-4.7.3-3]", () => {
  assert.equal(parseFilter("/".repeat(65_535))?.levels.length, 65_536);
  assert.equal(parseFilter("/".repeat(65_536)), undefined);
  assert.equal(parseFilter("€".repeat(21_845))?.kind, "plain");
  assert.equal(parseFilter("€".repeat(21_846)), undefined);
  assert.equal(parseFilter("$share/g/" + "a".repeat(65_526))?.kind, "shared");
  assert.equal(parseFilter("$share/g/" + "a".repeat(65_527)), undefined);
});

Deno.test("SH-01: a shared filter is $share, a ShareName and a filter [MQTT-4.8.2-1]", () => {
  const table: readonly (readonly [text: string, group: string, filter: string, levels: readonly string[]])[] = [
    ["$share/g/a", "g", "a", ["a"]],
    ["$share/g//a", "g", "/a", ["", "a"]],
    ["$share/g//", "g", "/", ["", ""]],
    ["$share/g/a/+/#", "g", "a/+/#", ["a", "+", "#"]],
    ["$share/g/#", "g", "#", ["#"]],
    ["$share/a group/a", "a group", "a", ["a"]],
    ["$share/$g/$SYS/#", "$g", "$SYS/#", ["$SYS", "#"]],
    ["$share/__proto__/a", "__proto__", "a", ["a"]],
  ];
  for (const [text, group, filter, levels] of table) {
    const hasWildcard = levels.includes("+") || levels.includes("#");
    assert.deepEqual(parseFilter(text), { kind: "shared", group, filter, levels, hasWildcard }, text);
  }
});

Deno.test("SH-01: a shared filter without a ShareName or a filter is none [MQTT-4.8.2-1] [MQTT-4.8.2-2]", () => {
  for (
    const filter of [
      "$share/",
      "$share//",
      "$share//a",
      "$share/g",
      "$share/group",
      "$share/g/",
      "$share/#",
      "$share/+",
    ]
  ) {
    assert.equal(parseFilter(filter), undefined, filter);
  }
});

Deno.test("SH-01: a ShareName has no wildcard, and the filter after it keeps the rules [MQTT-4.8.2-2]", () => {
  for (const filter of ["$share/+/a", "$share/#/a", "$share/g+/a", "$share/g#/a", "$share/g/a#", "$share/g/#/a"]) {
    assert.equal(parseFilter(filter), undefined, filter);
  }
});
