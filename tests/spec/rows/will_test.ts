/** What becomes of a Will Message: WL-01 to WL-09, WL-15 to WL-20. 3.1.1 ties it to the connection, 5.0 to the session. */
import { deepEqual, equal } from "node:assert/strict";
import { memoryStore } from "@edge-mqtt/session/memory";
import { faultyStore } from "@edge-mqtt/session/testing";
import { fleeting, lasting, rowInBoth } from "../support/both_versions.ts";
import { type ConnectOptions, Rig, subscribePacket, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { payloads } from "../support/seen.ts";
import { published, watcher, will } from "../support/wills.ts";

const NEVER = 0xffff_ffff;

row("WL-01", "stores the Will with the session, its properties and delay included [MQTT-3.1.2-7]", async (rig) => {
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answers",
    correlationData: text("7"),
    userProperties: [["b", "1"], ["a", "2"], ["b", "3"]],
  } as const;
  const carried = will({ properties, qos: 2, willDelayInterval: 30, messageExpiryInterval: 9 });
  await rig.connect(lasting(5, { will: carried }));
  deepEqual((await rig.stored())?.will, carried);
});

row(
  "WL-02",
  "publishes the Will when the connection closes, unless a DISCONNECT came [MQTT-3.1.2-8] (3.1.1)",
  async (rig) => {
    const w = await watcher(rig);
    const lost = await rig.connect(lasting(4, { will: will() }));
    await lost.drop();
    deepEqual(await published(rig, w), ["gone"]);
    const polite = await rig.connect(lasting(4, { will: will() }), true);
    await polite.send({ type: "disconnect", reasonCode: 0 });
    await polite.drop();
    deepEqual(await published(rig, w), []);
  },
);

/** How a connection can end, and whether that is normal. */
const CLOSES: Readonly<Record<string, (rig: Rig, options: ConnectOptions) => Promise<void>>> = {
  "the transport breaks": async (rig, options) => {
    await (await rig.connect(options)).drop();
  },
  "DISCONNECT 0x04": async (rig, options) => {
    await (await rig.connect(options)).send({ type: "disconnect", reasonCode: 0x04 });
  },
  "a protocol error": async (rig, options) => {
    await (await rig.connect(options)).send({ type: "puback", packetId: 0, reasonCode: 0 });
  },
  "the keep-alive": async (rig, options) => {
    await rig.connect({ ...options, keepAlive: 2 });
    await rig.advance(3_000);
  },
};

for (const [cause, close] of Object.entries(CLOSES)) {
  for (const [delay, interval] of [[0, 60], [20, 60], [60, 20], [20, 0], [NEVER, 20], [20, NEVER]] as const) {
    const due = interval === 0 ? 0 : Math.min(delay, interval);
    row(
      "WL-03",
      `publishes after ${due} s when ${cause}, with delay ${delay} and interval ${interval} [MQTT-3.1.2-8]`,
      async (rig) => {
        const w = await watcher(rig);
        await close(rig, { sessionExpiryInterval: interval, will: will({ willDelayInterval: delay }) });
        if (due > 0) {
          await rig.advance(due * 1_000 - 1);
          deepEqual(await published(rig, w), []);
          await rig.advance(1);
        }
        deepEqual(await published(rig, w), ["gone"]);
        await rig.advance(100_000);
        deepEqual(await published(rig, w), []);
      },
    );
  }
}

for (const answer of ["startsLate", "answersLate"] as const) {
  row(
    "WL-03",
    `publishes it when the connection breaks before the CONNACK, and the acquire ${answer} [MQTT-3.1.2-8]`,
    async () => {
      const faulty = faultyStore(memoryStore());
      const rig = new Rig({ store: faulty.store });
      const w = await watcher(rig);
      faulty.inject({ fault: answer, call: "acquire" });
      const a = await rig.dial(lasting(5, { will: will() }));
      await a.drop();
      faulty.release();
      await rig.settle();
      a.quiet();
      deepEqual(await published(rig, w), ["gone"]);
      equal((await rig.stored())?.head.attached, false);
      await rig.advance(3_600_000);
      equal(await rig.stored(), undefined);
    },
  );
}

row("WL-03", "publishes nothing after DISCONNECT 0x00, whatever delay and interval are [MQTT-3.1.2-8]", async (rig) => {
  const w = await watcher(rig);
  for (const [delay, interval] of [[0, 60], [20, 60], [60, 20], [20, 0]] as const) {
    const options = { sessionExpiryInterval: interval, will: will({ willDelayInterval: delay }) };
    await (await rig.connect(options)).send({ type: "disconnect", reasonCode: 0 });
    await rig.advance(100_000);
    deepEqual(await published(rig, w), []);
  }
});

row("WL-04", "removes the Will once it is published, and never publishes it twice [MQTT-3.1.2-10]", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(5, { will: will({ willDelayInterval: 5 }) }))).drop();
  equal((await rig.stored())?.will === undefined, false);
  await rig.advance(5_000);
  deepEqual(await published(rig, w), ["gone"]);
  equal((await rig.stored())?.will, undefined);
  await rig.crash();
  await rig.advance(3_600_000);
  deepEqual(await published(rig, w), []);
});

row("WL-04", "removes the Will once DISCONNECT 0x00 came [MQTT-3.1.2-10]", async (rig) => {
  const client = await rig.connect(lasting(5, { will: will({ willDelayInterval: 5 }) }));
  await client.send({ type: "disconnect", reasonCode: 0 });
  equal((await rig.stored())?.will, undefined);
});

row("WL-05", "removes the Will once it is published or any DISCONNECT came [MQTT-3.1.2-10] (3.1.1)", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(4, { will: will() }))).drop();
  equal((await rig.stored())?.will, undefined);
  deepEqual(await published(rig, w), ["gone"]);
  const again = await rig.connect(lasting(4, { will: will() }), true);
  equal((await rig.stored())?.will === undefined, false);
  await again.send({ type: "disconnect", reasonCode: 0 });
  equal((await rig.stored())?.will, undefined);
  await rig.crash();
  await rig.advance(1_000_000);
  deepEqual(await published(rig, w), []);
});

rowInBoth(
  "WL-06",
  "discards the Will of the connection at a normal DISCONNECT, for good",
  "MQTT-3.14.4-3",
  async (rig, version) => {
    const w = await watcher(rig);
    for (const options of [fleeting(version), lasting(version)]) {
      const client = await rig.connect({ ...options, will: will() });
      await client.send({ type: "disconnect", reasonCode: 0 });
      equal(client.closed, true);
      await rig.advance(4_000_000);
      deepEqual(await published(rig, w), []);
    }
  },
);

row("WL-07", "keeps the Will at every other DISCONNECT code that a client may send [MQTT-3.14.2-1]", async (rig) => {
  const w = await watcher(rig);
  const codes = [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
  for (const reasonCode of codes) {
    const client = await rig.connect({ will: will() });
    await client.send({ type: "disconnect", reasonCode });
    deepEqual(await published(rig, w), ["gone"], `0x${reasonCode.toString(16)}`);
    const delayed = await rig.connect({ sessionExpiryInterval: 60, will: will({ willDelayInterval: 10 }) });
    await delayed.send({ type: "disconnect", reasonCode });
    await rig.advance(9_999);
    deepEqual(await published(rig, w), []);
    await rig.advance(1);
    deepEqual(await published(rig, w), ["gone"]);
  }
});

rowInBoth("WL-08", "applies the Will rules when the server shuts down", "MQTT-3.1.2-8", async (rig, version) => {
  const client = await rig.connect(lasting(version, { will: will() }));
  const w = await rig.connect(lasting(5, { clientId: "w" }));
  await w.subscribe("will", 1);
  await rig.broker.shutdown();
  if (version === 5) equal(client.take("disconnect").reasonCode, 0x8b);
  equal(client.closed, true);
  await rig.crash();
  await rig.due();
  const back = await rig.connect(lasting(5, { clientId: "w" }), true);
  deepEqual(await published(rig, back), ["gone"]);
});

rowInBoth(
  "WL-08",
  "applies the Will rules when the server closes for a fault of the client, or its silence",
  "MQTT-3.1.2-8",
  async (rig, version) => {
    const w = await watcher(rig);
    const faulty = await rig.connect(lasting(version, { will: will() }));
    await faulty.send({
      type: "publish",
      topic: "",
      payload: text(""),
      qos: 0,
      dup: false,
      retain: false,
      properties: {},
    });
    equal(faulty.closed, true);
    deepEqual(await published(rig, w), ["gone"]);
    const silent = await rig.connect(lasting(version, { keepAlive: 10, will: will() }), true);
    await rig.advance(15_000);
    equal(silent.closed, true);
    deepEqual(await published(rig, w), ["gone"]);
  },
);

rowInBoth(
  "WL-08",
  "applies the Will rules when an administrator ends the session",
  "MQTT-3.1.2-8",
  async (rig, version) => {
    const w = await watcher(rig);
    const client = await rig.connect(lasting(version, { will: will({ willDelayInterval: 60 }) }));
    await rig.broker.end("a");
    equal(client.closed, true);
    deepEqual(await published(rig, w), ["gone"]);
  },
);

rowInBoth(
  "WL-09",
  "publishes nothing when the Will Flag is 0",
  { 5: "§3.1.2.5", 4: "MQTT-3.1.2-12" },
  async (rig, version) => {
    const w = await watcher(rig);
    await (await rig.connect(lasting(version))).drop();
    await (await rig.connect(fleeting(version))).drop();
    await rig.advance(4_000_000);
    deepEqual(await published(rig, w), []);
  },
);

row("WL-15", "replaces the old Will by that of the new CONNECT, or by none [§3.1.2.5]", async (rig) => {
  const w = await watcher(rig);
  const first = await rig.connect(lasting(5, { will: will({ willDelayInterval: 30, payload: text("first") }) }));
  await first.drop();
  const second = await rig.connect(lasting(5, { will: will({ payload: text("second") }) }), true);
  await second.drop();
  deepEqual(await published(rig, w), ["second"]);
  const third = await rig.connect(lasting(5, { will: will({ willDelayInterval: 30 }) }), true);
  await third.drop();
  const fourth = await rig.connect(lasting(5), true);
  await fourth.drop();
  await rig.advance(100_000);
  deepEqual(await published(rig, w), []);
});

row("WL-16", "does not take an invalid DISCONNECT for DISCONNECT 0x00 [§3.14.2.2.2]", async (rig) => {
  const w = await watcher(rig);
  const unknownCode = await rig.connect({ will: will() });
  await unknownCode.send({ type: "disconnect", reasonCode: 0xff });
  equal(unknownCode.take("disconnect").reasonCode, 0x82);
  deepEqual(await published(rig, w), ["gone"]);
  const raised = await rig.connect({ will: will() });
  await raised.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 10 });
  equal(raised.take("disconnect").reasonCode, 0x82);
  deepEqual(await published(rig, w), ["gone"]);
  const malformed = await rig.connect({ will: will() });
  await malformed.malformed();
  deepEqual(await published(rig, w), ["gone"]);
});

for (const retain of [true, false]) {
  rowInBoth(
    "WL-17",
    `publishes the Will with RETAIN ${Number(retain)} as Will Retain says`,
    { 5: "MQTT-3.1.2-14, MQTT-3.1.2-15", 4: "MQTT-3.1.2-16, MQTT-3.1.2-17" },
    async (_, version) => {
      const rig = new Rig({ limits: { retainAvailable: true } });
      const w = await rig.connect({ clientId: "w" });
      await w.send(subscribePacket(1, [{ filter: "will", qos: 1, retainAsPublished: true }]));
      w.take("suback");
      await (await rig.connect(fleeting(version, { will: will({ retain }) }))).drop();
      equal(w.take("publish").retain, retain);
    },
  );
}

row(
  "WL-17",
  "delivers a retained Will of 3.1.1, which cannot be told that nothing is retained [§3.1.2.7]",
  async (rig) => {
    const w = await watcher(rig);
    await (await rig.connect(fleeting(4, { will: will({ retain: true }) }))).drop();
    deepEqual(await published(rig, w), ["gone"]);
  },
);

row(
  "WL-18",
  "starts the Will's Message Expiry Interval when it is published, not at CONNECT [§3.1.3.2.4]",
  async (rig) => {
    const w = await watcher(rig);
    const away = await rig.connect(lasting(5, { clientId: "away" }));
    await away.subscribe("will", 1);
    await away.drop();
    const client = await rig.connect(lasting(5, { will: will({ willDelayInterval: 30, messageExpiryInterval: 10 }) }));
    await rig.advance(500_000);
    await client.drop();
    await rig.advance(30_000);
    equal(w.take("publish").messageExpiryInterval, 10);
    await rig.advance(9_999);
    const inTime = await rig.connect(lasting(5, { clientId: "away" }), true);
    equal(inTime.take("publish").messageExpiryInterval, 1);
  },
);

row("WL-18", "lets a queued copy of it expire that long after it was published [§3.1.3.2.4]", async (rig) => {
  const away = await rig.connect(lasting(5, { clientId: "away" }));
  await away.subscribe("will", 1);
  await away.drop();
  await (await rig.connect({ will: will({ messageExpiryInterval: 10, payload: text("first") }) })).drop();
  await (await rig.connect({ will: will({ messageExpiryInterval: 11, payload: text("second") }) })).drop();
  equal(await rig.queued("away"), 2);
  await rig.advance(10_000);
  deepEqual(payloads(await rig.connect(lasting(5, { clientId: "away" }), true)), ["second"]);
});

row("WL-19", "keeps the order of the Will's User Properties over a crash [MQTT-3.1.3-10]", async (rig) => {
  const w = await rig.connect(lasting(5, { clientId: "w" }));
  await w.subscribe("will", 1);
  await w.drop();
  const userProperties = [["z", "1"], ["a", "2"], ["z", "0"], ["", ""]] as const;
  const carried = will({ willDelayInterval: 5, properties: { userProperties } });
  await (await rig.connect(lasting(5, { will: carried }))).drop();
  await rig.crash();
  await rig.advance(5_000);
  const back = await rig.connect(lasting(5, { clientId: "w" }), true);
  deepEqual(back.take("publish").properties.userProperties, [["z", "1"], ["a", "2"], ["z", "0"], ["", ""]]);
});

row("WL-19", "delivers them in that order [MQTT-3.1.3-10]", async (rig) => {
  const w = await watcher(rig);
  const userProperties = [["z", "1"], ["a", "2"], ["z", "0"], ["", ""]] as const;
  await (await rig.connect({ will: will({ properties: { userProperties } }) })).drop();
  await rig.settle();
  deepEqual(w.take("publish").properties.userProperties, [["z", "1"], ["a", "2"], ["z", "0"], ["", ""]]);
});

row("WL-20", "rejects a Will whose QoS is not supported, and leaves the session alone [MQTT-3.2.2-12]", async (rig) => {
  const first = await rig.connect(lasting(5));
  await first.subscribe("kept", 1);
  await first.drop();
  const before = await rig.stored();
  for (const cleanStart of [false, true]) {
    const refused = await rig.dial(lasting(5, { cleanStart, will: will({ qos: 2 }) }));
    const connack = refused.take("connack");
    equal(connack.reasonCode, 0x9b);
    equal(connack.sessionPresent, false);
    refused.quiet();
    equal(refused.closed, true);
  }
  deepEqual(await rig.stored(), before);
}, { limits: { maximumQoS: 1 } });

row("WL-20", "rejects a retained Will where nothing is retained [MQTT-3.2.2-13]", async (rig) => {
  const refused = await rig.dial(lasting(5, { will: will({ retain: true }) }));
  equal(refused.take("connack").reasonCode, 0x9a);
  equal(refused.closed, true);
  equal(await rig.stored(), undefined);
});
