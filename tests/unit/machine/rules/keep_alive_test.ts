import assert from "node:assert/strict";
import { nextDeadline } from "../../../../src/machine/mod.ts";
import { keepAliveTerms } from "../../../../src/machine/rules/keep_alive.ts";
import { acquired, acquiring, online, stepped } from "../rig.ts";

const NONE = { imposed: undefined, maximum: 0 };

Deno.test("the client's value stands where the server asks for nothing, one and a half times [MQTT-3.1.2-22]", () => {
  assert.deepEqual(keepAliveTerms(10, NONE, true), { silenceMs: 15_000 });
  assert.deepEqual(keepAliveTerms(65_535, NONE, true), { silenceMs: 98_302_500 });
});

Deno.test("0 allows any silence", () => {
  assert.deepEqual(keepAliveTerms(0, NONE, true), { silenceMs: 0 });
  assert.deepEqual(keepAliveTerms(10, { imposed: 0, maximum: 0 }, true), { silenceMs: 0, serverKeepAlive: 0 });
});

Deno.test("what the server imposes counts, and is announced [MQTT-3.2.2-22]", () => {
  assert.deepEqual(keepAliveTerms(60, { imposed: 5, maximum: 0 }, true), { silenceMs: 7_500, serverKeepAlive: 5 });
});

Deno.test("a value above the maximum, or none, is replaced by the maximum", () => {
  const demand = { imposed: undefined, maximum: 30 };
  assert.deepEqual(keepAliveTerms(30, demand, true), { silenceMs: 45_000 });
  assert.deepEqual(keepAliveTerms(31, demand, true), { silenceMs: 45_000, serverKeepAlive: 30 });
  assert.deepEqual(keepAliveTerms(0, demand, true), { silenceMs: 45_000, serverKeepAlive: 30 });
});

Deno.test("3.1.1 cannot be told of another value, so its own stands", () => {
  assert.deepEqual(keepAliveTerms(60, { imposed: 5, maximum: 30 }, false), { silenceMs: 90_000 });
});

Deno.test("silence is counted from CONNACK, then from each packet received", () => {
  const given = { connect: { keepAlive: 10 } };
  const session = acquiring(given);
  stepped(session, acquired(given), 1_000);
  assert.equal(nextDeadline(session), 16_000);
  stepped(session, { type: "packetReceived", packet: { type: "pingreq" } }, 8_000);
  assert.equal(nextDeadline(session), 23_000);
  stepped(session, { type: "messagesAppended", tail: 0 }, 9_000);
  assert.equal(nextDeadline(session), 23_000);
});

Deno.test("the deadline of a connection ends with it; what is left is the session's", () => {
  const session = online({ connect: { keepAlive: 10 } });
  stepped(session, { type: "connectionClosed" }, 5_000);
  assert.equal(nextDeadline(session), 3_605_000);
});

Deno.test("PINGREQ is answered whatever the quota [MQTT-3.12.4-1]", () => {
  const result = stepped(online({ connect: { receiveMaximum: 1 } }), {
    type: "packetReceived",
    packet: { type: "pingreq" },
  });
  assert.deepEqual(result, {
    requests: [],
    changes: [],
    effects: [{ type: "sendPacket", packet: { type: "pingresp" } }],
  });
});
