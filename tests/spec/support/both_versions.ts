/** What is the same in both versions: the tests that run in each, and the clients in the words of each. */
import { type ConnectOptions, Rig } from "./rig.ts";

/** 4 is MQTT 3.1.1, 5 is MQTT 5.0. */
export type Version = 4 | 5;

/** Both versions, for a test of each. */
export const VERSIONS: readonly Version[] = [5, 4];

/** How a version is named in the title of a test. */
export function named(version: Version): string {
  return version === 4 ? "3.1.1" : "5.0";
}

/** The statements of a row; one list where they are the same in both versions. */
export type Statements = string | Readonly<Record<Version, string>>;

/** Registers a row's test twice, once per version, each under the statements of that version. */
export function rowInBoth(
  id: string,
  sentence: string,
  statements: Statements,
  test: (rig: Rig, version: Version) => Promise<void>,
): void {
  for (const version of VERSIONS) {
    const cited = typeof statements === "string" ? statements : statements[version];
    Deno.test(`${id} S: ${sentence} [${cited}] (${named(version)})`, async () => {
      await test(new Rig(), version);
    });
  }
}

/** The options of a client that keeps its session for an hour in 5.0, for good in 3.1.1, and comes back to it. */
export function lasting(version: Version, options: ConnectOptions = {}): ConnectOptions {
  const interval = version === 5 ? { sessionExpiryInterval: 3_600 } : {};
  return { protocolVersion: version, cleanStart: false, ...interval, ...options };
}

/** The options of a client whose session ends with its connection. */
export function fleeting(version: Version, options: ConnectOptions = {}): ConnectOptions {
  return { protocolVersion: version, cleanStart: true, ...options };
}
