/** What npm `mqtt-packet` makes of any bytes: a packet of this library, or the reason code to close with. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { parser } from "mqtt-packet";
import {
  fromMqttPacket,
  type ParsedMqttPacket,
  reasonCodeOfParserError,
  type RefusedPacket,
  type TakenPacket,
  toMqttPacket,
} from "../../src/hosts/mqtt_packet.ts";
import type { ProtocolVersion } from "../../src/mqtt/packet.ts";
import { anyPacket } from "../support/arbitrary_packets.ts";
import { asBuffer, encode } from "../support/mqtt_packet_codec.ts";
import { within } from "./support/allocation.ts";
import { cuts, inPieces } from "./support/pieces.ts";
import { wireDamage } from "./support/wire_damage.ts";
import { weightOf } from "./support/verdict.ts";

const VERSIONS: readonly ProtocolVersion[] = [4, 5];

type From = (packet: ParsedMqttPacket) => TakenPacket | RefusedPacket;

/** What came of some bytes, in order: packets taken, and refusals, of the host or of the parser. */
interface Fed {
  readonly results: readonly (TakenPacket | RefusedPacket | number)[];
}

/** Feeds bytes to a parser in pieces, until it gives an error; what it emits goes through the host. */
function feed(pieces: readonly Uint8Array[], version: ProtocolVersion, from: From = fromMqttPacket): Fed {
  const results: (TakenPacket | RefusedPacket | number)[] = [];
  const parsing = parser({ protocolVersion: version });
  let failed = false;
  parsing.on("error", (error) => {
    if (!failed) results.push(reasonCodeOfParserError(error));
    failed = true;
  });
  parsing.on("packet", (packet) => {
    if (!failed) results.push(from(packet));
  });
  for (const piece of pieces) {
    if (failed) break;
    try {
      parsing.parse(asBuffer(piece));
    } catch (error) {
      if (!failed) results.push(reasonCodeOfParserError(error));
      failed = true;
    }
  }
  return { results };
}

/** Insists on a packet that can be written and read again, no larger than its bytes, or on a code of MQTT's. */
function judge({ results }: Fed, bytes: Uint8Array): void {
  for (const result of results) {
    if (typeof result === "number" || !result.ok) {
      const code = typeof result === "number" ? result : result.reasonCode;
      assert.ok([0x81, 0x82, 0x84].includes(code), `reason code ${code}`);
      continue;
    }
    const { packet } = result;
    // A property that is absent stands for nothing, so a packet is a few names heavier than its bytes.
    assert.ok(weightOf(packet) <= 200 + 24 * bytes.length, `${packet.type} weighs ${weightOf(packet)}`);
    // Written as 5.0, which has a place for everything; a CONNECT says of itself which version it is of.
    const again = packet.type === "connect" ? { ...packet, protocolVersion: 5 } : packet;
    assert.deepEqual(fromMqttPacket(toMqttPacket(packet, 5, asBuffer)), { ok: true, packet: again });
  }
}

function conversation(version: ProtocolVersion): fc.Arbitrary<Uint8Array> {
  return fc.array(anyPacket(version), { minLength: 1, maxLength: 4 }).map((packets) =>
    new Uint8Array(Buffer.concat(packets.map((packet) => encode(packet, version))))
  );
}

for (const version of VERSIONS) {
  Deno.test(`valid packets of level ${version} come back, however their bytes are split`, () => {
    fc.assert(
      fc.property(fc.array(anyPacket(version), { minLength: 1, maxLength: 4 }), cuts, (packets, cuts) => {
        const bytes = new Uint8Array(Buffer.concat(packets.map((packet) => encode(packet, version))));
        const { results } = feed(inPieces(bytes, cuts), version);
        assert.deepEqual(results, packets.map((packet) => ({ ok: true, packet })));
      }),
      { numRuns: 500 },
    );
  });

  Deno.test(`damaged packets of level ${version} in any pieces give packets or reason codes, and nothing is thrown`, () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(conversation(version), wireDamage, cuts, (bytes, { apply }, cuts) => {
        const spoiled = apply(bytes);
        const fed = within(spoiled.length + 70_000, () => feed(inPieces(spoiled, cuts), version));
        judge(fed, spoiled);
        for (const result of fed.results) seen[typeof result === "object" && result.ok ? "taken" : "refused"]++;
      }),
      { numRuns: 1_200 },
    );
    assert.ok(seen.taken > 300 && seen.refused > 200, JSON.stringify(seen));
  });

  Deno.test(`any bytes at level ${version} in any pieces give packets or reason codes, and nothing is thrown`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), cuts, (bytes, cuts) => {
        judge(within(70_000, () => feed(inPieces(bytes, cuts), version)), bytes);
      }),
      { numRuns: 1_200 },
    );
  });
}

Deno.test("a packet that claims 256 MiB takes no room before they come", () => {
  for (let first = 0; first < 256; first++) {
    const bytes = Uint8Array.of(first, 0xff, 0xff, 0xff, 0x7f, 0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 0, 0, 0);
    for (const version of VERSIONS) judge(within(70_000, () => feed([bytes], version)), bytes);
  }
});

/** Hosts that are wrong on purpose, and what has to notice each. */
const WRONG: readonly (readonly [what: string, from: From, notices: RegExp])[] = [
  ["throws on a packet that it does not like", (packet) => {
    if (packet.topic === "") throw new TypeError("no topic");
    return fromMqttPacket(packet);
  }, /no topic|deep-equal|loosely/],
  ["answers with a code that closes nothing", (packet) => {
    const result = fromMqttPacket(packet);
    return result.ok ? result : { ...result, reasonCode: 0 };
  }, /reason code 0/],
  ["takes a packet that nobody could write", (packet) => {
    const result = fromMqttPacket(packet);
    return result.ok && result.packet.type === "publish"
      ? { ok: true, packet: { ...result.packet, qos: 3 as 0 } }
      : result;
  }, /deep-equal/],
];

for (const [what, from, notices] of WRONG) {
  Deno.test(`a host that ${what} is noticed`, () => {
    const found = fc.check(
      fc.property(conversation(5), wireDamage, (bytes, { apply }) => {
        const spoiled = apply(bytes);
        const parsing = parser({ protocolVersion: 5 });
        const results: (TakenPacket | RefusedPacket)[] = [];
        parsing.on("error", () => {});
        parsing.on("packet", (packet) => results.push(from(packet)));
        parsing.parse(asBuffer(spoiled));
        judge({ results }, spoiled);
      }),
      { numRuns: 3_000, endOnFailure: true },
    );
    assert.ok(found.failed, `seed ${found.seed}: nobody noticed`);
    assert.ok(found.errorInstance instanceof Error);
    assert.match(found.errorInstance.message, notices);
  });
}
