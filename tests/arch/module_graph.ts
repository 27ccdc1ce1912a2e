/**
 * Which module imports which: read from the syntax tree of each file, so that a comment or a text is never an import.
 *
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { posix } from "node:path";

/** A module's imports: paths from the project's root for its own files, specifiers as written for all others. */
export type ModuleGraph = ReadonlyMap<string, readonly string[]>;

/** The specifiers that a module names, in order, types and dynamic imports included. */
export function specifiersOf(source: string): readonly string[] {
  const found: string[] = [];
  function add(node: { readonly type: string; readonly value?: unknown } | null | undefined): void {
    if (node?.type === "Literal" && typeof node.value === "string") found.push(node.value);
  }
  const reader: Deno.lint.Plugin = {
    name: "reader",
    rules: {
      imports: {
        create: () => ({
          ImportDeclaration: (node) => add(node.source),
          ExportNamedDeclaration: (node) => add(node.source),
          ExportAllDeclaration: (node) => add(node.source),
          ImportExpression: (node) => add(node.source),
          TSImportType: (node) => add(node.argument.type === "TSLiteralType" ? node.argument.literal : undefined),
        }),
      },
    },
  };
  Deno.lint.runPlugin(reader, "module.ts", source);
  return found;
}

/** A graph from sources by path: each relative specifier becomes the path it leads to. */
export function moduleGraph(sources: ReadonlyMap<string, string>): ModuleGraph {
  const graph = new Map<string, readonly string[]>();
  for (const [path, source] of sources) {
    const targets = specifiersOf(source).map((specifier) =>
      specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier
    );
    graph.set(path, [...new Set(targets)]);
  }
  return graph;
}

/** The modules of the checkout that are shipped: `mod.ts` and all of `src`, as text by path. */
export async function shippedSources(root: URL): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(new URL("src/", root), { recursive: true });
  const paths = names.map((name) => `src/${name.replaceAll("\\", "/")}`).filter((path) => path.endsWith(".ts")).sort();
  const files = (await readdir(root)).includes("mod.ts") ? ["mod.ts", ...paths] : paths;
  return new Map(
    await Promise.all(
      files.map(async (path) => [path, await readFile(new URL(path, root), "utf8")] as const),
    ),
  );
}

/** All project files that a module leads to, itself included. */
export function reachable(graph: ModuleGraph, from: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const open = [from];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (seen.has(path) || !graph.has(path)) continue;
    seen.add(path);
    open.push(...graph.get(path) ?? []);
  }
  return seen;
}

/** The import cycles, each as the chain of modules that comes back to its first. */
export function cycles(graph: ModuleGraph): readonly (readonly string[])[] {
  const found: string[][] = [];
  const done = new Set<string>();
  const chain: string[] = [];
  function visit(path: string): void {
    const start = chain.indexOf(path);
    if (start >= 0) {
      found.push([...chain.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    chain.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    chain.pop();
    done.add(path);
  }
  for (const path of graph.keys()) visit(path);
  return found;
}
