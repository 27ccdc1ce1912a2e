/**
 * What some tests need beyond deno and the packages it fetches by itself.
 *
 * @module
 */

/** Something that tests need on the machine. */
export interface Requirement {
  readonly name: string;
  /** The part of a test file's path that says it needs this. */
  readonly neededBy: string;
  /** Whether it is there. */
  probe(): Promise<boolean>;
  /** Installs it; rejects when that is not possible here. */
  install(): Promise<void>;
  /** How a person gets it. */
  readonly advice: string;
}

/** Everything that may be missing on a machine. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "redis-server",
    neededBy: "redis",
    probe: () => succeeds("redis-server", ["--version"]),
    async install() {
      const arguments_ = ["install", "-y", "redis-server"];
      // The list of packages may be older than the package, or not be there at all.
      if (
        await succeeds("apt-get", arguments_) ||
        await succeeds("apt-get", ["update"]) && await succeeds("apt-get", arguments_)
      ) return;
      throw new Error("apt-get install -y redis-server failed");
    },
    advice: "apt-get install -y redis-server",
  },
];

/** Those that are missing for these files. With `install` they are installed first; what still lacks is returned. */
export async function missing(
  files: readonly string[],
  options: { readonly install: boolean; readonly requirements?: readonly Requirement[] },
): Promise<readonly Requirement[]> {
  const lacking: Requirement[] = [];
  for (const requirement of options.requirements ?? REQUIREMENTS) {
    if (!files.some((file) => file.includes(requirement.neededBy)) || await requirement.probe()) continue;
    if (options.install) {
      console.log(`installing ${requirement.name}`);
      await requirement.install().catch((error: unknown) => console.log(`${requirement.name}: ${error}`));
      if (await requirement.probe()) continue;
    }
    lacking.push(requirement);
  }
  return lacking;
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
