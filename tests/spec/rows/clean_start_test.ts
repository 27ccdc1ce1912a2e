import { deepEqual, equal, notEqual } from "node:assert/strict";
import fc from "fast-check";
import { fleeting, lasting, named, type Version, VERSIONS } from "../support/both_versions.ts";
import { type Client, type ConnectOptions, Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { PacketIds, payloads } from "../support/seen.ts";

/** Leaves a session with a subscription, a message in flight, one that waits, and an unreleased inbound id 7. */
async function leave(rig: Rig, options: ConnectOptions): Promise<PacketIds> {
  const ids = new PacketIds();
  const a = await rig.connect(options);
  await a.subscribe("t", 1);
  await publish(rig, "sent");
  deepEqual(ids.traces(a), ["sent q1 #1"]);
  await a.publish("in", { qos: 2, packetId: 7, payload: text("first") });
  equal(a.take("pubrec").packetId, 7);
  await a.drop();
  await publish(rig, "waits");
  return ids;
}

/** Somebody publishes to `t` at QoS 1. */
async function publish(rig: Rig, payload: string): Promise<void> {
  const publisher = await rig.connect({ clientId: "publisher" });
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text(payload) });
  equal(publisher.take("puback").packetId, 1);
  await publisher.drop();
}

/** Nothing of an earlier session turns up on this connection, which has just got its CONNACK. */
async function isNew(rig: Rig, a: Client): Promise<void> {
  const watcher = await rig.connect({ clientId: "watcher" });
  await watcher.subscribe("in", 2);
  const stored = await rig.stored();
  equal(stored?.subscriptions.size, 0);
  equal(stored?.outbound.size, 0);
  equal(stored?.inbound.size, 0);
  equal(await rig.queued(), 0);
  await publish(rig, "new");
  a.quiet();
  // The identifier was never released in the old session; here it stands for a new message.
  await a.publish("in", { qos: 2, packetId: 7, payload: text("second") });
  equal(a.take("pubrec").packetId, 7);
  deepEqual(payloads(watcher), ["second"]);
}

row("LC-03", "Clean Start 1 throws the stored session away, all of it [MQTT-3.1.2-4]", async (rig) => {
  await leave(rig, lasting(5));
  const before = await rig.stored();
  const a = await rig.connect(lasting(5, { cleanStart: true }), false);
  notEqual((await rig.stored())?.incarnation, before?.incarnation);
  deepEqual(rig.observed.filter((event) => event.type === "ended" && event.clientId === "a"), [
    { type: "ended", clientId: "a", reason: "cleanStart" },
  ]);
  await isNew(rig, a);
});

row("LC-04", "Clean Start 0 goes on with the stored session [MQTT-3.1.2-5]", async (rig) => {
  const ids = await leave(rig, lasting(5));
  const watcher = await rig.connect({ clientId: "watcher" });
  await watcher.subscribe("in", 2);
  const a = await rig.dial(lasting(5));
  deepEqual(ids.traces(a), ["connack present", "sent q1 #1 dup", "waits q1 #2"]);
  await publish(rig, "new");
  deepEqual(ids.traces(a), ["new q1 #3"]);
  await a.publish("in", { qos: 2, packetId: 7, dup: true, payload: text("first") });
  equal(a.take("pubrec").packetId, 7);
  watcher.quiet();
});

row("LC-05", "Clean Start 0 without a session makes one [MQTT-3.1.2-6]", async (rig) => {
  const a = await rig.connect(lasting(5), false);
  equal((await rig.stored())?.head.attached, true);
  await isNew(rig, a);
});

row("LC-06", "CleanSession 0 makes a session, and goes on with it after any time away [MQTT-3.1.2-4]", async (rig) => {
  const ids = await leave(rig, lasting(4));
  const stored = await rig.stored();
  equal(stored?.head.attached, false);
  equal(stored?.head.endsAt, undefined);
  await rig.advance(400 * 86_400_000);
  const a = await rig.dial(lasting(4));
  deepEqual(ids.traces(a), ["connack present", "sent q1 #1 dup", "waits q1 #2"]);
  await a.send({ type: "disconnect", reasonCode: 0 });
  equal((await rig.stored())?.subscriptions.size, 1);
});

row("LC-07", "QoS 1 and 2 messages are stored while their receiver is away [MQTT-3.1.2-5]", async (rig) => {
  const a = await rig.connect(lasting(4));
  await a.subscribe("t", 2);
  await a.send({ type: "disconnect", reasonCode: 0 });
  const publisher = await rig.connect({ clientId: "publisher" });
  await publisher.publish("t", { qos: 1, packetId: 1, payload: text("one") });
  equal(await rig.queued(), 1);
  await publisher.publish("t", { qos: 2, packetId: 2, payload: text("two") });
  equal(await rig.queued(), 2);
  await rig.crash();
  const again = await rig.connect(lasting(4), true);
  for (const [qos, payload] of [[1, "one"], [2, "two"]] as const) {
    const packet = again.take("publish");
    equal(packet.qos, qos);
    equal(packet.dup, false);
    deepEqual(packet.payload, text(payload));
  }
});

row("LC-08", "CleanSession 1 lasts as long as its connection, and leaves nothing [MQTT-3.1.2-6]", async (rig) => {
  for (const leaves of ["disconnect", "drop"] as const) {
    const a = await rig.connect(fleeting(4));
    await a.subscribe("t", 1);
    await publish(rig, "sent");
    await a.publish("in", { qos: 2, packetId: 7, payload: text("first") });
    if (leaves === "drop") await a.drop();
    else await a.send({ type: "disconnect", reasonCode: 0 });
    equal(await rig.stored(), undefined);
    await publish(rig, "lost");
    const again = await rig.connect(lasting(4), false);
    await isNew(rig, again);
    // And back: it discards what CleanSession 0 left.
    await again.subscribe("t", 1);
    await again.drop();
    const clean = await rig.connect(fleeting(4), false);
    await isNew(rig, clean);
    await clean.drop();
  }
});

row("LC-09", "an interval above 0 keeps the state after the connection [MQTT-3.1.2-23]", async (rig) => {
  await leave(rig, lasting(5, { sessionExpiryInterval: 60 }));
  const closedAt = rig.now;
  equal((await rig.stored())?.head.endsAt, closedAt + 60_000);
  await rig.advance(59_999);
  const stored = await rig.stored();
  equal(stored?.subscriptions.size, 1);
  deepEqual([...stored?.inbound ?? []], [7]);
  equal(await rig.queued(), 2);
  await rig.advance(1);
  equal(await rig.stored(), undefined);
});

row(
  "LC-30",
  "Clean Start 1 governs the start alone: the next Clean Start 0 goes on [MQTT-3.1.2-4, -23]",
  async (rig) => {
    const ids = await leave(rig, { cleanStart: true, sessionExpiryInterval: 60 });
    const a = await rig.dial(lasting(5));
    deepEqual(ids.traces(a), ["connack present", "sent q1 #1 dup", "waits q1 #2"]);
    await publish(rig, "new");
    deepEqual(ids.traces(a), ["new q1 #3"]);
  },
);

for (const version of VERSIONS) {
  const clean = version === 5 ? "MQTT-3.2.2-2" : "MQTT-3.2.2-1";
  row("LC-10", `a clean connection always hears Session Present 0 in ${named(version)} [${clean}]`, async (rig) => {
    const isZero = async (what: string) => {
      const client = await rig.dial(fleeting(version));
      const connack = client.take("connack");
      deepEqual([connack.sessionPresent, connack.reasonCode], [false, 0], what);
      return client;
    };
    // Absent; attached and to end; attached and kept; detached; past its end; crashed.
    await isZero("absent");
    await isZero("attached");
    await rig.connect(lasting(version), false);
    const over = await isZero("attached and kept");
    await over.drop();
    await leave(rig, lasting(version));
    await (await isZero("detached")).drop();
    await (await rig.connect(lasting(version, { ...(version === 5 && { sessionExpiryInterval: 1 }) }))).drop();
    await rig.time.advance(2_000, () => rig.settle());
    await (await isZero("past its end")).drop();
    await rig.connect(lasting(version));
    await rig.crash();
    await isZero("crashed");
  });
}

/** What a client or its surroundings do in the property below. */
type Move =
  | { readonly do: "connect"; readonly version: Version; readonly cleanStart: boolean; readonly interval: number }
  | { readonly do: "drop" | "disconnect" | "end" | "crash" }
  | { readonly do: "wait"; readonly seconds: number };

/** Short enough that a node's lease never runs out within one history. */
const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("connect" as const),
      version: fc.constantFrom<Version>(4, 5),
      cleanStart: fc.boolean(),
      interval: fc.constantFrom(0, 1, 5, 0xffff_ffff),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("drop" as const, "disconnect" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("end" as const, "crash" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("wait" as const), seconds: fc.constantFrom(0, 1, 4, 5, 6) }),
  },
);

for (const version of VERSIONS) {
  const present = version === 5 ? "MQTT-3.2.2-3" : "MQTT-3.2.2-2, MQTT-3.2.2-3";
  row("LC-11", `Session Present is 1 exactly when state was stored in ${named(version)} [${present}]`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(moves, { maxLength: 14 }), async (history) => {
        const rig = new Rig();
        /** What must be stored: until when in ms, Infinity for good, and whether its client is connected. */
        let session: { until: number; attached: boolean; interval: number } | undefined;
        let client: Client | undefined;
        const connect = async (by: Version, cleanStart: boolean, seconds: number) => {
          const interval = by === 5 ? seconds : cleanStart ? 0 : 0xffff_ffff;
          const exists = session !== undefined &&
            (session.attached ? session.interval > 0 : rig.now < session.until);
          const options = by === 5 ? { sessionExpiryInterval: seconds } : {};
          client = await rig.dial({ protocolVersion: by, cleanStart, ...options });
          const connack = client.take("connack");
          equal(connack.reasonCode, 0);
          equal(connack.sessionPresent, exists && !cleanStart);
          session = { until: Infinity, attached: true, interval };
        };
        const detach = () => {
          if (!session?.attached) return;
          const { interval } = session;
          const until = interval === 0xffff_ffff ? Infinity : rig.now + interval * 1_000;
          session = interval === 0 ? undefined : { until, attached: false, interval };
        };
        for (const move of history) {
          switch (move.do) {
            case "connect":
              await connect(move.version, move.cleanStart, move.interval);
              break;
            case "drop":
              await client?.drop();
              detach();
              break;
            case "disconnect":
              await client?.send({ type: "disconnect", reasonCode: 0 });
              detach();
              break;
            case "end":
              await rig.broker.end("a");
              session = undefined;
              break;
            case "crash":
              await rig.crash();
              client = undefined;
              // Its node still counts as alive: what comes is a takeover.
              await connect(version, false, 5);
              break;
            case "wait":
              // Time alone: no work that is due is done, so a session may be stored past its end.
              await rig.time.advance(move.seconds * 1_000, () => rig.settle());
              break;
          }
        }
        await connect(version, false, 0);
      }),
      { numRuns: 150 },
    );
  });
}
