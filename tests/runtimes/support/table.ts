/**
 * The README's table of runtimes, made of what came out.
 *
 * @module
 */
import { ENTRY_POINTS, RUNTIMES } from "../programs/entry_points.ts";
import type { Results } from "./measure.ts";

const BEGIN = "<!-- runtimes -->";
const END = "<!-- /runtimes -->";

/** A text with the block between its markers made anew. */
export function withRuntimes(text: string, results: Results): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`Cannot write the table of runtimes: found no ${BEGIN} … ${END}`);
  return `${text.slice(0, begin)}${BEGIN}\n\n${tableOf(results)}\n\n${text.slice(end)}`;
}

/** An entry point is used, is there and cannot be used, or fails. */
const CELLS = { used: "yes", imported: "–" } as const;

/** The table as the formatter leaves it. */
function tableOf(results: Results): string {
  const rows = ENTRY_POINTS.map(({ name }) => [
    `\`${name}\``,
    ...RUNTIMES.map((runtime) => {
      const outcome = results[runtime][name];
      return typeof outcome === "string" ? CELLS[outcome] : "**fails**";
    }),
  ]);
  const all = [["entry point", ...RUNTIMES], ...rows];
  const widths = ["", ...RUNTIMES].map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const [head = "", ...lines] = all.map((row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`
  );
  return [head, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...lines].join("\n");
}
