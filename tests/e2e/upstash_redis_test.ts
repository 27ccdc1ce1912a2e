import assert from "node:assert/strict";
import type { SeenRequest } from "../support/redis/faults.ts";
import { RedisData } from "./support/redis_data.ts";
import { keptFor, WireClient } from "./support/wire_client.ts";

Deno.test("brokers with different prefixes share a database and nothing in it", async () => {
  await using data = await RedisData.make();
  await using first = await data.start("--prefix", "tenant a");
  await using second = await data.start("--prefix", "tenant b");
  for (const broker of [first, second]) {
    const { client, connack } = await WireClient.connect(broker.url, 5, { clientId: "same", ...keptFor(5, 3_600) });
    assert.equal(connack.sessionPresent, false);
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 1 }] });
    await client.expect("suback");
    await client.disconnect();
  }
  const { client: writer } = await WireClient.connect(first.url, 5, { clientId: "writer", clean: true });
  writer.send({ cmd: "publish", topic: "news", qos: 1, messageId: 1, dup: false, retain: false, payload: "for a" });
  assert.equal((await writer.expect("puback")).reasonCode, 0);
  await writer.disconnect();

  const { client: other } = await WireClient.connect(second.url, 5, { clientId: "same", ...keptFor(5, 3_600) });
  // A probe of its own comes first: nothing waited before it.
  other.send({ cmd: "publish", topic: "news", qos: 0, dup: false, retain: false, payload: "for b" });
  assert.equal((await other.expect("publish")).payload.toString(), "for b");
  await other.disconnect();
  const { client: own } = await WireClient.connect(first.url, 5, { clientId: "same", ...keptFor(5, 3_600) });
  assert.equal((await own.expect("publish")).payload.toString(), "for a");
  await own.disconnect();
  assert.match(first.output, /^storing in Upstash Redis under tenant a$/m);
});

Deno.test("a broker tells what goes wrong with its database without URL, token and payload", async () => {
  await using data = await RedisData.make();
  const { url, token, faults } = data.upstash;
  await using broker = await data.start();
  const { client } = await WireClient.connect(broker.url, 5, { clientId: "writer", ...keptFor(5, 3_600) });
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "news", qos: 1 }] });
  await client.expect("suback");
  // A broker repeats a look-up, and tells of it once, and tells of a commit.
  const when = ({ commands }: SeenRequest) => commands.some(([name]) => /^eval/i.test(name ?? ""));
  const said = [
    faults.fail(500, { when }),
    faults.failWithText(503, { when }),
    faults.limitRate({ when }),
    faults.dropReply({ when }),
    faults.truncate(9, { when }),
  ];
  const payload = "payload-93be";
  client.send({ cmd: "publish", topic: "news", qos: 1, messageId: 2, dup: false, retain: false, payload });
  for (let heard = await client.next(); heard.cmd !== "puback"; heard = await client.next()) {
    assert.notEqual(heard.cmd, "closed");
  }
  assert.deepEqual(said.map(({ hits }) => hits), [1, 1, 1, 1, 1]);
  assert.match(broker.output, /failed/);
  for (const secret of [url, new URL(url).host, token, payload]) {
    assert.ok(!broker.output.includes(secret), broker.output);
  }
});
