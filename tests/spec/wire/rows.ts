import reference from "../rows.json" with { type: "json" };
import type { Outcome, Result } from "./run.ts";
import { needsStart } from "./scenario.ts";

/** How a broker keeps a row. `unclear` is a row that only scenarios show which fail for the sake of another row. */
export type RowOutcome = Outcome | "unclear";

/** A row, and how the broker keeps it. */
export interface RowResult {
  readonly row: string;
  readonly outcome: RowOutcome;
  /** What was wrong or lacking, by scenario. */
  readonly reasons: readonly string[];
}

/** The first of these that any scenario of a row has is the row's. */
const ORDER: readonly RowOutcome[] = ["failed", "differs", "passed", "unclear", "needsStart", "unsupported"];

/** How a broker keeps each row, in the order of the reference. Scenarios of its death are counted apart. */
export function rowsOf(results: readonly Result[]): readonly RowResult[] {
  const alive = results.filter(({ scenario }) => !needsStart(scenario));
  return reference.rows.flatMap(({ row }) => {
    const of = alive.filter(({ scenario }) => scenario.rows.includes(row));
    const outcome = ORDER.find((each) => of.some((result) => outcomeFor(row, result) === each));
    if (outcome === undefined) return [];
    const telling = of.filter((result) => outcomeFor(row, result) === outcome && outcome !== "passed");
    return [{ row, outcome, reasons: telling.map(reasonOf) }];
  });
}

/** A scenario that does not go well speaks of its first row: of the others it has shown nothing. */
function outcomeFor(row: string, { outcome, scenario }: Result): RowOutcome {
  const isWrong = outcome === "failed" || outcome === "differs";
  return isWrong && scenario.rows[0] !== row ? "unclear" : outcome;
}

/** What was wrong, and in which version. */
export function reasonOf({ scenario, why }: Result): string {
  const version = scenario.version === 5 ? "5.0" : "3.1.1";
  return `${version}, ${scenario.name}: ${why ?? "needs --start"}`;
}

/** The themes of the reference, with their titles. */
export const THEMES: Readonly<Record<string, string>> = reference.themes;
