/** When a Will Message is published, and when it no longer is: WL-10 to WL-14, WL-21, WL-22. */
import { deepEqual, equal } from "node:assert/strict";
import { lasting, rowInBoth } from "../support/both_versions.ts";
import { row } from "../support/row.ts";
import { published, watcher, will } from "../support/wills.ts";

const NEVER = 0xffff_ffff;

row("WL-10", "takes an absent Will Delay Interval as 0 and publishes at once [§3.1.3.2.2]", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(5, { will: will() }))).drop();
  deepEqual(await published(rig, w), ["gone"]);
});

for (const [delay, interval, due] of [[60, 10, 10], [10, 60, 10], [60, 0, 0], [10, 10, 10]] as const) {
  row(
    "WL-11",
    `is due ${due} s after the close with delay ${delay} and interval ${interval} [§3.1.3.2.2]`,
    async (rig) => {
      const w = await watcher(rig);
      const closedAt = rig.now;
      await (await rig.connect({ sessionExpiryInterval: interval, will: will({ willDelayInterval: delay }) })).drop();
      if (due > 0) {
        equal((await rig.stored())?.head.willDueAt, closedAt + due * 1_000);
        await rig.advance(due * 1_000 - 1);
        deepEqual(await published(rig, w), []);
        await rig.advance(1);
      }
      deepEqual(await published(rig, w), ["gone"]);
    },
  );
}

row("WL-12", "suppresses the Will for good when a connection comes before it is due [MQTT-3.1.3-9]", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(5, { will: will({ willDelayInterval: 10 }) }))).drop();
  await rig.advance(5_000);
  const back = await rig.connect(lasting(5), true);
  await rig.advance(5_000);
  deepEqual(await published(rig, w), []);
  // The deadline of the old detachment must not fire for the next one of the same session.
  await back.drop();
  await rig.advance(60_000);
  deepEqual(await published(rig, w), []);
});

row(
  "WL-12",
  "publishes a Will that fell due before the connection came, though nobody looked [MQTT-3.1.3-9]",
  async (rig) => {
    const w = await watcher(rig);
    await (await rig.connect(lasting(5, { will: will({ willDelayInterval: 10 }) }))).drop();
    rig.time.now += 10_000;
    await rig.connect(lasting(5), true);
    deepEqual(await published(rig, w), ["gone"]);
  },
);

for (const cleanStart of [false, true]) {
  for (const delay of [0, 30]) {
    for (const interval of [0, 60]) {
      const suppressed = !cleanStart && delay > 0 && interval > 0;
      row(
        "WL-13",
        `at takeover ${suppressed ? "suppresses" : "publishes"} the old Will with Clean Start ${
          Number(cleanStart)
        }, delay ${delay}, interval ${interval} [§3.1.3.2.2]`,
        async (rig) => {
          const w = await watcher(rig);
          const old = await rig.connect({ sessionExpiryInterval: interval, will: will({ willDelayInterval: delay }) });
          await rig.connect({ cleanStart, sessionExpiryInterval: 60 }, !cleanStart && interval > 0);
          equal(old.take("disconnect").reasonCode, 0x8e);
          equal(old.closed, true);
          const expected = suppressed ? [] : ["gone"];
          deepEqual(await published(rig, w), expected);
          await rig.advance(1_000_000);
          deepEqual(await published(rig, w), []);
        },
      );
    }
  }
}

row("WL-14", "publishes a pending Will when Clean Start ends its session [MQTT-3.1.2-8]", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(5, { will: will({ willDelayInterval: 30 }) }))).drop();
  await rig.connect({ cleanStart: true });
  deepEqual(await published(rig, w), ["gone"]);
});

row("WL-14", "suppresses it instead where policy P2 says so [MQTT-3.1.2-8]", async (rig) => {
  const w = await watcher(rig);
  await (await rig.connect(lasting(5, { will: will({ willDelayInterval: 30 }) }))).drop();
  await rig.connect({ cleanStart: true });
  await rig.advance(100_000);
  deepEqual(await published(rig, w), []);
}, { policy: { pendingWillOnCleanStart: "suppress" } });

rowInBoth("WL-21", "publishes after a restart what fell due while no broker ran", "§3.1.2.5", async (rig, version) => {
  const w = await rig.connect(lasting(5, { clientId: "w" }));
  await w.subscribe("will", 1);
  await w.drop();
  await rig.connect(lasting(version, { will: will({ willDelayInterval: version === 5 ? 30 : 0 }) }));
  await rig.crash();
  // The lease of the dead node runs out, then the delay.
  await rig.advance(300_000);
  const back = await rig.connect(lasting(5, { clientId: "w" }), true);
  deepEqual(await published(rig, back), ["gone"]);
  await rig.advance(300_000);
  deepEqual(await published(rig, back), []);
});

row("WL-22", "serves as a notice of the session's end: a delay beyond it, DISCONNECT 0x04 [§3.1.2.5]", async (rig) => {
  const w = await watcher(rig);
  const client = await rig.connect({ sessionExpiryInterval: 10, will: will({ willDelayInterval: NEVER }) });
  await client.send({ type: "disconnect", reasonCode: 0x04 });
  await rig.advance(9_999);
  deepEqual(await published(rig, w), []);
  equal((await rig.stored()) === undefined, false);
  await rig.advance(1);
  deepEqual(await published(rig, w), ["gone"]);
  equal(await rig.stored(), undefined);
});
