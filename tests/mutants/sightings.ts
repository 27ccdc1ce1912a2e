/**
 * Which test file caught which mutant when all were judged last: it is asked first, which saves most of the time. Whatever
 * is wrong or missing in it costs time and nothing else.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import type { Verdict } from "./judge.ts";

/** Test files by the names of mutants. */
export type Sightings = Readonly<Record<string, string>>;

const FILE = new URL("sightings.json", import.meta.url);

/** Reads what is known. */
export async function readSightings(): Promise<Sightings> {
  // Written by this module.
  return JSON.parse(await readFile(FILE, "utf8")) as Sightings;
}

/** Writes down what these verdicts tell, in place of all that was known of their mutants. */
export async function writeSightings(known: Sightings, verdicts: readonly Verdict[]): Promise<void> {
  const all = new Map(Object.entries(known));
  for (const { mutant, file } of verdicts) {
    all.delete(mutant.name);
    // What is drawn today may be another fault tomorrow.
    if (file !== undefined && mutant.origin === "chosen") all.set(mutant.name, file);
  }
  const sorted = [...all].toSorted(([a], [b]) => a < b ? -1 : 1);
  await writeFile(FILE, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}
