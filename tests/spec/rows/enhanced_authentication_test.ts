/** Enhanced authentication, as far as a server goes that offers no method: AU-04, AU-05. */
import { deepEqual, equal } from "node:assert/strict";
import type { AuthPacket } from "../../../src/mqtt/packet.ts";
import { lasting } from "../support/both_versions.ts";
import { resume, route, subscriber } from "../support/deliveries.ts";
import { Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, refused, stillOpen, traces } from "../support/seen.ts";
import { published, watcher, will } from "../support/wills.ts";

/** Every AUTH that a client could try. */
const AUTHS: Readonly<Record<string, AuthPacket>> = {
  "AUTH 0x00": { type: "auth", reasonCode: 0x00 },
  "AUTH 0x18": { type: "auth", reasonCode: 0x18 },
  "AUTH 0x19": { type: "auth", reasonCode: 0x19 },
  "AUTH 0x18 with a method": {
    type: "auth",
    reasonCode: 0x18,
    authenticationMethod: "GS2-KRB5",
    authenticationData: text("token"),
  },
  "AUTH 0x19 with a method": { type: "auth", reasonCode: 0x19, authenticationMethod: "GS2-KRB5" },
};

for (const [what, auth] of Object.entries(AUTHS)) {
  row("AU-04", `closes with 0x82 on ${what} when CONNECT named no method [MQTT-4.12.0-6]`, async (rig) => {
    const w = await watcher(rig);
    const a = await subscriber(rig, 5, { will: will() });
    await route(rig, 1, "m1");
    deepEqual(traces(a), ["m1 q1 #2"]);
    await a.send(auth);
    closedWith(a, 5, 0x82);
    // It is an error like any other: the Will goes out, and the session stays.
    deepEqual(await published(rig, w), ["gone"]);
    deepEqual(traces(await resume(rig, 5)), ["m1 q1 #2 dup"]);
  });
}

row("AU-04", "sends neither AUTH nor a method when CONNECT named none [MQTT-4.12.0-7]", async (rig) => {
  for (const cleanStart of [true, false]) {
    const a = await rig.dial(lasting(5, { cleanStart, username: "u", password: text("p") }));
    const connack = a.take("connack");
    equal(connack.reasonCode, 0);
    equal(Object.hasOwn(connack, "authenticationMethod"), false);
    equal(Object.hasOwn(connack, "authenticationData"), false);
    await a.send({ type: "pingreq" });
    deepEqual(traces(a), ["pingresp"]);
  }
});

row("AU-04", "does not take AUTH before the CONNACK for a step of the CONNECT [MQTT-4.12.0-6]", async (rig) => {
  const hasty = rig.open();
  await hasty.send(
    { type: "connect", protocolVersion: 5, clientId: "a", cleanStart: true, keepAlive: 0 },
    { type: "auth", reasonCode: 0x18 },
  );
  equal(hasty.take("connack").reasonCode, 0);
  closedWith(hasty, 5, 0x82);
  const first = rig.open();
  await first.send({ type: "auth", reasonCode: 0x18 });
  deepEqual(first.timeline, ["close"]);
});

for (const cleanStart of [true, false]) {
  row(
    "AU-05",
    `refuses a method with 0x8C and leaves session and connection of the id alone, Clean Start ${
      Number(cleanStart)
    } [MQTT-4.12.0-1]`,
    async () => {
      const asked: string[] = [];
      const rig = new Rig({
        authenticate: ({ authenticationMethod = "none" }) => {
          asked.push(authenticationMethod);
          return { ok: true };
        },
      });
      const w = await watcher(rig);
      const a = await subscriber(rig, 5, { will: will() });
      await route(rig, 1, "m1");
      const before = await rig.stored();
      for (const authenticationMethod of ["SCRAM-SHA-1", "GS2-KRB5", ""]) {
        const options = { cleanStart, authenticationMethod, authenticationData: text("client-first") };
        const connack = refused(await rig.dial(lasting(5, options)), 0x8c);
        equal(Object.hasOwn(connack, "authenticationMethod"), false);
      }
      deepEqual(asked, ["none", "none"]);
      deepEqual(await rig.stored(), before);
      deepEqual(await published(rig, w), []);
      stillOpen(a);
      await route(rig, 1, "m2");
      deepEqual(traces(a), ["m1 q1 #2", "m2 q1 #3"]);
    },
  );
}

row("AU-05", "keeps no trace of a client that it refuses for its method [MQTT-4.12.0-4]", async (rig) => {
  const options = { authenticationMethod: "SCRAM-SHA-1", will: will(), clientId: "new" };
  const w = await watcher(rig);
  refused(await rig.dial(lasting(5, options)), 0x8c);
  equal(await rig.stored("new"), undefined);
  await rig.advance(4_000_000);
  deepEqual(await published(rig, w), []);
  await rig.connect(lasting(5, { clientId: "new" }), false);
});

row("AU-05", "refuses Authentication Data without a method with 0x82 [MQTT-4.12.0-4]", async (rig) => {
  const a = await subscriber(rig, 5);
  refused(await rig.dial(lasting(5, { cleanStart: true, authenticationData: text("token") })), 0x82);
  stillOpen(a);
  await route(rig, 1, "m1");
  deepEqual(traces(a), ["m1 q1 #2"]);
});
