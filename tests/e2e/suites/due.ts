/**
 * What comes due while no broker runs, or after one was killed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { BrokerData, DataKind, RunningBroker } from "../support/broker_process.ts";
import { keptFor, type Version, WireClient } from "../support/wire_client.ts";

const SECOND = 1_000;
/** So short that a killed broker counts as gone by the time of its successor. */
const LEASE = ["--lease-ms", "10000"];

/** A broker that lives so many seconds later. */
function startLater(
  data: BrokerData<RunningBroker>,
  seconds: number,
  ...args: readonly string[]
): Promise<RunningBroker> {
  return data.start(...LEASE, "--clock-offset-ms", String(seconds * SECOND), ...args);
}

/** Whether the session of a client is still there; it ends with the connection only if it was not. */
async function isPresent(broker: RunningBroker, version: Version, clientId: string): Promise<boolean> {
  const { client, connack } = await WireClient.connect(broker.url, version, { clientId, ...keptFor(version, 3_600) });
  await client.disconnect();
  return connack.sessionPresent;
}

/** Subscribes for an absence. */
async function subscribe(broker: RunningBroker, clientId: string, topic: string): Promise<void> {
  const { client } = await WireClient.connect(broker.url, 5, { clientId, ...keptFor(5, 86_400) });
  client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 1 }] });
  await client.expect("suback");
  await client.disconnect();
}

/** Tests it over one kind of store. */
export function due({ name: store, make, hasLease = true }: DataKind<RunningBroker>): void {
  Deno.test(`${store}: a session ends while no broker runs, not before its interval, in 3.1.1 by the broker's cap`, async () => {
    for (const version of [4, 5] satisfies Version[]) {
      await using data = await make();
      const cap = ["--session-expiry-max", "3600"];
      {
        await using broker = await startLater(data, 0, ...cap);
        assert.equal(await isPresent(broker, version, "sleeper"), false);
        assert.equal(await broker.stop(), 0);
      }
      {
        await using broker = await startLater(data, 3_500, ...cap);
        assert.equal(await isPresent(broker, version, "sleeper"), true);
        assert.equal(await broker.stop(), 0);
      }
      {
        await using broker = await startLater(data, 3_500 + 3_700, ...cap);
        assert.equal(await isPresent(broker, version, "sleeper"), false);
      }
    }
  });

  if (hasLease) {
    Deno.test(`${store}: the interval of a client whose broker was killed runs from the end of the broker's lease`, async () => {
      for (const [seconds, present] of [[3_500, true], [3_700, false]] as const) {
        await using data = await make();
        {
          await using broker = await startLater(data, 0);
          using _orphan =
            (await WireClient.connect(broker.url, 5, { clientId: "orphan", ...keptFor(5, 3_600) })).client;
          await broker.kill();
        }
        await using broker = await startLater(data, seconds);
        assert.equal(await isPresent(broker, 5, "orphan"), present);
      }
    });
  }

  const endings = ["a lost connection", ...(hasLease ? ["a killed broker"] : [])];
  for (const ending of endings) {
    Deno.test(`${store}: a Will that was delayed by ${ending} is published by the next process, not before its time`, async () => {
      await using data = await make();
      {
        await using broker = await startLater(data, 0);
        await subscribe(broker, "heir", "wills/#");
        const { client: doomed } = await WireClient.connect(broker.url, 5, {
          clientId: "doomed",
          ...keptFor(5, 86_400),
          will: {
            topic: "wills/doomed",
            payload: Buffer.from("adieu"),
            qos: 1,
            retain: false,
            properties: { willDelayInterval: 600 },
          },
        });
        if (ending === "a lost connection") await doomed.vanish();
        await broker.kill();
        await doomed.closed;
      }
      {
        await using broker = await startLater(data, 500);
        const { client: heir, connack } = await WireClient.connect(broker.url, 5, {
          clientId: "heir",
          ...keptFor(5, 86_400),
        });
        assert.equal(connack.sessionPresent, true);
        heir.send({ cmd: "publish", topic: "wills/none", qos: 0, dup: false, retain: false, payload: "" });
        assert.equal((await heir.expect("publish")).topic, "wills/none");
        await heir.disconnect();
        assert.equal(await broker.stop(), 0);
      }
      await using broker = await startLater(data, 700);
      const { client: heir } = await WireClient.connect(broker.url, 5, { clientId: "heir", ...keptFor(5, 86_400) });
      const will = await heir.expect("publish");
      assert.equal(will.topic, "wills/doomed");
      assert.equal(will.payload.toString(), "adieu");
      heir.send({ cmd: "puback", messageId: will.messageId ?? 0 });
      await heir.disconnect();
    });
  }

  Deno.test(`${store}: a message that expires while no broker runs is gone, another one's interval has shrunk [MQTT-3.3.2-6]`, async () => {
    await using data = await make();
    {
      await using broker = await startLater(data, 0);
      await subscribe(broker, "late", "news/#");
      const { client: publisher } = await WireClient.connect(broker.url, 5, { clientId: "publisher", clean: true });
      const expiries = { short: 60, long: 3_600, never: undefined };
      for (const [messageId, [name, messageExpiryInterval]] of Object.entries(expiries).entries()) {
        publisher.send({
          cmd: "publish",
          topic: `news/${name}`,
          qos: 1,
          messageId: messageId + 1,
          dup: false,
          retain: false,
          payload: name,
          ...(messageExpiryInterval === undefined ? {} : { properties: { messageExpiryInterval } }),
        });
        await publisher.expect("puback");
      }
      await broker.kill();
      await publisher.closed;
    }
    await using broker = await startLater(data, 600);
    const { client: late } = await WireClient.connect(broker.url, 5, { clientId: "late", ...keptFor(5, 86_400) });
    const long = await late.expect("publish");
    assert.equal(long.topic, "news/long");
    const left = long.properties?.messageExpiryInterval ?? 0;
    assert.ok(left <= 3_000 && left > 2_000, `${left} s left`);
    const never = await late.expect("publish");
    assert.equal(never.topic, "news/never");
    assert.equal(never.properties?.messageExpiryInterval, undefined);
    await late.disconnect();
  });
}
