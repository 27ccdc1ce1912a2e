import { deepEqual, equal, throws } from "node:assert/strict";
import {
  type ClientEvent,
  type ClientSession,
  nextDeadline,
  openSession,
  snapshot,
  stepClient,
} from "../../../src/machine/mod.ts";
import { ClientRig, subscription } from "../../spec/support/client_rig.ts";

type Where = "idle" | "connecting" | "online" | "superseded";

const CONNECT = { protocolVersion: 5, cleanStart: false, keepAlive: 0 } as const;
const MESSAGE = {
  topic: "t",
  payload: new Uint8Array(),
  qos: 1,
  retain: false,
  properties: {},
  publisher: "",
  publishedAt: 0,
} as const;

const MISUSES: readonly (readonly [sentence: string, where: Where, event: unknown, error: typeof Error])[] = [
  ["a second connection", "connecting", { type: "connectRequested", connect: CONNECT }, TypeError],
  ["a second connection", "online", { type: "connectRequested", connect: CONNECT }, TypeError],
  ["a session that another one has", "superseded", { type: "connectRequested", connect: CONNECT }, TypeError],
  ["to connect 3.1.1 without an identifier, and not clean", "idle", {
    type: "connectRequested",
    connect: { ...CONNECT, protocolVersion: 4, clientId: "" },
  }, RangeError],
  ["to connect 3.1.1 with a method", "idle", {
    type: "connectRequested",
    connect: { ...CONNECT, protocolVersion: 4, authenticationMethod: "m" },
  }, RangeError],
  ["a packet without a connection", "idle", { type: "packetReceived", packet: { type: "pingresp" } }, TypeError],
  ["to publish to a filter", "online", {
    type: "publishRequested",
    ref: 1,
    message: { ...MESSAGE, topic: "a/#" },
  }, RangeError],
  [
    "to publish to no topic",
    "idle",
    { type: "publishRequested", ref: 1, message: { ...MESSAGE, topic: "" } },
    RangeError,
  ],
  ["to publish what is another's", "superseded", { type: "publishRequested", ref: 1, message: MESSAGE }, TypeError],
  ["to subscribe to nothing", "online", { type: "subscribeRequested", ref: 1, subscriptions: [] }, RangeError],
  ["to subscribe to what is no filter", "idle", {
    type: "subscribeRequested",
    ref: 1,
    subscriptions: [subscription("t"), subscription("a#")],
  }, RangeError],
  ["No Local on a shared subscription", "online", {
    type: "subscribeRequested",
    ref: 1,
    subscriptions: [subscription("$share/g/t", { noLocal: true })],
  }, RangeError],
  ["Subscription Identifier 0", "online", {
    type: "subscribeRequested",
    ref: 1,
    subscriptions: [subscription("t")],
    subscriptionIdentifier: 0,
  }, RangeError],
  ["to unsubscribe from nothing", "online", { type: "unsubscribeRequested", ref: 1, filters: [] }, RangeError],
  [
    "to unsubscribe from what is no filter",
    "online",
    { type: "unsubscribeRequested", ref: 1, filters: [""] },
    RangeError,
  ],
  ["a code of a server in DISCONNECT", "online", { type: "disconnectRequested", reasonCode: 0x8e }, RangeError],
  ["AUTH without a method", "online", { type: "authRequested", reasonCode: 0x19 }, TypeError],
  ["an event that there is none of", "online", { type: "connectionOpened" }, TypeError],
];

/** A client with something under way, so that a change would show. */
function client(where: Where): ClientRig {
  const rig = new ClientRig();
  rig.publish("m1", 2);
  if (where === "idle") return rig;
  rig.connect({ keepAlive: 30 });
  if (where === "connecting") return rig;
  rig.accept();
  rig.server.takesAll();
  if (where === "superseded") rig.step({ type: "superseded" });
  return rig;
}

for (const [sentence, where, event, error] of MISUSES) {
  Deno.test(`a client that is ${where} refuses ${sentence} and changes nothing`, () => {
    const rig = client(where);
    const before = [snapshot(rig.session), nextDeadline(rig.session), rig.session.online, rig.log, rig.open];
    // Some of them are no events.
    throws(() => rig.step(event as ClientEvent), error);
    deepEqual([snapshot(rig.session), nextDeadline(rig.session), rig.session.online, rig.log, rig.open], before);
    rig.server.quiet();
    if (where !== "online") return;
    // It goes on as if nothing had been asked.
    rig.publish("m2");
    rig.subscribe("t");
    deepEqual(rig.server.traces(), ["m2 q1 #3", "subscribe #65535"]);
  });
}

Deno.test("a server's session cannot be stepped as a client's", () => {
  const session = openSession(undefined, { role: "server" });
  // The types forbid it.
  const asClient = session as unknown as ClientSession;
  throws(() => stepClient(asClient, { type: "timePassed" }, 0), TypeError);
  equal(session.online, false);
});

Deno.test("a session that another one has sends nothing more and is there no more", () => {
  const rig = client("online");
  rig.step({ type: "superseded" });
  deepEqual(rig.server.traces(), []);
  deepEqual([rig.open, rig.closedWith, snapshot(rig.session), rig.session.clientId], [
    false,
    0x8e,
    undefined,
    undefined,
  ]);
  const late: readonly ClientEvent[] = [
    { type: "packetReceived", packet: { type: "pubrec", packetId: 2, reasonCode: 0 } },
    { type: "connectionClosed" },
    { type: "timePassed" },
    { type: "disconnectRequested" },
  ];
  for (const event of late) {
    const { changes, effects, requests } = rig.step(event);
    deepEqual([changes, effects, requests], [[], [], []]);
  }
});
