/** What of a claimed message goes back to its group when its member leaves. */
import assert from "node:assert/strict";
import { goesBack, type MemberLeft } from "../../../../src/machine/rules/claiming.ts";

const STARTED_THROUGH = 5;

/** Whether an entry of this level, published at that of `claimedQos`, goes back. */
function back(
  entry: { readonly started: boolean; readonly qos: 1 | 2; readonly claimedQos?: 1 | 2 },
  left: Pick<MemberLeft, "hasEnded" | "sharedNeverStarted">,
): boolean {
  const { started, qos, claimedQos = qos } = entry;
  const claimed = { clientId: "g", incarnation: "g-1", qos: claimedQos, retain: false };
  return goesBack({ sequence: started ? STARTED_THROUGH : STARTED_THROUGH + 1, qos, claimed }, {
    startedThrough: STARTED_THROUGH,
    ...left,
  });
}

for (const qos of [1, 2] as const) {
  Deno.test(`what was never started at QoS ${qos} goes back when its member detaches, whatever happens at its end [SH-14]`, () => {
    for (const sharedNeverStarted of ["redispatch", "redispatchQoS1", "drop"] as const) {
      assert.ok(back({ started: false, qos }, { hasEnded: false, sharedNeverStarted }), sharedNeverStarted);
    }
  });

  Deno.test(`what was started at QoS ${qos} stays as long as the session does; at its end ${qos === 1 ? "it goes to another" : "it is nobody's [MQTT-4.8.2-5]"}`, () => {
    for (const sharedNeverStarted of ["redispatch", "redispatchQoS1", "drop"] as const) {
      assert.ok(!back({ started: true, qos }, { hasEnded: false, sharedNeverStarted }));
      assert.equal(back({ started: true, qos }, { hasEnded: true, sharedNeverStarted }), qos === 1);
    }
  });
}

Deno.test("what was never started goes back from an ended session by policy, at the level it was published with [P12]", () => {
  const goes = (sharedNeverStarted: MemberLeft["sharedNeverStarted"]) =>
    ([[1, 1], [2, 2], [1, 2]] as const).map(([qos, claimedQos]) =>
      back({ started: false, qos, claimedQos }, { hasEnded: true, sharedNeverStarted })
    );
  assert.deepEqual(goes("redispatch"), [true, true, true]);
  assert.deepEqual(goes("redispatchQoS1"), [true, false, false]);
  assert.deepEqual(goes("drop"), [false, false, false]);
});

Deno.test("what came by a subscription of its own never goes to a group", () => {
  const entry = { sequence: 9, qos: 1 } as const;
  assert.ok(!goesBack(entry, { startedThrough: 5, hasEnded: true, sharedNeverStarted: "redispatch" }));
});
