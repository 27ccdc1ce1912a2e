import assert from "node:assert/strict";
import { Platform } from "../hibernation_support.ts";
import { publishPacket } from "../support.ts";
import { differencesOf, recording, stepsOf } from "./support.ts";

for (const only of [undefined, (clientId: string) => clientId === "c"]) {
  Deno.test(`what a machine does that goes on with a connection is recorded, and played the same${only ? ", of one client alone" : ""}`, async () => {
    const { lines, record } = recording(only && { only });
    const platform = new Platform({ record });
    const socket = await platform.connect("c");
    await platform.connect("other");
    await socket.send({
      type: "subscribe",
      packetId: 1,
      subscriptions: [{ filter: "a", qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    });
    platform.evict();
    await socket.send({ type: "pingreq" }, publishPacket("a", 2, 1, "text"));
    await socket.send({ type: "pubrec", packetId: 2, reasonCode: 0 });
    platform.evict();
    await platform.connect("c");
    const events = stepsOf(lines).map(({ event }) => event.type);
    // Whose it is that was taken over while it slept its machine never knew.
    assert.equal(events.filter((type) => type === "connectionResumed").length, only ? 1 : 2);
    assert.equal(events.filter((type) => type === "sessionReloaded").length, 1);
    assert.deepEqual(differencesOf(lines), []);
  });
}
