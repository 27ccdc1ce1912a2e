import { deepEqual, equal, notEqual, ok } from "node:assert/strict";
import { fromMqttPacket, reasonCodeOfParserError } from "@edge-mqtt/session/mqtt-packet";
import fc from "fast-check";
import type { ConnectPacket } from "../../../src/mqtt/packet.ts";
import { parse } from "../../support/mqtt_packet_codec.ts";
import { fleeting, lasting, named, VERSIONS } from "../support/both_versions.ts";
import { Rig } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { payloads, refused } from "../support/seen.ts";
import { willOf } from "../support/wills.ts";

const ALLOWED = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The bytes of a CONNECT with Clean Start whose payload is this. */
function connectBytes(version: 4 | 5, payload: readonly number[]): Uint8Array {
  const properties = version === 5 ? [0] : [];
  const rest = [0, 4, 0x4d, 0x51, 0x54, 0x54, version, 0x02, 0, 0, ...properties, ...payload];
  return new Uint8Array([0x10, rest.length, ...rest]);
}

for (const version of VERSIONS) {
  row(
    "CI-01",
    `a CONNECT without a Client Identifier is malformed, one with an empty one is not in ${
      named(version)
    } [MQTT-3.1.3-3, MQTT-3.1.3-4]`,
    async (rig) => {
      // None; one cut short.
      for (const payload of [[], [0], [0, 2, 0x61]]) {
        const { packets, errors } = parse(connectBytes(version, payload), version);
        const client = rig.open();
        equal(packets.length, 0);
        equal(errors.length, 1);
        const reasonCode = reasonCodeOfParserError(errors[0]);
        equal(reasonCode, 0x81);
        await client.malformed(reasonCode);
        deepEqual(client.timeline, ["close"]);
      }
      for (const [payload, clientId] of [[[0, 0], ""], [[0, 2, 0xc3, 0xa9], "é"]] as const) {
        const { packets } = parse(connectBytes(version, payload), version);
        const taken = fromMqttPacket(packets[0] ?? { cmd: "none" });
        ok(taken.ok && taken.packet.type === "connect");
        equal(taken.packet.clientId, clientId);
        const client = rig.open();
        await client.send(taken.packet);
        equal(client.take("connack").reasonCode, 0);
      }
    },
  );

  row(
    "CI-02",
    `takes every id of 1 to 23 letters and digits, and longer and stranger ones in ${named(version)} [MQTT-3.1.3-5]`,
    async (rig) => {
      const allowed = fc.string({ unit: fc.constantFrom(...ALLOWED), minLength: 1, maxLength: 23 });
      await fc.assert(
        fc.asyncProperty(allowed, async (clientId) => {
          const client = await rig.dial(lasting(version, { clientId, cleanStart: true }));
          equal(client.take("connack").reasonCode, 0);
          equal((await rig.stored(clientId))?.clientId, clientId);
          await client.drop();
        }),
        { numRuns: 200, examples: [["0"], ["Z".repeat(23)], ["constructor"], ["toString"], ["proto"]] },
      );
      for (const clientId of ["x".repeat(65_535), "a/b", "$SYS", "+", "#", "__proto__", "é", "😀", " ", "a b"]) {
        const client = await rig.connect(lasting(version, { clientId }), false);
        await client.drop();
        await (await rig.connect(lasting(version, { clientId }), true)).drop();
      }
    },
    { limits: { maximumClientIdLength: 65_535 } },
  );

  row(
    "CI-03",
    `each client without an id gets one of its own in ${named(version)} [MQTT-3.1.3-6]`,
    async (rig) => {
      const first = await rig.connect(fleeting(version, { clientId: "" }));
      const second = await rig.connect(fleeting(version, { clientId: "" }));
      equal(first.closed, false);
      const { sessions } = await rig.broker.list();
      equal(sessions.length, 2);
      notEqual(sessions[0]?.clientId, sessions[1]?.clientId);
      ok(sessions.every(({ clientId }) => clientId.length > 0));
      await first.subscribe("first", 1);
      await second.subscribe("second", 1);
      await second.publish("first");
      await first.publish("second");
      deepEqual([payloads(first), payloads(second)], [["m"], ["m"]]);
    },
  );

  const rejects = version === 5 ? "MQTT-3.1.3-8" : "MQTT-3.1.3-9";
  row(
    "CI-08",
    `an id that is not wanted is refused by its own code in ${named(version)} [${rejects}]`,
    async (rig) => {
      const client = await rig.dial(lasting(version, { clientId: "unwanted" }));
      refused(client, version === 5 ? 0x85 : 2);
      equal(await rig.stored("unwanted"), undefined);
      equal((await rig.broker.list()).sessions.length, 0);
      await rig.connect(lasting(version, { clientId: "wanted" }), false);
    },
    { authenticate: ({ clientId }) => clientId === "unwanted" ? { ok: false, reasonCode: 0x85 } : { ok: true } },
  );
}

row(
  "CI-04",
  "tells the client the id that it got, and treats it as the client's own [MQTT-3.1.3-7, MQTT-3.2.2-16]",
  async (rig) => {
    const a = await rig.dial(lasting(5, { clientId: "" }));
    const { assignedClientIdentifier = "", sessionPresent } = a.take("connack");
    equal(sessionPresent, false);
    notEqual(assignedClientIdentifier, "");
    await a.subscribe("t", 1);
    await a.drop();
    equal((await rig.stored(assignedClientIdentifier))?.subscriptions.size, 1);
    const again = await rig.dial(lasting(5, { clientId: assignedClientIdentifier }));
    const connack = again.take("connack");
    equal(connack.sessionPresent, true);
    // It was not assigned this time.
    equal(connack.assignedClientIdentifier, undefined);
  },
);

for (const attached of [true, false]) {
  const state = attached ? "connected" : "stored";
  row("CI-04", `an assigned id is never that of a ${state} session [MQTT-3.1.3-7]`, async (rig) => {
    const taken = await rig.connect(lasting(5, { clientId: "taken", username: "somebody" }));
    await taken.subscribe("t", 1);
    if (!attached) await taken.drop();
    const before = await rig.stored("taken");
    for (const username of ["somebody", "somebody else"]) {
      const client = rig.open();
      // The id, what is drawn for the first attempt, and the next id.
      rig.time.nextIds.push("taken", "taken", "taken");
      await client.send(connectPacket({ username }));
      equal(rig.time.nextIds.length, 0);
      const connack = client.take("connack");
      equal(connack.reasonCode, 0);
      const { assignedClientIdentifier = "taken" } = connack;
      notEqual(assignedClientIdentifier, "taken");
      equal((await rig.stored(assignedClientIdentifier))?.head.attached, true);
      deepEqual(await rig.stored("taken"), before);
      equal(taken.closed, !attached);
      await client.publish("t");
    }
    equal(payloads(taken).length, attached ? 2 : 0);
  }, { authenticate: ({ username = "" }) => ({ ok: true, principal: username }) });
}

row("CI-04", "what is done with an assigned id is done as with any other [MQTT-3.1.3-7]", async (rig) => {
  const watcher = await rig.connect({ clientId: "w" });
  await watcher.subscribe("will", 1);
  const client = await rig.dial({ clientId: "", ...willOf("gone") });
  const { assignedClientIdentifier = "" } = client.take("connack");
  const next = await rig.connect({ clientId: assignedClientIdentifier });
  equal(client.take("disconnect").reasonCode, 0x8e);
  await rig.due();
  deepEqual(payloads(watcher), ["gone"]);
  await next.drop();
  equal(await rig.stored(assignedClientIdentifier), undefined);
});

row("CI-06", "an empty id with CleanSession 0 is refused with 2 [MQTT-3.1.3-8]", async (rig) => {
  refused(await rig.dial(lasting(4, { clientId: "" })), 2);
  equal((await rig.broker.list()).sessions.length, 0);
  await rig.connect(fleeting(4, { clientId: "" }), false);
});

row(
  "CI-07",
  "an empty id with Clean Start 0 is legal, and yields a new session [MQTT-3.1.3-6, MQTT-3.1.2-6]",
  async (rig) => {
    const ids = new Set<string | undefined>();
    for (const sessionExpiryInterval of [0, 60, 0xffff_ffff]) {
      const client = await rig.dial(lasting(5, { clientId: "", sessionExpiryInterval }));
      const connack = client.take("connack");
      deepEqual([connack.reasonCode, connack.sessionPresent], [0, false]);
      ok((connack.assignedClientIdentifier ?? "").length > 0);
      ids.add(connack.assignedClientIdentifier);
    }
    equal(ids.size, 3);
  },
);

Deno.test("CI-10 S: who may use an id is decided before its session is looked at [§5.4.2]", async () => {
  const verdicts: ((ok: boolean) => void)[] = [];
  const rig = new Rig({
    authenticate: ({ username }) =>
      username === "slow"
        ? new Promise((resolve) => verdicts.push((ok) => resolve(ok ? { ok } : { ok, reasonCode: 0x87 })))
        : { ok: true },
  });
  const owner = await rig.connect(lasting(5));
  await owner.subscribe("t", 1);
  const before = await rig.stored();
  for (const cleanStart of [true, false]) {
    const other = await rig.dial(lasting(5, { cleanStart, username: "slow" }));
    deepEqual(await rig.stored(), before);
    equal(owner.closed, false);
    verdicts.shift()?.(false);
    await rig.settle();
    refused(other, 0x87);
    deepEqual(await rig.stored(), before);
    equal(owner.closed, false);
  }
  const allowed = await rig.dial(lasting(5, { username: "slow" }));
  deepEqual(await rig.stored(), before);
  verdicts.shift()?.(true);
  await rig.settle();
  equal(allowed.take("connack").sessionPresent, true);
  equal(owner.take("disconnect").reasonCode, 0x8e);
});

row("CI-10", "an id belongs to the principal that made its session, until that ends [§5.4.2]", async (rig) => {
  const mine = lasting(5, { username: "me", sessionExpiryInterval: 60 });
  const theirs = lasting(5, { username: "them", cleanStart: true });
  const client = await rig.connect(mine);
  refused(await rig.dial(theirs), 0x85);
  equal(client.closed, false);
  await client.drop();
  refused(await rig.dial(theirs), 0x85);
  await (await rig.connect(mine, true)).drop();
  await rig.advance(60_000);
  await rig.connect(theirs, false);
}, { authenticate: ({ username = "" }) => ({ ok: true, principal: username }) });

/** A CONNECT without an id, that keeps its session. */
function connectPacket(options: { readonly username: string }): ConnectPacket {
  return {
    type: "connect",
    protocolVersion: 5,
    clientId: "",
    cleanStart: false,
    keepAlive: 0,
    sessionExpiryInterval: 60,
    ...options,
  };
}

row(
  "CI-04",
  "tells an id that the host made for an empty one, too [MQTT-3.2.2-16]",
  async (rig) => {
    const client = await rig.dial({ clientId: "" });
    equal(client.take("connack").assignedClientIdentifier, "tenant/7");
    const own = await rig.dial({ clientId: "own" });
    equal(own.take("connack").assignedClientIdentifier, undefined);
  },
  { authenticate: ({ clientId }) => ({ ok: true, clientId: clientId === "" ? "tenant/7" : clientId }) },
);
