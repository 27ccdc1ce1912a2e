/**
 * What the environment of the worker says: texts of `vars` in `wrangler.jsonc`, and secrets.
 *
 * @module
 */
import type { ObjectNamespace } from "./platform.ts";

/** What the worker finds in its environment. */
export interface Environment {
  /** The objects that hold the sessions. */
  readonly OBJECTS: ObjectNamespace;
  /** The password that every client has to bring; a secret. */
  readonly MQTT_PASSWORD?: string;
  /** `true` lets clients in without one, where no password is set: whoever finds the address then is one. */
  readonly ALLOW_ANYONE?: string;
  readonly SERVER_KEEP_ALIVE?: string;
  readonly SESSION_EXPIRY_MAX?: string;
  readonly MAX_QUEUED_MESSAGES?: string;
  readonly MAX_QUEUED_BYTES?: string;
  readonly MAX_PACKET_BYTES?: string;
  readonly MAX_INPUT_BYTES?: string;
  readonly CLOCK_OFFSET_MS?: string;
}

/** What of it is a number. */
export interface Settings {
  /** The longest Keep Alive that a 5.0 client is given, in seconds; its own where that is shorter. 0 leaves all alone. */
  readonly serverKeepAlive: number;
  /** The longest Session Expiry Interval, in seconds. */
  readonly sessionExpiryMax: number;
  readonly maxQueuedMessages: number;
  readonly maxQueuedBytes: number;
  /** The largest packet that a client may send, in bytes. */
  readonly maxPacketBytes: number;
  /** How many received bytes of one client may wait. */
  readonly maxInputBytes: number;
  /** Added to the clock, so that tests can let a week go by. */
  readonly clockOffsetMs: number;
}

/** Reads the numbers, with every default filled in. An object has 128 MB of memory for all its clients. */
export function readSettings(environment: Environment): Settings {
  return {
    serverKeepAlive: numberOf("SERVER_KEEP_ALIVE", environment.SERVER_KEEP_ALIVE, 0),
    sessionExpiryMax: numberOf("SESSION_EXPIRY_MAX", environment.SESSION_EXPIRY_MAX, 2_592_000),
    maxQueuedMessages: numberOf("MAX_QUEUED_MESSAGES", environment.MAX_QUEUED_MESSAGES, 1_000),
    maxQueuedBytes: numberOf("MAX_QUEUED_BYTES", environment.MAX_QUEUED_BYTES, 16_777_216),
    maxPacketBytes: numberOf("MAX_PACKET_BYTES", environment.MAX_PACKET_BYTES, 1_048_576),
    maxInputBytes: numberOf("MAX_INPUT_BYTES", environment.MAX_INPUT_BYTES, 4_194_304),
    clockOffsetMs: numberOf("CLOCK_OFFSET_MS", environment.CLOCK_OFFSET_MS, 0),
  };
}

function numberOf(name: string, text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new RangeError(`Cannot read ${name}: it has to be a whole number`);
}
