/**
 * What is bundled for other runtimes: the promises of the store, each asked of the Upstash store in front of a server.
 *
 * @module
 */
import { storeConformance } from "@edge-mqtt/session/testing";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";

/** The server. */
export interface Connection {
  readonly url: string;
  readonly token: string;
}

/** A promise, and what it takes to ask for it. */
export interface Case {
  readonly name: string;
  run(): Promise<void>;
}

/** All promises; each is asked under a prefix of its own. */
export function casesOn(connection: Connection): readonly Case[] {
  const cases: Case[] = [];
  storeConformance({
    test: (name, run) => cases.push({ name, run }),
    name: "Upstash Redis",
    store: () => {
      const prefix = crypto.randomUUID();
      const open = () => upstashRedisStore(connection, { prefix });
      return Promise.resolve({ store: open(), close: () => {}, reopen: () => Promise.resolve(open()) });
    },
  });
  return cases;
}

/** How a case failed; `undefined` if it did not. */
export async function failureOf({ name, run }: Case): Promise<string | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.stack : error}`;
  }
}
