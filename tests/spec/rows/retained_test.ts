/** Retained messages at the moment of SUBSCRIBE: SB-05 to SB-07, SB-09, SB-22, SH-02, ST-08, WL-17. */
import { deepEqual, equal } from "node:assert/strict";
import { memoryRetained } from "@edge-mqtt/session/memory";
import type { BrokerOptions } from "@edge-mqtt/session";
import { type Client, publishPacket, read, Rig, subscribePacket, text } from "../support/rig.ts";

/** Registers the test of a row on a broker that retains messages. */
function row(
  id: string,
  sentence: string,
  test: (rig: Rig) => Promise<void>,
  options: Partial<BrokerOptions> = {},
): void {
  Deno.test(`${id} S: ${sentence}`, () => test(new Rig({ retained: memoryRetained(), ...options })));
}

/** Retains `topic=payload`, by a client of its own. */
async function retain(rig: Rig, ...pairs: readonly string[]): Promise<void> {
  const p = await rig.connect({ clientId: "p" });
  for (const pair of pairs) {
    const [topic = "", payload = ""] = pair.split("=");
    await p.send(publishPacket(topic, { payload: text(payload), retain: true, qos: 1, packetId: 1 }));
  }
  await p.drop();
}

/** What a client got: `topic=payload`, with `R` where RETAIN is 1. */
function got(client: Client): readonly string[] {
  return client.takeAll().flatMap((packet) =>
    packet.type === "publish" ? [`${packet.topic}=${read(packet.payload)}${packet.retain ? " R" : ""}`] : []
  );
}

/** Subscribes, and says what came. */
async function subscribe(
  client: Client,
  filter: string,
  options: Partial<{ qos: 0 | 1 | 2; retainHandling: 0 | 1 | 2; retainAsPublished: boolean; noLocal: boolean }> = {},
  identifier?: number,
): Promise<readonly string[]> {
  await client.send(subscribePacket(7, [{ filter, qos: 1, ...options }], identifier));
  client.take("suback");
  return got(client);
}

for (
  const [retainHandling, toNew, toExisting] of [
    [0, ["t=1 R"], ["t=1 R"]],
    [1, ["t=1 R"], []],
    [2, [], []],
  ] as const
) {
  row(
    "SB-06",
    `sends what is retained as Retain Handling ${retainHandling} says [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]`,
    async (rig) => {
      await retain(rig, "t=1");
      const a = await rig.connect();
      deepEqual(await subscribe(a, "t", { retainHandling }), toNew);
      deepEqual(await subscribe(a, "t", { retainHandling, qos: 0 }), toExisting);
      await a.send({ type: "unsubscribe", packetId: 9, filters: ["t"] });
      a.take("unsuback");
      deepEqual(await subscribe(a, "t", { retainHandling }), toNew);
    },
  );
}

for (const protocolVersion of [4, 5] as const) {
  const id = protocolVersion === 4 ? "SB-07" : "SB-06";
  row(
    id,
    `sends the last retained message of each topic that matches, with RETAIN 1, on ${protocolVersion} [MQTT-3.3.1-6]`,
    async (rig) => {
      await retain(rig, "a/1=old", "a/2=x", "a/1=new", "b=y", "a/gone=z", "a/gone=", "$s/1=w");
      const a = await rig.connect({ protocolVersion });
      deepEqual(await subscribe(a, "a/+"), ["a/1=new R", "a/2=x R"]);
      deepEqual(await subscribe(a, "#"), ["a/1=new R", "a/2=x R", "b=y R"]);
      deepEqual(await subscribe(a, "$s/#"), ["$s/1=w R"]);
    },
  );
}

row(
  "SB-07",
  "sends what is retained again to every SUBSCRIBE, also of an existing filter [MQTT-3.8.4-3]",
  async (rig) => {
    await retain(rig, "t=1");
    const a = await rig.connect({ protocolVersion: 4 });
    deepEqual(await subscribe(a, "t"), ["t=1 R"]);
    deepEqual(await subscribe(a, "t"), ["t=1 R"]);
  },
);

row("SB-07", "forwards the message itself with RETAIN 0 to who has subscribed already [MQTT-3.3.1-9]", async (rig) => {
  const a = await rig.connect({ protocolVersion: 4 });
  deepEqual(await subscribe(a, "t"), []);
  await retain(rig, "t=1");
  deepEqual(got(a), ["t=1"]);
});

row("SB-07", "retains a message of QoS 0 too, in the place of the one before [MQTT-3.3.1-7]", async (rig) => {
  await retain(rig, "t=1");
  const p = await rig.connect({ clientId: "p", protocolVersion: 4 });
  await p.publish("t", { retain: true, payload: text("2") });
  const a = await rig.connect({ protocolVersion: 4 });
  deepEqual(await subscribe(a, "t"), ["t=2 R"]);
});

row(
  "SB-07",
  "removes what is retained with an empty payload, which goes to subscribers all the same [MQTT-3.3.1-10]",
  async (rig) => {
    await retain(rig, "t=1");
    const a = await rig.connect({ protocolVersion: 4 });
    await subscribe(a, "t");
    await retain(rig, "t=");
    deepEqual(got(a), ["t="]);
    const b = await rig.connect({ protocolVersion: 4, clientId: "b" });
    deepEqual(await subscribe(b, "t"), []);
  },
);

row("SB-09", "sends retained messages with RETAIN 1 whatever Retain As Published is", async (rig) => {
  await retain(rig, "t=1");
  for (const retainAsPublished of [true, false]) {
    const a = await rig.connect();
    deepEqual(await subscribe(a, "t", { retainAsPublished }), ["t=1 R"]);
  }
});

row("SB-09", "sends the Subscription Identifier and the lower QoS with a retained message", async (rig) => {
  await retain(rig, "t=1");
  const a = await rig.connect();
  await a.send(subscribePacket(7, [{ filter: "t", qos: 0 }], 5));
  equal(a.take("suback").reasonCodes[0], 0);
  const packet = a.take("publish");
  deepEqual([packet.qos, packet.retain, packet.subscriptionIdentifiers], [0, true, [5]]);
});

row(
  "SB-05",
  "sends what is retained again when Retain Handling is 0, and loses nothing that waits [MQTT-3.8.4-4]",
  async (rig) => {
    await retain(rig, "t=1");
    const a = await rig.connect({ receiveMaximum: 1 });
    deepEqual(await subscribe(a, "t"), ["t=1 R"]);
    await retain(rig, "t=2");
    await subscribe(a, "t", { qos: 2 });
    for (let packetId = 1; packetId <= 3; packetId++) {
      await a.send({
        type: "puback",
        packetId: packetId + 1,
        reasonCode: 0,
      });
    }
    deepEqual(got(a), ["t=2", "t=2 R"]);
  },
);

row("SB-22", "sends no retained messages on resume", async (rig) => {
  await retain(rig, "t=1");
  const options = { cleanStart: false, sessionExpiryInterval: 100 };
  const a = await rig.connect(options);
  await a.send(subscribePacket(7, [{ filter: "t", qos: 0 }]));
  deepEqual(got(a), ["t=1 R"]);
  await rig.crash();
  const again = await rig.connect(options, true);
  again.quiet();
  const none = await subscribe(again, "nothing/here");
  deepEqual(none, []);
  await rig.crash();
  await retain(rig, "nothing/here=1");
  const third = await rig.connect(options, true);
  deepEqual(got(third), ["nothing/here=1"]);
});

row("SH-02", "sends no retained messages to a shared subscription, whatever Retain Handling says", async (rig) => {
  await retain(rig, "t=1");
  const a = await rig.connect();
  for (const retainHandling of [0, 1, 2] as const) {
    deepEqual(await subscribe(a, "$share/g/t", { retainHandling }), []);
  }
  deepEqual(await subscribe(a, "t"), ["t=1 R"]);
}, { limits: { sharedSubscriptionAvailable: true } });

row("ST-08", "keeps retained messages beyond the end of their publisher's session [MQTT-3.1.2-7]", async (rig) => {
  const p = await rig.connect({ clientId: "p" });
  await p.publish("t", { retain: true, qos: 1, packetId: 1, payload: text("1") });
  await p.send({ type: "disconnect", reasonCode: 0 });
  equal(await rig.stored("p"), undefined);
  const a = await rig.connect();
  deepEqual(await subscribe(a, "t"), ["t=1 R"]);
});

for (const protocolVersion of [4, 5] as const) {
  for (const retained of [true, false]) {
    row(
      "WL-17",
      `retains a Will whose Retain flag is ${retained ? 1 : 0}, on ${protocolVersion} [MQTT-3.1.2-14] [MQTT-3.1.2-15]`,
      async (rig) => {
        const will = {
          topic: "w",
          payload: text("gone"),
          qos: 1,
          retain: retained,
          properties: {},
          willDelayInterval: 0,
        } as const;
        const p = await rig.connect({ clientId: "p", protocolVersion, will });
        await p.drop();
        await rig.due();
        const a = await rig.connect({ protocolVersion });
        deepEqual(await subscribe(a, "w"), retained ? ["w=gone R"] : []);
      },
    );
  }
}

row("SB-10", "sends a client no retained message of its own with No Local [MQTT-3.8.3-3]", async (rig) => {
  const a = await rig.connect();
  await a.publish("t/own", { retain: true, payload: text("1") });
  await retain(rig, "t/other=2");
  deepEqual(await subscribe(a, "t/+", { noLocal: true }), ["t/other=2 R"]);
  deepEqual(await subscribe(a, "t/+", {}), ["t/other=2 R", "t/own=1 R"]);
});

row(
  "MQ-05",
  "sends what is left of a retained message's expiry, and nothing once it is over [MQTT-3.3.2-6]",
  async (rig) => {
    const p = await rig.connect({ clientId: "p" });
    await p.publish("t", { retain: true, qos: 1, packetId: 1, messageExpiryInterval: 10 });
    await rig.advance(4_000);
    const a = await rig.connect();
    await a.send(subscribePacket(7, [{ filter: "t", qos: 0 }]));
    a.take("suback");
    equal(a.take("publish").messageExpiryInterval, 6);
    await rig.advance(6_000);
    deepEqual(await subscribe(a, "t"), []);
  },
);
