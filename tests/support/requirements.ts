/**
 * What some tests need beyond deno and the packages it fetches by itself.
 *
 * @module
 */

import { BUN, hasNpmRuntime, installNpmRuntime, NODE_20, NODE_24 } from "./npm_runtimes.ts";

/** Something that tests need on the machine. */
export interface Requirement {
  readonly name: string;
  /** Parts of a test file's path, each of which says that it needs this. */
  readonly neededBy: readonly string[];
  /** Whether it is there. */
  probe(): Promise<boolean>;
  /** Installs it; rejects when that is not possible here. */
  install(): Promise<void>;
  /** How a person gets it. */
  readonly advice: string;
}

/** The oldest Node that the library is tried in. */
const NODE_MAJOR = 20;

/** What is tried on every runtime at once. */
const PACKED = "runtimes/packed";

/** Everything that may be missing on a machine. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "redis-server",
    neededBy: ["redis", PACKED],
    probe: () => succeeds("redis-server", ["--version"]),
    install: () => installPackage("redis-server"),
    advice: "apt-get install -y redis-server",
  },
  {
    name: `Node ${NODE_MAJOR} or later`,
    neededBy: ["runtimes/node"],
    probe: () => succeeds("node", ["-e", `process.exit(parseInt(process.versions.node) < ${NODE_MAJOR} ? 1 : 0)`]),
    // A system whose package is older still lacks it afterwards, and is told so.
    install: () => installPackage("nodejs"),
    advice: `apt-get install -y nodejs, where that is Node ${NODE_MAJOR} or later; otherwise from nodejs.org`,
  },
  {
    name: "Chromium",
    neededBy: ["browser", PACKED],
    probe: () => succeeds("chromium", ["--version"]),
    install: () => installPackage("chromium"),
    advice: "apt-get install -y chromium",
  },
  {
    name: "Firefox",
    neededBy: ["firefox"],
    probe: () => succeeds("firefox-esr", ["--version"]),
    install: () => installPackage("firefox-esr"),
    advice: "apt-get install -y firefox-esr",
  },
  ...[NODE_20, NODE_24, BUN].map((runtime): Requirement => ({
    name: `${runtime.name} of npm`,
    neededBy: [PACKED],
    probe: () => hasNpmRuntime(runtime),
    install: () => installNpmRuntime(runtime),
    advice: "deno task test --install",
  })),
];

/** Those that are missing for these files. With `install` they are installed first; what still lacks is returned. */
export async function missing(
  files: readonly string[],
  options: { readonly install: boolean; readonly requirements?: readonly Requirement[] },
): Promise<readonly Requirement[]> {
  const lacking: Requirement[] = [];
  for (const requirement of options.requirements ?? REQUIREMENTS) {
    if (!files.some((file) => isNeeded(requirement, file)) || await requirement.probe()) continue;
    if (options.install) {
      console.log(`installing ${requirement.name}`);
      await requirement.install().catch((error: unknown) => console.log(`${requirement.name}: ${error}`));
      if (await requirement.probe()) continue;
    }
    lacking.push(requirement);
  }
  return lacking;
}

/** Whether a test file says that it needs something. */
export function isNeeded({ neededBy }: Requirement, file: string): boolean {
  return neededBy.some((part) => file.includes(part));
}

async function installPackage(name: string): Promise<void> {
  const args = ["install", "-y", name];
  // The list of packages may be older than the package, or not be there at all.
  if (await succeeds("apt-get", args)) return;
  if (await succeeds("apt-get", ["update"]) && await succeeds("apt-get", args)) return;
  throw new Error(`apt-get ${args.join(" ")} failed`);
}

/** Whether a program is there and does what it is asked. */
async function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(program, {
      args: [...args],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}
