import type { Feature, Fields, Scenario, Version } from "../scenario.ts";
import type { Steps } from "../words.ts";
import {
  begin,
  connect,
  inBoth,
  leave,
  message,
  publish,
  quiet,
  receive,
  resume,
  scenario,
  send,
  subscribe,
} from "../words.ts";

const NEEDS: { readonly needs: readonly Feature[] } = { needs: ["retain"] };

/** A publisher, and retained messages of these topics. */
function keep(version: Version, ...topics: readonly string[]): Steps {
  return [
    ...connect("p", version),
    ...topics.flatMap((topic) => publish("p", topic, `kept ${topic.slice(2)}`, 1, { retain: true })),
  ];
}

/** Nothing stays with the broker. */
function forget(...topics: readonly string[]): Steps {
  return [...topics.map((topic) => send("p", message(topic, "", 0, { retain: true }))), ...quiet("p")];
}

function handling(rh: number, rap = false): Fields {
  return { rh, rap, nl: false };
}

/** SB and ST: retained messages. */
export const RETAINED: readonly Scenario[] = [
  ...inBoth("4:SB-07 5:SB-09", "a new subscription gets what is retained, with RETAIN 1", (v) => [
    ...keep(v, "~/a", "~/b", "~/c/d"),
    connect("s", v),
    subscribe("s", "~/+", 1),
    { do: "expect", client: "s", packet: { cmd: "publish", topic: "~/a", retain: true, dup: false }, which: "any" },
    { do: "expect", client: "s", packet: { cmd: "publish", topic: "~/b", retain: true, dup: false }, which: "any" },
    quiet("s"),
    subscribe("s", "~/c/#", 1),
    receive("s", "kept c/d", 1, { retain: true }),
    quiet("s"),
    ...forget("~/a", "~/b", "~/c/d"),
  ], NEEDS),
  ...inBoth(
    "4:SB-07 5:SB-09 ST-08",
    "the last retained message of a topic counts, and an empty one removes it",
    (v) => [
      ...keep(v, "~/a", "~/b"),
      publish("p", "~/a", "newer", 1, { retain: true }),
      publish("p", "~/b", "", 1, { retain: true }),
      publish("p", "~/a", "not retained", 1),
      leave("p"),
      connect("s", v),
      subscribe("s", "~/+", 1),
      receive("s", "newer", 1, { topic: "~/a", retain: true }),
      quiet("s"),
      connect("p", v),
      ...forget("~/a"),
    ],
    NEEDS,
  ),
  scenario("SB-06", "Retain Handling 0 sends what is retained with every SUBSCRIBE", 5, [
    ...keep(5, "~/a"),
    connect("s", 5),
    subscribe("s", "~/a", 1, handling(0)),
    receive("s", "kept a", 1, { retain: true }),
    subscribe("s", "~/a", 1, handling(0)),
    receive("s", "kept a", 1, { retain: true }),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
  scenario("SB-06", "Retain Handling 1 sends what is retained with a new subscription alone", 5, [
    ...keep(5, "~/a"),
    connect("s", 5),
    subscribe("s", "~/a", 1, handling(1)),
    receive("s", "kept a", 1, { retain: true }),
    subscribe("s", "~/a", 1, handling(1)),
    publish("p", "~/a", "marker", 1),
    receive("s", "marker", 1),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
  scenario("SB-06", "Retain Handling 2 sends nothing that is retained", 5, [
    ...keep(5, "~/a"),
    connect("s", 5),
    subscribe("s", "~/a", 1, handling(2)),
    publish("p", "~/a", "marker", 1),
    receive("s", "marker", 1),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
  scenario("SB-08 SB-09 SB-22", "Retain As Published keeps RETAIN of what is forwarded, through a queue as well", 5, [
    connect("p", 5),
    begin("s", 5),
    subscribe("s", "~/rap", 1, handling(0, true)),
    subscribe("s", "~/plain", 1, handling(0)),
    publish("p", "~/rap", "a", 1, { retain: true }),
    receive("s", "a", 1, { retain: true }),
    publish("p", "~/plain", "b", 1, { retain: true }),
    receive("s", "b", 1, { retain: false }),
    publish("p", "~/rap", "c", 1),
    receive("s", "c", 1, { retain: false }),
    leave("s"),
    publish("p", "~/rap", "d", 1, { retain: true }),
    publish("p", "~/plain", "e", 1, { retain: true }),
    resume("s", 5),
    receive("s", "d", 1, { retain: true }),
    receive("s", "e", 1, { retain: false }),
    quiet("s"),
    ...forget("~/rap", "~/plain"),
  ], NEEDS),
  scenario("SB-08", "what is forwarded has RETAIN 0", 4, [
    connect("p", 4),
    begin("s", 4),
    subscribe("s", "~/a", 1),
    publish("p", "~/a", "a", 1, { retain: true }),
    receive("s", "a", 1, { retain: false }),
    leave("s"),
    publish("p", "~/a", "b", 1, { retain: true }),
    resume("s", 4),
    receive("s", "b", 1, { retain: false }),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
  ...inBoth("SB-22", "resuming is not subscribing: nothing that is retained is sent", (v) => [
    ...keep(v, "~/a"),
    begin("s", v),
    subscribe("s", "~/a", 1),
    receive("s", "kept a", 1, { retain: true }),
    leave("s"),
    resume("s", v),
    publish("p", "~/a", "marker", 1),
    receive("s", "marker", 1),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
  scenario("SB-05", "replacing a subscription in 3.1.1 sends what is retained again", 4, [
    ...keep(4, "~/a"),
    connect("s", 4),
    subscribe("s", "~/a", 1),
    receive("s", "kept a", 1, { retain: true }),
    subscribe("s", "~/a", 1),
    receive("s", "kept a", 1, { retain: true }),
    quiet("s"),
    ...forget("~/a"),
  ], NEEDS),
];
