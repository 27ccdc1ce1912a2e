import { deepEqual, equal, throws } from "node:assert/strict";
import { CLIENT_TABLE } from "../../../src/machine/mod.ts";
import { answer, ClientRig, type ClientRigOptions, incoming } from "../../spec/support/client_rig.ts";

/** The rows of the reference, written down from its text. */
Deno.test("the table of a client has the rows C1 to C14 of the reference", () => {
  deepEqual(CLIENT_TABLE, {
    idle: {
      connectClean: { row: "C1", next: "connecting", sendsCleanStart: true, forgets: "always" },
      connect: { row: "C2", next: "connecting", sendsCleanStart: false },
      connectExpired: { row: "C2", next: "connecting", sendsCleanStart: true, forgets: "always" },
      connectCleanPending: { row: "C3", next: "connecting", sendsCleanStart: true },
      requested: { row: "C10", next: "idle" },
    },
    connecting: {
      acceptedWithoutState: { row: "C4", next: "online" },
      acceptedNew: { row: "C5", next: "online", forgets: "always" },
      acceptedPresent: { row: "C6", next: "online", resends: true },
      acceptedUnexpectedly: { row: "C7", next: "idle", closes: 0x82 },
      refused: { row: "C8", next: "idle" },
      connectionClosed: { row: "C9", next: "idle" },
      requested: { row: "C10", next: "connecting" },
    },
    online: {
      disconnected: { row: "C11", next: "idle", forgets: "intervalZero" },
      disconnectInvalid: { row: "C12", next: "online" },
      connectionClosed: { row: "C13", next: "idle", forgets: "intervalZero" },
      protocolError: { row: "C14", next: "idle", forgets: "intervalZero", closes: 0x82 },
    },
  });
});

/** A session with one message in each set, whose connection has ended. */
function kept(options: ClientRigOptions = {}): ClientRig {
  const rig = new ClientRig(options);
  rig.begin();
  rig.publish("m1");
  rig.publish("m2", 2);
  rig.server.sends(answer("pubrec", 3), incoming("i1", 2, { packetId: 7 }));
  rig.drop();
  rig.server.takesAll();
  return rig;
}

function sets(rig: ClientRig): readonly unknown[] {
  return [rig.log, [...rig.stored.outbound.keys()], [...rig.stored.inbound]];
}

const KEPT = [["m1"], [2], [7]];

for (const version of [5, 4] as const) {
  const named = version === 5 ? "5.0" : "3.1.1";

  Deno.test(`C1 clears both sets before a clean CONNECT leaves (${named})`, () => {
    const rig = kept({ version });
    rig.hold();
    rig.dial({ cleanStart: true });
    rig.server.quiet();
    rig.flush(1);
    deepEqual(rig.server.traces(), ["connect clean"]);
    // What stands in the log is lost once it is read.
    deepEqual(sets(rig), [["m1"], [], []]);
    equal(rig.stored.head.connectedAt, 0);
  });

  Deno.test(`C1 clears both sets with CONNACK, by policy, and there is no way back all the same (${named})`, () => {
    const rig = kept({ version, policy: { discardOnCleanStart: "atConnack" } });
    rig.dial({ cleanStart: true });
    deepEqual([rig.server.traces(), ...sets(rig)], [["connect clean"], ...KEPT]);
    rig.crash();
    equal(rig.connect().cleanStart, true);
    deepEqual(sets(rig), KEPT);
    rig.accept();
    deepEqual(sets(rig), [[], [], []]);
    deepEqual(rig.told("messageDropped").map(({ sequence }) => sequence).sort(), [1, 2]);
  });

  Deno.test(`C2 leaves both sets as they are (${named})`, () => {
    const rig = kept({ version });
    equal(rig.connect().cleanStart, false);
    deepEqual(sets(rig), KEPT);
  });

  Deno.test(`C3 stays clean over crashes between CONNECT and CONNACK, until one succeeds (${named})`, () => {
    const rig = kept({ version });
    rig.connect({ cleanStart: true });
    for (const end of ["crash", "drop", "crash", "crash"] as const) {
      rig[end]();
      equal(rig.connect().cleanStart, true);
    }
    rig.hold();
    rig.accept();
    // CONNACK came, and nobody will know.
    rig.crash();
    equal(rig.connect().cleanStart, true);
    rig.accept();
    rig.crash();
    equal(rig.connect().cleanStart, false);
  });

  Deno.test(`C3 changes nothing, but has a commit, which nobody can make who has lost the session (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.connect({ cleanStart: true });
    rig.drop();
    const { head } = rig.stored;
    const keepAlive = 60;
    const connect = version === 4
      ? { protocolVersion: 4, cleanStart: false, keepAlive } as const
      : { protocolVersion: 5, cleanStart: false, keepAlive, sessionExpiryInterval: 600 } as const;
    const { changes } = rig.step({ type: "connectRequested", connect });
    deepEqual(changes, [{ type: "putHead", head }]);
  });

  Deno.test(`C4 begins a session, and sends what waited (${named})`, () => {
    const rig = new ClientRig({ version });
    rig.publish("m1");
    const ref = rig.subscribe("t");
    rig.begin();
    deepEqual(rig.server.traces(), ["subscribe #65535", "m1 q1 #2"]);
    deepEqual(rig.told("messageDropped"), []);
    rig.server.sends({ type: "suback", packetId: 65_535, reasonCodes: [1] });
    deepEqual(rig.told("requestAnswered"), [{ type: "requestAnswered", ref, reasonCodes: [1] }]);
  });

  Deno.test(`C5 clears both sets, tells what is lost, and goes on as a new session (${named})`, () => {
    const rig = kept({ version });
    rig.publish("m3");
    rig.begin();
    deepEqual([rig.server.traces(), ...sets(rig)], [["m3 q1 #4"], ["m3"], [], []]);
    deepEqual(rig.told("messageDropped").map(({ sequence, reason }) => `${reason} ${sequence}`).sort(), [
      "sessionLost 1",
      "sessionLost 2",
    ]);
  });

  Deno.test(`C6 resends, then sends what waited (${named})`, () => {
    const rig = kept({ version });
    rig.publish("m3");
    rig.resume();
    deepEqual(rig.server.traces(), ["pubrel #3", "m1 q1 #2 dup", "m3 q1 #4"]);
  });

  Deno.test(`C8 leaves the session as it is when it is refused (${named})`, () => {
    const rig = kept({ version });
    const before = rig.stored;
    rig.connect();
    rig.accept({ reasonCode: version === 5 ? 0x87 : 5 });
    deepEqual([rig.open, rig.stored, ...sets(rig)], [false, before, ...KEPT]);
    rig.resume();
  });

  Deno.test(`C9 leaves the session as it is when the connection closes before CONNACK (${named})`, () => {
    const rig = kept({ version });
    const before = rig.stored;
    rig.connect();
    rig.drop();
    deepEqual([rig.stored, ...sets(rig)], [before, ...KEPT]);
    rig.resume();
  });

  Deno.test(`C10 lets requests wait while connecting, and QoS 0 by policy (${named})`, () => {
    for (const qos0WhileOffline of ["reject", "queue"] as const) {
      const rig = new ClientRig({ version, policy: { qos0WhileOffline } });
      rig.connect();
      const ref = rig.publish("m0", 0);
      rig.publish("m1");
      rig.subscribe("t");
      rig.server.quiet();
      const rejected = [{ type: "publishRejected", ref, reasonCode: 0x80 }];
      deepEqual(rig.told("publishRejected"), qos0WhileOffline === "reject" ? rejected : []);
      rig.accept();
      const sent = qos0WhileOffline === "reject" ? ["m1 q1 #2"] : ["m0 q0", "m1 q1 #3"];
      deepEqual(rig.server.traces(), ["subscribe #65535", ...sent]);
    }
  });

  Deno.test(`C11 says good-bye and keeps both sets (${named})`, () => {
    const rig = kept({ version });
    rig.resume();
    rig.server.takesAll();
    rig.disconnect();
    deepEqual([rig.server.traces(), rig.open, rig.closedWith, ...sets(rig)], [["disconnect"], false, 0, ...KEPT]);
  });

  Deno.test(`C13 fails open requests, and drops QoS 0 that was held (${named})`, () => {
    const rig = new ClientRig({ version, policy: { qos0WhileOffline: "queue" }, limits: { maximumInFlight: 1 } });
    rig.begin();
    rig.publish("m1");
    rig.publish("m2");
    rig.drop();
    rig.publish("m0", 0);
    rig.resume();
    // It waits behind one that was queued before it.
    rig.publish("n0", 0);
    const ref = rig.subscribe("t");
    rig.drop();
    deepEqual(rig.told("requestFailed"), [{ type: "requestFailed", ref, reasonCode: 0x80 }]);
    deepEqual(rig.told("messageDropped"), [{ type: "messageDropped", reason: "atMostOnce", topic: "t" }]);
    deepEqual(rig.log, ["m1", "m2", "m0"]);
  });

  Deno.test(`C14 closes at what no server may send, and keeps both sets (${named})`, () => {
    const rig = kept({ version });
    rig.resume();
    rig.server.takesAll();
    rig.accept();
    deepEqual([rig.server.traces(), rig.open], [version === 5 ? ["disconnect 0x82"] : [], false]);
    deepEqual(sets(rig), KEPT);
  });

  Deno.test(`C15 takes nothing of a connection that is over (${named})`, () => {
    const rig = kept({ version });
    const before = rig.stored;
    for (
      const packet of [
        { type: "connack", sessionPresent: true, reasonCode: 0 },
        answer("puback", 2),
        answer("pubcomp", 3),
        answer("pubrel", 7),
        incoming("i2", 1, { packetId: 9 }),
      ] as const
    ) {
      const { changes, effects } = rig.step({ type: "packetReceived", packet });
      deepEqual([changes, effects], [[], []]);
    }
    rig.step({ type: "timePassed" });
    rig.step({ type: "queueLoaded", messages: [], through: 0 });
    deepEqual([rig.stored, ...sets(rig), rig.inbox], [before, ...KEPT, ["i1"]]);
  });
}

Deno.test("C7 closes when the server has a session that the client has not (5.0)", () => {
  const rig = kept();
  const before = rig.stored;
  rig.connect({ cleanStart: true });
  rig.accept({ sessionPresent: true });
  deepEqual([rig.server.traces(), rig.open, rig.session.online], [["disconnect 0x82"], false, false]);
  // It stays clean until one succeeds.
  equal(rig.connect().cleanStart, true);
  equal(before.head.connectedAt > 0 && rig.stored.head.connectedAt === 0, true);
});

Deno.test("C12 refuses to raise an interval of 0, and stays", () => {
  const rig = new ClientRig({ interval: 0 });
  rig.begin();
  rig.publish("m1");
  throws(() => rig.disconnect({ sessionExpiryInterval: 1 }), RangeError);
  deepEqual([rig.open, rig.session.online], [true, true]);
  rig.publish("m2");
  deepEqual(rig.server.traces(), ["m1 q1 #2", "m2 q1 #3"]);
});

for (const how of ["drop", "disconnect", "protocol error"] as const) {
  Deno.test(`C11 to C14 clear both sets where the interval in force is 0: ${how}`, () => {
    const rig = new ClientRig({ interval: 0 });
    rig.begin();
    rig.publish("m1");
    rig.publish("m2", 2);
    rig.server.sends(answer("pubrec", 3), incoming("i1", 2, { packetId: 7 }));
    if (how === "drop") rig.drop();
    else if (how === "disconnect") rig.disconnect();
    else rig.accept();
    // What was in flight is told at once.
    deepEqual(sets(rig), [[], [], []]);
    deepEqual(rig.told("messageDropped").map(({ sequence }) => sequence).sort(), [1, 2]);
    equal(rig.stored.head.connectedAt, 0);
    rig.begin();
    rig.publish("m3");
    deepEqual(rig.server.traces(), ["m3 q1 #4"]);
  });
}
