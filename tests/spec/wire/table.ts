/**
 * `deno task conformance --table`: asks this library's broker and its peers, and writes the results beside each other.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROJECT_ROOT, runDeno } from "../../support/deno.ts";
import { startRedis } from "../../support/redis/redis_server.ts";
import { aedes, mosquitto, ourBroker, type PeerBroker } from "./peers.ts";
import { type RowOutcome, rowsOf, THEMES } from "./rows.ts";
import { type Outcome, type Result, run } from "./run.ts";
import { needsStart } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";

/** How it is used. */
export const TABLE_USAGE =
  "deno task conformance --table: asks this library's broker, aedes and Mosquitto, and writes their columns\n" +
  "\n  It needs node, mosquitto and redis-server: apt-get install -y nodejs mosquitto redis-server";

const RESULTS = "tests/spec/wire/results.md";
const README = "README.md";
const MARK = { begin: "<!-- conformance on the wire -->", end: "<!-- /conformance on the wire -->" };

/** What a broker answered. */
interface Column {
  readonly title: string;
  readonly results: readonly Result[];
}

/** Asks all brokers and writes the tables; whether this library's failed no row. Throws a `TypeError` for any argument. */
export async function writeTables(args: readonly string[]): Promise<boolean> {
  if (args.length > 0) throw new TypeError(`Cannot take ${args.join(" ")}`);
  const mosquittoVersion = await versionOf("mosquitto", ["-h"], /version (\S+)/);
  await using redis = await startRedis();
  const aedesVersion = /npm:aedes@(\S+?)"/.exec(await readFile(new URL("deno.json", PROJECT_ROOT), "utf8"))?.[1];
  const columns = [
    await ask("ours, memory", (folder) => ourBroker("memory", folder), ALIVE),
    await ask("ours, Deno KV", (folder) => ourBroker("deno-kv", folder)),
    await ask(`aedes ${aedesVersion}, memory`, (folder) => aedes(folder), ALIVE),
    await ask(`aedes ${aedesVersion}, Redis`, (folder) => aedes(folder, redis.port)),
    await ask(`Mosquitto ${mosquittoVersion}`, mosquitto),
  ];
  await writeFile(new URL(RESULTS, PROJECT_ROOT), resultsPage(columns));
  const readme = await readFile(new URL(README, PROJECT_ROOT), "utf8");
  await writeFile(new URL(README, PROJECT_ROOT), withTable(readme, totals(columns)));
  await runDeno(["fmt", "--quiet", RESULTS, README]);
  return columns.slice(0, 2).every(({ results }) => results.every(({ outcome }) => outcome !== "failed"));
}

async function versionOf(program: string, args: readonly string[], version: RegExp): Promise<string> {
  const output = await new Deno.Command(program, { args: [...args] }).output().catch((cause) => {
    throw new Error(`Cannot run ${program}: apt-get install -y ${program}`, { cause });
  });
  return version.exec(new TextDecoder().decode(output.stdout))?.[1] ?? "of unknown version";
}

/** What is asked of a broker whose sessions are in memory. */
const ALIVE = SCENARIOS.filter((scenario) => !needsStart(scenario));

async function ask(
  title: string,
  broker: (folder: string) => PeerBroker | Promise<PeerBroker>,
  scenarios = SCENARIOS,
): Promise<Column> {
  const folder = await mkdtemp(join(tmpdir(), "wire-"));
  try {
    const results = await run(scenarios, { ...await broker(folder), deadlineMs: 10_000, parallel: 16 });
    console.log(
      `${title}: ${results.filter(({ outcome }) => outcome === "passed").length} of ${results.length} passed`,
    );
    // As they stand in the files, whichever was over first.
    const inOrder = results.toSorted((a, b) => scenarios.indexOf(a.scenario) - scenarios.indexOf(b.scenario));
    return { title, results: inOrder };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const WORDS: readonly (readonly [RowOutcome, string])[] = [
  ["passed", "kept"],
  ["failed", "not kept"],
  ["differs", "otherwise"],
  ["unclear", "unclear"],
  ["unsupported", "not supported"],
];

function count(outcomes: readonly { readonly outcome: RowOutcome }[], wanted: RowOutcome): number {
  return outcomes.filter(({ outcome }) => outcome === wanted).length;
}

/** `25`, or `20, 2 not kept`. */
function cell(outcomes: readonly { readonly outcome: RowOutcome }[]): string {
  const parts = WORDS.map(([outcome, word]) => [count(outcomes, outcome), word] as const);
  const [[kept = 0] = []] = parts;
  return [`${kept}`, ...parts.slice(1).filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`)]
    .join(", ");
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function deathsOf({ results }: Column, when: string): readonly { readonly outcome: Outcome }[] {
  return results.filter(({ scenario }) => needsStart(scenario) && scenario.name.startsWith(when));
}

/** The sums, for the README of the project. */
function totals(columns: readonly Column[]): string {
  const rows = WORDS.map(([outcome, word]) => [
    word,
    ...columns.map(({ results }) => `${count(rowsOf(results), outcome)}`),
  ]);
  const deaths = ["after SIGTERM", "after SIGKILL"].map((when) => [
    `scenarios ${when}`,
    ...columns.map((column) => of(deathsOf(column, when))),
  ]);
  return table(["rows", ...columns.map(({ title }) => title)], [...rows, ...deaths]);
}

function of(deaths: readonly { readonly outcome: Outcome }[]): string {
  const supported = deaths.length - count(deaths, "unsupported");
  return supported === 0 ? "–" : `${count(deaths, "passed")} of ${supported}`;
}

/** All of it: by theme, and row by row where a broker does something else. */
function resultsPage(columns: readonly Column[]): string {
  const byTheme = Object.entries(THEMES).flatMap(([theme, title]) => {
    const cells = columns.map(({ results }) => rowsOf(results).filter(({ row }) => row.startsWith(theme)));
    return cells.every((of) => of.length === 0) ? [] : [[`${theme} ${title}`, ...cells.map(cell)]];
  });
  const deaths = ["after SIGTERM", "after SIGKILL"].map((when) => [
    `scenarios ${when}`,
    ...columns.map((column) => deathsOf(column, when).length === 0 ? "–" : cell(deathsOf(column, when))),
  ]);
  return `# What brokers answer on the wire

Written by \`deno task conformance --table\`. A row is _not kept_ where its text says MUST, _otherwise_ where the texts recommend
or leave open, _unclear_ where all scenarios that show it stopped at another row, and _not supported_ where the broker says
that it has no such thing, or does not speak 5.0. Rows are named as in the reference: see \`rows.json\`.

${table(["theme", ...columns.map(({ title }) => title)], [...byTheme, ...deaths])}

${columns.map(details).join("\n")}`;
}

function details({ title, results }: Column): string {
  const wrong = results.filter(({ outcome }) => outcome === "failed" || outcome === "differs");
  if (wrong.length === 0) return `## ${title}\n\nKeeps every row that it was asked.\n`;
  const order = (result: Result): string => `${+needsStart(result.scenario)}${result.outcome === "failed" ? 0 : 1}`;
  const lines = wrong.toSorted((a, b) => order(a) < order(b) ? -1 : 1).map(({ outcome, scenario, why = "" }) => {
    const [row = ""] = scenario.rows;
    const word = needsStart(scenario) ? "death" : outcome === "failed" ? "not kept" : "otherwise";
    return [row, scenario.version === 5 ? "5.0" : "3.1.1", word, scenario.name, shortened(why)].map(escaped);
  });
  return `## ${title}\n\n${table(["row", "version", "", "what was asked", "what came"], lines)}\n`;
}

/** A line for people: without the packet it was found in, and the step. */
function shortened(why: string): string {
  if (why.startsWith("unexpected: ")) {
    const [, cmd = ""] = /"cmd":"(\w+)"/.exec(why) ?? [];
    const [, payload = ""] = /"payload":("[^"]*")/.exec(why) ?? [];
    return `unexpected ${cmd} ${payload}`.trimEnd();
  }
  return why.replace(/ in \{.*$/s, "").replace(/ \[step .*$/s, "").replace(/(pubrec, )+pubrec/, "PUBRECs");
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("$", "\\$").replaceAll("_", "\\_").replaceAll("#", "\\#");
}

/** The page with another table between its marks. Throws a `RangeError` when there are none. */
function withTable(page: string, text: string): string {
  const [begin, end] = [page.indexOf(MARK.begin), page.indexOf(MARK.end)];
  if (begin < 0 || end < begin) throw new RangeError(`Cannot write the table: ${README} has no place for it`);
  return `${page.slice(0, begin + MARK.begin.length)}\n\n${text}\n\n${page.slice(end)}`;
}
