import type { Fields, Scenario } from "../scenario.ts";
import {
  begin,
  closed,
  connect,
  drop,
  expect,
  inBoth,
  leave,
  next,
  open,
  pause,
  publish,
  quiet,
  receive,
  resume,
  scenario,
  send,
  sendRaw,
  subscribe,
} from "../words.ts";

const WILL: Fields = { topic: "~/will", payload: "will", qos: 1, retain: false };

function interval(seconds: number): Fields {
  return { sessionExpiryInterval: seconds };
}

/** SE: Session Expiry Interval. KA: Keep Alive. */
export const SESSION_EXPIRY: readonly Scenario[] = [
  scenario("SE-01", "no interval, or 0, ends the session with its connection", 5, [
    connect("a", 5, { clean: false }),
    drop("a"),
    begin("a", 5),
    connect("b", 5, { clean: false, properties: interval(0) }),
    drop("b"),
    begin("b", 5),
  ]),
  scenario("SE-02", "the largest interval keeps the session", 5, [
    connect("c", 5, { clean: false, properties: interval(0xffff_ffff) }),
    leave("c"),
    resume("c", 5),
  ]),
  scenario("SE-03", "a new connection stops the interval, and its end starts it anew", 5, [
    connect("c", 5, { clean: false, properties: interval(3) }),
    drop("c"),
    resume("c", 5, { properties: interval(3) }),
    pause(4_000),
    quiet("c"),
    drop("c"),
    resume("c", 5),
  ]),
  scenario("SE-04", "the interval of the last CONNECT counts", 5, [
    begin("c", 5),
    drop("c"),
    connect("c", 5, { clean: false }, { sessionPresent: true }),
    drop("c"),
    begin("c", 5),
  ]),
  scenario(
    "SE-05",
    "a session whose interval is over is not resumed, swept or not",
    5,
    [
      connect("c", 5, { clean: false, properties: interval(1) }),
      leave("c"),
      pause(1_500),
      begin("c", 5),
    ],
    // 5.0 lets a server delete late.
    { strength: "should" },
  ),
  scenario("SE-08", "DISCONNECT may change the interval, and without one leaves it", 5, [
    begin("c", 5),
    leave("c"),
    resume("c", 5),
    leave("c", { properties: interval(30) }),
    resume("c", 5),
    leave("c", { properties: interval(0) }),
    begin("c", 5),
  ]),
  scenario("SE-09 SE-11 WL-16", "an interval in DISCONNECT after none in CONNECT is an error, and no farewell", 5, [
    connect("w", 5),
    subscribe("w", "~/will", 1),
    connect("c", 5, { will: WILL }),
    send("c", { cmd: "disconnect", reasonCode: 0, properties: interval(10) }),
    closed("c"),
    receive("w", "will", 1),
    begin("c", 5),
  ]),
  scenario("SE-13", "an interval that is given twice is an error", 5, [
    open("c", 5),
    sendRaw("c", 0x10, { text: "MQTT" }, "05 02 0000 0a 11 00000001 11 00000001", { text: "~c" }),
    closed("c"),
  ]),
  scenario("SE-16 LC-03", "Clean Start 1 with interval 0 is what CleanSession 1 was", 5, [
    begin("c", 5),
    drop("c"),
    connect("c", 5, { clean: true, properties: interval(0) }),
    drop("c"),
    begin("c", 5),
  ]),
  ...inBoth("KA-04 WL-08", "silence for 1.5 times Keep Alive closes the connection, and publishes the Will", (v) => [
    connect("w", v),
    subscribe("w", "~/will", 1),
    { do: "mark" },
    begin("c", v, { keepAlive: 1, will: WILL }),
    expect("w", { cmd: "publish", payload: "will" }, 1_000),
    closed("c", 0x8d),
    resume("c", v),
  ]),
  ...inBoth("KA-05", "Keep Alive 0 lets a client be silent", (v) => [
    connect("c", v, { keepAlive: 0 }),
    pause(2_500),
    quiet("c"),
  ]),
  ...inBoth("KA-06", "PINGREQ is answered, whatever is unacknowledged", (v) => [
    connect("s", v, { manual: true, properties: { receiveMaximum: 1 } }),
    subscribe("s", "~/t", 1),
    connect("p", v),
    publish("p", "~/t", "unacknowledged", 1),
    receive("s", "unacknowledged", 1),
    send("s", { cmd: "pingreq" }),
    next("s", { cmd: "pingresp" }),
  ]),
];
