/**
 * What an application that bundles an entry point pays: minified and gzipped, all dependencies included.
 *
 * Run it: `deno run -A tests/bench/sizes.ts`; with `--shares NAME` it tells which modules of one row take how many bytes.
 *
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import process from "node:process";
import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { PROJECT_ROOT, runDeno } from "../support/deno.ts";
import { sizeShares, type SourceMap } from "./size_shares.ts";

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
  "sessionBroker of .": 30_000,
  "./machine, a server's": 14_000,
  "./machine, a client's": 14_000,
  "a page of MQTT.js": 26_000,
  "a Cloudflare worker": 40_000,
};

/** What applications take of entry points, where they do not take all of one. */
const PARTS: Readonly<Record<string, string>> = {
  "sessionBroker of .": `export { sessionBroker } from "@edge-mqtt/session";`,
  "a Cloudflare worker":
    `export { hibernation, sessionBroker } from "@edge-mqtt/session"; export * from "@edge-mqtt/session/durable-object";`,
  "./machine, a server's":
    `export { applyChanges, nextDeadline, openSession, snapshot, step } from "@edge-mqtt/session/machine";`,
  "./machine, a client's":
    `export { applyChanges, clientAcquireTerms, nextDeadline, openClientSession, snapshot, stepClient } from "@edge-mqtt/session/machine";`,
  "a page of MQTT.js":
    `export { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval"; export { mqttjsSession } from "@edge-mqtt/session/mqttjs";`,
  "a client in Workers KV":
    `export { cloudflareKvClientStore } from "@edge-mqtt/session/cloudflare-kv"; export { sessionClient } from "@edge-mqtt/session/client";`,
  "a page of sessionClient":
    `export { indexedDbClientStore } from "@edge-mqtt/session/idb-keyval"; export { sessionClient } from "@edge-mqtt/session/client";`,
};

/** A bundle for the browser, minified. */
export interface Bundle {
  readonly entry: string;
  readonly code: Uint8Array;
  /** Where each piece of it comes from. */
  readonly sourceMap: SourceMap;
}

/** Bundles the entry points, and parts of them, that have one of these names; all when there are none. */
export async function bundles(names: readonly string[] = []): Promise<readonly Bundle[]> {
  const folder = await mkdtemp(join(tmpdir(), "bundle-"));
  const made: string[] = [];
  try {
    const entries = Object.entries(config.exports);
    for (const [part, code] of Object.entries(PARTS)) {
      // Inside the project, whose names it uses.
      const file = fileURLToPath(new URL(`tests/bench/.part-${entries.length}.ts`, PROJECT_ROOT));
      await writeFile(file, code);
      made.push(file);
      entries.push([part, file]);
    }
    const found: Bundle[] = [];
    for (const [entry, file] of entries) {
      if (names.length > 0 && !names.includes(entry)) continue;
      const out = join(folder, "bundle.js");
      const flags = ["--platform", "browser", "--minify", "--sourcemap", "external"];
      const { success, output } = await runDeno(["bundle", ...flags, "-o", out, file]);
      if (!success) throw new Error(`Cannot bundle ${entry}: ${output}`);
      // The bundler has written it.
      const sourceMap = JSON.parse(await readFile(`${out}.map`, "utf8")) as SourceMap;
      found.push({ entry, code: await readFile(out), sourceMap });
    }
    return found;
  } finally {
    await Promise.all([folder, ...made].map((path) => rm(path, { recursive: true })));
  }
}

/** Bundles every entry point for the browser and weighs it. */
export async function measureSizes(): Promise<readonly SizeRow[]> {
  return (await bundles()).map(({ entry, code }) => {
    const budget = BUDGETS[entry];
    const gzipped = gzipSync(code, { level: 9 }).length;
    return { entry, minified: code.length, gzipped, ...(budget === undefined ? {} : { budget }) };
  });
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

/** Prints which modules of a bundle take how many of its compressed bytes. */
function printShares({ entry, code, sourceMap }: Bundle): void {
  console.log(`${entry}: ${gzipSync(code, { level: 9 }).length} bytes`);
  for (const { module, bytes } of sizeShares(code, sourceMap)) console.log(`${bytes.toFixed(0).padStart(7)} ${module}`);
}

if (import.meta.main) {
  const [flag, ...names] = process.argv.slice(2);
  if (flag === "--shares") (await bundles(names)).forEach(printShares);
  else printSizes(await measureSizes());
}
