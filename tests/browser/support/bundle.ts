import { runDeno } from "../../support/deno.ts";

/** What was bundled in this process, by entry. */
const bundles = new Map<string, Promise<string>>();

/**
 * A module of the project (its path from the root) and all that it imports as one module of JavaScript for a browser; made
 * once in a process.
 */
export function bundle(entry: string): Promise<string> {
  const known = bundles.get(entry) ?? make(entry);
  bundles.set(entry, known);
  return known;
}

async function make(entry: string): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const { success, output } = await runDeno(["bundle", "--platform", "browser", "-o", file, entry]);
    if (!success) throw new Error(`Cannot bundle ${entry}: ${output}`);
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(file);
  }
}
