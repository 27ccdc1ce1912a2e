import assert from "node:assert/strict";
import { type ConnectPacket, nextDeadline, openSession, snapshot, type Will } from "../../../../src/machine/mod.ts";
import {
  acquired,
  acquiring,
  connect,
  type Given,
  message,
  online,
  PLAIN_CONNACK,
  PLAIN_LIMITS,
  sent,
  stepped,
} from "../rig.ts";

const WILL: Will = {
  topic: "w",
  payload: new Uint8Array(),
  qos: 1,
  retain: false,
  properties: {},
  willDelayInterval: 0,
};

/** What a CONNECT that is at fault gets. */
function refused(given: Given) {
  const session = openSession(undefined, {
    role: "server",
    ...(given.limits === undefined ? {} : { limits: given.limits }),
  });
  stepped(session, { type: "connectionOpened" });
  const result = stepped(session, { type: "packetReceived", packet: connect(given) });
  assert.deepEqual([result.requests, result.changes], [[], []]);
  assert.equal(result.effects.at(-1)?.type, "closeConnection");
  return sent(result);
}

const nack = (reasonCode: number) => [{ type: "connack", sessionPresent: false, reasonCode }];

const FAULTS: readonly (readonly [fault: string, given: Given, reasonCode: number])[] = [
  ["Receive Maximum 0", { connect: { receiveMaximum: 0 } }, 0x82],
  ["Maximum Packet Size 0 [MQTT-3.1.2-24]", { connect: { maximumPacketSize: 0 } }, 0x82],
  ["enhanced authentication", { connect: { authenticationMethod: "SCRAM-SHA-1" } }, 0x8c],
  ["authentication data without a method", { connect: { authenticationData: new Uint8Array() } }, 0x82],
  ["a Will Topic with a wildcard", { will: { ...WILL, topic: "w/#" } }, 0x90],
  ["a Will above Maximum QoS", { will: { ...WILL, qos: 2 }, limits: { maximumQoS: 1 } }, 0x9b],
  ["a retained Will where nothing is retained", { will: { ...WILL, retain: true } }, 0x9a],
  ["a version from the future", { connect: { protocolVersion: 6 } }, 0x84],
  ["3.1.1 without an id that wants to keep a session [MQTT-3.1.3-8]", { version: 4, connect: { clientId: "" } }, 2],
  ["a version before 3.1.1", { connect: { protocolVersion: 3 } }, 1],
];
for (const [fault, given, reasonCode] of FAULTS) {
  Deno.test(`CONNECT is refused for ${fault}`, () => assert.deepEqual(refused(given), nack(reasonCode)));
}

Deno.test("a retained Will of 3.1.1, which cannot be told that nothing is retained, is taken", () => {
  const session = acquiring({ version: 4, will: { ...WILL, retain: true }, limits: { retainAvailable: false } });
  assert.equal(session.online, false);
});

Deno.test("a Will of just Maximum QoS is taken", () => {
  assert.equal(acquiring({ will: WILL, limits: { maximumQoS: 1 } }).online, false);
});

Deno.test("the authenticator sees the credentials, the store does not", () => {
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionOpened" });
  const packet: ConnectPacket = connect({ connect: { username: "u", password: new Uint8Array([1, 2, 3]) } });
  const { requests } = stepped(session, { type: "packetReceived", packet });
  assert.deepEqual(requests, [{ type: "authenticate", connect: packet }]);
});

Deno.test("a refusal may say why and where to go, but not in 3.1.1", () => {
  for (const version of [5, 4] as const) {
    const session = openSession(undefined, { role: "server" });
    stepped(session, { type: "connectionOpened" });
    stepped(session, { type: "packetReceived", packet: connect({ version }) });
    const why = { reasonCode: 0x9c, reasonString: "moving", serverReference: "other" };
    const result = stepped(session, { type: "authenticationRefused", ...why });
    const said = version === 5 ? why : { reasonCode: 3 };
    assert.deepEqual(sent(result), [{ type: "connack", sessionPresent: false, ...said }]);
    assert.deepEqual(result.effects.at(-1), { type: "closeConnection", reasonCode: 0x9c });
  }
});

Deno.test("CONNACK tells what is limited or overridden, and only that", () => {
  const limits = {
    receiveMaximum: 10,
    maximumQoS: 1,
    retainAvailable: false,
    maximumPacketSize: 500,
    topicAliasMaximum: 3,
    wildcardSubscriptionAvailable: false,
    subscriptionIdentifiersAvailable: false,
    sharedSubscriptionAvailable: false,
  } as const;
  const given: Given = { limits, connect: { clientId: "", requestResponseInformation: true, keepAlive: 60 } };
  const session = openSession(undefined, { role: "server", limits });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect(given) });
  stepped(session, {
    type: "authenticated",
    clientId: "made",
    assigned: true,
    sessionExpiryInterval: 60,
    serverKeepAlive: 5,
    responseInformation: "answers/",
  });
  const head = { sessionExpiryInterval: 60, endsAfterMs: 60_000 };
  const answer = acquired({ head, resumed: false });
  const result = stepped(session, { ...answer, snapshot: { ...answer.snapshot, clientId: "made" } });
  assert.deepEqual(sent(result), [{
    type: "connack",
    sessionPresent: false,
    reasonCode: 0,
    sessionExpiryInterval: 60,
    assignedClientIdentifier: "made",
    serverKeepAlive: 5,
    responseInformation: "answers/",
    ...limits,
  }]);
  assert.deepEqual(sent(stepped(acquiring(), acquired())), [PLAIN_CONNACK]);
});

Deno.test("Response Information is told only where there is some and the client asked for it [MQTT-3.1.2-28]", () => {
  const told = (requestResponseInformation: boolean, responseInformation?: string) => {
    const session = openSession(undefined, { role: "server", limits: PLAIN_LIMITS });
    stepped(session, { type: "connectionOpened" });
    stepped(session, { type: "packetReceived", packet: connect({ connect: { requestResponseInformation } }) });
    const information = responseInformation === undefined ? {} : { responseInformation };
    stepped(session, { type: "authenticated", clientId: "c", assigned: false, ...information });
    return sent(stepped(session, acquired()));
  };
  assert.deepEqual(told(false, "answers/"), [PLAIN_CONNACK]);
  assert.deepEqual(told(true), [PLAIN_CONNACK]);
  assert.deepEqual(told(true, "answers/"), [{ ...PLAIN_CONNACK, responseInformation: "answers/" }]);
});

Deno.test("a CONNECT without an interval asks for 0, and is not told so [MQTT-3.1.2-23]", () => {
  const session = openSession(undefined, { role: "server", limits: PLAIN_LIMITS });
  const { sessionExpiryInterval: _none, ...packet } = connect();
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet });
  const [request] = stepped(session, { type: "authenticated", clientId: "c", assigned: false }).requests;
  assert.ok(request?.type === "acquire");
  assert.equal(request.terms.head.sessionExpiryInterval, 0);
  const head = { sessionExpiryInterval: 0, endsAfterMs: 0, endsAt: 0 };
  assert.deepEqual(sent(stepped(session, acquired({ head }))), [PLAIN_CONNACK]);
});

Deno.test("CONNACK comes first, then PUBREL, then resends, then what is new [MQTT-3.2.0-1]", () => {
  const given: Given = {
    startedThrough: 2,
    outbound: [[1, { packetId: 2, phase: "released", pubrecOrder: 0 }]],
    log: [message(2), message(3)],
  };
  const said = sent(stepped(acquiring(given), acquired(given)));
  const shown = said.map((packet) => "dup" in packet ? `publish dup ${packet.dup}` : packet.type);
  assert.deepEqual(shown, ["connack", "pubrel", "publish dup true", "publish dup false"]);
});

Deno.test("a connection that is lost while the session is acquired lets it go at once, and says nothing", () => {
  const given: Given = { will: { ...WILL, willDelayInterval: 10 }, log: [message(1)] };
  const session = acquiring(given);
  assert.deepEqual(stepped(session, { type: "connectionClosed" }).effects, [
    { type: "closeConnection", reasonCode: 0x80 },
  ]);
  assert.equal(nextDeadline(session), undefined);
  const result = stepped(session, acquired(given), 5_000);
  assert.deepEqual([result.requests, result.effects], [[], []]);
  assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
  const head = snapshot(session)?.head;
  assert.deepEqual(
    [head?.attached, head?.endsAt, head?.willDueAt, head?.sentLimit],
    [false, 3_605_000, 15_000, 0],
  );
});

Deno.test("a session of interval 0 that is acquired for a lost connection ends at once", () => {
  const session = acquiring({ connect: { sessionExpiryInterval: 0 } });
  stepped(session, { type: "connectionClosed" });
  const head = { sessionExpiryInterval: 0, endsAfterMs: 0, endsAt: 0 };
  const result = stepped(session, acquired({ head }));
  assert.deepEqual(result.changes, [{ type: "endSession", reason: "disconnected" }]);
  assert.deepEqual(sent(result), []);
});

Deno.test("a resume that is lost at once keeps what an earlier connection started", () => {
  const session = acquiring();
  stepped(session, { type: "connectionClosed" });
  stepped(session, acquired({ startedThrough: 7, log: [message(6), message(7), message(8)] }));
  assert.equal(snapshot(session)?.head.sentLimit, 7);
});

Deno.test("a connection that the host closes while acquiring is refused once, whatever comes", () => {
  const session = acquiring();
  // CONNACK cannot say that the server shuts down: it is unavailable.
  assert.deepEqual(stepped(session, { type: "closeRequested", reasonCode: 0x8b }).effects, [
    { type: "sendPacket", packet: { type: "connack", sessionPresent: false, reasonCode: 0x88 } },
    { type: "closeConnection", reasonCode: 0x88 },
  ]);
  for (
    const event of [
      { type: "connectionClosed" },
      { type: "superseded" },
      { type: "timePassed" },
      { type: "closeRequested", reasonCode: 0x98 },
      { type: "packetReceived", packet: { type: "pingreq" } },
      { type: "acquireRefused", reasonCode: 0x88 },
      { type: "connectionClosed" },
    ] as const
  ) {
    assert.deepEqual(stepped(session, event, 99_000), { requests: [], changes: [], effects: [] });
  }
});

Deno.test("time runs out for a CONNECT, its authentication and its acquire alike", () => {
  const session = openSession(undefined, { role: "server", limits: { connectTimeoutMs: 1_000 } });
  stepped(session, { type: "connectionOpened" }, 500);
  assert.equal(nextDeadline(session), 1_500);
  stepped(session, { type: "packetReceived", packet: connect() }, 1_000);
  assert.equal(nextDeadline(session), 1_500);
  stepped(session, { type: "authenticated", clientId: "c", assigned: false }, 1_200);
  assert.equal(nextDeadline(session), 1_500);
  assert.deepEqual(stepped(session, { type: "timePassed" }, 1_499).effects, []);
  assert.deepEqual(stepped(session, { type: "timePassed" }, 1_500).effects, [
    { type: "closeConnection", reasonCode: 0x8d },
  ]);
});

Deno.test("an answer that comes after the close changes nothing", () => {
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect() });
  stepped(session, { type: "connectionClosed" });
  const nothing = { requests: [], changes: [], effects: [] };
  assert.deepEqual(stepped(session, { type: "authenticated", clientId: "c", assigned: false }), nothing);
  assert.deepEqual(stepped(session, { type: "authenticationRefused", reasonCode: 0x87 }), nothing);
});

Deno.test("a close that is asked for while the client is authenticated is told in CONNACK", () => {
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect() });
  assert.deepEqual(sent(stepped(session, { type: "closeRequested", reasonCode: 0x8b })), nack(0x88));
});

Deno.test("a second CONNECT closes with 0x82 [MQTT-3.1.0-2]", () => {
  const result = stepped(online(), { type: "packetReceived", packet: connect() });
  assert.deepEqual(sent(result), [{ type: "disconnect", reasonCode: 0x82 }]);
});

Deno.test("after a refusal nothing that comes is answered [MQTT-3.1.4-6]", () => {
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect({ connect: { receiveMaximum: 0 } }) });
  const nothing = { requests: [], changes: [], effects: [] };
  assert.deepEqual(stepped(session, { type: "packetReceived", packet: connect() }), nothing);
  assert.deepEqual(stepped(session, { type: "packetReceived", packet: { type: "pingreq" } }), nothing);
  assert.equal(nextDeadline(session), undefined);
});
