/** What becomes of messages when the server has their session no more, and of those that it never was told of. */
import { deepEqual, equal } from "node:assert/strict";
import { answer, ClientRig, type ClientRigOptions, incoming } from "../../spec/support/client_rig.ts";

const PAGE = { pageMessages: 4, sendAhead: 4 };

/** A session with so many messages in flight, and so many that were never sent; then its connection broke. */
function broken(inFlight: number, unsent: number, options: ClientRigOptions = {}): ClientRig {
  const rig = new ClientRig({ ...options, limits: { ...PAGE, ...options.limits } });
  rig.begin();
  for (let n = 1; n <= inFlight; n++) rig.publish(`m${n}`, n % 2 === 0 ? 2 : 1);
  rig.drop();
  for (let n = inFlight + 1; n <= inFlight + unsent; n++) rig.publish(`m${n}`);
  rig.server.takesAll();
  return rig;
}

function lost(rig: ClientRig): readonly number[] {
  return rig.told("messageDropped").filter(({ reason }) => reason === "sessionLost").map(({ sequence }) =>
    sequence ?? 0
  );
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

for (const version of [5, 4] as const) {
  const named = version === 5 ? "5.0" : "3.1.1";

  Deno.test(`all that was started is told as lost, over many pages, and what never was is sent in order (${named})`, () => {
    const rig = broken(18, 5, { version });
    rig.begin();
    deepEqual(lost(rig), range(1, 18));
    deepEqual(rig.server.traces(), ["m19 q1 #20", "m20 q1 #21", "m21 q1 #22", "m22 q1 #23", "m23 q1 #24"]);
    deepEqual(rig.log, ["m19", "m20", "m21", "m22", "m23"]);
  });

  for (const commits of [1, 2, 3, 4, 5, 6]) {
    Deno.test(`a crash ${commits} commits after CONNACK lets nothing be told twice, or sent again (${named})`, () => {
      const rig = broken(14, 3, { version });
      rig.connect();
      rig.hold();
      rig.accept();
      // Each page is asked for once the last one is gone.
      for (let left = commits; left > 0; left--) rig.flush(1);
      rig.crash();
      for (const payload of ["m18", "m19"]) rig.publish(payload);
      rig.connect();
      // Where that connection went on, so does this one.
      const goesOn = rig.stored.head.connectedAt > 0;
      rig.accept({ sessionPresent: goesOn });
      const told = lost(rig);
      deepEqual([...told].sort((a, b) => a - b), [...new Set(told)].sort((a, b) => a - b));
      deepEqual(told.filter((sequence) => sequence <= 14), range(1, 14));
      const sent = rig.server.takesAll().map((packet) => packet.type === "publish" ? packet.packetId ?? 0 : 0);
      deepEqual(sent, [...sent].sort((a, b) => a - b));
      deepEqual(sent.filter((packetId) => packetId <= 15), []);
      // What was published after the crash was sent by nobody.
      deepEqual(sent.slice(-2), [19, 20]);
      equal(told.length + sent.length, 19);
    });
  }

  Deno.test(`by policy, what was never sent is lost with the session too, and nothing of a later one (${named})`, () => {
    const rig = broken(6, 5, { version, policy: { unsentOnSessionLoss: "fail" } });
    rig.begin();
    deepEqual(lost(rig), range(1, 11));
    rig.publish("m12");
    deepEqual([rig.server.traces(), rig.log], [["m12 q1 #13"], ["m12"]]);
  });

  Deno.test(`by policy, what was never sent is lost after a crash too (${named})`, () => {
    const rig = broken(6, 5, { version, policy: { unsentOnSessionLoss: "fail" } });
    rig.connect();
    rig.hold();
    rig.accept();
    rig.flush(2);
    rig.crash();
    rig.publish("m12");
    rig.connect();
    rig.accept({ sessionPresent: version === 4 });
    deepEqual(lost(rig), range(1, 11));
    deepEqual(rig.server.traces(), ["m12 q1 #13"]);
  });

  Deno.test(`what is published before there ever was a connection outlives every crash (${named})`, () => {
    const rig = new ClientRig({ version, limits: PAGE });
    for (let n = 1; n <= 6; n++) {
      rig.publish(`m${n}`);
      rig.crash();
    }
    rig.begin();
    deepEqual(lost(rig), []);
    deepEqual(rig.server.traces(), range(1, 6).map((n) => `m${n} q1 #${n + 1}`));
  });

  Deno.test(`what is published between two connections outlives a crash, though the session is lost (${named})`, () => {
    for (const end of ["drop", "disconnect"] as const) {
      const rig = new ClientRig({ version, limits: PAGE });
      rig.begin();
      rig.publish("m1");
      rig[end]();
      rig.publish("m2");
      rig.crash();
      rig.publish("m3");
      rig.crash();
      rig.begin();
      deepEqual(lost(rig), [1]);
      // It was never sent, so it is no repeat.
      deepEqual(rig.server.traces(), ["m2 q1 #3", "m3 q1 #4"]);
    }
  });

  Deno.test(`what was released is told as lost once, and its PUBREL is not sent (${named})`, () => {
    const rig = broken(2, 0, { version });
    rig.resume();
    rig.server.sends(answer("pubrec", 3));
    rig.crash();
    rig.begin();
    deepEqual([...lost(rig)].sort(), [1, 2]);
    rig.server.quiet();
    equal(rig.stored.outbound.size, 0);
  });
}

Deno.test("what a server sends while an old session is being forgotten is handed over once (3.1.1)", () => {
  const rig = broken(3, 0, { version: 4 });
  rig.connect();
  rig.hold();
  rig.accept();
  rig.server.sends(incoming("i1", 2, { packetId: 7 }));
  // The log was not read when the connection broke.
  rig.drop();
  rig.flush();
  equal(rig.connect().cleanStart, false);
  rig.accept({ sessionPresent: true });
  rig.server.sends(incoming("i1", 2, { packetId: 7, dup: true }), answer("pubrel", 7));
  deepEqual(rig.server.traces(), ["pubrec #7", "pubcomp #7"]);
  deepEqual([rig.inbox, lost(rig)], [["i1"], [1, 2, 3]]);
});

for (const version of [5, 4] as const) {
  Deno.test(`an identifier of a session that was lost while one was being forgotten is a new one (${version})`, () => {
    const rig = broken(3, 0, { version });
    rig.connect();
    rig.hold();
    rig.accept();
    rig.server.sends(incoming("i1", 2, { packetId: 7 }));
    rig.drop();
    rig.flush();
    rig.begin();
    rig.server.sends(incoming("i2", 2, { packetId: 7 }));
    deepEqual(rig.inbox, ["i1", "i2"]);
  });
}

Deno.test("a session with an interval of 0 is lost with its connection: told once, and nothing is sent again", () => {
  const rig = broken(6, 2, { interval: 0 });
  deepEqual(lost(rig), range(1, 6));
  rig.crash();
  rig.begin();
  deepEqual(rig.server.traces(), ["m7 q1 #8", "m8 q1 #9"]);
  deepEqual(lost(rig), []);
});

Deno.test("a session that nobody saw ending is resumed, and then what was sent has DUP 1", () => {
  const rig = new ClientRig({ limits: { ...PAGE, maximumInFlight: 2 } });
  rig.begin();
  for (let n = 1; n <= 4; n++) rig.publish(`m${n}`);
  rig.crash();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q1 #3 dup"]);
  rig.server.sends(answer("puback", 2), answer("puback", 3));
  // How far it had come is known as far as commits went ahead of it.
  deepEqual(rig.server.traces().map((trace) => trace.slice(0, 8)), ["m3 q1 #4", "m4 q1 #5"]);
});

Deno.test("a session that was let go is taken over as it is: what was never sent has DUP 0", () => {
  const rig = broken(3, 2);
  rig.reopen();
  rig.resume();
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup", "m2 q2 #3 dup", "m3 q1 #4 dup", "m4 q1 #5", "m5 q1 #6"]);
});

Deno.test("what waited behind a full window was never sent, and outlives a crash after the connection broke", () => {
  const rig = new ClientRig({ limits: { ...PAGE, maximumInFlight: 1 } });
  rig.begin();
  for (const payload of ["m1", "m2", "m3"]) rig.publish(payload);
  deepEqual(rig.server.traces(), ["m1 q1 #2"]);
  rig.drop();
  rig.crash();
  rig.begin();
  deepEqual(lost(rig), [1]);
  deepEqual(rig.server.traces(), ["m2 q1 #3"]);
});

Deno.test("what waits to be sent again is lost with its session as what is in flight is, at once", () => {
  const rig = broken(3, 1, { interval: 60 });
  // The session goes on, but only until this connection ends.
  rig.resume({ receiveMaximum: 1, sessionExpiryInterval: 0 });
  deepEqual(rig.server.traces(), ["m1 q1 #2 dup"]);
  rig.drop();
  deepEqual([lost(rig), rig.log], [[1, 2, 3], ["m4"]]);
});

Deno.test("a 3.1.1 server that has begun anew unheard is closed on once for an identifier that is held here, and not for ever", () => {
  const rig = new ClientRig({ version: 4 });
  rig.begin();
  rig.server.sends(incoming("m1", 2, { packetId: 3 }));
  rig.drop();
  rig.connect();
  rig.accept({ sessionPresent: true });
  rig.server.takesAll();
  rig.server.sends(incoming("m2", 1, { packetId: 3 }));
  equal(rig.session.online, false);
  rig.connect();
  rig.accept({ sessionPresent: true });
  rig.server.takesAll();
  rig.server.sends(incoming("m2", 1, { packetId: 3, dup: true }));
  equal(rig.session.online, true);
  deepEqual(rig.server.takesAll().map(({ type }) => type), ["puback"]);
});
