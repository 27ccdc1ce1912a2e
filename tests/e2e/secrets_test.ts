import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { BrokerProcess, DataFolder } from "./support/broker_process.ts";
import { keptFor, type Version, WireClient } from "./support/wire_client.ts";

/** A text that is nowhere by chance. */
function unique(name: string): string {
  return `${name}-${crypto.randomUUID()}`;
}

/** Every file of the database: the log that SQLite writes ahead too. */
async function storedBytes(folder: DataFolder): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const { name } of Deno.readDir(folder.path)) parts.push(await Deno.readFile(`${folder.path}/${name}`));
  return Buffer.concat(parts);
}

/** How a text may stand among bytes. */
function formsOf(text: string): readonly Buffer[] {
  return [
    Buffer.from(text),
    Buffer.from(text, "utf16le"),
    Buffer.from(btoa(text)),
    Buffer.from(Buffer.from(text).toString("hex")),
  ];
}

Deno.test("no password and no authentication data reaches the database or the output", async () => {
  const password = unique("password");
  const authenticationData = unique("authentication");
  const payload = unique("payload");
  await using folder = await DataFolder.make();
  await using broker = await BrokerProcess.start(...folder.args);

  for (const version of [4, 5] satisfies Version[]) {
    const { client } = await WireClient.connect(broker.url, version, {
      clientId: `keeper-${version}`,
      username: "somebody",
      password: Buffer.from(password),
      will: { topic: "news", payload: Buffer.from("gone"), qos: 1, retain: false },
      ...keptFor(version, 3_600),
    });
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 2 }] });
    await client.expect("suback");
    client.send({ cmd: "publish", topic: "news", qos: 1, messageId: 2, dup: false, retain: false, payload });
    while ((await client.next()).cmd !== "puback");
    await client.vanish();
  }

  const { client: refused, connack } = await WireClient.connect(broker.url, 5, {
    clientId: "enhanced",
    properties: {
      sessionExpiryInterval: 3_600,
      authenticationMethod: "SCRAM-SHA-1",
      authenticationData: Buffer.from(authenticationData),
    },
  });
  assert.equal(connack.reasonCode, 0x8c);
  await refused.expect("closed");

  const { client: reauthenticating } = await WireClient.connect(broker.url, 5, {
    clientId: "again",
    ...keptFor(5, 3_600),
  });
  reauthenticating.send({
    cmd: "auth",
    reasonCode: 0x19,
    properties: { authenticationMethod: "SCRAM-SHA-1", authenticationData: Buffer.from(authenticationData) },
  });
  assert.equal((await reauthenticating.expect("disconnect")).reasonCode, 0x82);
  await reauthenticating.expect("closed");

  const running = await storedBytes(folder);
  assert.equal(await broker.stop(), 0);
  for (const bytes of [running, await storedBytes(folder)]) {
    // The search works: what has to be stored is found.
    assert.ok(bytes.includes(payload), "the payload is not where it should be");
    for (const secret of [password, authenticationData]) {
      for (const form of formsOf(secret)) assert.ok(!bytes.includes(form), `${secret.split("-")[0]} is stored`);
    }
  }
  for (const secret of [password, authenticationData, payload]) assert.ok(!broker.output.includes(secret));
});
