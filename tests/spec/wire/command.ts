/**
 * `deno task conformance --url URL`: asks a broker over the wire.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type RowOutcome, rowsOf, THEMES } from "./rows.ts";
import { type Result, run } from "./run.ts";
import { isSlow, needsStart, type Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

/** What the command is asked to do. */
export interface WireOptions {
  readonly url: string;
  readonly start: string | undefined;
  /** Rows, or parts of names: scenarios that have one of them are played. */
  readonly only: readonly string[];
  readonly withoutSlow: boolean;
  readonly trace: boolean;
  readonly deadlineMs: number;
  readonly parallel: number;
}

/** How it is used. */
export const WIRE_USAGE =
  `deno task conformance --url ws://HOST:PORT/mqtt [options]: asks any broker, over ws, wss, mqtt or tcp

  --start COMMAND    starts the broker in a shell; it is killed and started again in rows about that
  --only TEXT …      rows, or parts of the names of scenarios
  --without-slow     leaves out rows that are about time
  --trace            prints what went over the wire where a scenario does not pass
  --deadline-ms N    how long an answer may take (5000)
  --parallel N       how many scenarios run beside each other (16)`;

/** Reads the arguments. Throws a `TypeError` for one that it does not know. */
export function readWireOptions(args: readonly string[]): WireOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      url: { type: "string" },
      start: { type: "string" },
      only: { type: "string", multiple: true },
      "without-slow": { type: "boolean" },
      trace: { type: "boolean" },
      "deadline-ms": { type: "string" },
      parallel: { type: "string" },
    },
  });
  if (values.url === undefined) throw new TypeError("--url is missing");
  return {
    url: values.url,
    start: values.start,
    only: values.only ?? [],
    withoutSlow: values["without-slow"] ?? false,
    trace: values.trace ?? false,
    deadlineMs: numberOf("deadline-ms", values["deadline-ms"] ?? "5000"),
    parallel: numberOf("parallel", values.parallel ?? "16"),
  };
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new TypeError(`--${name} takes a whole number above 0, not ${text}`);
}

/** The scenarios that are asked for. */
export function chosenScenarios({ only, withoutSlow }: Pick<WireOptions, "only" | "withoutSlow">): readonly Scenario[] {
  return SCENARIOS.filter((scenario) =>
    !(withoutSlow && isSlow(scenario)) &&
    (only.length === 0 || only.some((text) => scenario.rows.includes(text) || scenario.name.includes(text)))
  );
}

/** Asks the broker and prints its answers; whether no row failed. */
export async function askBroker(options: WireOptions): Promise<boolean> {
  const { url, start, deadlineMs, parallel } = options;
  const results = await run(chosenScenarios(options), {
    url,
    deadlineMs,
    parallel,
    ...(start === undefined ? {} : { start }),
    heard: (result) => tell(result, options.trace),
  });
  for (const line of reportOf(results)) console.log(line);
  return results.length > 0 && results.every(({ outcome }) => outcome !== "failed");
}

function tell({ outcome, scenario, trace, why }: Result, withTrace: boolean): void {
  if (outcome !== "failed" && outcome !== "differs") return;
  console.log(`${outcome}: ${scenario.rows.join(" ")} (${scenario.version === 5 ? "5.0" : "3.1.1"}) ${scenario.name}`);
  console.log(`  ${why}`);
  if (withTrace) { for (const line of trace) console.log(`    ${line}`); }
}

const COLUMNS: readonly (readonly [RowOutcome, string])[] = [
  ["passed", "passed"],
  ["failed", "failed"],
  ["differs", "differs"],
  ["unclear", "unclear"],
  ["unsupported", "not supported"],
];

/** The rows by theme, and what a death of the broker leaves. */
export function reportOf(results: readonly Result[]): readonly string[] {
  const rows = rowsOf(results);
  const lines = [`theme  rows  ${COLUMNS.map(([, title]) => title).join("  ")}`];
  const count = (outcomes: readonly { readonly outcome: RowOutcome }[], wanted: RowOutcome): number =>
    outcomes.filter(({ outcome }) => outcome === wanted).length;
  const numbers = (outcomes: readonly { readonly outcome: RowOutcome }[]): string =>
    COLUMNS.map(([outcome, title]) => `${count(outcomes, outcome)}`.padEnd(title.length)).join("  ");
  for (const [theme, title] of Object.entries(THEMES)) {
    const of = rows.filter(({ row }) => row.startsWith(theme));
    if (of.length > 0) lines.push(`${theme.padEnd(7)}${`${of.length}`.padEnd(6)}${numbers(of)}  ${title}`);
  }
  const deaths = results.filter(({ scenario }) => needsStart(scenario));
  for (const when of ["after SIGKILL", "after SIGTERM"]) {
    const of = deaths.filter(({ scenario }) => scenario.name.startsWith(when));
    if (of.length === 0) continue;
    const asked = of.some(({ outcome }) => outcome === "needsStart") ? "needs --start" : numbers(of);
    lines.push(`${"".padEnd(7)}${`${of.length}`.padEnd(6)}${asked}  scenarios ${when}`);
  }
  const total = COLUMNS.map(([outcome, title]) => `${count(rows, outcome)} ${title}`).join(", ");
  lines.push(`wire: ${total} of ${rows.length} rows, in ${results.length} scenarios`);
  return lines;
}
