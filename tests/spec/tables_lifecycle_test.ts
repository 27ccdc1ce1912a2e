/**
 * The life of a session, row by row (S1 to S18): what must happen stands in `tables/lifecycle.json`, written from the
 * MQTT texts. The tables of `src` must say the same; `decideAcquire` and the machine must do it.
 */
import assert from "node:assert/strict";
import {
  ACQUIRE_TABLE,
  type AcquireDecision,
  type AcquireTerms,
  decideAcquire,
  ENDING_TABLE,
  type Event,
  openSession,
  type Session,
  snapshot,
  step,
  type StoredForAcquire,
} from "../../src/machine/mod.ts";
import {
  acquired,
  acquiring,
  connect,
  type Given,
  online,
  PLAIN_CONNACK,
  sent,
  stepped,
  stored,
} from "../unit/machine/rig.ts";
import lifecycleJson from "./tables/lifecycle.json" with { type: "json" };
import { type Case, nameOf, revive, type Row } from "./tables/cases.ts";

type Does = Readonly<Record<string, unknown>>;
type Start = "opened" | "authenticating" | "acquiring" | "online" | "stored";

interface AcquireCase {
  readonly name?: string;
  readonly at: number;
  readonly stored?: StoredForAcquire;
  readonly terms?: Partial<AcquireTerms>;
  readonly decision: AcquireDecision;
}

interface EndingCase extends Case {
  readonly start: Start;
  readonly when: Event;
}

interface WithoutRow extends Pick<EndingCase, "start" | "given" | "at" | "when"> {
  readonly state: string;
  readonly event: string;
  readonly outcome: "closes" | "throws" | "nothing";
  readonly closes?: number;
  readonly because: string;
}

interface RowOf<C> extends Omit<Row<Does>, "cases"> {
  readonly cases: readonly C[];
}

interface LifecycleTable {
  readonly acquire: readonly RowOf<AcquireCase>[];
  readonly ending: readonly RowOf<EndingCase>[];
  readonly restored: readonly (RowOf<EndingCase> & { readonly asRows: readonly string[] })[];
  readonly withoutRow: readonly WithoutRow[];
}

const TABLE = revive<LifecycleTable>(lifecycleJson);

/** What a client of version 5.0 asks when it connects at 5000 with an interval of a minute. */
const TERMS: AcquireTerms = {
  clientId: "c",
  mustBeNew: false,
  cleanStart: false,
  head: {
    protocolVersion: 5,
    attached: true,
    connectedAt: 5_000,
    sessionExpiryInterval: 60,
    endsAfterMs: 60_000,
    onTakeover: "discard",
    sentLimit: 0,
  },
  sendAhead: 256,
  releaseWillOnCleanStart: true,
  resumeAcrossVersions: true,
};

function expectedTable(rows: readonly RowOf<unknown>[]): Record<string, Record<string, unknown>> {
  const expected: Record<string, Record<string, unknown>> = {};
  for (const { state, event, row, does } of rows) {
    expected[state] = { ...expected[state], [event]: { row, ...does } };
  }
  return expected;
}

function startOf(start: Start, given: Given): Session {
  switch (start) {
    case "stored":
      return openSession(stored(given), { role: "server" });
    case "online":
      return online(given);
    case "acquiring":
      return acquiring(given);
    case "opened":
    case "authenticating": {
      const session = openSession(undefined, { role: "server" });
      stepped(session, { type: "connectionOpened" });
      if (start === "authenticating") stepped(session, { type: "packetReceived", packet: connect(given) });
      return session;
    }
    default:
      return start satisfies never;
  }
}

function lifeOf(session: Session): string {
  const found = snapshot(session);
  if (found === undefined) return "absent";
  return found.head.attached ? "attached" : "detached";
}

Deno.test("the tables of acquiring and ending say what the table of the reference says, no more and no less", () => {
  assert.deepEqual(ACQUIRE_TABLE, expectedTable(TABLE.acquire));
  assert.deepEqual(ENDING_TABLE, expectedTable(TABLE.ending));
});

Deno.test("all rows from S1 to S18 are there", () => {
  const rows = new Set([...TABLE.acquire, ...TABLE.ending, ...TABLE.restored].map(({ row }) => row));
  assert.deepEqual([...rows].sort(), Array.from({ length: 18 }, (_, index) => `S${index + 1}`).sort());
  for (const row of TABLE.restored.flatMap(({ asRows }) => asRows)) assert.ok(rows.has(row));
});

Deno.test("every pair of what ends a connection and a state has a row or is said to have none", () => {
  const pairs = [...TABLE.ending, ...TABLE.withoutRow].map(({ state, event }) => `${state} ${event}`);
  const events = new Set(pairs.map((pair) => pair.split(" ")[1]));
  const product = ["absent", "attached", "detached"].flatMap((state) =>
    [...events].map((event) => `${state} ${event}`)
  );
  assert.deepEqual([...pairs].sort(), product.sort());
});

for (const row of TABLE.acquire) {
  Deno.test(nameOf(row), async (t) => {
    for (const example of row.cases) {
      await t.step(example.name ?? "as the row says", () => {
        const decision = decideAcquire(example.stored, { ...TERMS, ...example.terms }, example.at);
        assert.deepEqual(decision, example.decision);

        const { resumed, startedThrough, head } = decision;
        const session = acquiring();
        const result = stepped(session, acquired({ resumed, startedThrough, head }), example.at);
        const interval = { sessionExpiryInterval: 60 };
        assert.deepEqual(sent(result), [{ ...PLAIN_CONNACK, sessionPresent: row.does["resumed"], ...interval }]);
        assert.deepEqual(snapshot(session)?.head, example.decision.head);
        if (row.state !== "attached") return;

        const old = stepped(online(), { type: "superseded" }, example.at);
        assert.deepEqual(old.changes, []);
        assert.deepEqual(old.effects, [
          { type: "sendPacket", packet: { type: "disconnect", reasonCode: 0x8e } },
          { type: "closeConnection", reasonCode: 0x8e },
        ]);
      });
    }
  });
}

for (const row of [...TABLE.ending, ...TABLE.restored]) {
  Deno.test(nameOf(row), async (t) => {
    for (const example of row.cases) {
      await t.step(example.name ?? "as the row says", () => {
        const session = startOf(example.start, example.given ?? {});
        const result = stepped(session, example.when, example.at);
        assert.deepEqual(result.changes, example.changes);
        assert.deepEqual(result.effects, example.effects);
        assert.deepEqual(result.requests, []);
        assert.equal(lifeOf(session), example.next);
      });
    }
  });
}

for (const { state, event, start, given = {}, at = 0, when, outcome, closes, because } of TABLE.withoutRow) {
  Deno.test(`${state}, ${event} has no row: ${because}`, () => {
    const session = startOf(start, given);
    const before = snapshot(session);
    if (outcome === "throws") {
      assert.throws(() => step(session, when, at), TypeError);
    } else {
      const result = stepped(session, when, at);
      assert.deepEqual(result.changes, []);
      assert.deepEqual(result.requests, []);
      assert.deepEqual(result.effects, closes === undefined ? [] : [{ type: "closeConnection", reasonCode: closes }]);
    }
    assert.deepEqual(snapshot(session), before);
  });
}
