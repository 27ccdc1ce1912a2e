/** What one client may make grow: every limit at its edge. */
import assert from "node:assert/strict";
import {
  type ConnectPacket,
  type Event,
  openSession,
  type PublishPacket,
  type ServerLimits,
  type Session,
  type SubscriptionRequest,
  type Will,
} from "../../../../src/machine/mod.ts";
import { acquired, connect, type Given, online, PLAIN_LIMITS, sent, stepped } from "../rig.ts";

const WILL: Will = {
  topic: "w",
  payload: new Uint8Array(),
  qos: 1,
  retain: false,
  properties: {},
  willDelayInterval: 0,
};

function request(filter: string): SubscriptionRequest {
  return { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}

function subscribe(...filters: readonly string[]): Event {
  return {
    type: "packetReceived",
    packet: { type: "subscribe", packetId: 1, subscriptions: filters.map((filter) => request(filter)) },
  };
}

function publish(differing: Partial<PublishPacket>): Event {
  return {
    type: "packetReceived",
    packet: {
      type: "publish",
      topic: "t",
      payload: new Uint8Array(),
      qos: 0,
      retain: false,
      dup: false,
      properties: {},
      ...differing,
    },
  };
}

/** What a CONNECT under these limits asks for, or the code that it gets. */
function connected(limits: Partial<ServerLimits>, packet: Partial<ConnectPacket>, version: 4 | 5 = 5): unknown {
  const session = openSession(undefined, { role: "server", limits: { ...PLAIN_LIMITS, ...limits } });
  stepped(session, { type: "connectionOpened" });
  const result = stepped(session, { type: "packetReceived", packet: connect({ version, connect: packet }) });
  const [refusal] = sent(result);
  return result.requests[0]?.type ?? (refusal as { readonly reasonCode?: number } | undefined)?.reasonCode;
}

/** The codes of a SUBSCRIBE whose filters the host all allows. */
function subscribed(session: Session, ...filters: readonly string[]): readonly number[] {
  const asked = stepped(session, subscribe(...filters));
  const [ask] = asked.requests;
  const result = ask?.type === "authorizeSubscribe"
    ? stepped(session, { type: "subscribeAuthorized", ref: ask.ref, verdicts: ask.subscriptions.map(() => 1) })
    : asked;
  const [suback] = sent(result) as readonly { readonly reasonCodes?: readonly number[] }[];
  return suback?.reasonCodes ?? [];
}

Deno.test("a session takes as many subscriptions as it may have, and refuses others with 0x97", () => {
  const session = online({ limits: { maximumSubscriptions: 3 } });
  assert.deepEqual(subscribed(session, "a", "b"), [1, 1]);
  assert.deepEqual(subscribed(session, "c", "d"), [1, 0x97]);
  // To replace one needs no room, and to end one makes some.
  assert.deepEqual(subscribed(session, "a", "d"), [1, 0x97]);
  stepped(session, { type: "packetReceived", packet: { type: "unsubscribe", packetId: 2, filters: ["a"] } });
  assert.deepEqual(subscribed(session, "d", "a"), [1, 0x97]);
});

Deno.test("a 3.1.1 session that has no room left is told 0x80", () => {
  const session = online({ version: 4, limits: { maximumSubscriptions: 1 } });
  assert.deepEqual(subscribed(session, "a", "b"), [1, 0x80]);
});

Deno.test("one SUBSCRIBE that names a filter over and over asks the host no more often than there is room", () => {
  const session = online({ limits: { maximumSubscriptions: 2 } });
  const { requests: [asked] } = stepped(session, subscribe("a", "a", "a", "a"));
  assert.equal(asked?.type === "authorizeSubscribe" && asked.subscriptions.length, 2);
});

Deno.test("a filter may have as many levels as there may be, shared or not, and one more gets 0x8F", () => {
  const session = online({ limits: { maximumTopicLevels: 3 } });
  assert.deepEqual(subscribed(session, "a/b/c", "a/b/#", "a/b/c/#", "///", "$share/g/a/b/c", "$share/g/a/b/c/d"), [
    1,
    1,
    0x8f,
    0x8f,
    1,
    0x8f,
  ]);
});

const REFUSED:
  readonly (readonly [what: string, limits: Partial<ServerLimits>, PublishPacket["properties"], string, number])[] = [
    ["one level too many", { maximumTopicLevels: 3 }, {}, "a/b/c/d", 0x90],
    ["one User Property too many", { maximumUserProperties: 1 }, { userProperties: [["a", ""], ["", ""]] }, "t", 0x97],
  ];
for (const [what, limits, properties, topic, reasonCode] of REFUSED) {
  Deno.test(`a PUBLISH with ${what} is refused with 0x${reasonCode.toString(16)}, at QoS 0 without a word`, () => {
    const session = online({ limits });
    for (const [qos, type] of [[1, "puback"], [2, "pubrec"]] as const) {
      const result = stepped(session, publish({ topic, properties, qos, packetId: 1 }));
      assert.deepEqual(sent(result), [{ type, packetId: 1, reasonCode }]);
      assert.deepEqual([result.requests, result.changes], [[], []]);
    }
    const silent = stepped(session, publish({ topic, properties }));
    assert.deepEqual([sent(silent), silent.requests, silent.changes], [[], [], []]);
    assert.equal(
      stepped(session, publish({ topic: "a/b/c", properties: { userProperties: [["a", ""]] } })).requests.length,
      1,
    );
  });
}

Deno.test("a 5.0 session holds as many unreleased messages as it may, and the next gets 0x97 until one is released", () => {
  const session = online({ limits: { maximumUnreleased: 3 }, inbound: [7, 8, 9] });
  const refused = stepped(session, publish({ qos: 2, packetId: 1 }));
  assert.deepEqual(sent(refused), [{ type: "pubrec", packetId: 1, reasonCode: 0x97 }]);
  assert.deepEqual(refused.changes, []);
  // A repeat of one that it holds, and what needs no identifier, go on.
  assert.deepEqual(sent(stepped(session, publish({ qos: 2, packetId: 7, dup: true }))), [
    { type: "pubrec", packetId: 7, reasonCode: 0 },
  ]);
  assert.equal(stepped(session, publish({ qos: 1, packetId: 1 })).requests.length, 1);
  stepped(session, { type: "packetReceived", packet: { type: "pubrel", packetId: 8, reasonCode: 0 } });
  assert.equal(stepped(session, publish({ qos: 2, packetId: 2 })).requests.length, 1);
});

Deno.test("a 3.1.1 connection that overruns its unreleased messages is closed, and takes no identifier more", () => {
  const session = online({ version: 4, limits: { maximumUnreleased: 1 }, inbound: [7] });
  const result = stepped(session, publish({ qos: 2, packetId: 1 }));
  assert.deepEqual(result.effects, [{ type: "closeConnection", reasonCode: 0x97 }]);
  assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
});

const CONNECTS: readonly (readonly [
  what: string,
  limits: Partial<ServerLimits>,
  fits: Partial<ConnectPacket>,
  not: Partial<ConnectPacket>,
  code: number,
])[] = [
  [
    "a Client Identifier",
    { maximumClientIdLength: 23 },
    { clientId: "c".repeat(23) },
    { clientId: "c".repeat(24) },
    0x85,
  ],
  ["a Will", { maximumWillBytes: 5 }, { will: { ...WILL, payload: new Uint8Array(4) } }, {
    will: { ...WILL, payload: new Uint8Array(5) },
  }, 0x97],
  ["a Will Topic", { maximumTopicLevels: 2 }, { will: { ...WILL, topic: "a/b" } }, {
    will: { ...WILL, topic: "a/b/c" },
  }, 0x90],
  ["a Will", { maximumUserProperties: 1 }, { will: { ...WILL, properties: { userProperties: [["a", "b"]] } } }, {
    will: { ...WILL, properties: { userProperties: [["a", "b"], ["a", "b"]] } },
  }, 0x97],
];
for (const [what, limits, fits, not, code] of CONNECTS) {
  Deno.test(`CONNECT takes ${what} of the limit ${Object.keys(limits).join()}, and refuses more with 0x${code.toString(16)}`, () => {
    assert.equal(connected(limits, fits), "authenticate");
    assert.equal(connected(limits, not), code);
  });
}

/** A session under limits that the host has given this client. */
function limited(own: Partial<ServerLimits>, given: Given = {}) {
  const session = openSession(undefined, { role: "server", limits: { ...PLAIN_LIMITS, ...given.limits } });
  stepped(session, { type: "connectionOpened" });
  stepped(session, { type: "packetReceived", packet: connect(given) });
  const result = stepped(session, { type: "authenticated", clientId: "c", assigned: false, limits: own });
  return { session, result };
}

Deno.test("limits that the host gives one client are told in CONNACK, and hold on its connection", () => {
  const { session } = limited({ maximumQoS: 1, receiveMaximum: 7, maximumSubscriptions: 1 });
  const [connack] = sent(stepped(session, acquired()));
  assert.deepEqual(connack, {
    type: "connack",
    sessionPresent: true,
    reasonCode: 0,
    maximumPacketSize: 1_000,
    maximumQoS: 1,
    receiveMaximum: 7,
  });
  assert.deepEqual(subscribed(session, "a", "b"), [1, 0x97]);
  assert.deepEqual(sent(stepped(session, publish({ qos: 2, packetId: 1 }))), [{
    type: "disconnect",
    reasonCode: 0x9b,
  }]);
});

Deno.test("a Will that one client's own limits do not allow is refused, and no session is asked for", () => {
  const { result } = limited({ maximumQoS: 0 }, { will: WILL });
  assert.deepEqual(sent(result), [{ type: "connack", sessionPresent: false, reasonCode: 0x9b }]);
  assert.deepEqual(result.requests, []);
});

const INTERVALS: readonly (readonly [asked: number | undefined, inForce: number])[] = [
  [undefined, 0],
  [0, 0],
  [1, 60],
  [60, 60],
  [100, 100],
  [300, 300],
  [301, 300],
  [0xffff_ffff, 300],
];
for (const [asked, inForce] of INTERVALS) {
  Deno.test(`between 60 and 300 s, CONNECT and DISCONNECT that ask for ${asked} get ${inForce}`, () => {
    const limits = { minimumSessionExpiryInterval: 60, maximumSessionExpiryInterval: 300 };
    const packet = connect({ connect: asked === undefined ? {} : { sessionExpiryInterval: asked } });
    const { sessionExpiryInterval: _given, ...plain } = packet;
    const session = openSession(undefined, { role: "server", limits: { ...PLAIN_LIMITS, ...limits } });
    stepped(session, { type: "connectionOpened" });
    stepped(session, { type: "packetReceived", packet: asked === undefined ? plain : packet });
    const { requests: [acquire] } = stepped(session, { type: "authenticated", clientId: "c", assigned: false });
    assert.equal(acquire?.type === "acquire" && acquire.terms.head.sessionExpiryInterval, inForce);
    if (asked === undefined) return;
    const leaving = online({ limits, head: { sessionExpiryInterval: 200 } });
    const { changes } = stepped(leaving, {
      type: "packetReceived",
      packet: { type: "disconnect", reasonCode: 0, sessionExpiryInterval: asked },
    });
    const head = changes.find((change) => change.type === "putHead");
    if (asked === 0) assert.equal(changes.at(-1)?.type, "endSession");
    else assert.equal(head?.type === "putHead" && head.head.sessionExpiryInterval, inForce);
  });
}

Deno.test("DISCONNECT may shorten an interval that the host has imposed, and not lengthen it", () => {
  for (const [asked, left] of [[30, 30], [60, 60], [61, 60], [0xffff_ffff, 60]] as const) {
    const session = openSession(undefined, { role: "server", limits: PLAIN_LIMITS });
    stepped(session, { type: "connectionOpened" });
    stepped(session, { type: "packetReceived", packet: connect() });
    stepped(session, { type: "authenticated", clientId: "c", assigned: false, sessionExpiryInterval: 60 });
    stepped(session, acquired({ head: { sessionExpiryInterval: 60 } }));
    const { changes } = stepped(session, {
      type: "packetReceived",
      packet: { type: "disconnect", reasonCode: 0, sessionExpiryInterval: asked },
    });
    const head = changes.find((change) => change.type === "putHead");
    assert.equal(head?.type === "putHead" && head.head.sessionExpiryInterval, left);
  }
});
