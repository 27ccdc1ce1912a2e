import { SessionError } from "../../errors.ts";
import type { KeyValueDriver } from "./driver.ts";

/**
 * A driver whose every failure is a `SessionError`: a failed read changed nothing, a failed commit may have. What the
 * driver itself says about its failure is kept.
 */
export function checkedDriver(driver: KeyValueDriver): KeyValueDriver {
  const { watch } = driver;
  return {
    limits: driver.limits,
    get: (keys) => driver.get(keys).catch((cause) => fail("STORE_UNAVAILABLE", "read", cause)),
    list: (range) => driver.list(range).catch((cause) => fail("STORE_UNAVAILABLE", "list", cause)),
    commit: (checks, mutations) =>
      driver.commit(checks, mutations).catch((cause) => fail("OUTCOME_UNKNOWN", "commit", cause)),
    ...(watch === undefined ? {} : { watch: (prefix, signal) => watch.call(driver, prefix, signal) }),
  };
}

function fail(code: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN", what: string, cause: unknown): never {
  if (cause instanceof SessionError) throw cause;
  throw new SessionError(code, `Cannot ${what}: the store failed`, { cause });
}
