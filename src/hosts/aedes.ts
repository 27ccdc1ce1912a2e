/**
 * Sessions of a broker on npm `aedes` 1.2 in a `SessionStore`.
 *
 * @module
 */
import { resolveOptions, type AedesPersistenceOptions } from "./aedes/options.ts";
import { SessionPersistence } from "./aedes/persistence.ts";

export type { AedesPersistenceOptions };

/** Makes a persistence. */
export function aedesPersistence(options: AedesPersistenceOptions): SessionPersistence {
  return new SessionPersistence(resolveOptions(options));
}
