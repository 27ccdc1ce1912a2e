import assert from "node:assert/strict";
import { unsendableProperty } from "../../../src/mqtt/message_properties.ts";

const longest = "x".repeat(65_535);

Deno.test("properties that a packet can carry are let through, the longest and the empty ones too", () => {
  assert.equal(unsendableProperty({}), undefined);
  const properties = {
    payloadFormatIndicator: 1,
    contentType: longest,
    responseTopic: "answers/7",
    correlationData: new Uint8Array(65_535),
    userProperties: [["", ""], [longest, "é"]],
  } as const;
  assert.equal(unsendableProperty(properties), undefined);
});

Deno.test("a property that no packet can carry is named [MQTT-1.5.4-1] [MQTT-3.3.2-14]", () => {
  assert.equal(unsendableProperty({ contentType: `${longest}x` }), "contentType");
  assert.equal(unsendableProperty({ contentType: "é".repeat(32_768) }), "contentType");
  assert.equal(unsendableProperty({ responseTopic: "answers/#" }), "responseTopic");
  assert.equal(unsendableProperty({ responseTopic: "" }), "responseTopic");
  assert.equal(unsendableProperty({ correlationData: new Uint8Array(65_536) }), "correlationData");
  assert.equal(unsendableProperty({ userProperties: [["ok", "ok"], ["a", "\u0000"]] }), "userProperties");
  assert.equal(unsendableProperty({ userProperties: [["\ud800", "ok"]] }), "userProperties");
});
