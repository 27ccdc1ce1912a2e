/** Registers the tests of the client's role; the names begin with row and role, so that the report finds them. */
import { named, type Statements, type Version, VERSIONS } from "./both_versions.ts";
import { ClientRig, type ClientRigOptions } from "./client_rig.ts";

/** A test of one version: 5.0, unless the options say otherwise. */
export function clientRow(
  id: string,
  sentence: string,
  test: (rig: ClientRig) => void,
  options: ClientRigOptions = {},
): void {
  Deno.test(`${id} C: ${sentence}`, () => test(new ClientRig(options)));
}

/** A row's test twice, once per version, each under the statements of that version. */
export function clientRowInBoth(
  id: string,
  sentence: string,
  statements: Statements,
  test: (rig: ClientRig, version: Version) => void,
  options: ClientRigOptions = {},
): void {
  for (const version of VERSIONS) {
    const cited = typeof statements === "string" ? statements : statements[version];
    Deno.test(`${id} C: ${sentence} [${cited}] (${named(version)})`, () => {
      test(new ClientRig({ version, ...options }), version);
    });
  }
}
