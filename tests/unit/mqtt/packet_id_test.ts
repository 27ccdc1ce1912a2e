import assert from "node:assert/strict";
import fc from "fast-check";
import { isPacketId, MAX_PACKET_ID, packetIdOf } from "../../../src/mqtt/packet_id.ts";

Deno.test("a Packet Identifier is a whole number from 1 to 65 535 [MQTT-2.2.1-3]", () => {
  for (const id of [1, 2, 65_534, 65_535]) assert.equal(isPacketId(id), true, String(id));
  for (const id of [undefined, 0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.equal(isPacketId(id), false, String(id));
  }
});

Deno.test("the derived Packet Identifier goes round through all of them", () => {
  assert.equal(packetIdOf(1), 2);
  assert.equal(packetIdOf(65_534), 65_535);
  assert.equal(packetIdOf(65_535), 1);
  assert.equal(packetIdOf(65_536), 2);
});

Deno.test("the derived Packet Identifier is always one", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (sequence) => isPacketId(packetIdOf(sequence))),
  );
});

Deno.test("no two messages of one window derive the same Packet Identifier [MQTT-4.4.0-1]", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - MAX_PACKET_ID }),
      fc.integer({ min: 1, max: MAX_PACKET_ID - 1 }),
      (sequence, distance) => packetIdOf(sequence) !== packetIdOf(sequence + distance),
    ),
  );
});
