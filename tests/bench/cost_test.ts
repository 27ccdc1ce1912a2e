import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { PROJECT_ROOT } from "../support/deno.ts";
import { DENO_KV_TRIPS } from "../support/redis/costs.ts";
import { type BudgetRow, measureBudgets } from "./budgets.ts";
import { answerOf, readQuestion } from "./cost.ts";
import { costOf } from "./cost_model.ts";
import { COST_TABLE_FILE, costBlock } from "./cost_table.ts";

/** The steps of the budgets that the calculator knows. */
const BUDGET_OF: Readonly<Record<keyof typeof DENO_KV_TRIPS, string>> = {
  connectNew: "CONNECT, new session",
  connectResume: "CONNECT, resume with 100 queued",
  subscribe: "SUBSCRIBE, 1 filter of a known shape",
  disconnect: "DISCONNECT",
  publish: "PUBLISH QoS 1, one stored receiver",
  publishQos2: "PUBLISH QoS 2, one stored receiver",
  release: "PUBREL of it",
  acknowledgeHundred: "outbound: 100 PUBACK or PUBREC in one piece",
  completed: "outbound: PUBCOMP",
  nodeMinute: "idle minute of a node with attached sessions: two calls of runDue",
};

Deno.test("the calculator's round trips to Deno KV are those that are counted", async () => {
  const rows = await measureBudgets();
  const tripsOf = ({ rounds: { reads, commits } }: BudgetRow) => reads + commits;
  const counted = Object.entries(BUDGET_OF).map(([name, step]) => {
    const row = rows.find((each) => each.step === step);
    return [name, row && tripsOf(row)];
  });
  assert.deepEqual(Object.fromEntries(counted), DENO_KV_TRIPS);
});

Deno.test("the calculator: a million messages one by one, and in pieces of a hundred", () => {
  const load = { messages: 1_000_000, sessions: 0 };
  // PUBLISH 6 commands and 2 requests, PUBACK 4 and 1.
  const one = costOf("upstash", load);
  assert.deepEqual([one.trips, one.commands, one.usd], [3_000_000, 10_000_000, 20]);
  const together = costOf("upstash", { ...load, together: 100 });
  assert.deepEqual([together.trips, together.commands, together.usd], [30_000, 100_000, 0.2]);
});

Deno.test("the calculator: nodes are billed for each minute, idle sessions are not", () => {
  const few = costOf("upstash", { messages: 0, sessions: 0, idleDays: 30 });
  const many = costOf("upstash", { messages: 0, sessions: 10_000, idleDays: 30, connects: 0 });
  assert.deepEqual(few, many);
  // 2 renewals of 2, 1 look of 7 and 60 looks of 1, a minute.
  assert.equal(few.commands, 43_200 * (4 + 7 + 60));
  const silent = costOf("upstash", { messages: 0, sessions: 0, idleDays: 30, pollMs: 0 });
  assert.equal(silent.commands, 43_200 * (4 + 7));
});

Deno.test("the calculator: QoS 2, further receivers, other nodes and resumed sessions add their own", () => {
  const load = { messages: 10, sessions: 0 };
  const commands = (more: Parameters<typeof costOf>[1]) => costOf("upstash", more).commands;
  assert.equal(commands({ ...load, qos: 2 }), 10 * (7 + 4 + 4 + 4));
  assert.equal(commands({ ...load, receivers: 3 }), 10 * (6 + 2 * 2 + 3 * 4));
  assert.equal(commands({ ...load, nodes: 2 }), 10 * (6 + 4) + 5 * (9 + 1));
  assert.equal(commands({ messages: 0, sessions: 2, connects: 3 }), 2 * (5 + 6) + 4 * 10 + 6 * 7);
});

Deno.test("the calculator: Deno KV has trips and no price", () => {
  const { trips, usd } = costOf("deno-kv", { messages: 10, sessions: 1 });
  assert.deepEqual([trips, usd], [10 * (3 + 1) + 2 + 1 + 1, undefined]);
});

Deno.test("the calculator's command line is read, and answered with trips and price", () => {
  const question = readQuestion(["--messages", "1000000", "--sessions", "0", "--store", "upstash", "--idle-days", "0"]);
  assert.deepEqual(question, { store: "upstash", load: { messages: 1_000_000, sessions: 0, idleDays: 0 } });
  assert.match(answerOf(question), /^all +3,000,000 +10,000,000$/m);
  assert.match(answerOf(question), /^price +20\.00 USD$/m);
  assert.match(answerOf(readQuestion(["--messages", "1", "--store", "deno-kv"])), /^no price by the command$/m);
});

const REFUSED: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [["--store", "redis"], /--store is redis, expected upstash or deno-kv/],
  [["--messages"], /--messages has no value/],
  [["--messages", "many"], /--messages is many, expected a number of 0 or more/],
  [["--messages", ""], /--messages is , expected/],
  [["--receivers", "0"], /--receivers is 0, expected a number of 1 or more/],
  [["--qos", "3"], /--qos is 3, expected 1 or 2/],
  [["--topics", "3"], /there is no --topics/],
];
for (const [args, says] of REFUSED) {
  Deno.test(`the calculator refuses ${args.join(" ")}`, () => {
    assert.throws(() => readQuestion(args), (error) => error instanceof RangeError && says.test(error.message));
  });
}

Deno.test("the table of costs in the docs is that of the numbers that are checked", async () => {
  const text = await readFile(new URL(COST_TABLE_FILE, PROJECT_ROOT), "utf8");
  assert.ok(text.includes(costBlock()), "stale: run `deno run -A tests/bench/cost_table.ts`");
});
