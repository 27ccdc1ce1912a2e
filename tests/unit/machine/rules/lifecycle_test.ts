import assert from "node:assert/strict";
import {
  type AcquireTerms,
  decideAcquire,
  type Event,
  openSession,
  type SessionHead,
  type SessionPolicy,
  step,
  type Will,
} from "../../../../src/machine/mod.ts";
import { detachedHead, expiryNumbers } from "../../../../src/machine/rules/lifecycle.ts";
import { connect, type Given } from "../rig.ts";

const WILL: Will = {
  topic: "w",
  payload: new Uint8Array(),
  qos: 0,
  retain: false,
  properties: {},
  willDelayInterval: 10,
};

const DETACHED: SessionHead = {
  protocolVersion: 5,
  attached: false,
  connectedAt: 0,
  disconnectedAt: 1_000,
  disconnectReason: 0x80,
  sessionExpiryInterval: 60,
  endsAfterMs: 60_000,
  endsAt: 61_000,
  willDueAt: 11_000,
  onTakeover: "discard",
  sentLimit: 5,
};

/** The terms that the machine asks the store with. */
function termsOf(given: Given, authenticated: Partial<Extract<Event, { type: "authenticated" }>> = {}): AcquireTerms {
  const session = openSession(undefined, {
    role: "server",
    ...(given.policy === undefined ? {} : { policy: given.policy }),
    ...(given.limits === undefined ? {} : { limits: given.limits }),
  });
  step(session, { type: "connectionOpened" }, 0);
  step(session, { type: "packetReceived", packet: connect(given) }, 0);
  const event = { type: "authenticated", clientId: "c", assigned: false, ...authenticated } as const;
  const [request] = step(session, event, 5_000).requests;
  assert.ok(request?.type === "acquire");
  return request.terms;
}

Deno.test("the terms of an acquire hold all that a store needs, and no credential", () => {
  const credentials = { username: "u", password: new Uint8Array([1]) };
  assert.deepEqual(termsOf({ will: WILL, connect: { ...credentials, cleanStart: true } }), {
    clientId: "c",
    mustBeNew: false,
    cleanStart: true,
    head: {
      protocolVersion: 5,
      attached: true,
      connectedAt: 5_000,
      sessionExpiryInterval: 3_600,
      endsAfterMs: 3_600_000,
      willAfterMs: 10_000,
      onTakeover: "discard",
      sentLimit: 0,
    },
    will: WILL,
    sendAhead: 256,
    releaseWillOnCleanStart: true,
    resumeAcrossVersions: true,
  });
});

Deno.test("an id that the server made must be new [MQTT-3.1.3-7]", () => {
  assert.equal(termsOf({ connect: { clientId: "" } }, { clientId: "made", assigned: true }).mustBeNew, true);
});

Deno.test("a takeover releases a Will without delay, and every Will of 3.1.1 [MQTT-3.1.2-8]", () => {
  assert.equal(termsOf({ will: { ...WILL, willDelayInterval: 0 } }).head.onTakeover, "release");
  const old = termsOf({ version: 4, will: WILL }).head;
  assert.deepEqual([old.onTakeover, old.willAfterMs], ["release", 0]);
  assert.deepEqual([termsOf({}).head.onTakeover, termsOf({}).head.willAfterMs], ["discard", undefined]);
});

Deno.test("the interval in force: what the client asks, what the host imposes, and the cap", () => {
  const interval = (given: Given, sessionExpiryInterval?: number) => {
    const { head } = termsOf(given, sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval });
    return [head.sessionExpiryInterval, head.endsAfterMs, head.endsAt];
  };
  assert.deepEqual(interval({}), [3_600, 3_600_000, undefined]);
  assert.deepEqual(interval({ connect: { sessionExpiryInterval: 0 } }), [0, 0, 0]);
  assert.deepEqual(interval({ connect: { sessionExpiryInterval: 0xffff_ffff } }), [0xffff_ffff, undefined, undefined]);
  assert.deepEqual(interval({}, 7), [7, 7_000, undefined]);
  assert.deepEqual(interval({ limits: { maximumSessionExpiryInterval: 9 } }), [9, 9_000, undefined]);
  assert.deepEqual(interval({ version: 4 }), [0xffff_ffff, undefined, undefined]);
  assert.deepEqual(interval({ version: 4, connect: { cleanStart: true } }), [0, 0, 0]);
  assert.deepEqual(interval({ version: 4, limits: { maximumSessionExpiryInterval: 9 } }), [9, 9_000, undefined]);
});

Deno.test("the policies that a store decides by are in the terms", () => {
  const policy: Partial<SessionPolicy> = { pendingWillOnCleanStart: "suppress", resumeAcrossVersions: false };
  const { releaseWillOnCleanStart, resumeAcrossVersions } = termsOf({ policy });
  assert.deepEqual([releaseWillOnCleanStart, resumeAcrossVersions], [false, false]);
});

Deno.test("P2 suppress: Clean Start does not publish a Will that is not due, but one that is, or of a taken over connection", () => {
  const terms = termsOf({ connect: { cleanStart: true }, policy: { pendingWillOnCleanStart: "suppress" } });
  const publishes = (head: SessionHead, now: number) =>
    decideAcquire({ head, hasWill: true }, terms, now).publishesWill;
  assert.equal(publishes(DETACHED, 10_999), false);
  assert.equal(publishes(DETACHED, 11_000), true);
  const { endsAt: _end, willDueAt: _due, disconnectedAt: _at, disconnectReason: _why, ...head } = DETACHED;
  assert.equal(publishes({ ...head, attached: true, willAfterMs: 10_000 }, 5_000), true);
});

Deno.test("P13 false: a session of the other protocol version ends instead of being resumed", () => {
  const refusing = termsOf({ version: 4, policy: { resumeAcrossVersions: false } });
  const decide = (terms: AcquireTerms) => decideAcquire({ head: DETACHED, hasWill: false }, terms, 5_000);
  assert.deepEqual([decide(refusing).resumed, decide(refusing).ends], [false, "cleanStart"]);
  assert.equal(decide(termsOf({ version: 4 })).resumed, true);
  assert.equal(decide(termsOf({ policy: { resumeAcrossVersions: false } })).resumed, true);
});

Deno.test("a Will that is not stored is never published", () => {
  for (const cleanStart of [true, false]) {
    const terms = termsOf({ connect: { cleanStart } });
    assert.equal(decideAcquire({ head: DETACHED, hasWill: false }, terms, 60_000).publishesWill, false);
  }
});

Deno.test("a lease that has run out is judged at its own end, never at the time of the CONNECT", () => {
  const head: SessionHead = {
    protocolVersion: 5,
    attached: true,
    connectedAt: 0,
    sessionExpiryInterval: 10,
    endsAfterMs: 10_000,
    willAfterMs: 4_000,
    onTakeover: "release",
    sentLimit: 5,
  };
  const decide = (now: number) => decideAcquire({ head, hasWill: true, ownerUntil: 5_000 }, termsOf({}), now);
  assert.deepEqual([decide(4_999).row, decide(4_999).publishesWill], ["S6", true]);
  assert.deepEqual([decide(5_000).row, decide(5_000).publishesWill], ["S3", false]);
  assert.deepEqual([decide(9_000).row, decide(9_000).publishesWill], ["S3", true]);
  assert.deepEqual([decide(15_000).row, decide(15_000).ends], ["S4", "expired"]);
});

Deno.test("a detached head: absolute times, the Will at its delay or at the end, whichever is first", () => {
  const attached: SessionHead = {
    protocolVersion: 5,
    attached: true,
    connectedAt: 0,
    sessionExpiryInterval: 60,
    ...expiryNumbers(60),
    willAfterMs: 10_000,
    onTakeover: "discard",
    sentLimit: 5,
  };
  assert.deepEqual(detachedHead(attached, 1_000, 0x80), DETACHED);
  assert.equal(detachedHead({ ...attached, willAfterMs: 90_000 }, 1_000, 0).willDueAt, 61_000);
  const { endsAfterMs: _never, ...unending } = attached;
  const left = detachedHead(unending, 1_000, 0);
  assert.deepEqual([left.endsAt, left.willDueAt], [undefined, 11_000]);
});

Deno.test("an interval of 0 ends with the connection, 0xFFFFFFFF never [MQTT-3.1.2-23]", () => {
  assert.deepEqual(expiryNumbers(0), { endsAt: 0, endsAfterMs: 0 });
  assert.deepEqual(expiryNumbers(0xffff_ffff), {});
  assert.deepEqual(expiryNumbers(0xffff_fffe), { endsAfterMs: 4_294_967_294_000 });
});

Deno.test("a connection is never lost before it began, whatever its node's lease says", () => {
  const { endsAt: _endsAt, willDueAt: _willDueAt, ...rest } = DETACHED;
  const attached: SessionHead = { ...rest, attached: true, connectedAt: 5_000 };
  assert.equal(detachedHead(attached, 0, 0x80).disconnectedAt, 5_000);
  assert.equal(detachedHead(attached, 0, 0x80).endsAt, 65_000);
});
