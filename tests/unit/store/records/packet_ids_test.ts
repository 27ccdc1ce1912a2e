import assert from "node:assert/strict";
import { decodePacketIds, encodePacketIds } from "../../../../src/store/key_value/rows.ts";

Deno.test("sets of Packet Identifiers come back, also where a list becomes a bitmap", () => {
  for (const size of [0, 1, 4_094, 4_095, 4_096, 4_097, 65_535]) {
    for (const last of [size, 65_535]) {
      const inbound = new Set(Array.from({ length: size }, (_, index) => last - index));
      const bytes = encodePacketIds({ inbound, quarantine: new Set([1, 65_535]) });
      assert.deepEqual(decodePacketIds("key", bytes), { inbound, quarantine: new Set([1, 65_535]) }, `${size}`);
    }
  }
});
