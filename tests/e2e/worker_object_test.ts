import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ObjectReport } from "./support/forgetful_worker.ts";
import { keptFor, type Version, WireClient } from "./support/wire_client.ts";
import { WorkerData, type WorkerProcess } from "./support/worker_process.ts";

/** What the object tells of a client, past its broker; with `afterAlarm` not before it was woken once more. */
async function report(worker: WorkerProcess, client: string, afterAlarm = false): Promise<ObjectReport> {
  const url = `${worker.url.replace("ws:", "http:").replace("/mqtt", "/report")}?client=${client}`;
  return await (await fetch(afterAlarm ? `${url}&afterAlarm` : url)).json();
}

/** Waits, alarm by alarm, until it is as wanted. */
async function untilAlarm(worker: WorkerProcess, client: string, isSo: (found: ObjectReport) => boolean) {
  for (let alarms = 0; alarms < 20; alarms++) if (isSo(await report(worker, client, true))) return;
  assert.fail("20 alarms have changed nothing");
}

async function subscribe(client: WireClient, topic: string): Promise<void> {
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 1 }] });
  await client.expect("suback");
}

Deno.test("200 clients on one object that loses its memory send each other what they have", async () => {
  const CLIENTS = 200;
  await using data = await WorkerData.make("--forget", "0.05");
  await using worker = await data.start();
  const clients = await Promise.all(Array.from({ length: CLIENTS }, async (_, index) => {
    const version: Version = index % 2 === 0 ? 4 : 5;
    const { client } = await WireClient.connect(worker.url, version, {
      clientId: `client-${index}`,
      ...keptFor(version, 3_600),
    });
    await subscribe(client, `to/${index}`);
    return client;
  }));
  await Promise.all(clients.map(async (client, index) => {
    const topic = `to/${(index + 1) % CLIENTS}`;
    client.send({ cmd: "publish", topic, qos: 1, messageId: 2, dup: false, retain: false, payload: `from ${index}` });
    const heard = [await client.next(), await client.next()];
    const message = heard.find(({ cmd }) => cmd === "publish");
    assert.ok(heard.some(({ cmd }) => cmd === "puback") && message?.cmd === "publish", JSON.stringify(heard));
    assert.equal(message.payload.toString(), `from ${(index + CLIENTS - 1) % CLIENTS}`);
    client.send({ cmd: "puback", messageId: message.messageId ?? 0 });
    await client.disconnect();
  }));
});

Deno.test("a Will is published, and a session ends, in an object that nobody is connected to, after a kill too", async () => {
  await using data = await WorkerData.make("--forget", "1");
  {
    await using worker = await data.start();
    const { client: heir } = await WireClient.connect(worker.url, 5, { clientId: "heir", ...keptFor(5, 86_400) });
    await subscribe(heir, "wills/#");
    await heir.disconnect();
    for (const [clientId, willDelayInterval] of [["sooner", 1], ["later", 4]] as const) {
      const will = { topic: `wills/${clientId}`, payload: Buffer.from("adieu"), qos: 1, retain: false } as const;
      const { client } = await WireClient.connect(worker.url, 5, {
        clientId,
        ...keptFor(5, 2 * willDelayInterval),
        will: { ...will, properties: { willDelayInterval } },
      });
      await client.vanish();
    }
    await untilAlarm(worker, "heir", ({ queuedMessages }) => queuedMessages === 1);
    await untilAlarm(worker, "sooner", ({ queuedMessages }) => queuedMessages === undefined);
    await worker.kill();
  }
  await using worker = await data.start();
  await untilAlarm(worker, "heir", ({ queuedMessages }) => queuedMessages === 2);
  await untilAlarm(worker, "later", ({ queuedMessages }) => queuedMessages === undefined);
  const { client: heir } = await WireClient.connect(worker.url, 5, { clientId: "heir", ...keptFor(5, 86_400) });
  const topics = [(await heir.expect("publish")).topic, (await heir.expect("publish")).topic];
  assert.deepEqual(topics, ["wills/sooner", "wills/later"]);
  await heir.vanish();
});

Deno.test("an object that the platform itself has put to sleep goes on with its sockets, in the middle of a packet too", async () => {
  await using data = await WorkerData.make();
  await using worker = await data.start();
  const { client } = await WireClient.connect(worker.url, 5, { clientId: "sleeper", ...keptFor(5, 3_600) });
  await subscribe(client, "a/b");
  const { made } = await report(worker, "sleeper");
  // PUBLISH of QoS 0 to a/b, but for its last two bytes.
  const publish = [0x30, 0x08, 0x00, 0x03, 0x61, 0x2f, 0x62, 0x00, 0x68, 0x69];
  client.sendBytes(new Uint8Array(publish.slice(0, 8)));
  // The time is the platform's: it puts an object to sleep after ten seconds without an event, and tells nobody. Ten seconds
  // after a socket has come an alarm looks whether CONNECT did.
  await new Promise((resolve) => setTimeout(resolve, 24_000));
  client.sendBytes(new Uint8Array(publish.slice(8)));
  assert.equal((await client.expect("publish")).payload.toString(), "hi");
  assert.ok((await report(worker, "sleeper")).made > made, "the object has not slept");
  client.send({ cmd: "pingreq" });
  await client.expect("pingresp");
  await client.disconnect();
});

Deno.test("what comes after the object has closed a socket is not heard, though it has forgotten that", async () => {
  await using data = await WorkerData.make("--forget", "1");
  await using worker = await data.start();
  const client = await WireClient.open(worker.url, 5);
  // No client begins with a PINGREQ.
  client.send({ cmd: "pingreq" });
  const connect = { cmd: "connect", protocolId: "MQTT", protocolVersion: 5, clientId: "late", keepalive: 0 } as const;
  client.send({ ...connect, ...keptFor(5, 3_600), clean: false });
  assert.equal((await client.next()).cmd, "closed");
  await client.closed;
  assert.equal((await report(worker, "late")).queuedMessages, undefined);
});
