/** Where the MQTT texts leave a choice open: every choice that the machine offers, and what it does. */
import assert from "node:assert/strict";
import { type Event, nextDeadline, REASON, snapshot, type StepResult } from "../../../src/machine/mod.ts";
import { acquired, acquiring, type Given, message, online, sent, stepped } from "./rig.ts";

function received(type: "puback" | "pubrec" | "pubrel" | "pubcomp", packetId: number): Event {
  return { type: "packetReceived", packet: { type, packetId, reasonCode: 0 } };
}

function resumed(given: Given, now = 0): StepResult {
  return stepped(acquiring(given), acquired(given), now);
}

function types(result: StepResult): readonly string[] {
  return sent(result).map(({ type }) => type);
}

for (
  const [disconnectWithoutInterval, interval] of [["inForce", 60], ["connect", 3_600]] as const
) {
  Deno.test(`P1 ${disconnectWithoutInterval}: a DISCONNECT without an interval leaves ${interval} s`, () => {
    const head = { sessionExpiryInterval: 60, endsAfterMs: 60_000 };
    const session = online({ policy: { disconnectWithoutInterval }, head });
    stepped(session, { type: "packetReceived", packet: { type: "disconnect", reasonCode: 0 } });
    assert.equal(snapshot(session)?.head.sessionExpiryInterval, interval);
    assert.equal(snapshot(session)?.head.endsAt, interval * 1_000);
  });
}

for (const [expiryOnResend, interval] of [["recompute", 0], ["omitExpired", undefined]] as const) {
  Deno.test(`P3 ${expiryOnResend}: a resend past its time carries ${interval ?? "no interval"}`, () => {
    const log = [message(1, { expiresAt: 1_000 }), message(2, { expiresAt: 9_000 })];
    const result = resumed({ policy: { expiryOnResend }, startedThrough: 2, log }, 5_000);
    const intervals = sent(result).slice(1).map((packet) =>
      "messageExpiryInterval" in packet ? packet.messageExpiryInterval : undefined
    );
    assert.deepEqual(intervals, [interval, 4]);
  });
}

for (const repeatedWithoutDup of ["acknowledge", "close"] as const) {
  Deno.test(`P4 ${repeatedWithoutDup}: an unreleased identifier comes again with DUP 0 [MQTT-4.3.3-10]`, () => {
    const session = online({ policy: { repeatedWithoutDup }, inbound: [1] });
    const { payload } = message(1);
    const publish = { type: "publish", topic: "a", payload, qos: 2, retain: false, properties: {} } as const;
    const repeat = (dup: boolean): Event => ({ type: "packetReceived", packet: { ...publish, dup, packetId: 1 } });
    assert.deepEqual(types(stepped(session, repeat(true))), ["pubrec"]);
    const result = stepped(session, repeat(false));
    assert.deepEqual(result.requests, []);
    assert.deepEqual(
      sent(result),
      repeatedWithoutDup === "close"
        ? [{ type: "disconnect", reasonCode: 0x82 }]
        : [{ type: "pubrec", packetId: 1, reasonCode: 0 }],
    );
    assert.deepEqual(snapshot(session)?.inbound, new Set([1]));
  });
}

for (const unknownPubrel of [0x92, 0x00] as const) {
  Deno.test(`P5 0x${unknownPubrel.toString(16)}: the code of PUBCOMP for an unknown PUBREL`, () => {
    const result = stepped(online({ policy: { unknownPubrel } }), received("pubrel", 7));
    assert.deepEqual(sent(result), [{ type: "pubcomp", packetId: 7, reasonCode: unknownPubrel }]);
  });
}

for (const refusedReplacement of ["keep", "remove"] as const) {
  Deno.test(`P7 ${refusedReplacement}: the old subscription when its replacement is refused`, () => {
    const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const session = online({ policy: { refusedReplacement }, subscriptions: { "a/b": options } });
    const subscriptions = [{ filter: "a/b", ...options }, { filter: "new", ...options }];
    stepped(session, { type: "packetReceived", packet: { type: "subscribe", packetId: 1, subscriptions } });
    const result = stepped(session, { type: "subscribeAuthorized", ref: 1, verdicts: [0x87, 0x87] });
    assert.deepEqual(sent(result), [{ type: "suback", packetId: 1, reasonCodes: [0x87, 0x87] }]);
    assert.deepEqual(
      result.changes,
      refusedReplacement === "keep" ? [] : [{ type: "deleteSubscription", filter: "a/b" }],
    );
  });
}

for (const oversizedInFlight of ["complete", "close"] as const) {
  Deno.test(`P8 ${oversizedInFlight}: a started message that no longer fits [MQTT-3.1.2-24]`, () => {
    const log = [message(1, { payload: new Uint8Array(100) }), message(2)];
    const given = { policy: { oversizedInFlight }, connect: { maximumPacketSize: 50 }, startedThrough: 2, log };
    const result = resumed(given);
    if (oversizedInFlight === "complete") {
      assert.deepEqual(types(result), ["connack", "publish"]);
      assert.deepEqual(result.changes, [{ type: "deleteQueued", sequence: 1, bytes: 101, dropped: "tooLarge" }]);
    } else {
      assert.deepEqual(sent(result).slice(1), [{ type: "disconnect", reasonCode: REASON.packetTooLarge }]);
      assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
    }
  });
}

/** Two released entries (identifiers 2 and 3) and three started ones (4, 5, 6) for a client that takes two at once. */
const CARRIED_OVER: Given = {
  connect: { receiveMaximum: 2 },
  startedThrough: 5,
  outbound: [
    [1, { packetId: 2, phase: "released", pubrecOrder: 0 }],
    [2, { packetId: 3, phase: "released", pubrecOrder: 1 }],
  ],
  log: [message(3), message(4), message(5)],
};

for (const creditForResentPubrel of [false, true]) {
  Deno.test(`P10 ${creditForResentPubrel}: credit for PUBCOMP of a resent PUBREL`, () => {
    const session = online({ ...CARRIED_OVER, policy: { creditForResentPubrel } });
    assert.deepEqual(types(stepped(session, received("pubcomp", 2))), creditForResentPubrel ? ["publish"] : []);
    assert.deepEqual(types(stepped(session, received("puback", 4))), creditForResentPubrel ? [] : ["publish"]);
  });
}

for (const conservativeWindow of [false, true]) {
  Deno.test(`P11 ${conservativeWindow}: carried-over PUBRELs count against the client's Receive Maximum`, () => {
    const given = { ...CARRIED_OVER, policy: { conservativeWindow } };
    const publishes = conservativeWindow ? [] : ["publish", "publish"];
    assert.deepEqual(types(resumed(given)), ["connack", "pubrel", "pubrel", ...publishes]);
    const session = online(given);
    assert.deepEqual(types(stepped(session, received("pubcomp", 2))), conservativeWindow ? ["publish"] : []);
  });
}

for (const [backwardTime, latest] of [["hold", 10_000], ["follow", 5_000]] as const) {
  Deno.test(`P15 ${backwardTime}: a clock that goes back`, () => {
    const session = online({ policy: { backwardTime }, connect: { keepAlive: 10 } });
    const pingreq: Event = { type: "packetReceived", packet: { type: "pingreq" } };
    stepped(session, pingreq, 10_000);
    stepped(session, pingreq, 5_000);
    assert.equal(nextDeadline(session), latest + 15_000);
  });
}

for (const refusedPublishV311 of ["acknowledge", "close"] as const) {
  Deno.test(`IB-19 ${refusedPublishV311}: a refused PUBLISH of 3.1.1 [MQTT-3.3.5-2]`, () => {
    for (const qos of [0, 1, 2] as const) {
      const session = online({ version: 4, policy: { refusedPublishV311 } });
      const { payload } = message(1);
      const identified = qos === 0 ? {} : { packetId: 1 };
      const publish = { type: "publish", topic: "a", payload, qos, retain: false, dup: false, properties: {} } as const;
      stepped(session, { type: "packetReceived", packet: { ...publish, ...identified } });
      const result = stepped(session, { type: "publishRefused", ref: 1, reasonCode: 0x87 });
      const answer = { 0: [], 1: ["puback"], 2: ["pubrec"] }[qos];
      assert.deepEqual(types(result), refusedPublishV311 === "close" ? [] : answer);
      assert.equal(session.online, refusedPublishV311 === "acknowledge");
      assert.equal(snapshot(session)?.inbound.has(1), refusedPublishV311 === "acknowledge" && qos === 2);
      assert.ok(!result.changes.some(({ type }) => type === "publishMessage"));
    }
  });
}
