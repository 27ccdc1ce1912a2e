import assert from "node:assert/strict";
import type { Packet } from "mqtt-packet";
import { BrokerProcess } from "./support/broker_process.ts";
import { encode, type Version, WireClient } from "./support/wire_client.ts";

const VERSIONS: readonly Version[] = [4, 5];

/** A broker that forgets: what is sent here must never reach a store. */
function start(...args: readonly string[]): Promise<BrokerProcess> {
  return BrokerProcess.start("--store", "memory", ...args);
}

function connectPacket(version: Version, clientId: string): Packet {
  return { cmd: "connect", protocolId: "MQTT", protocolVersion: version, clientId, clean: true, keepalive: 0 };
}

/** The broker lives, and takes others as if nothing had been. */
async function assertServes(broker: BrokerProcess): Promise<void> {
  const { client, connack } = await WireClient.connect(broker.url, 5, { clientId: "another", clean: true });
  assert.equal(connack.reasonCode, 0);
  await client.disconnect();
}

Deno.test("the broker tells a browser what it is, and refuses what is no MQTT handshake", async () => {
  await using broker = await start();
  const page = await fetch(broker.httpUrl);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /MQTT/);

  const nowhere = await fetch(new URL("/nowhere", broker.httpUrl));
  assert.equal(nowhere.status, 404);
  await nowhere.body?.cancel();

  const plain = await fetch(new URL("/mqtt", broker.httpUrl));
  assert.equal(plain.status, 426);
  assert.equal(plain.headers.get("upgrade"), "websocket");
  await plain.body?.cancel();

  for (const protocols of [[], ["mqttv3.1"], ["amqp", "xmpp"]]) {
    const socket = new WebSocket(broker.url, protocols);
    const opened = await new Promise<boolean>((resolve) => {
      socket.onopen = () => resolve(true);
      socket.onerror = () => resolve(false);
    });
    assert.equal(opened, false, `sub-protocols ${protocols.join()}`);
  }
  await assertServes(broker);
});

Deno.test("a text frame closes the connection [MQTT-6.0.0-1]", async () => {
  await using broker = await start();
  for (const version of VERSIONS) {
    const { client } = await WireClient.connect(broker.url, version, { clientId: "texter", clean: true });
    client.socket.send("hello");
    if (version === 5) assert.equal((await client.expect("disconnect")).reasonCode, 0x81);
    await client.expect("closed");
  }
  await assertServes(broker);
});

Deno.test("bytes that are no MQTT close the connection, before CONNECT without a word [MQTT-4.8.0-1]", async () => {
  await using broker = await start();
  const garbage = [
    [0xff, 0xff, 0xff, 0xff, 0xff],
    [0x00, 0x00],
    [0x10, 0x03, 0x00, 0x04, 0x4d],
    [...new TextEncoder().encode(`GET /${"x".repeat(80)} HTTP/1.1\r\n\r\n`)],
  ];
  for (const bytes of garbage) {
    using silent = await WireClient.open(broker.url, 5);
    silent.sendBytes(new Uint8Array(bytes));
    await silent.expect("closed");

    const { client } = await WireClient.connect(broker.url, 5, { clientId: "babbler", clean: true });
    client.sendBytes(new Uint8Array(bytes));
    assert.ok([0x81, 0x82].includes((await client.expect("disconnect")).reasonCode ?? 0));
    await client.expect("closed");
  }
  await assertServes(broker);
});

Deno.test("a packet above the limit is refused by its header with 0x95 [MQTT-3.2.2-15]", async () => {
  await using broker = await start("--max-packet-bytes", "1000");
  const { client, connack } = await WireClient.connect(broker.url, 5, { clientId: "boaster", clean: true });
  assert.equal(connack.properties?.maximumPacketSize, 1_000);
  const exact = encode({ cmd: "publish", topic: "t", qos: 0, dup: false, retain: false, payload: "x".repeat(993) }, 5);
  assert.equal(exact.length, 1_000);
  client.sendBytes(exact);
  client.send({ cmd: "pingreq" });
  await client.expect("pingresp");
  // 256 MiB, of which no more than the header is ever sent.
  client.sendBytes(new Uint8Array([0x30, 0xff, 0xff, 0xff, 0x7f]));
  assert.equal((await client.expect("disconnect")).reasonCode, 0x95);
  await client.expect("closed");
  await assertServes(broker);
});

Deno.test("the first packet has to be CONNECT, and only the first one may be [MQTT-3.1.0-1] [MQTT-3.1.0-2]", async () => {
  await using broker = await start();
  for (const version of VERSIONS) {
    using early = await WireClient.open(broker.url, version);
    early.send({ cmd: "pingreq" });
    await early.expect("closed");

    const { client } = await WireClient.connect(broker.url, version, { clientId: "twice", clean: true });
    client.send(connectPacket(version, "twice"));
    if (version === 5) assert.equal((await client.expect("disconnect")).reasonCode, 0x82);
    await client.expect("closed");
  }
  await assertServes(broker);
});

Deno.test("packets that only a server sends close the connection", async () => {
  await using broker = await start();
  for (const packet of [{ cmd: "pingresp" }, { cmd: "suback", messageId: 1, granted: [0] }] satisfies Packet[]) {
    const { client } = await WireClient.connect(broker.url, 5, { clientId: "usurper", clean: true });
    client.send(packet);
    assert.ok([0x81, 0x82].includes((await client.expect("disconnect")).reasonCode ?? 0));
    await client.expect("closed");
  }
});

Deno.test("a CONNECT of an unknown version is told so [MQTT-3.1.2-2]", async () => {
  await using broker = await start();
  using client = await WireClient.open(broker.url, 5);
  const bytes = encode(connectPacket(5, "tomorrow"), 5);
  bytes[8] = 6;
  client.sendBytes(bytes);
  assert.equal((await client.expect("connack")).reasonCode, 0x84);
  await client.expect("closed");
});

Deno.test("frames may split packets at any byte and join any number of them [MQTT-6.0.0-2]", async () => {
  await using broker = await start();
  for (const version of VERSIONS) {
    const payload = "x".repeat(300);
    const packets: readonly Packet[] = [
      connectPacket(version, "splitter"),
      { cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "t", qos: 2 }] },
      { cmd: "publish", topic: "t", qos: 1, messageId: 2, dup: false, retain: false, payload },
      { cmd: "pingreq" },
    ];
    const bytes = packets.map((packet) => encode(packet, version));
    const whole = new Uint8Array(bytes.flatMap((part) => [...part]));

    for (const frames of [[whole], [...whole].map((byte) => new Uint8Array([byte]))]) {
      using client = await WireClient.open(broker.url, version);
      for (const frame of frames) client.sendBytes(frame);
      await client.expect("connack");
      const rest = new Set<string>();
      for (let count = 0; count < 4; count++) {
        const heard = await client.next();
        if (heard.cmd === "publish") assert.equal(heard.payload.toString(), payload);
        rest.add(heard.cmd);
      }
      assert.deepEqual([...rest].sort(), ["pingresp", "puback", "publish", "suback"]);
      await client.disconnect();
    }
  }
});

Deno.test("a client that sends faster than the broker takes is closed with 0x96, not kept in memory", async () => {
  await using broker = await start("--max-packet-bytes", "100000", "--max-input-bytes", "100000");
  const { client } = await WireClient.connect(broker.url, 5, { clientId: "flooder", clean: true });
  const message = encode(
    { cmd: "publish", topic: "t", qos: 0, dup: false, retain: false, payload: "x".repeat(90_000) },
    5,
  );
  // Two frames that are nearly complete packets: the second does not fit behind the first.
  client.sendBytes(message.subarray(0, -1));
  client.sendBytes(message);
  assert.equal((await client.expect("disconnect")).reasonCode, 0x96);
  await client.expect("closed");
  await assertServes(broker);
});
