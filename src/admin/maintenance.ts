import { SessionError } from "../errors.ts";
import type { StoreMaintenance } from "../store/maintenance.ts";
import type { SessionStore } from "../store/session_store.ts";

/**
 * What a store offers beyond the needs of a broker.
 *
 * @throws {SessionError} `CAPABILITY_MISSING` if it offers nothing of it.
 */
export function maintenanceOf(store: SessionStore, what: string): StoreMaintenance {
  if (store.maintenance !== undefined) return store.maintenance;
  throw new SessionError("CAPABILITY_MISSING", `Cannot ${what}: the store offers no maintenance`);
}
