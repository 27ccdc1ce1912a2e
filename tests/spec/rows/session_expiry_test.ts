import { deepEqual, equal, notEqual } from "node:assert/strict";
import { lasting } from "../support/both_versions.ts";
import type { Client, Rig } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, payloads } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

const NEVER = 0xffff_ffff;

/** A client that sees every Will. */
async function watching(rig: Rig): Promise<Client> {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  return watcher;
}

/** The session ends at this moment, no earlier and no later. */
async function endsAfter(rig: Rig, seconds: number): Promise<void> {
  equal((await rig.stored())?.head.endsAt, rig.now + seconds * 1_000);
  await rig.advance(seconds * 1_000 - 1);
  notEqual(await rig.stored(), undefined);
  await rig.advance(1);
  equal(await rig.stored(), undefined);
}

for (const [what, options] of [["no interval", {}], ["an interval of 0", { sessionExpiryInterval: 0 }]] as const) {
  row("SE-01", `with ${what} the session ends with its connection [§3.1.2.11.2]`, async (rig) => {
    for (const leave of ["drop", "disconnect"] as const) {
      const a = await rig.connect({ cleanStart: false, ...options });
      await a.subscribe("t", 1);
      rig.observed.length = 0;
      if (leave === "drop") await a.drop();
      else await a.send({ type: "disconnect", reasonCode: 0 });
      // At once: no time has passed, and nobody asked what is due.
      equal(await rig.stored(), undefined);
      deepEqual(rig.observed.filter(({ type }) => type === "ended"), [
        { type: "ended", clientId: "a", reason: "disconnected" },
      ]);
      await rig.connect({ cleanStart: false, ...options }, false);
      equal((await rig.stored())?.subscriptions.size, 0);
      await rig.broker.end("a");
    }
  });

  row("SE-01", `with ${what} a crash does not make the session a lasting one [§3.1.2.11.2]`, async (rig) => {
    await (await rig.connect({ cleanStart: false, ...options })).subscribe("t", 1);
    await rig.crash();
    await rig.connect(lasting(5), false);
    await rig.crash();
    await (await rig.connect({ clientId: "b", ...options })).subscribe("t", 1);
    await rig.crash();
    // Its node is taken for lost when its lease has run out, and some grace.
    await rig.advance(151_000);
    equal(await rig.stored("b"), undefined);
  });
}

row("SE-02", "0xFFFFFFFF never ends [§3.1.2.11.2]", async (rig) => {
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: NEVER }));
  await a.subscribe("t", 1);
  await a.drop();
  const stored = await rig.stored();
  equal(stored?.head.sessionExpiryInterval, NEVER);
  equal(stored?.head.endsAt, undefined);
  // Later than the interval would be over if it were a number of seconds.
  await rig.advance(2 * NEVER * 1_000);
  await rig.connect(lasting(5), true);
  equal((await rig.stored())?.subscriptions.size, 1);
});

row("SE-02", "the longest interval that ends does not end early [§3.1.2.11.2]", async (rig) => {
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: NEVER - 1 }));
  await a.drop();
  await endsAfter(rig, NEVER - 1);
});

row("SE-03", "the interval runs from the close of the latest connection [MQTT-4.1.0-2]", async (rig) => {
  const first = await rig.connect(lasting(5, { sessionExpiryInterval: 10 }));
  await rig.advance(20_000);
  await first.drop();
  await rig.advance(9_000);
  const second = await rig.connect(lasting(5, { sessionExpiryInterval: 10 }), true);
  equal((await rig.stored())?.head.endsAt, undefined);
  // The end of the first detachment comes and goes.
  await rig.advance(50_000);
  equal(second.closed, false);
  equal((await rig.stored())?.head.attached, true);
  await second.drop();
  await endsAfter(rig, 10);
});

row("SE-04", "the interval of the latest CONNECT counts, not that of the first [§3.1.2.11.2, §4.1]", async (rig) => {
  await (await rig.connect(lasting(5, { sessionExpiryInterval: 3_600 }))).drop();
  await (await rig.connect(lasting(5, { sessionExpiryInterval: 20 }), true)).drop();
  equal((await rig.stored())?.head.endsAt, rig.now + 20_000);
  // Absent is 0, not unchanged.
  await (await rig.connect({ cleanStart: false }, true)).drop();
  equal(await rig.stored(), undefined);
  await rig.connect(lasting(5), false);
});

row("SE-04", "a takeover puts the new interval in force too [§3.1.2.11.2, §4.1]", async (rig) => {
  await rig.connect(lasting(5, { sessionExpiryInterval: 3_600 }));
  const next = await rig.connect(lasting(5, { sessionExpiryInterval: 5 }), true);
  await next.drop();
  await endsAfter(rig, 5);
});

row("SE-05", "the clock decides at CONNECT, whether anybody has swept or not [MQTT-4.1.0-2]", async (rig) => {
  const watcher = await watching(rig);
  const will = willOf("late", { willDelayInterval: 3_600 });
  for (const [waited, sessionPresent] of [[9_999, true], [10_000, false], [3_600_000, false]] as const) {
    await rig.broker.end("a");
    await rig.due();
    watcher.takeAll();
    const a = await rig.connect(lasting(5, { sessionExpiryInterval: 10, ...will }));
    await a.subscribe("t", 1);
    await a.drop();
    await watcher.publish("t", { qos: 1, packetId: 1 });
    watcher.take("puback");
    // Not by rig.advance: no work that is due is done.
    await rig.time.advance(waited, () => rig.settle());
    notEqual(await rig.stored(), undefined);
    rig.observed.length = 0;
    const again = await rig.connect(lasting(5), sessionPresent);
    equal((await rig.stored())?.subscriptions.size, sessionPresent ? 1 : 0);
    deepEqual(payloads(again), sessionPresent ? ["m"] : []);
    await rig.due();
    deepEqual(payloads(watcher), sessionPresent ? [] : ["late"]);
    deepEqual(rig.observed.filter(({ type }) => type === "ended"), [
      ...sessionPresent ? [] : [{ type: "ended", clientId: "a", reason: "expired" }],
    ]);
  }
}, { lease: { durationMs: 8_000_000, closeAfterMs: 7_000_000, renewEveryMs: 6_000_000 } });

row("SE-06", "an interval that is cut is told in CONNACK, and holds [§3.2.2.3.2]", async (rig) => {
  for (const sessionExpiryInterval of [NEVER, 301]) {
    const a = await rig.dial(lasting(5, { cleanStart: true, sessionExpiryInterval }));
    equal(a.take("connack").sessionExpiryInterval, 300);
    await a.drop();
    await endsAfter(rig, 300);
  }
  const asked = await rig.dial(lasting(5, { sessionExpiryInterval: 300 }));
  equal(asked.take("connack").sessionExpiryInterval, undefined);
  await asked.drop();
  await endsAfter(rig, 300);
}, { limits: { maximumSessionExpiryInterval: 300 } });

row("SE-06", "an interval that the host imposes is told in CONNACK, and holds [§3.2.2.3.2]", async (rig) => {
  for (const options of [{}, { sessionExpiryInterval: 0 }, { sessionExpiryInterval: NEVER }]) {
    const a = await rig.dial({ cleanStart: false, ...options });
    equal(a.take("connack").sessionExpiryInterval, 7);
    await a.drop();
    await endsAfter(rig, 7);
  }
}, { authenticate: () => ({ ok: true, sessionExpiryInterval: 7 }) });

row("SE-08", "DISCONNECT may replace the interval; absent leaves it, 0 ends the session [§3.14.2.2.2]", async (rig) => {
  const left = async (disconnect: { readonly sessionExpiryInterval?: number; readonly reasonCode?: number }) => {
    const a = await rig.connect(lasting(5, { cleanStart: true, sessionExpiryInterval: 60 }));
    await a.send({ type: "disconnect", reasonCode: 0, ...disconnect });
    a.quiet();
    equal(a.closed, true);
  };
  await left({});
  await endsAfter(rig, 60);
  await left({ sessionExpiryInterval: 0 });
  equal(await rig.stored(), undefined);
  await rig.connect(lasting(5), false);
  await left({ sessionExpiryInterval: 5 });
  await endsAfter(rig, 5);
  await left({ sessionExpiryInterval: 120, reasonCode: 0x04 });
  await endsAfter(rig, 120);
  await left({ sessionExpiryInterval: NEVER });
  equal((await rig.stored())?.head.endsAt, undefined);
});

row("SE-08", "the interval of a DISCONNECT is cut as that of a CONNECT is [§3.14.2.2.2, §3.2.2.3.2]", async (rig) => {
  const a = await rig.connect(lasting(5, { sessionExpiryInterval: 60 }));
  await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: NEVER });
  await endsAfter(rig, 300);
}, { limits: { maximumSessionExpiryInterval: 300 } });

for (const policy of ["inForce", "connect"] as const) {
  row(
    "SE-08",
    `without an interval DISCONNECT leaves the one that policy P1 ${policy} names [§3.14.2.2.2]`,
    async (rig) => {
      const a = await rig.dial(lasting(5, { sessionExpiryInterval: 60 }));
      equal(a.take("connack").sessionExpiryInterval, 7);
      await a.send({ type: "disconnect", reasonCode: 0 });
      await endsAfter(rig, policy === "inForce" ? 7 : 60);
    },
    { policy: { disconnectWithoutInterval: policy }, authenticate: () => ({ ok: true, sessionExpiryInterval: 7 }) },
  );
}

for (const [what, options] of [["absent", {}], ["0", { sessionExpiryInterval: 0 }]] as const) {
  row(
    "SE-09",
    `from ${what} to more than 0 is a protocol error, and no DISCONNECT at all [§3.14.2.2.2]`,
    async (rig) => {
      const watcher = await watching(rig);
      for (const sessionExpiryInterval of [1, 10, NEVER]) {
        const a = await rig.connect({ ...willOf("will"), ...options });
        await a.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval });
        closedWith(a, 5, 0x82);
        deepEqual(payloads(watcher), ["will"]);
        equal(await rig.stored(), undefined);
      }
      const fine = await rig.connect({ ...willOf("will"), ...options });
      await fine.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 0 });
      fine.quiet();
      watcher.quiet();
    },
  );
}

row("SE-11", "that rule looks at the CONNECT packet, not at the interval in force [§3.14.2.2.2]", async (rig) => {
  const absent = await rig.dial({ cleanStart: false, ...willOf("will") });
  equal(absent.take("connack").sessionExpiryInterval, 300);
  await absent.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 10 });
  closedWith(absent, 5, 0x82);
  // The DISCONNECT did not count, so the interval in force stays.
  await endsAfter(rig, 300);
}, { authenticate: () => ({ ok: true, sessionExpiryInterval: 300 }) });

row("SE-11", "nor does an interval that was forced to 0 make the client's own an error [§3.14.2.2.2]", async (rig) => {
  const asked = await rig.dial(lasting(5, { sessionExpiryInterval: 60 }));
  equal(asked.take("connack").sessionExpiryInterval, 0);
  await asked.send({ type: "disconnect", reasonCode: 0, sessionExpiryInterval: 10 });
  asked.quiet();
  equal(asked.closed, true);
}, { authenticate: () => ({ ok: true, sessionExpiryInterval: 0 }) });
