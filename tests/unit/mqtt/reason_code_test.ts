import assert from "node:assert/strict";
import {
  connackReturnCode,
  isFailure,
  isLegalReasonCode,
  REASON,
  type ReasonedPacketType,
  subackReturnCode,
} from "../../../src/mqtt/reason_code.ts";

/** Tables of the text, written out apart from the source: "client", "server" or "both" may send the code. */
const LEGAL: Readonly<Record<ReasonedPacketType, Readonly<Record<"client" | "server" | "both", string>>>> = {
  connack: { client: "", server: "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F", both: "" },
  puback: { client: "", server: "", both: "00 10 80 83 87 90 91 97 99" },
  pubrec: { client: "", server: "", both: "00 10 80 83 87 90 91 97 99" },
  pubrel: { client: "", server: "", both: "00 92" },
  pubcomp: { client: "", server: "", both: "00 92" },
  suback: { client: "", server: "00 01 02 80 83 87 8F 91 97 9E A1 A2", both: "" },
  unsuback: { client: "", server: "00 11 80 83 87 8F 91", both: "" },
  disconnect: {
    client: "04",
    server: "87 89 8B 8D 8E 8F 9A 9B 9C 9D 9E 9F A0 A1 A2",
    both: "00 80 81 82 83 90 93 94 95 96 97 98 99",
  },
  auth: { client: "19", server: "00", both: "18" },
};

function codes(list: string): readonly number[] {
  return list.split(" ").filter((code) => code !== "").map((code) => Number.parseInt(code, 16));
}

for (const [packetType, table] of Object.entries(LEGAL)) {
  for (const sender of ["client", "server"] as const) {
    Deno.test(`reason codes of ${packetType} from the ${sender} are those of the text, and no other [MQTT-3.14.2-1]`, () => {
      const legal = new Set([...codes(table[sender]), ...codes(table.both)]);
      for (let code = -1; code <= 256; code++) {
        // True because the keys of the table are the packet types.
        const found = isLegalReasonCode(packetType as ReasonedPacketType, sender, code);
        assert.equal(found, legal.has(code), `0x${code.toString(16)}`);
      }
    });
  }
}

Deno.test("reason codes have 43 different values", () => {
  assert.equal(Object.keys(REASON).length, 43);
  assert.equal(new Set(Object.values(REASON)).size, 43);
});

Deno.test("every named reason code is legal in some packet", () => {
  const types = Object.keys(LEGAL) as ReasonedPacketType[];
  for (const [name, code] of Object.entries(REASON)) {
    const legal = types.some((type) =>
      isLegalReasonCode(type, "client", code) || isLegalReasonCode(type, "server", code)
    );
    assert.ok(legal, name);
  }
});

Deno.test("a reason code fails from 0x80 on", () => {
  assert.equal(isFailure(0x7f), false);
  assert.equal(isFailure(0x80), true);
  assert.equal(isFailure(REASON.success), false);
});

Deno.test("CONNACK reason codes become the 3.1.1 return code that says the same", () => {
  const expected: Readonly<Record<number, readonly number[]>> = {
    0: [0x00],
    1: [0x84],
    2: [0x85],
    3: [0x80, 0x83, 0x88, 0x89, 0x97, 0x9c, 0x9d, 0x9f],
    4: [0x86],
    5: [0x81, 0x82, 0x87, 0x8a, 0x8c, 0x90, 0x95, 0x99, 0x9a, 0x9b],
  };
  const seen: number[] = [];
  for (const [returnCode, reasons] of Object.entries(expected)) {
    for (const reason of reasons) {
      assert.equal(connackReturnCode(reason), Number(returnCode), `0x${reason.toString(16)}`);
      seen.push(reason);
    }
  }
  assert.deepEqual(seen.toSorted((a, b) => a - b), codes(LEGAL.connack.server));
});

Deno.test("SUBACK failures all become 0x80 in 3.1.1, granted levels stay [MQTT-3.9.3-2]", () => {
  for (const code of codes(LEGAL.suback.server)) {
    assert.equal(subackReturnCode(code), code <= 2 ? code : 0x80, `0x${code.toString(16)}`);
  }
});
