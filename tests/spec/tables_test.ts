/**
 * The outbound and the inbound table, row by row: what they must say stands in `tables/*.json`, written from the MQTT
 * texts. The tables of `src` must say the same, and the machine must do it.
 */
import assert from "node:assert/strict";
import { type Event, INBOUND_TABLE, OUTBOUND_TABLE, type Session, snapshot } from "../../src/machine/mod.ts";
import { stateOf } from "../../src/machine/state/session.ts";
import { acquired, acquiring, type Given, online, stepped } from "../unit/machine/rig.ts";
import inboundJson from "./tables/inbound.json" with { type: "json" };
import outboundJson from "./tables/outbound.json" with { type: "json" };
import { type Case, nameOf, revive, type Table } from "./tables/cases.ts";

type SourceTable = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** A table, and how the state of the entry or identifier that a case is about is seen from outside. */
interface Subject {
  readonly name: string;
  readonly table: Table;
  readonly source: SourceTable;
  stateIn(session: Session, wanted: Case): string;
}

const SUBJECTS: readonly Subject[] = [
  { name: "outbound", table: revive(outboundJson), source: OUTBOUND_TABLE, stateIn: outboundState },
  { name: "inbound", table: revive(inboundJson), source: INBOUND_TABLE, stateIn: inboundState },
];

function outboundState(session: Session, { sequence = 1 }: Case): string {
  const { connection, durable } = stateOf(session);
  if (connection === undefined || durable === undefined) return "done";
  for (const entry of connection.window.entries()) if (entry.sequence === sequence) return entry.state;
  const isWaiting = connection.page.slice(connection.pageStart).some((message) => message.sequence === sequence);
  return isWaiting ? "queued" : "done";
}

function inboundState(session: Session): string {
  return snapshot(session)?.inbound.has(1) ? "unreleased" : "free";
}

/** The outcome of one event in a state, and the session after it. */
function happen(given: Given, when: Event | "resume", at: number) {
  const session = when === "resume" ? acquiring(given) : online(given);
  const result = stepped(session, when === "resume" ? acquired(given) : when, at);
  return { session, result };
}

for (const { name, table, source, stateIn } of SUBJECTS) {
  Deno.test(`the ${name} table of the machine says what the table of the reference says, no more and no less`, () => {
    const expected: Record<string, Record<string, unknown>> = {};
    for (const { state, event, row, does } of table.rows) {
      expected[state] = { ...expected[state], [event]: { row, ...does } };
    }
    assert.deepEqual(source, expected);
  });

  Deno.test(`every pair of the ${name} table has a row, is refused, or cannot arise`, () => {
    const pairs = [
      ...table.rows.map(({ state, event }) => `${state} ${event}`),
      ...table.refused.map(({ state, event }) => `${state} ${event}`),
      ...table.cannotArise.flatMap(({ state, events }) => events.map((event) => `${state} ${event}`)),
    ];
    const events = new Set(pairs.map((pair) => pair.split(" ")[1]));
    const product = Object.keys(table.states).flatMap((state) => [...events].map((event) => `${state} ${event}`));
    assert.deepEqual([...pairs].sort(), product.sort());
  });

  for (const row of table.rows) {
    Deno.test(nameOf(row), async (t) => {
      for (const example of row.cases) {
        await t.step(example.name ?? "as the row says", () => {
          const given = { ...table.states[row.state], ...example.given };
          const { session, result } = happen(given, example.when, example.at ?? 0);
          assert.deepEqual(result.changes, example.changes);
          assert.deepEqual(result.effects, example.effects);
          assert.deepEqual(result.requests, example.requests ?? []);
          assert.equal(stateIn(session, example), example.next === "none" ? "done" : example.next);
        });
      }
    });
  }

  for (const pair of table.refused) {
    for (const version of [5, 4] as const) {
      if (version === 4 && pair.event.endsWith("Failure")) continue;
      const row = pair.row === undefined ? "" : `${pair.row} `;
      const said = `${row}${pair.state}, ${pair.event} has no row: refused, nothing changes (${version})`;
      Deno.test(said, () => {
        const given = { ...table.states[pair.state], version };
        const before = snapshot(online(given));
        const { session, result } = happen(given, pair.when, 0);
        assert.deepEqual(result.effects, [
          ...(version === 5 ? [{ type: "sendPacket", packet: { type: "disconnect", reasonCode: pair.closes } }] : []),
          { type: "closeConnection", reasonCode: pair.closes },
        ]);
        assert.deepEqual(result.changes.map(({ type }) => type), ["putHead"]);
        const after = snapshot(session);
        assert.equal(after?.head.attached, false);
        assert.deepEqual({ ...after, head: undefined }, { ...before, head: undefined });
        const wanted = { when: pair.when, changes: [], effects: [], next: pair.state };
        assert.equal(stateIn(session, wanted), pair.state);
      });
    }
  }
}
