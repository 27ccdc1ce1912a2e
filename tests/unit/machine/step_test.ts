/** What the host must not do throws and changes nothing; what a peer must not do closes. */
import assert from "node:assert/strict";
import { type Event, nextDeadline, openSession, type Session, snapshot, step } from "../../../src/machine/mod.ts";
import { acquired, acquiring, connect, message, online, sent, stepped, stored } from "./rig.ts";

const nothing = { requests: [], changes: [], effects: [] };
const fresh = () => openSession(undefined, { role: "server" });

function opened(): Session {
  const session = fresh();
  stepped(session, { type: "connectionOpened" });
  return session;
}

function authenticating(): Session {
  const session = opened();
  stepped(session, { type: "packetReceived", packet: connect() });
  return session;
}

const { payload } = message(1);
const PUBLISH: Event = {
  type: "packetReceived",
  packet: { type: "publish", topic: "a", payload, qos: 2, retain: false, dup: false, packetId: 1, properties: {} },
};
const SUBSCRIBE: Event = {
  type: "packetReceived",
  packet: {
    type: "subscribe",
    packetId: 1,
    subscriptions: [{ filter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  },
};
const SUBSCRIBE_TWO: Event = {
  type: "packetReceived",
  packet: {
    type: "subscribe",
    packetId: 1,
    subscriptions: ["a", "b"].map((filter) => (
      { filter, qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }
    )),
  },
};
const AUTHENTICATED: Event = { type: "authenticated", clientId: "c", assigned: false };
const PINGREQ: Event = { type: "packetReceived", packet: { type: "pingreq" } };

const MISUSE: readonly (readonly [what: string, session: () => Session, event: Event, error?: typeof RangeError])[] = [
  ["a second connectionOpened", opened, { type: "connectionOpened" }],
  ["connectionOpened on a session that was read", () => openSession(stored(), { role: "server" }), {
    type: "connectionOpened",
  }],
  ["a packet before connectionOpened", fresh, PINGREQ],
  ["a packet while the client is authenticated", authenticating, PINGREQ],
  ["a packet while the session is acquired", () => acquiring(), PINGREQ],
  ["authenticated before CONNECT", opened, AUTHENTICATED],
  ["authenticated twice", () => acquiring(), AUTHENTICATED],
  ["authenticated when online", () => online(), AUTHENTICATED],
  ["authenticationRefused when online", () => online(), { type: "authenticationRefused", reasonCode: 0x87 }],
  ["sessionAcquired before authenticated", authenticating, acquired()],
  ["sessionAcquired twice", () => online(), acquired()],
  ["acquireRefused when online", () => online(), { type: "acquireRefused", reasonCode: 0x88 }],
  ["packetMalformed before connectionOpened", fresh, { type: "packetMalformed", reasonCode: 0x81 }],
  ["connectionClosed before connectionOpened", fresh, { type: "connectionClosed" }],
  ["closeRequested before connectionOpened", fresh, { type: "closeRequested", reasonCode: 0x8b }],
  ["superseded before connectionOpened", fresh, { type: "superseded" }],
  ["ownerLost when online", () => online(), { type: "ownerLost", at: 0 }],
  ["ownerLost without a session", fresh, { type: "ownerLost", at: 0 }],
  ["publishRouted without a PUBLISH", () => online(), { type: "publishRouted", ref: 1, receivers: 1 }],
  ["publishRouted of another ref", () => online({ events: [PUBLISH] }), {
    type: "publishRouted",
    ref: 2,
    receivers: 1,
  }],
  ["publishRouted twice", () => online({ events: [PUBLISH, { type: "publishRouted", ref: 1, receivers: 1 }] }), {
    type: "publishRouted",
    ref: 1,
    receivers: 1,
  }],
  ["publishRefused without a PUBLISH", () => online(), { type: "publishRefused", ref: 1, reasonCode: 0x87 }],
  ["publishRefused twice", () => online({ events: [PUBLISH, { type: "publishRefused", ref: 1, reasonCode: 0x87 }] }), {
    type: "publishRefused",
    ref: 1,
    reasonCode: 0x87,
  }],
  ["subscribeAuthorized without a SUBSCRIBE", () => online(), { type: "subscribeAuthorized", ref: 1, verdicts: [] }],
  [
    "subscribeAuthorized twice",
    () => online({ events: [SUBSCRIBE, { type: "subscribeAuthorized", ref: 1, verdicts: [1] }] }),
    { type: "subscribeAuthorized", ref: 1, verdicts: [1] },
  ],
  ["subscribeAuthorized of another ref", () => online({ events: [SUBSCRIBE] }), {
    type: "subscribeAuthorized",
    ref: 2,
    verdicts: [1],
  }],
  [
    "a refusal of a client with a code below 0x80",
    authenticating,
    { type: "authenticationRefused", reasonCode: 0 },
    RangeError,
  ],
  [
    "a refusal of a publish with a code below 0x80",
    () => online({ events: [PUBLISH] }),
    { type: "publishRefused", ref: 1, reasonCode: 0x10 },
    RangeError,
  ],
  [
    "too few verdicts",
    () => online({ events: [SUBSCRIBE] }),
    { type: "subscribeAuthorized", ref: 1, verdicts: [] },
    RangeError,
  ],
  [
    "too many verdicts",
    () => online({ events: [SUBSCRIBE] }),
    { type: "subscribeAuthorized", ref: 1, verdicts: [1, 1] },
    RangeError,
  ],
  [
    "a verdict that is neither a level nor a failure, after one that is",
    () => online({ events: [SUBSCRIBE_TWO] }),
    { type: "subscribeAuthorized", ref: 1, verdicts: [1, 3] },
    RangeError,
  ],
];
for (const [what, given, event, error = TypeError] of MISUSE) {
  Deno.test(`the host is told of ${what}, and nothing changes`, () => {
    const session = given();
    const before = snapshot(session);
    const { online: wasOnline } = session;
    const due = nextDeadline(session);
    assert.throws(() => step(session, event, 0), (thrown) => {
      assert.ok(thrown instanceof error);
      assert.match(thrown.message, /^Cannot (step|refuse|grant) /);
      return true;
    });
    assert.deepEqual(snapshot(session), before);
    assert.deepEqual([session.online, nextDeadline(session)], [wasOnline, due]);
  });
}

Deno.test("an answer that threw may be given again, rightly", () => {
  const session = online({ events: [SUBSCRIBE] });
  assert.throws(() => step(session, { type: "subscribeAuthorized", ref: 1, verdicts: [] }, 0), RangeError);
  const result = stepped(session, { type: "subscribeAuthorized", ref: 1, verdicts: [1] });
  assert.deepEqual(sent(result), [{ type: "suback", packetId: 1, reasonCodes: [1] }]);
  const refused = authenticating();
  assert.throws(() => step(refused, { type: "authenticationRefused", reasonCode: 0 }, 0), RangeError);
  assert.equal(sent(stepped(refused, { type: "authenticationRefused", reasonCode: 0x87 })).length, 1);
});

Deno.test("the time of an event that threw does not count (policy P15)", () => {
  const session = online({ connect: { keepAlive: 10 } });
  assert.throws(() => step(session, AUTHENTICATED, 9_000_000), TypeError);
  stepped(session, PINGREQ, 1_000);
  assert.equal(nextDeadline(session), 16_000);
});

Deno.test("a session that openSession did not make, and an event of unknown type, are misuse", () => {
  const forged: Session = { ...fresh() };
  assert.throws(() => step(forged, { type: "timePassed" }, 0), TypeError);
  const unknown = { type: "later" } as unknown as Event; // what an untyped caller may send
  assert.throws(() => step(fresh(), unknown, 0), TypeError);
});

Deno.test("an acknowledgement with an identifier or a code that is not one closes with 0x82", () => {
  const packets = [
    { type: "puback", packetId: 0, reasonCode: 0 },
    { type: "puback", packetId: 65_536, reasonCode: 0 },
    { type: "puback", packetId: 1, reasonCode: 0x92 },
    { type: "pubrec", packetId: 1, reasonCode: 0x01 },
    { type: "pubcomp", packetId: 1, reasonCode: 0x80 },
    { type: "pubrel", packetId: 0, reasonCode: 0 },
    { type: "pubrel", packetId: 1, reasonCode: 0x10 },
  ] as const;
  for (const packet of packets) {
    const result = stepped(online({ inbound: [1] }), { type: "packetReceived", packet });
    assert.deepEqual(sent(result), [{ type: "disconnect", reasonCode: 0x82 }]);
    assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
  }
});

Deno.test("after the close nothing that comes changes anything", () => {
  const events: readonly Event[] = [
    PINGREQ,
    PUBLISH,
    SUBSCRIBE,
    { type: "packetReceived", packet: { type: "disconnect", reasonCode: 0 } },
    { type: "packetReceived", packet: { type: "puback", packetId: 2, reasonCode: 0 } },
    { type: "packetMalformed", reasonCode: 0x81 },
    { type: "messagesAppended", tail: 2, messages: [message(2)] },
    { type: "queueLoaded", through: 2, messages: [message(2)] },
    { type: "closeRequested", reasonCode: 0x8b },
    { type: "connectionClosed" },
    { type: "superseded" },
  ];
  const ends: readonly Event[] = [{ type: "connectionClosed" }, { type: "superseded" }, { type: "endRequested" }];
  for (const end of ends) {
    const appended: Event = { type: "messagesAppended", tail: 1, messages: [message(1)] };
    const session = online({ events: [appended, end] });
    const before = snapshot(session);
    for (const event of events) assert.deepEqual(stepped(session, event), nothing, `${event.type} after ${end.type}`);
    assert.deepEqual(snapshot(session), before);
    assert.equal(session.online, false);
  }
});

Deno.test("after a malformed first packet nothing that comes changes anything", () => {
  const session = opened();
  stepped(session, { type: "packetMalformed", reasonCode: 0x81 });
  assert.equal(nextDeadline(session), undefined);
  assert.deepEqual(stepped(session, { type: "packetReceived", packet: connect() }), nothing);
});

Deno.test("a detached session is next looked at when its Will is due or when it ends, whichever is first", () => {
  const detached = (head: Parameters<typeof stored>[0]) => nextDeadline(openSession(stored(head), { role: "server" }));
  const head = { attached: false, disconnectedAt: 0, disconnectReason: 0 };
  assert.equal(detached({ head: { ...head, endsAt: 9_000, willDueAt: 5_000 } }), 5_000);
  assert.equal(detached({ head: { ...head, endsAt: 5_000, willDueAt: 9_000 } }), 5_000);
  assert.equal(detached({ head: { ...head, willDueAt: 5_000 } }), 5_000);
  assert.equal(detached({ head: { ...head, endsAt: 5_000 } }), 5_000);
  assert.equal(detached({ head }), undefined);
});

Deno.test("a superseded connection hands the session on: 0x8E to a 5.0 client, and not one change [MQTT-3.1.4-3]", () => {
  const session = online({ events: [{ type: "messagesAppended", tail: 1, messages: [message(1)] }] });
  assert.deepEqual(stepped(session, { type: "superseded" }), {
    requests: [],
    changes: [],
    effects: [
      { type: "sendPacket", packet: { type: "disconnect", reasonCode: 0x8e } },
      { type: "closeConnection", reasonCode: 0x8e },
    ],
  });
  assert.deepEqual([snapshot(session), nextDeadline(session)], [undefined, undefined]);
});

Deno.test("a server never sends DISCONNECT with a code that it may not, but closes all the same [MQTT-3.14.2-1]", () => {
  const result = stepped(online(), { type: "closeRequested", reasonCode: 0x04 });
  assert.deepEqual(result.effects, [{ type: "closeConnection", reasonCode: 0x04 }]);
});

Deno.test("a result holds copies: later steps change nothing in it [invariant 14]", () => {
  const session = online({ events: [PUBLISH] });
  const first = stepped(session, { type: "publishRouted", ref: 1, receivers: 1 });
  const taken = snapshot(session);
  const told = structuredClone(first);
  stepped(session, { type: "packetReceived", packet: { type: "pubrel", packetId: 1, reasonCode: 0 } });
  stepped(session, { type: "connectionClosed" });
  assert.deepEqual(first, told);
  assert.deepEqual(taken?.inbound, new Set([1]));
});

Deno.test("a snapshot opened again is the same session, and is the caller's own", () => {
  const session = online({ inbound: [3], outbound: [[1, { packetId: 2, phase: "released", pubrecOrder: 0 }]] });
  stepped(session, { type: "connectionClosed" }, 5_000);
  const kept = snapshot(session);
  assert.ok(kept !== undefined);
  const again = openSession(kept, { role: "server" });
  assert.deepEqual(snapshot(again), kept);
  assert.equal(nextDeadline(again), nextDeadline(session));
  stepped(again, { type: "timePassed" }, 3_605_000);
  assert.equal(snapshot(again), undefined);
  assert.deepEqual(snapshot(session), kept);
});
