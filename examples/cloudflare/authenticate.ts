import type { BrokerOptions } from "@edge-mqtt/session";
import type { Environment } from "./settings.ts";

type Authenticate = NonNullable<BrokerOptions["authenticate"]>;

/**
 * Lets clients in that bring the password; anyone, where that is wanted and there is none; nobody, where nothing is said:
 * a worker is found by strangers on its first day.
 */
export function authenticateBy(environment: Environment): Authenticate {
  const { MQTT_PASSWORD = "", ALLOW_ANYONE } = environment;
  if (MQTT_PASSWORD === "") return () => Promise.resolve({ ok: ALLOW_ANYONE === "true" });
  const expected = digest(new TextEncoder().encode(MQTT_PASSWORD));
  return async ({ password = new Uint8Array() }) => ({ ok: isSame(await digest(password), await expected) });
}

/** Digests are compared, so that the time that it takes tells nothing of the password. */
async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.reduce((difference, byte, index) => difference | byte ^ (other[index] ?? 0), 0) === 0;
}
