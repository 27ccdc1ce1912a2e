import assert from "node:assert/strict";
import {
  type Event,
  openSession,
  type PublishPacket,
  type QueuedMessage,
  restingConnection,
  type Session,
  snapshot,
  step,
  type StepResult,
} from "../../../../src/machine/mod.ts";
import { type Given, message, online, PLAIN_LIMITS, sent, stepped } from "../rig.ts";

/** The connection in another process: all that it has is what was remembered and what is stored. */
function woken(
  session: Session,
  log: readonly QueuedMessage[],
  { given = {}, tail = log.at(-1)?.sequence ?? 0, through = tail, now = 0 }: {
    readonly given?: Given;
    readonly tail?: number;
    readonly through?: number;
    readonly now?: number;
  } = {},
) {
  const connection = restingConnection(session);
  const stored = snapshot(session);
  assert.ok(connection !== undefined && stored !== undefined, "the connection is at rest");
  const another = openSession(undefined, {
    role: "server",
    limits: { ...PLAIN_LIMITS, ...given.limits },
    ...(given.policy === undefined ? {} : { policy: given.policy }),
  });
  assert.deepEqual(stepped(another, { type: "connectionResumed", connection }, now), NOTHING);
  assert.deepEqual(restingConnection(another), connection, "asleep it is what it was at rest");
  const result = step(another, { type: "sessionReloaded", snapshot: stored, messages: log, through, tail }, now);
  return { session: another, result };
}

const NOTHING = { requests: [], changes: [], effects: [] };

function ack(type: "puback" | "pubrec" | "pubcomp", packetId: number): Event {
  return { type: "packetReceived", packet: { type, packetId, reasonCode: 0 } };
}

Deno.test("a woken connection resends nothing, and goes on with each delivery where it stood", () => {
  const log = [message(1), message(2, { qos: 2 }), message(3, { qos: 2 }), message(4)];
  const given: Given = { connect: { receiveMaximum: 3 }, log };
  const before = online({ ...given, events: [ack("pubrec", 4)] });
  const { session, result } = woken(before, [message(1), message(2, { qos: 2 }), message(4)]);
  assert.deepEqual(result, NOTHING, "nothing is sent or changed");
  assert.deepEqual(restingConnection(session), restingConnection(before));
  const after = stepped(session, ack("pubcomp", 4));
  assert.deepEqual(after.changes, [{ type: "deleteOutboundMark", sequence: 3 }]);
  assert.deepEqual(sent(after), [{
    type: "publish",
    topic: "a",
    payload: new TextEncoder().encode("p"),
    qos: 1,
    retain: false,
    dup: false,
    properties: {},
    packetId: 5,
  }]);
  assert.deepEqual(sent(stepped(session, ack("pubrec", 3))), [{ type: "pubrel", packetId: 3, reasonCode: 0 }]);
  assert.deepEqual(stepped(session, ack("puback", 2)).changes[0], {
    type: "deleteQueued",
    sequence: 1,
    bytes: messageBytesOf(1),
  });
});

function publishesOf({ effects }: StepResult): readonly PublishPacket[] {
  return effects.flatMap((effect) =>
    effect.type === "sendPacket" && effect.packet.type === "publish" ? [effect.packet] : []
  );
}

function messageBytesOf(sequence: number): number {
  const { topic, payload } = message(sequence);
  return topic.length + payload.length;
}

Deno.test("after a sleep a delivery goes on under its identifier, whether that is the derived one or not (D3)", () => {
  const mark = { packetId: 5, phase: "sent", pubrecOrder: 0 } as const;
  const given: Given = { outbound: [[3, mark]], startedThrough: 3, log: [message(3)] };
  const { session } = woken(online(given), [message(3)]);
  const { changes } = stepped(session, ack("puback", 5));
  assert.deepEqual(changes, [{ type: "deleteQueued", sequence: 3, bytes: messageBytesOf(3) }]);
  assert.equal(snapshot(session)?.outbound.size, 0);
});

Deno.test("what an earlier connection had started and this one not yet resent goes out with DUP after a sleep", () => {
  const log = [message(1), message(2), message(3)];
  const given: Given = { connect: { receiveMaximum: 1 }, log, startedThrough: 2 };
  const { session } = woken(online(given), log);
  const next = [2, 3].map((packetId) => publishesOf(stepped(session, ack("puback", packetId)))[0]?.dup);
  assert.deepEqual(next, [true, false]);
});

Deno.test("carried-over PUBREL entries cost no quota after a sleep, and those of this connection do (FC-17)", () => {
  const mark = { packetId: 9, phase: "released", pubrecOrder: 4 } as const;
  const given: Given = {
    connect: { receiveMaximum: 2 },
    outbound: [[8, mark]],
    startedThrough: 8,
    log: [message(9, { qos: 2 }), message(10, { qos: 2 }), message(11)],
    events: [ack("pubrec", 10)],
  };
  const before = online(given);
  const { session, result } = woken(before, [message(10, { qos: 2 }), message(11)]);
  assert.deepEqual(sent(result), [], "the quota is spent");
  assert.deepEqual(sent(stepped(session, ack("pubcomp", 9))), [], "it gave none back");
  assert.equal(sent(stepped(session, ack("pubcomp", 10))).length, 1);
});

Deno.test("the order of PUBRECs goes on after a sleep ([MQTT-4.6.0-4])", () => {
  const log = [message(1, { qos: 2 }), message(2, { qos: 2 })];
  const { session } = woken(online({ log, events: [ack("pubrec", 3)] }), [message(1, { qos: 2 })]);
  const { changes } = stepped(session, ack("pubrec", 2));
  assert.deepEqual(changes[0], {
    type: "putOutboundMark",
    sequence: 1,
    mark: { packetId: 2, phase: "released", pubrecOrder: 1 },
  });
});

Deno.test("Receive Maximum counts after a sleep what this connection has seen, and nothing else (FC-15)", () => {
  const publish = (packetId: number): Event => ({
    type: "packetReceived",
    packet: {
      type: "publish",
      topic: "t",
      payload: new Uint8Array(),
      qos: 2,
      retain: false,
      dup: true,
      properties: {},
      packetId,
    },
  });
  const given: Given = { inbound: [1, 2, 3], limits: { receiveMaximum: 2 }, events: [publish(1)] };
  const before = online(given);
  assert.deepEqual(restingConnection(before)?.unseenInbound, new Set([2, 3]));
  const { session } = woken(before, [], { given });
  assert.deepEqual(sent(stepped(session, publish(2))).map(({ type }) => type), ["pubrec"]);
  assert.deepEqual(stepped(session, publish(3)).effects.at(-1), { type: "closeConnection", reasonCode: 0x93 });
});

Deno.test("messages in flight that fill more than one page are all known before the connection goes on", () => {
  const log = [1, 2, 3, 4, 5].map((sequence) => message(sequence));
  const given: Given = { limits: { pageMessages: 2 } };
  const before = online({ ...given, log, limits: { pageMessages: 10 } });
  const { session, result } = woken(before, log.slice(0, 2), { given, tail: 6, through: 2 });
  assert.deepEqual(result.requests, [{ type: "loadQueue", after: 2, messages: 2, bytes: 1_048_576 }]);
  assert.equal(session.online, false);
  const further = stepped(session, { type: "queueLoaded", messages: log.slice(2, 4), through: 4 });
  assert.deepEqual(further.requests, [{ type: "loadQueue", after: 4, messages: 2, bytes: 1_048_576 }]);
  const last = stepped(session, { type: "queueLoaded", messages: [message(5), message(6)], through: 6 });
  assert.equal(session.online, true);
  assert.deepEqual(publishesOf(last).map(({ packetId }) => packetId), [7], "only the new one");
});

Deno.test("asleep a connection answers PINGREQ and waits with all else", () => {
  const connection = restingConnection(online({ connect: { keepAlive: 10 } }));
  assert.ok(connection !== undefined);
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionResumed", connection }, 5_000);
  const ping = stepped(session, { type: "packetReceived", packet: { type: "pingreq" } }, 9_000);
  assert.deepEqual(sent(ping), [{ type: "pingresp" }]);
  assert.equal(restingConnection(session)?.lastReceivedAt, 9_000);
  assert.deepEqual(stepped(session, { type: "timePassed" }, 100_000), NOTHING);
  assert.throws(() => step(session, ack("puback", 1), 9_000), TypeError);
});

Deno.test("a connection that is taken over while it sleeps is told so and changes nothing", () => {
  const connection = restingConnection(online());
  assert.ok(connection !== undefined);
  const session = openSession(undefined, { role: "server" });
  stepped(session, { type: "connectionResumed", connection });
  assert.deepEqual(stepped(session, { type: "superseded" }), {
    requests: [],
    changes: [],
    effects: [
      { type: "sendPacket", packet: { type: "disconnect", reasonCode: 0x8e } },
      { type: "closeConnection", reasonCode: 0x8e },
    ],
  });
});

Deno.test("a connection is at rest while no answer is awaited", () => {
  const session = online();
  assert.ok(restingConnection(session) !== undefined);
  const subscribe: Event = {
    type: "packetReceived",
    packet: {
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 2 }],
    },
  };
  const { requests } = stepped(session, subscribe);
  assert.equal(restingConnection(session), undefined);
  const [request] = requests;
  assert.ok(request?.type === "authorizeSubscribe");
  stepped(session, { type: "subscribeAuthorized", ref: request.ref, verdicts: [1] });
  assert.ok(restingConnection(session) !== undefined);
  stepped(session, { type: "connectionClosed" });
  assert.equal(restingConnection(session), undefined);
});

Deno.test("a connection that sleeps takes no Topic Alias and holds no QoS 0 message back", () => {
  const session = openSession(undefined, { role: "server", limits: { ...PLAIN_LIMITS, topicAliasMaximum: 10 } });
  stepped(session, { type: "connectionOpened", sleeps: true });
  const packet = { type: "connect", protocolVersion: 5, clientId: "c", cleanStart: true, keepAlive: 0 } as const;
  stepped(session, { type: "packetReceived", packet });
  const limits = { topicAliasMaximum: 5, maximumQoS: 1 } as const;
  stepped(session, { type: "authenticated", clientId: "c", assigned: false, limits });
  const stored = snapshot(online())!;
  const accepted = step(session, {
    type: "sessionAcquired",
    snapshot: stored,
    resumed: false,
    startedThrough: 0,
    messages: [],
    through: 0,
    tail: 0,
  }, 0);
  assert.equal("topicAliasMaximum" in (sent(accepted)[0] ?? {}), false);
  assert.deepEqual(restingConnection(session)?.limits, limits);
  stepped(session, { type: "messagesAppended", tail: 7 });
  assert.equal(restingConnection(session), undefined, "what stands in the log is yet to be sent");
  const offered = stepped(session, {
    type: "qos0Offered",
    message: message(1),
    retain: false,
    subscriptionIdentifiers: [],
  });
  assert.deepEqual(offered.effects, [{ type: "messageDropped", reason: "atMostOnce", topic: "a" }]);
});
