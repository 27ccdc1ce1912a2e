/** Wrong bits in a fixed header, with the real codec: ER-13. */
import { deepEqual, equal } from "node:assert/strict";
import { fromMqttPacket, reasonCodeOfParserError } from "../../../src/hosts/mqtt_packet.ts";
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import { parse } from "../../support/mqtt_packet_codec.ts";
import { lasting, rowInBoth, type Version } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { type Client, text } from "../support/rig.ts";
import { closedWith, traces } from "../support/seen.ts";
import { published, watcher, will } from "../support/wills.ts";

/** Fixed headers of PUBREL for identifier 7, and of DISCONNECT, with bits that are not theirs. */
const WRONG_BITS = {
  PUBREL: [[0x60, 2, 0, 7], [0x61, 2, 0, 7], [0x63, 2, 0, 7], [0x66, 2, 0, 7], [0x6a, 2, 0, 7]],
  DISCONNECT: [[0xe1, 0], [0xe2, 0], [0xe4, 0], [0xe8, 0]],
} as const;

rowInBoth(
  "ER-13",
  "closes on a PUBREL with wrong fixed-header bits, and the identifier stays unreleased",
  "MQTT-3.6.1-1",
  async (rig, version) => {
    const w = await rig.connect({ clientId: "w" });
    await w.subscribe("in", 2);
    await (await rig.connect(lasting(version))).publish("in", { qos: 2, packetId: 7, payload: text("first") });
    deepEqual(traces(w).length, 1);
    for (const bytes of WRONG_BITS.PUBREL) {
      const a = await resume(rig, version);
      await sendBytes(a, version, bytes);
      closedWith(a, version, 0x81);
      const again = await resume(rig, version);
      await again.publish("in", { qos: 2, packetId: 7, dup: true, payload: text("first") });
      deepEqual(traces(again), ["pubrec #7"]);
      w.quiet();
      await again.drop();
    }
    const right = await resume(rig, version);
    await sendBytes(right, version, [0x62, 2, 0, 7]);
    deepEqual(traces(right), ["pubcomp #7"]);
    await right.publish("in", { qos: 2, packetId: 7, payload: text("second") });
    deepEqual(traces(w).length, 1);
  },
);

rowInBoth(
  "ER-13",
  "does not take a DISCONNECT with wrong fixed-header bits for one: the Will goes out, the session stays",
  "MQTT-3.14.1-1",
  async (rig, version) => {
    const w = await watcher(rig);
    await subscriber(rig, version);
    await route(rig, 1, "m1");
    for (const bytes of WRONG_BITS.DISCONNECT) {
      const a = await resume(rig, version, { will: will() });
      deepEqual(traces(a), ["m1 q1 #2 dup"]);
      await sendBytes(a, version, bytes);
      closedWith(a, version, 0x81);
      deepEqual(await published(rig, w), ["gone"]);
    }
    const right = await resume(rig, version, { will: will() });
    deepEqual(traces(right), ["m1 q1 #2 dup"]);
    await sendBytes(right, version, [0xe0, 0]);
    right.quiet();
    equal(right.closed, true);
    deepEqual(await published(rig, w), []);
  },
);

/** Sends bytes as a broker takes them in: through the real codec, which may find that they are no packet. */
async function sendBytes(client: Client, version: Version, bytes: readonly number[]): Promise<void> {
  const { packets, errors } = parse(new Uint8Array(bytes), version);
  for (const parsed of packets) {
    const taken = fromMqttPacket(parsed);
    // What is fed in is a client's.
    if (taken.ok) await client.send(taken.packet as ClientPacket);
    else await client.malformed(taken.reasonCode);
  }
  for (const error of errors) await client.malformed(reasonCodeOfParserError(error));
}
