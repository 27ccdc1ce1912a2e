/** Rows of both versions: the same client in the words of each. */
import type { Will } from "../../../src/mqtt/will.ts";
import { type ConnectOptions, keeps, keepsV4, text } from "./rig.ts";

/** A protocol level. */
export type Version = 4 | 5;

/** The two protocol levels, for a test of each. */
export const VERSIONS: readonly Version[] = [4, 5];

/** How a version is named in the title of a test. */
export function named(version: Version): string {
  return version === 4 ? "3.1.1" : "5.0";
}

/** A client that starts clean and leaves nothing behind. */
export function passing(version: Version, options: ConnectOptions = {}): ConnectOptions {
  return { protocolVersion: version, cleanStart: true, ...options };
}

/** A client that takes its session up again, and leaves it for later. */
export function keeping(version: Version, options: ConnectOptions = {}): ConnectOptions {
  return version === 4 ? keepsV4(options) : keeps(options);
}

/** A Will of QoS 1 to the topic `will`, without delay unless told otherwise. */
export function willOf(payload: string, options: Partial<Will> = {}): { readonly will: Will } {
  return {
    will: {
      topic: "will",
      payload: text(payload),
      qos: 1,
      retain: false,
      properties: {},
      willDelayInterval: 0,
      ...options,
    },
  };
}
