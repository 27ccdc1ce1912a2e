import { deepEqual, equal, ok } from "node:assert/strict";
import { fleeting, lasting, VERSIONS } from "../support/both_versions.ts";
import { text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { PacketIds, payloads } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

const DAY_MS = 86_400_000;

for (const version of VERSIONS) {
  const id = version === 5 ? "ST-05" : "ST-06";
  const statements = version === 5 ? "[MQTT-4.1.0-1]" : "[MQTT-4.1.0-1, MQTT-4.1.0-2]";
  row(
    id,
    `a session outlives any time while its connection is open ${statements}`,
    async (rig) => {
      rig.broker.start();
      const brief = await rig.connect(fleeting(version, { clientId: "brief" }));
      await brief.subscribe("t", 1);
      // In 5.0 an interval that is long over, and a Will whose delay is.
      const timed = { ...willOf("no", { willDelayInterval: 5 }), ...(version === 5 && { sessionExpiryInterval: 10 }) };
      const kept = await rig.connect(lasting(version, { clientId: "kept", ...timed }));
      await kept.subscribe("t", 1);
      await kept.subscribe("will", 1);
      await rig.advance(2 * DAY_MS);
      for (const [clientId, client] of [["brief", brief], ["kept", kept]] as const) {
        const stored = await rig.stored(clientId);
        equal(client.closed, false);
        equal(stored?.head.attached, true);
        equal(stored?.head.willDueAt, undefined);
        // 0 is no moment: it says that the session ends with its connection.
        equal(stored?.head.endsAt ?? 0, 0);
        client.quiet();
      }
      deepEqual(rig.observed.filter((event) => event.type === "ended"), []);
      await brief.publish("t", { qos: 1, packetId: 1 });
      deepEqual(payloads(brief), ["m"]);
      deepEqual(payloads(kept), ["m"]);
      rig.time.forget();
    },
    { doorbellPollMs: 0 },
  );
}

row("ST-07", "discards the state once the interval has run out after the close [MQTT-4.1.0-2]", async (rig) => {
  const publisher = await rig.connect({ clientId: "p" });
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: 10 }));
  await a.subscribe("t", 1);
  await a.publish("x", { qos: 2, packetId: 3 });
  await a.drop();
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text("old") });
  await rig.advance(9_999);
  equal((await rig.stored())?.subscriptions.size, 1);
  equal(await rig.queued(), 1);
  await rig.advance(1);
  equal(await rig.stored(), undefined);
  deepEqual(rig.observed.filter((event) => event.type === "ended" && event.clientId === "a"), [
    { type: "ended", clientId: "a", reason: "expired" },
  ]);
  const again = await rig.connect(lasting(5), false);
  await publisher.publish("t", { qos: 1, packetId: 2 });
  again.quiet();
  equal((await rig.stored())?.inbound.size, 0);
});

row("ST-09", "the send quota is that of the new connection [§4.9, §3.1.2.11.3]", async (rig) => {
  const publisher = await rig.connect({ clientId: "p" });
  const a = await rig.connect(lasting(5, { receiveMaximum: 1 }));
  await a.subscribe("t", 1);
  for (const packetId of [1, 2, 3, 4]) {
    await publisher.publish("t", { qos: 1, packetId, payload: text(`m${packetId}`) });
  }
  const ids = new PacketIds();
  deepEqual(ids.traces(a), ["m1 q1 #1"]);
  await a.drop();
  const wider = await rig.connect(lasting(5, { receiveMaximum: 3 }), true);
  deepEqual(ids.traces(wider), ["m1 q1 #1 dup", "m2 q1 #2", "m3 q1 #3"]);
  await wider.drop();
  const narrow = await rig.connect(lasting(5, { receiveMaximum: 2 }), true);
  deepEqual(ids.traces(narrow), ["m1 q1 #1 dup", "m2 q1 #2 dup"]);
});

row("ST-09", "what a client may send unanswered starts anew with the connection [§4.9]", async (rig) => {
  const a = await rig.connect(lasting(5));
  await a.publish("x", { qos: 2, packetId: 1 });
  equal(a.take("pubrec").packetId, 1);
  await a.drop();
  const again = await rig.connect(lasting(5), true);
  // The carried identifier does not count against the server's Receive Maximum of 1.
  await again.publish("x", { qos: 2, packetId: 2 });
  ok(again.take("pubrec").reasonCode < 0x80);
  await again.publish("x", { qos: 1, packetId: 3 });
  equal(again.take("disconnect").reasonCode, 0x93);
  equal(again.closed, true);
}, { limits: { receiveMaximum: 1 } });

row("ST-09", "no Topic Alias outlives its connection, in either direction [MQTT-3.3.2-7]", async (rig) => {
  const publisher = await rig.connect({ clientId: "p" });
  const a = await rig.connect(lasting(5, { topicAliasMaximum: 10 }));
  await a.subscribe("t", 0);
  await a.publish("t", { topicAlias: 1, payload: text("1") });
  await a.publish("", { topicAlias: 1, payload: text("2") });
  deepEqual(payloads(a), ["1", "2"]);
  await a.drop();
  const again = await rig.connect(lasting(5, { topicAliasMaximum: 10 }), true);
  await publisher.publish("t");
  equal(again.take("publish").topic, "t");
  await again.publish("", { qos: 1, packetId: 3, topicAlias: 1 });
  equal(again.take("disconnect").reasonCode, 0x82);
  equal(again.closed, true);
});

row("ST-09", "no quota, alias or limit of a connection is stored [MQTT-3.3.2-7, §4.9]", async (rig) => {
  const a = await rig.connect(
    lasting(5, { receiveMaximum: 3, topicAliasMaximum: 4, maximumPacketSize: 5_000, keepAlive: 7 }),
  );
  await a.publish("t", { qos: 1, packetId: 1, topicAlias: 1 });
  await a.drop();
  const stored = await rig.stored();
  deepEqual(Object.keys(stored ?? {}).sort(), [
    "clientId",
    "head",
    "inbound",
    "incarnation",
    "outbound",
    "quarantine",
    "subscriptions",
  ]);
  deepEqual(Object.keys(stored?.head ?? {}).sort(), [
    "attached",
    "connectedAt",
    "disconnectReason",
    "disconnectedAt",
    "endsAfterMs",
    "endsAt",
    "onTakeover",
    "protocolVersion",
    "sentLimit",
    "sessionExpiryInterval",
  ]);
});
