/**
 * The table of costs of the docs, made of the numbers that the tests check; run by itself it writes the table anew.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import { PROJECT_ROOT } from "../support/deno.ts";
import { REDIS_COSTS, type RedisStep, STEP_NAMES } from "../support/redis/costs.ts";
import { costOf } from "./cost_model.ts";

/** The file that holds the table. */
export const COST_TABLE_FILE = "README.md";

const BEGIN = "<!-- costs -->";
const END = "<!-- /costs -->";

/** The steps that stand in the table. */
const SHOWN: readonly RedisStep[] = [
  "connectNew",
  "connectResume",
  "takeoverElsewhere",
  "connectCleanStart",
  "subscribe",
  "publish",
  "publishElsewhere",
  "publishToHundred",
  "publishHundred",
  "publishQos2",
  "release",
  "acknowledgeHundred",
  "receivedHundred",
  "completedHundred",
  "disconnect",
  "ping",
];

/** The block, with its markers. */
export function costBlock(): string {
  const steps = SHOWN.map((step) => {
    const { requests, commands } = REDIS_COSTS[step];
    return [STEP_NAMES[step], `${requests}`, `${commands}`];
  });
  const million = { messages: 1_000_000, sessions: 0 };
  const month = { messages: 0, sessions: 10_000, connects: 0, idleDays: 30 };
  const bills = ([
    ["1 000 000 messages QoS 1 to one connected subscriber, each on its own", million],
    ["the same, 100 to a commit", { ...million, together: 100 }],
    ["10 000 idle connected sessions on one node, 30 days", month],
    ["the same with `doorbellPollMs: 30_000`", { ...month, pollMs: 30_000 }],
    ["the same with `doorbellPollMs: 0`, for a node that is alone", { ...month, pollMs: 0 }],
  ] as const).map(([what, load]) => {
    const { commands, usd = 0 } = costOf("upstash", load);
    return [what, commands.toLocaleString("en"), `${usd.toFixed(2)} USD`];
  });
  return [
    BEGIN,
    "",
    table([["step, with Upstash Redis", "requests", "commands billed"], ...steps]),
    "",
    table([["bill, at 0.20 USD for 100 000 commands", "commands", "price"], ...bills]),
    "",
    END,
  ].join("\n");
}

/** A table as the formatter leaves it. The first row is its head. */
function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const text = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [text(head), text(widths.map((width) => "-".repeat(width))), ...rows.map(text)].join("\n");
}

/**
 * A text with the block between its markers made anew.
 *
 * @throws {Error} If the markers are not there.
 */
export function withCosts(text: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`Cannot write the costs: found no ${BEGIN} … ${END}`);
  return text.slice(0, begin) + costBlock() + text.slice(end + END.length);
}

if (import.meta.main) {
  const file = new URL(COST_TABLE_FILE, PROJECT_ROOT);
  await writeFile(file, withCosts(await readFile(file, "utf8")));
}
