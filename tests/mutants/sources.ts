import { readFile } from "node:fs/promises";
import { filesUnder } from "../support/files.ts";
import { AREAS, type EditableSource } from "./draw.ts";
import { editsOf } from "./edits.ts";

/** The sources that faults are drawn from, with their edits. Works in test runs alone. */
export async function editableSources(root: URL): Promise<readonly EditableSource[]> {
  const files = (await filesUnder("src", root)).filter((file) => AREAS.some((area) => file.startsWith(area)));
  return await Promise.all(
    files.filter((file) => file.endsWith(".ts")).map(async (file) => {
      const source = await readFile(new URL(file, root), "utf8");
      return { file, source, edits: editsOf(source) };
    }),
  );
}
