import { readdir } from "node:fs/promises";

/** All files under a folder of the project, as sorted paths from its root; none when the folder is not there. */
export async function filesUnder(folder: string, root: URL): Promise<readonly string[]> {
  const names = await readdir(new URL(`${folder}/`, root), { recursive: true }).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  });
  const paths = names.map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
  return paths.filter((path) => /\.[a-z]+$/.test(path) && !path.includes("node_modules/")).sort();
}
