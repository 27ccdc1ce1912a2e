/**
 * Cases that a random run has found, each as the shortest history that showed it.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  type AcquireTerms,
  openSession,
  type QueuedMessage,
  type Session,
  type SessionSnapshot,
  snapshot,
  step,
} from "../../../src/machine/mod.ts";

const NOW = 1_000;

/** A session whose CONNECT has just been answered; `stored` is what the store had of it. */
function connected(stored: { sentLimit: number; tail: number }): Session {
  const session = openSession(undefined, { role: "server" });
  step(session, { type: "connectionOpened" }, NOW);
  step(session, {
    type: "packetReceived",
    packet: {
      type: "connect",
      protocolVersion: 5,
      clientId: "c",
      cleanStart: false,
      keepAlive: 0,
      sessionExpiryInterval: 60,
    },
  }, NOW);
  const { requests } = step(session, { type: "authenticated", clientId: "c", assigned: false }, NOW);
  const acquire = requests.find(({ type }) => type === "acquire");
  assert.ok(acquire?.type === "acquire");
  step(session, {
    type: "sessionAcquired",
    snapshot: snapshotOf(acquire.terms, stored.sentLimit),
    resumed: true,
    startedThrough: stored.sentLimit,
    messages: [],
    through: stored.tail,
    tail: stored.tail,
  }, NOW);
  return session;
}

function snapshotOf(terms: AcquireTerms, sentLimit: number): SessionSnapshot {
  return {
    clientId: "c",
    incarnation: "life-1",
    head: { ...terms.head, sentLimit: sentLimit + terms.sendAhead },
    subscriptions: new Map(),
    outbound: new Map(),
    quarantine: new Set(),
    inbound: new Set(),
  };
}

function message(sequence: number, qos: 0 | 1): QueuedMessage {
  const common = { topic: "t", payload: new Uint8Array(4), retain: false, properties: {}, publisher: "p" };
  return { ...common, qos, publishedAt: NOW, sequence, subscriptionIdentifiers: [] };
}

Deno.test("an administrator ends a session whose connection has closed, as he ends one read from the store", () => {
  const session = connected({ sentLimit: 0, tail: 0 });
  step(session, { type: "connectionClosed" }, NOW);
  assert.notEqual(snapshot(session), undefined);
  const { changes } = step(session, { type: "endRequested" }, NOW);
  assert.deepEqual(changes, [{ type: "endSession", reason: "administrative" }]);
  assert.equal(snapshot(session), undefined);
});

Deno.test("what is appended after a crash's resume is sent with DUP 0, although the stored limit ran ahead of it [MQTT-3.3.1-1]", () => {
  const session = connected({ sentLimit: 256, tail: 3 });
  const { effects } = step(session, { type: "messagesAppended", tail: 4, messages: [message(4, 1)] }, NOW);
  assert.deepEqual(
    effects.map((effect) => effect.type === "sendPacket" && effect.packet.type === "publish" && effect.packet.dup),
    [
      false,
    ],
  );
});

Deno.test("what is appended at QoS 0 after a crash's resume is not taken for sent", () => {
  const session = connected({ sentLimit: 256, tail: 3 });
  const { effects } = step(session, { type: "messagesAppended", tail: 4, messages: [message(4, 0)] }, NOW);
  assert.deepEqual(effects.map(({ type }) => type), ["sendPacket"]);
});

Deno.test("a PUBLISH with both QoS bits set closes as malformed, and starts no exchange [MQTT-3.3.1-4]", () => {
  const session = connected({ sentLimit: 0, tail: 0 });
  const qos = 3 as number as 2;
  const packet = { type: "publish", topic: "t", payload: new Uint8Array(), qos, retain: false, dup: false } as const;
  const { requests, effects } = step(session, {
    type: "packetReceived",
    packet: { ...packet, packetId: 1, properties: {} },
  }, NOW);
  assert.deepEqual(requests, []);
  assert.deepEqual(effects.at(-1), { type: "closeConnection", reasonCode: 0x81 });
});

Deno.test("a QoS 0 offer is not overtaken by a QoS 0 message that was queued after it (D10)", () => {
  const session = connected({ sentLimit: 0, tail: 0 });
  const queued = (sequence: number): QueuedMessage => ({
    sequence,
    topic: `t/${sequence}`,
    payload: new Uint8Array(1),
    qos: 0,
    retain: false,
    properties: {},
    publisher: "p",
    publishedAt: NOW,
    subscriptionIdentifiers: [],
  });
  // A gap: the machine has to read what it was not given.
  const { requests } = step(session, { type: "messagesAppended", tail: 2 }, NOW);
  assert.equal(requests[0]?.type, "loadQueue");
  const { effects: held } = step(session, {
    type: "qos0Offered",
    message: { ...queued(0), topic: "offered" },
    retain: false,
    subscriptionIdentifiers: [],
  }, NOW);
  assert.deepEqual(held, []);
  step(session, { type: "messagesAppended", tail: 3 }, NOW);
  const page = { type: "queueLoaded", messages: [queued(1), queued(2), queued(3)], through: 3 } as const;
  const { effects } = step(session, page, NOW);
  const topics = effects.flatMap((effect) =>
    effect.type === "sendPacket" && effect.packet.type === "publish" ? [effect.packet.topic] : []
  );
  assert.deepEqual(topics, ["t/1", "t/2", "offered", "t/3"]);
});
