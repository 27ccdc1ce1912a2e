/**
 * `deno task replay FILE`: plays a flight recording again, and prints each step with the state of the diagram. Ends with
 * 1 where a step differs from what was recorded, or a line cannot be played.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type Replayed, replayFlight, tellReplayed } from "../../src/runtime/flight_recorder/mod.ts";

/** Which lines are printed. */
export interface Shown {
  /** Only those of this client. */
  readonly client?: string | undefined;
  /** Only those of this machine. */
  readonly flight?: string | undefined;
  /** Only steps that differ, and lines that cannot be played. */
  readonly differences?: boolean | undefined;
}

/** What a recording says, line by line, and whether it was played as it was recorded. */
export function replayReport(
  recording: string,
  shown: Shown = {},
): { readonly text: string; readonly isSame: boolean } {
  const all = [...replayFlight(recording.split("\n"))];
  const clients = new Map<string, string>();
  for (const each of all) {
    if (each.type === "stepped" && each.clientId !== undefined) clients.set(each.flight, each.clientId);
  }
  const isWanted = (each: Replayed): boolean => {
    if (each.type === "unplayable") return true;
    if (shown.flight !== undefined && each.flight !== shown.flight) return false;
    if (shown.client !== undefined && clients.get(each.flight) !== shown.client) return false;
    return shown.differences !== true || differs(each);
  };
  const steps = all.filter(({ type }) => type === "stepped").length;
  const different = all.filter(differs).length;
  const lines = all.filter(isWanted).map(tellReplayed);
  const machines = new Set(all.flatMap((each) => each.type === "opened" ? [each.flight] : [])).size;
  lines.push(`${steps} steps of ${machines} machines, ${different} differ from what was recorded or cannot be played`);
  return { text: lines.join("\n"), isSame: different === 0 };
}

function differs(each: Replayed): boolean {
  return each.type === "unplayable" || (each.type === "stepped" && each.differences.length > 0);
}

if (import.meta.main) {
  const { values, positionals: [file] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: { client: { type: "string" }, flight: { type: "string" }, differences: { type: "boolean" } },
  });
  if (file === undefined) {
    console.error("usage: deno task replay FILE [--client ID] [--flight ID] [--differences]");
    Deno.exit(2);
  }
  const { text, isSame } = replayReport(await readFile(file, "utf8"), values);
  console.log(text);
  Deno.exit(isSame ? 0 : 1);
}
