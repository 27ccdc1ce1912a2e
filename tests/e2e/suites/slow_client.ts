/**
 * Clients that do not read, and those that leave in a hurry.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { DataKind } from "../support/broker_process.ts";
import { MuteClient } from "../support/mute_client.ts";
import { encode, WireClient } from "../support/wire_client.ts";

const MIB = 1_048_576;

/** Tests those that do not read over one kind of store. */
export function muteClient({ name: store, make }: DataKind): void {
  Deno.test(`${store}: a client that never reads costs bounded memory, and is disconnected`, async () => {
    await using data = await make();
    await using broker = await data.start("--stall-ms", "300");
    const { client: observer } = await WireClient.connect(broker.url, 5, { clientId: "observer", clean: true });
    observer.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 1 }] });
    await observer.expect("suback");

    using mute = await MuteClient.open(broker.url);
    await mute.send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: 5,
      clientId: "mute",
      clean: true,
      keepalive: 0,
      will: { topic: "news", payload: Buffer.from("gone"), qos: 1, retain: false },
    });
    await mute.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "flood/#", qos: 1 }] });
    await mute.send({ cmd: "publish", topic: "news", qos: 0, dup: false, retain: false, payload: "here" });
    assert.equal((await observer.expect("publish")).payload.toString(), "here");

    const { client: publisher } = await WireClient.connect(broker.url, 5, { clientId: "publisher", clean: true });
    const payload = Buffer.alloc(MIB / 8, 7);
    for (let index = 1; index <= 240; index++) {
      const publish = { cmd: "publish", topic: "flood/a", dup: false, retain: false, payload } as const;
      publisher.send({ ...publish, qos: 0 });
      publisher.send({ ...publish, qos: 1, messageId: index });
      await publisher.expect("puback");
    }

    // Its Will tells that the broker has let go of it.
    assert.equal((await observer.expect("publish")).payload.toString(), "gone");
    // 60 MiB were meant for it. What it finds is what the kernels and the broker held: a few of them.
    const held = await mute.readToEnd();
    assert.ok(held < 20 * MIB, `${held} bytes were held`);
    await publisher.disconnect();
    await observer.disconnect();
  });
}

/** Tests those that leave over one kind of store. */
export function hastyClient({ name: store, make }: DataKind): void {
  Deno.test(`${store}: what a client sent before it closed its socket counts, its DISCONNECT above all [MQTT-3.14.4-3]`, async () => {
    await using data = await make();
    await using broker = await data.start("--max-queued-messages", "10000");
    const { client: observer } = await WireClient.connect(broker.url, 5, { clientId: "observer", clean: true });
    observer.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "#", qos: 0 }] });
    await observer.expect("suback");

    // In all less than the high-water mark: beyond it QoS 0 messages for a client that is behind are dropped.
    const messages = 1_500;
    const padding = " ".repeat(500);
    const { client: hasty } = await WireClient.connect(broker.url, 5, {
      clientId: "hasty",
      clean: true,
      will: { topic: "will", payload: Buffer.from("never"), qos: 0, retain: false },
    });
    const publish = { cmd: "publish", topic: "news", qos: 0, dup: false, retain: false } as const;
    // More than the broker takes at once, in one frame, and the end of the socket right behind it.
    const packets = Array.from(
      { length: messages },
      (_, index) => encode({ ...publish, payload: `${index}${padding}` }, 5),
    );
    hasty.sendBytes(Buffer.concat([...packets, encode({ cmd: "disconnect" }, 5)]));
    await hasty.vanish();
    for (let index = 0; index < messages; index++) {
      assert.equal((await observer.expect("publish")).payload.toString().trimEnd(), `${index}`);
    }
    observer.send({ ...publish, payload: "after" });
    assert.equal((await observer.expect("publish")).payload.toString(), "after");
    await observer.disconnect();
  });
}
