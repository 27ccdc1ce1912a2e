import type { Hibernating, HibernationOptions } from "./hibernating_transport.ts";
import { Hibernation } from "./hibernation.ts";
import type { HibernationRules } from "./hibernation_rules.ts";
import { letGoOfLostRun } from "./lost_run.ts";
import { Sleepers } from "./sleepers.ts";

/**
 * Makes the option `hibernation` of a broker: its connections may outlive the memory of their process.
 *
 * @example
 * ```ts
 * import { hibernation, sessionBroker } from "@edge-mqtt/session";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * // Which sockets are open the platform knows; here none is.
 * const sockets = hibernation({ find: () => undefined, all: () => [] });
 * const broker = sessionBroker({ store: memoryStore(), nodeId: "tenant-a", hibernation: sockets });
 * console.assert(broker.nodeId === "tenant-a");
 * await broker.shutdown();
 * ```
 */
export function hibernation(sockets: HibernationOptions): Hibernating {
  const rules: HibernationRules = {
    sleepers: (options) => new Sleepers(options, sockets),
    remember: (...known) => new Hibernation(...known),
    letGoOfLostRun,
  };
  return { rules };
}
