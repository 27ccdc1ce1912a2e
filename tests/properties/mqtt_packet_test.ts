import assert from "node:assert/strict";
import fc from "fast-check";
import { fromMqttPacket, type ParsedMqttPacket, toMqttPacket } from "../../src/hosts/mqtt_packet.ts";
import type { ProtocolVersion } from "../../src/mqtt/packet.ts";
import { anyPacket } from "../support/arbitrary_packets.ts";
import { asBuffer, encode, parse } from "../support/mqtt_packet_codec.ts";

const VERSIONS: readonly ProtocolVersion[] = [4, 5];

/** Converts, and checks that the answer is one of the two and that what was taken can be written again. */
function takeOrRefuse(packet: ParsedMqttPacket, version: ProtocolVersion): void {
  const result = fromMqttPacket(packet);
  if (!result.ok) {
    assert.ok([0x81, 0x82, 0x84].includes(result.reasonCode));
    assert.equal(typeof result.field, "string");
    return;
  }
  toMqttPacket(result.packet, version, asBuffer);
  const again = fromMqttPacket(toMqttPacket(result.packet, 5, asBuffer));
  assert.ok(again.ok, JSON.stringify(again));
}

for (const version of VERSIONS) {
  Deno.test(`any packet comes back from the bytes that mqtt-packet makes of it, at level ${version}`, () => {
    fc.assert(
      fc.property(anyPacket(version), (packet) => {
        const { packets, errors } = parse(encode(packet, version), version);
        assert.deepEqual(errors, []);
        assert.equal(packets.length, 1);
        assert.deepEqual(fromMqttPacket(packets[0] as ParsedMqttPacket), { ok: true, packet });
      }),
      { numRuns: 2000 },
    );
  });

  Deno.test(`any bytes give packets that are taken or refused, never an exception, at level ${version}`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const packet of parse(bytes, version).packets) takeOrRefuse(packet, version);
      }),
      { numRuns: 5000 },
    );
  });

  Deno.test(`damaged packets are taken or refused, never an exception, at level ${version}`, () => {
    const damage = fc.array(fc.record({ at: fc.nat(200), byte: fc.integer({ min: 0, max: 255 }) }), { maxLength: 3 });
    let emitted = 0;
    fc.assert(
      fc.property(fc.array(anyPacket(version), { minLength: 1, maxLength: 3 }), damage, (packets, damages) => {
        const bytes = Uint8Array.from(packets.flatMap((packet) => [...encode(packet, version)]));
        for (const { at, byte } of damages) bytes[at % bytes.length] = byte;
        for (const packet of parse(bytes, version).packets) {
          emitted++;
          takeOrRefuse(packet, version);
        }
      }),
      { numRuns: 3000 },
    );
    assert.ok(emitted > 1000, `only ${emitted} packets came through the parser`);
  });
}

Deno.test("any object with the fields of a packet is taken or refused, never an exception", () => {
  const commands = [
    ...["connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback"],
    ...["unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth", "reserved", "toString"],
  ];
  const value = fc.oneof(
    fc.anything({ withTypedArray: true, withNullPrototype: true }),
    fc.integer({ min: -1, max: 300 }),
    fc.constantFrom("", "a", true, false, "MQTT"),
  );
  const properties = fc.dictionary(
    fc.constantFrom("userProperties", "reasonString", "topicAlias", "subscriptionIdentifier", "__proto__", "length"),
    value,
    { maxKeys: 3 },
  );
  const will = fc.record({ topic: value, payload: value, qos: value, retain: value, properties: value }, {
    requiredKeys: [],
  });
  const packet = fc.record({
    cmd: fc.constantFrom(...commands),
    length: value,
    messageId: value,
    topic: value,
    payload: value,
    qos: value,
    reasonCode: value,
    returnCode: value,
    granted: value,
    subscriptions: fc.oneof(value, fc.array(value, { maxLength: 2 })),
    unsubscriptions: fc.oneof(value, fc.array(value, { maxLength: 2 })),
    protocolId: value,
    protocolVersion: value,
    clientId: value,
    keepalive: value,
    username: value,
    password: value,
    will: fc.oneof(value, will),
    properties: fc.oneof(value, properties),
  }, { requiredKeys: ["cmd"] });
  fc.assert(fc.property(packet, (packet) => takeOrRefuse(packet, 5)), { numRuns: 20_000 });
});
