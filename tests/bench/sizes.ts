/**
 * What an application that bundles an entry point pays: minified and gzipped, all dependencies included.
 *
 * Run it: `deno run -A tests/bench/sizes.ts`
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { PROJECT_ROOT, runDeno } from "../support/deno.ts";

/** The size of one entry point. */
export interface SizeRow {
  readonly entry: string;
  readonly minified: number;
  readonly gzipped: number;
  /** The most bytes that the gzipped bundle may have; absent where there is no budget. */
  readonly budget?: number;
}

/** Budgets in bytes of min+gzip. */
const BUDGETS: Readonly<Record<string, number>> = {
  ".": 30_000,
  "./machine, a server's": 14_000,
  "./machine, a client's": 14_000,
  "a page of MQTT.js": 26_000,
};

/** What applications take of entry points, where they do not take all of one. */
const PARTS: Readonly<Record<string, string>> = {
  "./machine, a server's":
    `export { applyChanges, nextDeadline, openSession, snapshot, step } from "@edge-mqtt/session/machine";`,
  "./machine, a client's":
    `export { applyChanges, clientAcquireTerms, nextDeadline, openClientSession, snapshot, stepClient } from "@edge-mqtt/session/machine";`,
  "a page of MQTT.js":
    `export { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval"; export { mqttjsSession } from "@edge-mqtt/session/mqttjs";`,
  "a page of sessionClient":
    `export { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval"; export { sessionClient } from "@edge-mqtt/session/client";`,
};

/** Bundles every entry point for the browser and weighs it. */
export async function measureSizes(): Promise<readonly SizeRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  const made: string[] = [];
  try {
    const rows: SizeRow[] = [];
    const entries = Object.entries(config.exports);
    for (const [part, code] of Object.entries(PARTS)) {
      // Inside the project, whose names it uses.
      const file = fileURLToPath(new URL(`tests/bench/.part-${entries.length}.ts`, PROJECT_ROOT));
      await writeFile(file, code);
      made.push(file);
      entries.push([part, file]);
    }
    for (const [entry, file] of entries) {
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
    await Promise.all([folder, ...made].map((path) => rm(path, { recursive: true })));
  }
}

/** Prints a table of them, and answers whether all were met. */
export function printSizes(rows: readonly SizeRow[]): boolean {
  console.log("entry point                 minified   min+gzip     budget");
  for (const { entry, minified, gzipped, budget } of rows) {
    const verdict = budget === undefined ? "-" : `${budget} ${gzipped <= budget ? "met" : "MISSED"}`;
    console.log(
      `${entry.padEnd(25)}${String(minified).padStart(11)}${String(gzipped).padStart(11)}   ${verdict.padStart(14)}`,
    );
  }
  return rows.every(({ gzipped, budget }) => budget === undefined || gzipped <= budget);
}

if (import.meta.main) printSizes(await measureSizes());
