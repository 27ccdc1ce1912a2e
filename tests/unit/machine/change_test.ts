import assert from "node:assert/strict";
import { applyChanges, type Change, type SessionSnapshot, type Will } from "../../../src/machine/mod.ts";
import { message, stored } from "./rig.ts";

const WILL: Will = {
  topic: "w",
  payload: new Uint8Array(),
  qos: 0,
  retain: false,
  properties: {},
  willDelayInterval: 0,
};
const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
const SENT = { packetId: 9, phase: "sent", pubrecOrder: 0 } as const;
const RELEASED = { packetId: 8, phase: "released", pubrecOrder: 3 } as const;
const BEFORE: SessionSnapshot = stored({
  will: WILL,
  subscriptions: { a: OPTIONS },
  outbound: [[1, SENT], [2, RELEASED]],
  quarantine: [5],
  inbound: [7],
});
const { will: _will, ...WITHOUT_WILL } = BEFORE;
const { head } = BEFORE;
const { sequence: _sequence, subscriptionIdentifiers: _identifiers, ...MESSAGE } = message(1);

const MEANINGS: readonly (readonly [change: Change, after: Partial<SessionSnapshot>])[] = [
  [{ type: "putHead", head: { ...head, attached: false } }, { head: { ...head, attached: false } }],
  [{ type: "putSentLimit", sentLimit: 999 }, { head: { ...head, sentLimit: 999 } }],
  [{ type: "putWill", will: { ...WILL, topic: "other" } }, { will: { ...WILL, topic: "other" } }],
  [{ type: "putSubscription", filter: "a", subscription: { ...OPTIONS, qos: 2 } }, {
    subscriptions: new Map([["a", { ...OPTIONS, qos: 2 }]]),
  }],
  [{ type: "deleteSubscription", filter: "a" }, { subscriptions: new Map() }],
  [{ type: "putOutboundMark", sequence: 3, mark: SENT }, {
    outbound: new Map<number, typeof SENT | typeof RELEASED>([[1, SENT], [2, RELEASED], [3, SENT]]),
  }],
  [{ type: "deleteOutboundMark", sequence: 2 }, { outbound: new Map([[1, SENT]]) }],
  [{ type: "deleteQueued", sequence: 1, bytes: 2 }, { outbound: new Map([[2, RELEASED]]) }],
  [{ type: "deleteQueued", sequence: 2, bytes: 2 }, {}],
  [{ type: "deleteQueued", sequence: 4, bytes: 2, dropped: "expired" }, {}],
  [{ type: "putInboundId", packetId: 1 }, { inbound: new Set([7, 1]) }],
  [{ type: "deleteInboundId", packetId: 7 }, { inbound: new Set() }],
  [{ type: "putQuarantine", packetId: 6 }, { quarantine: new Set([5, 6]) }],
  [{ type: "publishMessage", message: MESSAGE }, {}],
];
for (const [change, after] of MEANINGS) {
  const about = "sequence" in change ? ` of ${change.sequence}` : "";
  Deno.test(`${change.type}${about} means what it says, and leaves the snapshot that was as it was`, () => {
    const before = structuredClone(BEFORE);
    assert.deepEqual(applyChanges(BEFORE, [change]), { ...BEFORE, ...after });
    assert.deepEqual(BEFORE, before);
  });
}

Deno.test("deleteWill leaves none", () => {
  assert.deepEqual(applyChanges(BEFORE, [{ type: "deleteWill" }]), WITHOUT_WILL);
});

Deno.test("endSession ends all of it, whatever comes before and after", () => {
  const put: Change = { type: "putInboundId", packetId: 1 };
  assert.equal(applyChanges(BEFORE, [put, { type: "endSession", reason: "expired" }, put]), undefined);
});

Deno.test("changes mean the same in one go and one after the other", () => {
  const changes = MEANINGS.map(([change]) => change);
  const oneByOne = changes.reduce<SessionSnapshot>((snapshot, change) => {
    const next = applyChanges(snapshot, [change]);
    assert.ok(next !== undefined);
    return next;
  }, BEFORE);
  assert.deepEqual(applyChanges(BEFORE, changes), oneByOne);
});
