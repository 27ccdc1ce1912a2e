import { SessionError } from "../../errors.ts";
import type { KeyValueDriver, Mutation } from "./driver.ts";

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
      for (const mutation of mutations) checkSize(driver, mutation);
      return await driver.commit(checks, mutations).catch((cause) => fail("OUTCOME_UNKNOWN", "commit", cause));
    },
    ...(watch === undefined ? {} : { watch: (prefix, signal) => watch.call(driver, prefix, signal) }),
  };
}

/** A record that the backend cannot hold is refused before anything is sent: repeating it would help nobody. */
function checkSize({ limits }: KeyValueDriver, mutation: Mutation): void {
  if (mutation.type === "delete" || mutation.value.length <= limits.valueBytes) return;
  const found = `a record takes ${mutation.value.length} bytes, and the store holds ${limits.valueBytes}`;
  throw new SessionError("LIMIT_EXCEEDED", `Cannot commit: ${found}`, { key: mutation.key });
}

function fail(code: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN", what: string, cause: unknown): never {
  if (cause instanceof SessionError) throw cause;
  throw new SessionError(code, `Cannot ${what}: the store failed`, { cause });
}
