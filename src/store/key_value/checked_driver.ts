import { SessionError } from "../../errors.ts";
import type { Check, KeyValueDriver, Mutation } from "./driver.ts";

/**
 * A driver that is never asked for what it cannot hold, and whose every failure is a `SessionError`: a failed read
 * changed nothing, a failed commit may have. What the driver itself says about its failure is kept.
 */
export function checkedDriver(driver: KeyValueDriver): KeyValueDriver {
  const { watch } = driver;
  return {
    limits: driver.limits,
    get: (keys) => driver.get(keys).catch((cause) => fail("STORE_UNAVAILABLE", "read", cause)),
    list: (range) => driver.list(range).catch((cause) => fail("STORE_UNAVAILABLE", "list", cause)),
    commit: async (checks, mutations) => {
      checkSizes(driver, checks, mutations);
      return await driver.commit(checks, mutations).catch((cause) => fail("OUTCOME_UNKNOWN", "commit", cause));
    },
    ...(watch === undefined ? {} : { watch: (key, signal) => watch.call(driver, key, signal) }),
  };
}

/** What the backend cannot hold is refused before anything is sent: repeating it would help nobody. */
function checkSizes({ limits }: KeyValueDriver, checks: readonly Check[], mutations: readonly Mutation[]): void {
  let bytes = 0;
  for (const { key } of checks) bytes += key.length;
  for (const mutation of mutations) {
    const size = mutation.type === "set" ? mutation.value.length : 0;
    if (size > limits.valueBytes) {
      const found = `a record takes ${size} bytes, and the store holds ${limits.valueBytes}`;
      throw new SessionError("LIMIT_EXCEEDED", `Cannot commit: ${found}`, { key: mutation.key });
    }
    bytes += mutation.key.length + size;
  }
  if (bytes <= limits.bytesPerCommit) return;
  const found = `it takes ${bytes} bytes, and the store takes ${limits.bytesPerCommit}`;
  throw new SessionError("LIMIT_EXCEEDED", `Cannot commit: ${found}`);
}

function fail(code: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN", what: string, cause: unknown): never {
  if (cause instanceof SessionError) throw cause;
  throw new SessionError(code, `Cannot ${what}: the store failed`, { cause });
}
