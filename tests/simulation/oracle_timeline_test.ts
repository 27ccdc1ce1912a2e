/** The small parts that the oracle is made of, and what it lets people read. */
import assert from "node:assert/strict";
import { timeline } from "./oracle/timeline.ts";
import { topicMatches } from "./oracle/topic_match.ts";
import { bytes, subscribe, Trace, will } from "./traces/trace.ts";

const MATCHES: readonly (readonly [filter: string, topic: string])[] = [
  ["a/b", "a/b"],
  ["a/+", "a/b"],
  ["a/+", "a/"],
  ["+/+", "/a"],
  ["a/#", "a"],
  ["a/#", "a/"],
  ["a/#", "a/b/c"],
  ["#", "a/b"],
  ["+/#", "a"],
  ["a/+/#", "a/b"],
  ["$SYS/#", "$SYS/x"],
];
const DIFFERS: readonly (readonly [filter: string, topic: string])[] = [
  ["a/b", "a/bc"],
  ["a/bc", "a/b"],
  ["a", "a/"],
  ["a/", "a"],
  ["+", "a/b"],
  ["+", "/a"],
  ["a/+", "a"],
  ["a/+", "a/b/c"],
  ["a/#", "ab"],
  ["a/+/#", "a"],
  ["#", "$SYS/x"],
  ["+/x", "$SYS/x"],
];

Deno.test("a topic matches a filter level by level", () => {
  for (const [filter, topic] of MATCHES) assert.ok(topicMatches(filter, topic), `${filter} ${topic}`);
  for (const [filter, topic] of DIFFERS) assert.ok(!topicMatches(filter, topic), `${filter} ${topic}`);
});

Deno.test("a timeline has a line for each thing that was seen", () => {
  const trace = new Trace();
  const client = trace.connects("a", { will: will("w1", { willDelayInterval: 3 }) });
  client.sends(subscribe(1, "t/#", 1, { noLocal: true, identifier: 4 }));
  client.gets({ type: "suback", packetId: 1, reasonCodes: [0x87] });
  client.takes("m1 with much more", { qos: 2, dup: true, topic: "t/x" });
  client.sends({ type: "unsubscribe", packetId: 2, filters: ["t/#"] });
  trace.see({ type: "hostPublished", at: trace.now, topic: "t", payload: bytes("h1"), qos: 1 });
  trace.see({ type: "ended", at: trace.now, client: "a" });
  trace.see({ type: "misbehaved", at: trace.now, client: "a" });
  trace.see({ type: "note", at: trace.now, text: "n1 dies" });
  client.gets({ type: "disconnect", reasonCode: 0x98 });
  client.closes("server");
  assert.deepEqual(timeline(trace.observations).split("\n").map((line) => line.trimStart()), [
    "0  a#1       opened",
    "1  a#1       -> CONNECT v5 cs=1 sei=600 ka=0 will=w1@t q1 delay=3",
    "2  a#1       <- CONNACK sp=0",
    "3  a#1       -> SUBSCRIBE 1 [t/# q1 nl] id=4",
    "4  a#1       <- SUBACK 1 [0x87]",
    "5  a#1       <- PUBLISH 1 m1@t/x q2 dup",
    "6  a#1       -> PUBREC 1",
    "7  a#1       <- PUBREL 1",
    "8  a#1       -> PUBCOMP 1",
    "9  a#1       -> UNSUBSCRIBE 2 [t/#]",
    "10  host publishes h1 to t q1",
    "11  a is ended by hand",
    "12  a misbehaves",
    "13            n1 dies",
    "14  a#1       <- DISCONNECT 0x98",
    "15  a#1       closed: server",
  ]);
});

Deno.test("a connection that was not opened is a mistake of whoever watches", () => {
  const trace = new Trace();
  assert.throws(() => trace.see({ type: "closed", at: 0, connection: 7, by: "broken" }), RangeError);
});
