/**
 * What an application that bundles an entry point pays: minified and gzipped, all dependencies included.
 *
 * Run it: `deno run -A tests/bench/sizes.ts`
 *
 * @module
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { runDeno } from "../support/deno.ts";

/** The size of one entry point. */
export interface SizeRow {
  readonly entry: string;
  readonly minified: number;
  readonly gzipped: number;
  /** The most bytes that the gzipped bundle may have; absent where there is no budget. */
  readonly budget?: number;
}

/** Budgets in bytes of min+gzip. */
const BUDGETS: Readonly<Record<string, number>> = { "./machine": 14_000, ".": 30_000 };

/** Bundles every entry point for the browser and weighs it. */
export async function measureSizes(): Promise<readonly SizeRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  try {
    const rows: SizeRow[] = [];
    for (const [entry, file] of Object.entries(config.exports)) {
      const out = join(folder, "bundle.js");
      const { success, output } = await runDeno(["bundle", "--platform", "browser", "--minify", "-o", out, file]);
      if (!success) throw new Error(`Cannot bundle ${entry}: ${output}`);
      const bytes = await readFile(out);
      const budget = BUDGETS[entry];
      rows.push({
        entry,
        minified: bytes.length,
        gzipped: gzipSync(bytes, { level: 9 }).length,
        ...(budget === undefined ? {} : { budget }),
      });
    }
    return rows;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Prints a table of them, and answers whether all were met. */
export function printSizes(rows: readonly SizeRow[]): boolean {
  console.log("entry point          minified   min+gzip     budget");
  for (const { entry, minified, gzipped, budget } of rows) {
    const verdict = budget === undefined ? "-" : `${budget} ${gzipped <= budget ? "met" : "MISSED"}`;
    console.log(
      `${entry.padEnd(18)}${String(minified).padStart(11)}${String(gzipped).padStart(11)}   ${verdict.padStart(14)}`,
    );
  }
  return rows.every(({ gzipped, budget }) => budget === undefined || gzipped <= budget);
}

if (import.meta.main) printSizes(await measureSizes());
