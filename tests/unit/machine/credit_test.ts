import assert from "node:assert/strict";
import { message, online, sent, stepped } from "./rig.ts";

Deno.test("credit that nothing had cost never raises the quota above Receive Maximum [MQTT-4.9.0-1]", () => {
  const session = online({
    connect: { receiveMaximum: 1 },
    policy: { creditForResentPubrel: true },
    startedThrough: 1,
    outbound: [[1, { packetId: 1, phase: "released", pubrecOrder: 0 }]],
  });
  stepped(session, { type: "packetReceived", packet: { type: "pubcomp", packetId: 1, reasonCode: 0 } });
  const result = stepped(session, { type: "messagesAppended", tail: 3, messages: [message(2), message(3)] });
  assert.deepEqual(sent(result).map(({ type }) => type), ["publish"]);
});
