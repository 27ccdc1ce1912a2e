/** Rows that are told from what can be seen of a step. */
import assert from "node:assert/strict";
import { clientRow, serverRow } from "../../../../src/runtime/flight_recorder/row.ts";
import type { Standing } from "../../../../src/runtime/flight_recorder/standing.ts";
import { tellReplayed } from "../../../../src/runtime/flight_recorder/telling.ts";

const PLAIN = { window: [], waiting: 0, cursor: 0, tail: 0, unreleased: [] };

function standing(state: Standing["state"], more: Partial<Standing> = {}): Standing {
  return { state, ...PLAIN, ...more };
}

Deno.test("the end of a server's session is told by its row", () => {
  const ends = (event: Parameters<typeof serverRow>[0]["event"], more: Partial<Parameters<typeof serverRow>[0]> = {}) =>
    serverRow(
      { before: standing("attached"), after: standing("absent"), changes: [], effects: [], event, ...more },
      undefined,
    );
  assert.equal(ends({ type: "superseded" }), "S16");
  assert.equal(ends({ type: "endRequested" }), "S15");
  assert.equal(ends({ type: "ownerLost", at: 1 }), "S17");
  assert.equal(ends({ type: "connectionClosed" }), "S12");
  const disconnect = { type: "packetReceived", packet: { type: "disconnect", reasonCode: 0x04 } } as const;
  assert.equal(ends(disconnect), "S10");
  const toldOff = { type: "sendPacket", packet: { type: "disconnect", reasonCode: 0x82 } } as const;
  assert.equal(ends(disconnect, { effects: [toldOff] }), "S11");
  assert.equal(ends({ type: "timePassed" }, { after: standing("attached") }), undefined);
  const detached = { before: standing("detached") };
  assert.equal(ends({ type: "endRequested" }, detached), "S15");
  assert.equal(ends({ type: "timePassed" }, detached), undefined);
  const [expires, willDue] = [[{ type: "endSession", reason: "expired" }], [{ type: "deleteWill" }]] as const;
  assert.equal(ends({ type: "timePassed" }, { ...detached, changes: expires }), "S14");
  assert.equal(ends({ type: "timePassed" }, { ...detached, changes: willDue }), "S13");
  const refused = { before: standing("absent", { connection: "opened" as never }) };
  assert.equal(
    ends({ type: "connectionClosed" }, { ...refused, after: standing("absent", { connection: "closed" }) }),
    "S1",
  );
  assert.equal(ends({ type: "timePassed" }, refused), undefined);
});

Deno.test("an acquire is told by its row, where the store said what it did", () => {
  const acquired = (note: { resumed: boolean; superseded: boolean; ended?: "expired" | "cleanStart" | "takenOver" }) =>
    serverRow(
      {
        before: standing("absent"),
        after: standing("attached"),
        changes: [],
        effects: [],
        event: { type: "sessionAcquired" } as never,
      },
      { type: "acquired", ...note },
    );
  assert.equal(acquired({ resumed: false, superseded: false }), "S2");
  assert.equal(acquired({ resumed: true, superseded: false }), "S3");
  assert.equal(acquired({ resumed: false, superseded: false, ended: "expired" }), "S4");
  assert.equal(acquired({ resumed: false, superseded: false, ended: "cleanStart" }), "S5");
  assert.equal(acquired({ resumed: true, superseded: true }), "S6");
  assert.equal(acquired({ resumed: false, superseded: true, ended: "takenOver" }), "S7");
  assert.equal(acquired({ resumed: false, superseded: true, ended: "cleanStart" }), "S8");
});

Deno.test("what touches no row of a client is told by none", () => {
  const seen = { before: standing("online"), after: standing("online"), changes: [], effects: [] };
  assert.equal(clientRow({ ...seen, event: { type: "timePassed" } }, true), undefined);
  assert.equal(clientRow({ ...seen, before: standing("idle"), event: { type: "timePassed" } }, true), undefined);
  const connecting = { ...seen, before: standing("connecting"), after: standing("connecting") };
  assert.equal(clientRow({ ...connecting, event: { type: "timePassed" } }, true), undefined);
  const closes = { type: "sendPacket", packet: { type: "disconnect", reasonCode: 0x82 } } as const;
  const fault = { ...seen, after: standing("idle"), effects: [closes] };
  assert.notEqual(clientRow({ ...fault, event: { type: "timePassed" } }, true), undefined);
});

Deno.test("a long window, what waits, what was repeated and what was thrown are told", () => {
  const window = Array.from({ length: 8 }, (_, index) => ({
    sequence: index + 1,
    packetId: index + 2,
    qos: 1 as const,
    state: "awaitPuback" as const,
  }));
  const after = standing("attached", { connection: "online" as never, window, waiting: 3, cursor: 9, tail: 12 });
  const step = {
    type: "stepped",
    line: 1,
    flight: "f",
    role: "server",
    n: 1,
    now: 5,
    event: { type: "timePassed" },
    before: after,
    after,
    threw: "RangeError: no",
    differences: [{ where: "changes" }],
  } as const;
  const told = tellReplayed(step as never);
  for (const part of ["2 more", "3 waiting", "log read to 9 of 12", "throws: RangeError: no", "recorded nothing"]) {
    assert.ok(told.includes(part), `${part} is not in ${told}`);
  }
  const note = { type: "commit", outcome: "committed", changes: 1, deliveries: 0, repeated: true } as const;
  assert.match(tellReplayed({ type: "noted", line: 2, flight: "f", note }), /asked again$/);
});
