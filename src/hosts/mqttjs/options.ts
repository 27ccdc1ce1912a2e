import { SessionError } from "../../errors.ts";
import { NEVER_EXPIRES, type ProtocolVersion } from "../../mqtt/packet.ts";
import { type BrokerEnvironment, systemEnvironment } from "../../runtime/environment.ts";
import { harmless } from "../../runtime/observe.ts";
import type { CommitOptions } from "../../runtime/options.ts";
import type { LockManagerLike, WhenOwned } from "../../runtime/sole_owner.ts";
import type { StoreCapabilities } from "../../store/capabilities.ts";
import type { MqttJsEvent } from "./observe.ts";

/** How a session of MQTT.js is kept. Only the Client Identifier has to be given. */
export interface MqttJsSessionOptions {
  /** The Client Identifier, under which the session is kept here and at the server. */
  readonly clientId: string;
  /** The version of MQTT: 4 is 3.1.1. Default: 5. */
  readonly protocolVersion?: ProtocolVersion;
  /**
   * Session Expiry Interval in seconds: how long the session outlives a connection, at the server and here; 4 294 967 295
   * never ends. MQTT 3.1.1 has none, and its sessions never end. What was never sent outlives the session. Default: never.
   */
  readonly sessionExpiryInterval?: number;
  /**
   * What is done when another page has this session: it is taken from it (`take`), waited for (`wait`), or left to it
   * (`refuse`), which rejects with `CLOSED`. Default: `take`.
   */
  readonly whenOwned?: WhenOwned;
  /** Ends the waiting for another page. */
  readonly signal?: AbortSignal;
  /** The most messages that are published and not acknowledged; a `publish` beyond fails. Default: 65 535. */
  readonly maximumMessages?: number;
  /** The most bytes of them. Default: no limit but that of the store. */
  readonly maximumBytes?: number;
  /**
   * What becomes of messages that were sent and not acknowledged when the server has lost the session. `discard`, as MQTT
   * 5.0 asks: they may have arrived, and their callbacks get an error. `resend`: they are sent as if they never had been,
   * and may arrive twice, at QoS 2 as well. Default: `discard`.
   */
  readonly whenSessionLost?: "discard" | "resend";
  /** Is told what happens, for logs. */
  readonly observe?: (event: MqttJsEvent) => void;
  /** Makes a Buffer of stored bytes, over the same memory. Default: the global `Buffer`, or else bytes whose `toString` reads UTF-8. */
  readonly asBuffer?: (bytes: Uint8Array) => Uint8Array;
  /** How long the store is waited for. */
  readonly commit?: Partial<CommitOptions>;
  /** Time, randomness and timers; those of the platform when absent. */
  readonly environment?: BrokerEnvironment;
  /** Where Web Locks are; those of the platform when absent. */
  readonly locks?: LockManagerLike;
}

/** The options with every default filled in. */
export interface ResolvedMqttJsOptions {
  readonly clientId: string;
  readonly protocolVersion: ProtocolVersion;
  readonly sessionExpiryInterval: number;
  readonly whenOwned: WhenOwned;
  readonly signal: AbortSignal | undefined;
  readonly maximumMessages: number;
  readonly maximumBytes: number;
  readonly whenSessionLost: "discard" | "resend";
  readonly observe: (event: MqttJsEvent) => void;
  readonly asBuffer: (bytes: Uint8Array) => Uint8Array;
  readonly commit: CommitOptions;
  readonly environment: BrokerEnvironment;
  readonly locks: LockManagerLike | undefined;
}

const DEFAULT_COMMIT: CommitOptions = { timeoutMs: 10_000, repeatForMs: 10_000, repeatAfterMs: 50, maxBatches: 256 };

/** Fills in the defaults, and looks whether they make sense. */
export function resolveOptions(options: MqttJsSessionOptions): ResolvedMqttJsOptions {
  const { clientId, protocolVersion = 5 } = options;
  if (typeof clientId !== "string" || clientId === "" || clientId.includes("\u0000")) {
    throw new TypeError("Cannot keep a session: clientId must be a text, not empty and without U+0000");
  }
  if (protocolVersion !== 4 && protocolVersion !== 5) {
    throw new RangeError(`Cannot keep a session: protocolVersion is ${protocolVersion}, not 4 or 5`);
  }
  const interval = protocolVersion === 4 ? NEVER_EXPIRES : options.sessionExpiryInterval ?? NEVER_EXPIRES;
  if (!Number.isInteger(interval) || interval < 0 || interval > NEVER_EXPIRES) {
    throw new RangeError(`Cannot keep a session: sessionExpiryInterval is ${interval}`);
  }
  const commit = { ...DEFAULT_COMMIT, ...options.commit };
  if (!(commit.repeatForMs > 0)) throw new RangeError("Cannot keep a session: repeatForMs must be more than 0");
  return {
    clientId,
    protocolVersion,
    sessionExpiryInterval: interval,
    whenOwned: options.whenOwned ?? "take",
    signal: options.signal,
    maximumMessages: options.maximumMessages ?? 65_535,
    maximumBytes: options.maximumBytes ?? Infinity,
    whenSessionLost: options.whenSessionLost ?? "discard",
    observe: harmless(options.observe),
    asBuffer: options.asBuffer ?? asBuffer,
    commit,
    environment: options.environment ?? systemEnvironment(),
    locks: options.locks,
  };
}

/** What is promised to an application cannot be kept by every store. */
export function requireCapabilities({ fencing, consistency, delivery }: StoreCapabilities): void {
  if (fencing === "strict" && consistency === "strong" && delivery === "commit") return;
  throw new SessionError(
    "CAPABILITY_MISSING",
    `Cannot keep a session: fencing is ${fencing}, consistency ${consistency}, delivery by ${delivery}`,
  );
}

interface GlobalBuffer {
  readonly Buffer?: { from(memory: ArrayBufferLike, offset: number, length: number): Uint8Array };
}

/** Bytes that applications can use as MQTT.js's own payloads, as far as that goes without its Buffer. */
function asBuffer(bytes: Uint8Array): Uint8Array {
  // Node and Deno have it; a page has it only inside of the bundle of MQTT.js.
  const { Buffer } = globalThis as GlobalBuffer;
  if (Buffer !== undefined) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Object.defineProperty(bytes, "toString", { value: () => new TextDecoder().decode(bytes) });
}
