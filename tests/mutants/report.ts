/**
 * How verdicts are told: a line each while they come, a table at the end.
 *
 * @module
 */
import type { Verdict } from "./judge.ts";
import { changedLines } from "./mutant.ts";

/** A verdict as a line; of a mutant that survived, the change too. */
export function lineOf({ mutant, caughtBy, sign, durationMs }: Verdict, source: string): string {
  const seconds = `${(durationMs / 1_000).toFixed(1)} s`;
  if (caughtBy !== undefined) return `caught    ${mutant.name}: ${caughtBy.name} (${seconds}): ${sign}`;
  const changes = changedLines(source, mutant)
    .map(({ number, before, after }) => `\n          ${number} - ${before}\n          ${number} + ${after}`);
  return `SURVIVED  ${mutant.name} (${seconds})\n          ${mutant.file}${changes.join("")}`;
}

/** All verdicts as a table of Markdown, those of chosen faults first. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const inOrder = ["chosen", "drawn"].flatMap((origin) =>
    verdicts.filter(({ mutant }) => mutant.origin === origin)
      .toSorted((a, b) => a.mutant.name < b.mutant.name ? -1 : 1)
  );
  const rows = inOrder.map(({ mutant, caughtBy, sign }) =>
    [mutant.name, mutant.breaks ?? "", caughtBy?.name ?? "**survived**", sign ?? ""].map(cell)
  );
  const head = ["| mutant | breaks | caught by | first sign |", "| --- | --- | --- | --- |"];
  return [...head, ...rows.map((row) => `| ${row.join(" | ")} |`), ""].join("\n");
}

/** Code and what could be taken for Markdown stands between backticks. */
function cell(text: string): string {
  const line = text.replaceAll("|", "\\|").replaceAll("\n", " ");
  return /[<>&*_`\[\]{}()]/.test(line) && !line.startsWith("**") ? `\`\` ${line} \`\`` : line;
}
