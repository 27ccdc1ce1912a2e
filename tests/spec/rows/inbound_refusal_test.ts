/** A PUBLISH that the server refuses: IB-05, IB-16, IB-19, IB-20. */
import { deepEqual, equal } from "node:assert/strict";
import { online, sent, stepped } from "../../unit/machine/rig.ts";
import { publisher, response, resume, subscriber } from "../support/deliveries.ts";
import { publishPacket, Rig, text } from "../support/rig.ts";
import { row } from "../support/row.ts";
import { closedWith, stillOpen, takeFirst, traces } from "../support/seen.ts";

/** A broker that lets nobody publish to `secret`. */
function strictRig(policy: "acknowledge" | "close" = "acknowledge"): Rig {
  return new Rig({
    authorize: ({ action, topic }) => action === "subscribe" || topic !== "secret",
    policy: { refusedPublishV311: policy },
  });
}

row(
  "IB-05",
  "takes the identifier for a new message after PUBREC 0x97, and judges that afresh [MQTT-4.3.3-9] (5.0)",
  async () => {
    const rig = new Rig({ queue: { maximumMessages: 1, whenFull: "reject" } });
    const a = await subscriber(rig, 5);
    await a.drop();
    const p = await publisher(rig, 5);
    await p.publish("t", { qos: 2, packetId: 1, payload: text("m1") });
    await p.send(response("pubrel", 1));
    await p.publish("t", { qos: 2, packetId: 1, payload: text("m2") });
    deepEqual(traces(p), ["pubrec #1", "pubcomp #1", "pubrec #1 0x97"]);
    deepEqual((await rig.stored("p"))?.inbound, new Set());
    await p.publish("t", { qos: 2, packetId: 1, payload: text("m2"), dup: true });
    deepEqual(traces(p), ["pubrec #1 0x97"]);

    const back = await resume(rig, 5);
    const first = takeFirst(back, "m1", 2);
    await back.send(response("pubrec", first), response("pubcomp", first));
    await p.publish("t", { qos: 2, packetId: 1, payload: text("m3"), dup: true });
    deepEqual(traces(p), ["pubrec #1"]);
    deepEqual(traces(back).at(-1)?.split(" ").slice(0, 2), ["m3", "q2"]);
  },
);

row("IB-16", "refuses before PUBREC and reports it there: PUBREC 0x87, and nothing is delivered (5.0)", async () => {
  const rig = strictRig();
  const a = await rig.connect({ sessionExpiryInterval: 3_600 });
  await a.subscribe("#", 2);
  const p = await publisher(rig, 5);
  await p.publish("secret", { qos: 2, packetId: 1 });
  await p.send(response("pubrel", 1));
  deepEqual(traces(p), ["pubrec #1 0x87", "pubcomp #1 0x92"]);
  stillOpen(p);
  a.quiet();
});

row("IB-16", "refuses nothing at PUBREL: what PUBREC took stays taken though the right is gone (5.0)", async () => {
  let allowed = true;
  const rig = new Rig({ authorize: () => allowed });
  const a = await subscriber(rig, 5);
  const p = await publisher(rig, 5);
  await p.publish("t", { qos: 2, packetId: 1 });
  allowed = false;
  await p.publish("t", { qos: 2, packetId: 1, dup: true });
  await p.send(response("pubrel", 1));
  deepEqual(traces(p), ["pubrec #1", "pubrec #1", "pubcomp #1"]);
  takeFirst(a, "m", 2);
  a.quiet();
});

row("IB-19", "acknowledges a refused PUBLISH as any other, and drops it [MQTT-3.3.5-2] (3.1.1)", async () => {
  const rig = strictRig();
  const a = await rig.connect({ protocolVersion: 4 });
  await a.subscribe("#", 2);
  const p = await publisher(rig, 4);
  await p.publish("secret");
  await p.publish("secret", { qos: 1, packetId: 1 });
  await p.publish("secret", { qos: 2, packetId: 2 });
  await p.publish("secret", { qos: 2, packetId: 2, dup: true });
  await p.send(response("pubrel", 2));
  deepEqual(traces(p), ["puback #1", "pubrec #2", "pubrec #2", "pubcomp #2"]);
  stillOpen(p);
  a.quiet();
});

row(
  "IB-19",
  "holds the identifier of a dropped QoS 2 message as any other: its repeat is not a new one (3.1.1)",
  async () => {
    let allowed = false;
    const rig = new Rig({ authorize: ({ action }) => action === "subscribe" || allowed });
    const a = await subscriber(rig, 4);
    const p = await publisher(rig, 4);
    await p.publish("t", { qos: 2, packetId: 2, payload: text("refused") });
    allowed = true;
    await p.publish("t", { qos: 2, packetId: 2, payload: text("refused"), dup: true });
    await p.send(response("pubrel", 2));
    deepEqual(traces(p), ["pubrec #2", "pubrec #2", "pubcomp #2"]);
    a.quiet();
  },
);

for (const qos of [0, 1, 2] as const) {
  row(
    "IB-19",
    `closes for a refused PUBLISH of QoS ${qos} where the policy says so [MQTT-3.3.5-2] (3.1.1)`,
    async () => {
      const rig = strictRig("close");
      const a = await rig.connect({ protocolVersion: 4 });
      await a.subscribe("#", 2);
      const p = await publisher(rig, 4);
      await p.publish("secret", { qos, ...(qos === 0 ? {} : { packetId: 1 }) });
      closedWith(p, 4, 0x87);
      a.quiet();
      deepEqual((await rig.stored("p"))?.inbound, new Set());
    },
  );
}

for (const reasonCode of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]) {
  const code = `0x${reasonCode.toString(16)}`;
  row("IB-20", `refuses with ${code} in PUBACK and PUBREC, and nothing else happens (5.0)`, () => {
    for (const [qos, answer] of [[1, "puback"], [2, "pubrec"]] as const) {
      const session = online();
      const packet = publishPacket("t", { qos, packetId: 1 });
      // Twice, for a refused identifier is free again.
      for (const ref of [1, 2]) {
        const received = stepped(session, { type: "packetReceived", packet });
        deepEqual(received.requests.map((request) => request.type), ["routePublish"]);
        const asked = received.requests[0];
        if (asked?.type !== "routePublish") throw new Error(`no route was asked for, time ${ref}`);
        const refused = stepped(session, { type: "publishRefused", ref: asked.ref, reasonCode });
        deepEqual(sent(refused), [{ type: answer, packetId: 1, reasonCode }]);
        deepEqual(refused.changes, []);
      }
    }
    return Promise.resolve();
  });
}

row("IB-20", "refuses one PUBLISH and leaves the others and the session alone (5.0)", async () => {
  const rig = strictRig();
  const a = await rig.connect({ sessionExpiryInterval: 3_600 });
  await a.subscribe("#", 2);
  const p = await publisher(rig, 5);
  await p.send(
    publishPacket("t", { qos: 1, packetId: 1, payload: text("m1") }),
    publishPacket("secret", { qos: 1, packetId: 2 }),
    publishPacket("secret", { qos: 2, packetId: 3 }),
    publishPacket("t", { qos: 2, packetId: 4, payload: text("m2") }),
  );
  deepEqual(traces(p), ["puback #1", "puback #2 0x87", "pubrec #3 0x87", "pubrec #4"]);
  takeFirst(a, "m1", 1);
  takeFirst(a, "m2", 2);
  a.quiet();
  stillOpen(p);
});

row("IB-20", "can only drop a refused PUBLISH of QoS 0, or close: it drops (5.0)", async () => {
  const rig = strictRig();
  const a = await rig.connect({ sessionExpiryInterval: 3_600 });
  await a.subscribe("#", 2);
  const p = await publisher(rig, 5);
  await p.publish("secret");
  p.quiet();
  stillOpen(p);
  a.quiet();
  const told = rig.observed.filter((event) => event.type === "diagnosed");
  deepEqual(told, [
    { type: "diagnosed", clientId: "p", diagnosis: "publishRefused", packetId: 0, reasonCode: 0x87 },
  ]);
});

row("IB-20", "refuses what no queue takes with 0x97 in PUBACK (5.0)", async () => {
  const rig = new Rig({ queue: { maximumMessages: 1, whenFull: "reject" } });
  const a = await subscriber(rig, 5);
  await a.drop();
  const p = await publisher(rig, 5);
  await p.publish("t", { qos: 1, packetId: 1 });
  await p.publish("t", { qos: 1, packetId: 1 });
  deepEqual(traces(p), ["puback #1", "puback #1 0x97"]);
  equal(await rig.queued(), 1);
});
