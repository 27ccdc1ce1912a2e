import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PacketReader } from "../../examples/broker/codec.ts";
import type { ClientPacket, ProtocolVersion } from "../../src/mqtt/packet.ts";
import { connect, publish, subscribe, unsubscribe } from "../support/arbitrary_packets.ts";
import { encode } from "../support/mqtt_packet_codec.ts";

/** What a reader makes of bytes that come in frames of these lengths, over and over. */
function read(bytes: Uint8Array, lengths: readonly number[], limit = 1_048_576) {
  const reader = new PacketReader(limit);
  const packets: ClientPacket[] = [];
  for (let at = 0, frame = 0; at < bytes.length; frame++) {
    const length = lengths[frame % lengths.length] ?? bytes.length;
    reader.push(bytes.subarray(at, at + length));
    at += length;
    for (let taken = reader.take(); taken.packets.length > 0 || taken.fault !== undefined; taken = reader.take()) {
      packets.push(...taken.packets);
      if (taken.fault !== undefined) return { packets, fault: taken.fault };
    }
  }
  return { packets, left: reader.bufferedBytes };
}

function conversation(version: ProtocolVersion): fc.Arbitrary<readonly ClientPacket[]> {
  const later = fc.oneof<fc.Arbitrary<ClientPacket>[]>(publish(version), subscribe(version), unsubscribe(version));
  return fc.tuple(connect(version), fc.array(later, { maxLength: 8 })).map(([first, rest]) => [first, ...rest]);
}

Deno.test("packets are the same however frames split and join them [MQTT-6.0.0-2]", () => {
  const conversations = fc.constantFrom<ProtocolVersion[]>(4, 5).chain((version) =>
    conversation(version).map((packets) => Buffer.concat(packets.map((packet) => encode(packet, version))))
  );
  const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  fc.assert(fc.property(conversations, lengths, (bytes, lengths) => {
    const whole = read(bytes, []);
    assert.ok(whole.packets.length > 0);
    assert.deepEqual(read(bytes, lengths), whole);
  }));
});

Deno.test("any bytes give packets or a reason code, and never an error", () => {
  const starts = fc.constantFrom(new Uint8Array(0), encode({ type: "pingreq" }, 5));
  fc.assert(fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, bytes) => {
    const { fault } = read(new Uint8Array([...start, ...bytes]), [7]);
    assert.ok(fault === undefined || [0x81, 0x82, 0x84, 0x95].includes(fault), `${fault}`);
  }));
});

Deno.test("a packet is too large from the moment that its header says so", () => {
  const reader = new PacketReader(100);
  const header = (remaining: number) => new Uint8Array([0x30, remaining]);
  reader.push(header(98));
  assert.deepEqual(reader.take(), { packets: [] });
  const other = new PacketReader(100);
  other.push(header(99));
  assert.deepEqual(other.take(), { packets: [], fault: 0x95 });
});

Deno.test("a Remaining Length of more than four bytes is malformed [MQTT-1.5.5-1]", () => {
  const reader = new PacketReader(100);
  reader.push(new Uint8Array([0x30, 0x80, 0x80, 0x80, 0x80]));
  assert.deepEqual(reader.take(), { packets: [], fault: 0x81 });
});
