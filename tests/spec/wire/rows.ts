import reference from "../rows.json" with { type: "json" };
import type { Outcome, Result } from "./run.ts";
import { needsStart } from "./scenario.ts";

/** A row, and how the broker keeps it. */
export interface RowResult {
  readonly row: string;
  readonly outcome: Outcome;
  /** Of scenarios that did not pass: what was wrong or lacking. */
  readonly reasons: readonly string[];
}

/** The first of these that any scenario of a row has is the row's. */
const ORDER: readonly Outcome[] = ["failed", "differs", "passed", "needsStart", "unsupported"];

/** How a broker keeps each row, in the order of the reference. Scenarios of its death are counted apart. */
export function rowsOf(results: readonly Result[]): readonly RowResult[] {
  const alive = results.filter(({ scenario }) => !needsStart(scenario));
  return reference.rows.flatMap(({ row }) => {
    const of = alive.filter(({ scenario }) => scenario.rows.includes(row));
    const outcome = ORDER.find((each) => of.some((result) => result.outcome === each));
    if (outcome === undefined) return [];
    const telling = of.filter((result) => result.outcome === outcome && outcome !== "passed");
    return [{ row, outcome, reasons: telling.map(reasonOf) }];
  });
}

/** What was wrong, and in which version. */
export function reasonOf({ scenario, why }: Result): string {
  const version = scenario.version === 5 ? "5.0" : "3.1.1";
  return `${version}, ${scenario.name}: ${why ?? "needs --start"}`;
}

/** The themes of the reference, with their titles. */
export const THEMES: Readonly<Record<string, string>> = reference.themes;
