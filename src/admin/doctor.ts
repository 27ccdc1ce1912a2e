/**
 * Looking a whole store through for what does not fit together.
 *
 * @module
 */
import type { Finding } from "../store/maintenance.ts";
import type { SessionStore } from "../store/session_store.ts";
import { type AdminEnvironment, systemAdminEnvironment } from "./environment.ts";
import { maintenanceOf } from "./maintenance.ts";

/** How a store is looked through. */
export interface DoctorOptions {
  /** Whether what is found is repaired; living brokers are not disturbed. Default: false. */
  readonly repair?: boolean;
  /** How many rows are looked at in one call of the store. Default: 200. */
  readonly rowsACall?: number;
  /** Where time comes from. Default: the platform. */
  readonly environment?: AdminEnvironment;
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/**
 * Finds orphaned rows, sessions that nobody would look at, and routes that do not fit the subscriptions.
 *
 * @throws {SessionError} `CAPABILITY_MISSING` if the store offers no maintenance.
 *
 * @example
 * ```ts
 * import { doctor } from "@edge-mqtt/session/admin";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * for await (const { kind, key } of doctor(memoryStore(), { repair: true })) console.log(kind, key);
 * ```
 */
export async function* doctor(store: SessionStore, options: DoctorOptions = {}): AsyncGenerator<Finding, void, void> {
  const { repair = false, rowsACall = 200, environment = systemAdminEnvironment(), signal } = options;
  const maintenance = maintenanceOf(store, "examine the store");
  let cursor: string | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const page = await maintenance.examine({
      limit: rowsACall,
      repair,
      now: environment.now(),
      ...(cursor === undefined ? {} : { cursor }),
      ...(signal === undefined ? {} : { signal }),
    });
    yield* page.findings;
    if (page.cursor === undefined) return;
    ({ cursor } = page);
  }
}
