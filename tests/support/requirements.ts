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
export const REQUIREMENTS: readonly Requirement[] = [];

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
