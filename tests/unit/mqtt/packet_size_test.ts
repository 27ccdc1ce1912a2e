import assert from "node:assert/strict";
import fc from "fast-check";
import type { QueuedMessage } from "../../../src/mqtt/message.ts";
import type { ProtocolVersion, PublishPacket, ServerPacket } from "../../../src/mqtt/packet.ts";
import {
  MAX_PACKET_SIZE,
  packetSize,
  publishSize,
  queuedMessageSize,
  type SizedPacket,
  withinMaximumPacketSize,
} from "../../../src/mqtt/packet_size.ts";
import { publish, sizedPacket } from "../../support/arbitrary_packets.ts";
import { encode } from "../../support/mqtt_packet_codec.ts";

const VERSIONS: readonly ProtocolVersion[] = [4, 5];

const PUBLISH: PublishPacket = {
  type: "publish",
  topic: "a/b",
  payload: new Uint8Array(10),
  qos: 1,
  retain: false,
  dup: false,
  packetId: 1,
  properties: {},
};

/** A payload that says it has this many bytes, without the memory. */
function payloadOf(length: number): Uint8Array {
  // True for a size, which looks at nothing but the length.
  return { length } as Uint8Array;
}

for (const version of VERSIONS) {
  Deno.test(`the size of any packet is that of the bytes that mqtt-packet makes of it, at level ${version}`, () => {
    fc.assert(
      fc.property(
        sizedPacket(version),
        (packet) => assert.equal(packetSize(packet, version), encode(packet, version).length),
      ),
      { numRuns: 3000 },
    );
  });
}

Deno.test("what only 5.0 has does not count on a 3.1.1 connection", () => {
  fc.assert(
    fc.property(
      sizedPacket(5).filter((packet) => packet.type !== "auth"),
      (packet) => assert.equal(packetSize(packet, 4), encode(packet, 4).length),
    ),
    { numRuns: 2000 },
  );
});

Deno.test("sizes as counted by hand from the text", () => {
  const sizes: readonly (readonly [packet: SizedPacket, v4: number, v5: number])[] = [
    [{ type: "pingreq" }, 2, 2],
    [{ type: "pingresp" }, 2, 2],
    [PUBLISH, 2 + 5 + 2 + 10, 2 + 5 + 2 + 1 + 10],
    [{ ...PUBLISH, topic: "€😀", qos: 0 }, 2 + 2 + 7 + 10, 2 + 2 + 7 + 1 + 10],
    [{ ...PUBLISH, subscriptionIdentifiers: [127, 128, 268_435_455] }, 19, 20 + 2 + 3 + 5],
    [{ ...PUBLISH, messageExpiryInterval: 0, topicAlias: 1 }, 19, 20 + 5 + 3],
    [{ ...PUBLISH, properties: { payloadFormatIndicator: 0, correlationData: new Uint8Array(2) } }, 19, 20 + 2 + 5],
    [{ type: "puback", packetId: 1, reasonCode: 0 }, 4, 4],
    [{ type: "pubrec", packetId: 1, reasonCode: 0x97 }, 4, 2 + 2 + 1 + 1],
    [{ type: "pubcomp", packetId: 1, reasonCode: 0, reasonString: "" }, 4, 2 + 2 + 1 + 1 + 3],
    [{ type: "pubrel", packetId: 1, reasonCode: 0, userProperties: [["a", "bc"]] }, 4, 2 + 2 + 1 + 1 + 8],
    [{ type: "connack", sessionPresent: true, reasonCode: 0 }, 4, 5],
    [{ type: "connack", sessionPresent: false, reasonCode: 0, receiveMaximum: 1, maximumQoS: 0 }, 4, 5 + 3 + 2],
    [{ type: "suback", packetId: 1, reasonCodes: [0, 1, 2] }, 7, 8],
    [{ type: "unsuback", packetId: 1, reasonCodes: [0, 0] }, 4, 2 + 2 + 1 + 2],
    [{ type: "disconnect", reasonCode: 0x8e }, 2, 4],
    [{ type: "unsubscribe", packetId: 1, filters: ["a", "bc"] }, 2 + 2 + 3 + 4, 2 + 2 + 1 + 3 + 4],
  ];
  for (const [packet, v4, v5] of sizes) {
    assert.equal(packetSize(packet, 4), v4, `${packet.type} at level 4`);
    assert.equal(packetSize(packet, 5), v5, `${packet.type} at level 5`);
  }
});

Deno.test("the Remaining Length takes one byte more from 128, 16 384 and 2 097 152 on", () => {
  const remaining = (length: number) =>
    publishSize({ topic: "", payload: payloadOf(length - 2), qos: 0, properties: {} }, 4) - length;
  for (const [limit, bytes] of [[127, 1], [16_383, 2], [2_097_151, 3], [268_435_455, 4]] as const) {
    assert.equal(remaining(limit), 1 + bytes);
    assert.equal(remaining(limit + 1), 2 + bytes);
  }
});

Deno.test("the property length takes one byte more from 128 and 16 384 on", () => {
  const block = (length: number) =>
    publishSize(
      { topic: "", payload: payloadOf(0), qos: 0, properties: { correlationData: payloadOf(length - 3) } },
      5,
    ) - length;
  assert.equal(block(127), 1 + 2 + 2 + 1);
  assert.equal(block(128), 1 + 2 + 2 + 2);
  assert.equal(block(16_383), 1 + 3 + 2 + 2);
  assert.equal(block(16_384), 1 + 3 + 2 + 3);
});

Deno.test("a queued message has the size of the PUBLISH that it becomes (CL-02)", () => {
  fc.assert(
    fc.property(publish(5), fc.constantFrom(...VERSIONS), (packet, version) => {
      const { messageExpiryInterval, subscriptionIdentifiers = [], topicAlias: _alias, ...rest } = packet;
      const message: QueuedMessage = {
        ...rest,
        subscriptionIdentifiers,
        sequence: 1,
        publisher: "p",
        publishedAt: 0,
        ...(messageExpiryInterval !== undefined && { expiresAt: messageExpiryInterval }),
      };
      const sent = {
        ...rest,
        subscriptionIdentifiers,
        ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
      };
      assert.equal(queuedMessageSize(message, version), publishSize(sent, version));
    }),
  );
});

Deno.test("a packet of exactly the limit is sent, one byte more is not [MQTT-3.1.2-24] (CL-01)", () => {
  assert.equal(withinMaximumPacketSize(PUBLISH, 5, 20), PUBLISH);
  assert.equal(withinMaximumPacketSize(PUBLISH, 5, 19), undefined);
  assert.equal(withinMaximumPacketSize(PUBLISH, 4, 19), PUBLISH);
});

Deno.test("without a limit the protocol's own holds", () => {
  const largest: PublishPacket = { ...PUBLISH, topic: "", qos: 0, payload: payloadOf(MAX_PACKET_SIZE - 5 - 2) };
  assert.equal(packetSize(largest, 4), MAX_PACKET_SIZE);
  assert.equal(withinMaximumPacketSize(largest, 4), largest);
  const larger: PublishPacket = { ...largest, payload: payloadOf(MAX_PACKET_SIZE - 5 - 1) };
  assert.equal(withinMaximumPacketSize(larger, 4), undefined);
});

/** Every packet that has diagnostics to lose, bare. */
const BARE: readonly ServerPacket[] = [
  { type: "connack", sessionPresent: false, reasonCode: 0x87, serverReference: "kept" },
  { type: "puback", packetId: 1, reasonCode: 0x87 },
  { type: "pubrec", packetId: 1, reasonCode: 0 },
  { type: "pubrel", packetId: 1, reasonCode: 0x92 },
  { type: "pubcomp", packetId: 1, reasonCode: 0x92 },
  { type: "suback", packetId: 1, reasonCodes: [0x87, 1] },
  { type: "unsuback", packetId: 1, reasonCodes: [0x87, 0] },
  { type: "disconnect", reasonCode: 0x9d, serverReference: "kept" },
  { type: "auth", reasonCode: 0x18, authenticationMethod: "kept" },
];

for (const bare of BARE) {
  Deno.test(`${bare.type} loses its Reason String, then its User Properties, then goes bare or not at all (CL-06, CL-07)`, () => {
    const withProperties = { ...bare, userProperties: [["name", "value"]] } as ServerPacket;
    const full = { ...withProperties, reasonString: "a reason of some length" } as ServerPacket;
    const size = packetSize(full, 5);
    assert.equal(withinMaximumPacketSize(full, 5, size), full);
    assert.deepEqual(withinMaximumPacketSize(full, 5, size - 1), withProperties);
    assert.deepEqual(withinMaximumPacketSize(full, 5, packetSize(withProperties, 5)), withProperties);
    assert.deepEqual(withinMaximumPacketSize(full, 5, packetSize(withProperties, 5) - 1), bare);
    assert.deepEqual(withinMaximumPacketSize(full, 5, packetSize(bare, 5)), bare);
    assert.equal(withinMaximumPacketSize(full, 5, packetSize(bare, 5) - 1), undefined);
  });
}

Deno.test("what is left under a limit is within it, and nothing but diagnostics is gone", () => {
  fc.assert(
    fc.property(sizedPacket(5), fc.integer({ min: 1, max: 200 }), (packet, maximum) => {
      const left = withinMaximumPacketSize(packet, 5, maximum);
      if (left === undefined) {
        const bare = packet.type === "publish" || packet.type === "subscribe" || packet.type === "unsubscribe"
          ? packet
          : { ...packet, reasonString: undefined, userProperties: undefined };
        // True because an absent member and an undefined one have the same size.
        assert.ok(packetSize(bare as SizedPacket, 5) > maximum);
        return;
      }
      assert.ok(encode(left, 5).length <= maximum);
      assert.deepEqual({ ...packet, ...left }, packet);
      for (const name of Object.keys(packet)) {
        if (name !== "reasonString" && name !== "userProperties") assert.ok(name in left, name);
      }
    }),
    { numRuns: 2000 },
  );
});
