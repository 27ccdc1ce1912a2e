import type { Fields, Scenario } from "../scenario.ts";
import {
  begin,
  between,
  closed,
  connect,
  drop,
  expect,
  inBoth,
  leave,
  publish,
  quiet,
  receive,
  resume,
  scenario,
  send,
  sendRaw,
  subscribe,
} from "../words.ts";
import type { Steps } from "../words.ts";

function will(payload = "will", properties: Fields = {}, more: Fields = {}): Fields {
  return { topic: "~/will", payload, qos: 1, retain: false, properties, ...more };
}

function watch(version: 4 | 5): Steps {
  return [...connect("w", version), ...subscribe("w", "~/will", 1)];
}

/** Nothing has been published that the watcher did not take. */
const NOTHING_ELSE: Steps = [
  ...publish("w", "~/will", "nothing else", 1),
  receive("w", "nothing else", 1),
  ...quiet("w"),
];

/** The codes of a client's DISCONNECT that keep the Will. */
const KEEPS_WILL = [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];

/** A takeover: what the new connection starts with, and whether the Will of the old one comes. */
function takeover(clean: boolean, delay: number, interval: number, strength: "must" | "should"): Scenario {
  const suppressed = !clean && delay > 0 && interval > 0;
  const steps: Steps = [
    ...watch(5),
    connect("old", 5, {
      id: "~c",
      clean: false,
      properties: { sessionExpiryInterval: interval },
      will: will("will", { willDelayInterval: delay }),
    }),
    connect("new", 5, { id: "~c", clean }, { sessionPresent: !clean && interval > 0 }),
    closed("old", 0x8e),
    ...(suppressed ? [] : [receive("w", "will", 1)]),
    ...NOTHING_ELSE,
  ];
  const outcome = suppressed ? "suppresses" : "publishes";
  const name = `takeover with Clean Start ${
    Number(clean)
  } ${outcome} a Will of delay ${delay} and interval ${interval}`;
  return scenario("WL-13", name, 5, steps, { strength });
}

/** WL: the Will Message. */
export const WILL: readonly Scenario[] = [
  ...inBoth("4:WL-02 5:WL-01 5:WL-03 5:WL-10", "a connection that breaks publishes its Will", (v) => [
    ...watch(v),
    connect("c", v, { will: will() }),
    drop("c"),
    receive("w", "will", 1, { topic: "~/will" }),
    ...NOTHING_ELSE,
  ]),
  ...inBoth("WL-06 4:WL-02 4:WL-05 5:WL-04", "DISCONNECT deletes the Will", (v) => [
    ...watch(v),
    connect("c", v, { will: will() }),
    leave("c"),
    ...NOTHING_ELSE,
  ]),
  ...inBoth("5:WL-04 4:WL-05", "a Will is published once", (v) => [
    ...watch(v),
    begin("c", v, { will: will() }),
    drop("c"),
    receive("w", "will", 1),
    resume("c", v),
    drop("c"),
    ...NOTHING_ELSE,
  ]),
  ...inBoth("WL-09", "without a Will nothing is published", (v) => [
    ...watch(v),
    connect("c", v),
    drop("c"),
    ...NOTHING_ELSE,
  ]),
  scenario("WL-07", "every other code of DISCONNECT keeps the Will", 5, [
    ...watch(5),
    ...KEEPS_WILL.flatMap((reasonCode, index) => [
      ...connect(`c${index}`, 5, { will: will(`code ${reasonCode}`) }),
      ...leave(`c${index}`, { reasonCode }),
      receive("w", `code ${reasonCode}`, 1),
    ]),
    ...NOTHING_ELSE,
  ]),
  scenario("ER-04 WL-06", "DISCONNECT without a code is 0x00", 5, [
    ...watch(5),
    connect("c", 5, { will: will() }),
    sendRaw("c", 0xe0),
    drop("c"),
    ...NOTHING_ELSE,
  ]),
  scenario("WL-16 ER-03", "DISCONNECT with a code that is none is no farewell", 5, [
    ...watch(5),
    connect("c", 5, { will: will() }),
    sendRaw("c", 0xe0, "7f"),
    closed("c"),
    receive("w", "will", 1),
  ], { strength: "should" }),
  scenario("WL-11", "a Will of interval 0 does not wait for its delay", 5, [
    ...watch(5),
    connect("c", 5, { will: will("at once", { willDelayInterval: 600 }) }),
    drop("c"),
    receive("w", "at once", 1),
  ]),
  scenario("WL-11 WL-03", "a Will waits for its delay", 5, [
    ...watch(5),
    begin("c", 5, { will: will("later", { willDelayInterval: 1 }) }),
    drop("c"),
    expect("w", { cmd: "publish", payload: "later" }, 1_000),
    ...NOTHING_ELSE,
  ]),
  scenario("WL-22 WL-11", "DISCONNECT 0x04 and a longer delay tell of the end of the session", 5, [
    ...watch(5),
    connect("c", 5, {
      clean: false,
      properties: { sessionExpiryInterval: 1 },
      will: will("ended", { willDelayInterval: 600 }),
    }),
    { do: "mark" },
    leave("c", { reasonCode: 4 }),
    expect("w", { cmd: "publish", payload: "ended" }, 1_000),
    begin("c", 5),
  ]),
  scenario("WL-12", "a connection in time suppresses the Will for good", 5, [
    ...watch(5),
    begin("c", 5, { will: will("suppressed", { willDelayInterval: 2 }) }),
    drop("c"),
    resume("c", 5),
    begin("d", 5, { will: will("due later", { willDelayInterval: 2 }) }),
    drop("d"),
    expect("w", { cmd: "publish", payload: "due later" }, 2_000),
    ...NOTHING_ELSE,
  ]),
  takeover(false, 0, 0, "must"),
  takeover(false, 0, 60, "must"),
  takeover(false, 60, 0, "must"),
  takeover(false, 60, 60, "must"),
  takeover(true, 0, 0, "must"),
  takeover(true, 0, 60, "must"),
  takeover(true, 60, 0, "must"),
  takeover(true, 60, 60, "should"),
  scenario("WL-14", "a clean start ends the old session, whose Will is due then", 5, [
    ...watch(5),
    begin("c", 5, { will: will("old", { willDelayInterval: 600 }) }),
    drop("c"),
    connect("c", 5),
    receive("w", "old", 1),
    ...NOTHING_ELSE,
  ], { strength: "should" }),
  scenario("WL-15", "without a Will in the new CONNECT there is none", 5, [
    ...watch(5),
    begin("c", 5, { will: will("old", { willDelayInterval: 600 }) }),
    drop("c"),
    resume("c", 5),
    drop("c"),
    resume("c", 5, { will: will("new") }),
    drop("c"),
    receive("w", "new", 1),
    ...NOTHING_ELSE,
  ]),
  ...inBoth("WL-17", "Will Retain decides whether the Will is retained", (v) => [
    ...watch(v),
    connect("c", v, { will: will("retained", {}, { retain: true }) }),
    drop("c"),
    receive("w", "retained", 1),
    connect("d", v, { will: { ...will("not retained"), topic: "~/will/d" } }),
    subscribe("w", "~/will/d", 1),
    drop("d"),
    receive("w", "not retained", 1),
    connect("s", v),
    subscribe("s", "~/will/#", 1),
    receive("s", "retained", 1, { retain: true }),
    quiet("s"),
    publish("w", "~/will", "", 1, { retain: true }),
  ], { needs: ["retain"] }),
  scenario("WL-18", "the Message Expiry Interval of a Will starts when it is published", 5, [
    ...watch(5),
    begin("c", 5, { will: will("fresh", { willDelayInterval: 2, messageExpiryInterval: 2 }) }),
    drop("c"),
    expect("w", { cmd: "publish", payload: "fresh", properties: { messageExpiryInterval: between(1, 2) } }, 2_000),
  ]),
  scenario("WL-19 WL-01", "a Will keeps its properties, User Properties in their order", 5, [
    ...watch(5),
    connect("c", 5, {
      will: will("will", {
        contentType: "text/plain",
        responseTopic: "~/answers",
        correlationData: "17",
        userProperties: [["b", "2"], ["a", "1"], ["c", "3"]],
      }),
    }),
    drop("c"),
    receive("w", "will", 1, {
      properties: {
        contentType: "text/plain",
        responseTopic: "~/answers",
        correlationData: "17",
        userProperties: [["b", "2"], ["a", "1"], ["c", "3"]],
      },
    }),
  ]),
  scenario("WL-20", "a retained Will is refused where nothing is retained", 5, [
    { do: "open", client: "c", version: 5, manual: false },
    send("c", {
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 5,
      clientId: "~c",
      clean: true,
      keepalive: 0,
      will: will("will", {}, { retain: true }),
    }),
    closed("c", 0x9a),
  ], { needs: ["noRetain"] }),
];
