import { SessionError } from "../../errors.ts";
import { NEVER_EXPIRES } from "../../mqtt/packet.ts";
import { type BrokerEnvironment, systemEnvironment } from "../../runtime/environment.ts";
import type { Observe } from "../../runtime/observe.ts";
import type { CommitOptions } from "../../runtime/options.ts";
import type { RetainedLimits, RetainedStore } from "../../store/retained_store.ts";
import type { QueueLimits, SessionStore } from "../../store/session_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { AsBuffer } from "./translation.ts";

/** What a persistence of aedes is made of. Both stores have to be given; neither is ever closed. */
export interface AedesPersistenceOptions {
  /** Where sessions live. */
  readonly store: SessionStore;
  /** Where retained messages live. */
  readonly retained: RetainedStore;
  /**
   * How long a session outlives its connection, in seconds, 1 to 4 294 967 295, which never ends. aedes has no interval of
   * its own. Default: never.
   */
  readonly sessionExpiryInterval?: number;
  /** How long a queued message that was never sent is kept, in milliseconds. Default: for ever. */
  readonly messageExpiryMs?: number;
  /** How long a session's log may grow, and what gives way then. Default: without limits, as with other persistences. */
  readonly queue?: Partial<QueueLimits>;
  /** How much may be retained. Default: without limits. */
  readonly retainedLimits?: Partial<RetainedLimits>;
  /** How long the store is waited for. */
  readonly commit?: Partial<CommitOptions>;
  /** Is told of work in the background that failed, and is found again when it is due. */
  readonly onError?: (error: unknown) => void;
  /** Makes a Buffer of stored bytes, over the same memory. Default: by the global `Buffer`. */
  readonly asBuffer?: AsBuffer;
  /** Time, randomness and timers; those of the platform when absent. */
  readonly environment?: BrokerEnvironment;
}

/** The options with every default filled in. */
export interface ResolvedAedesOptions {
  readonly store: SessionStore;
  readonly retained: RetainedStore;
  readonly sessionExpiryInterval: number;
  readonly messageExpiryMs: number;
  readonly queue: QueueLimits;
  readonly retainedLimits: RetainedLimits;
  readonly commit: CommitOptions;
  readonly onError: (error: unknown) => void;
  /** A store that begins to fail is told by what fails in the end. */
  readonly observe: Observe;
  readonly asBuffer: AsBuffer;
  readonly environment: BrokerEnvironment;
}

const DEFAULT_COMMIT: CommitOptions = { timeoutMs: 10_000, repeatForMs: 10_000, repeatAfterMs: 50, maxBatches: 256 };

/** Fills in the defaults, and looks whether they make sense. */
export function resolveOptions(options: AedesPersistenceOptions): ResolvedAedesOptions {
  const { store, retained, sessionExpiryInterval = NEVER_EXPIRES, messageExpiryMs = Infinity } = options;
  if (!Number.isInteger(sessionExpiryInterval) || sessionExpiryInterval < 1 || sessionExpiryInterval > NEVER_EXPIRES) {
    throw new RangeError(`Cannot keep sessions: sessionExpiryInterval is ${sessionExpiryInterval}`);
  }
  if (!(messageExpiryMs > 0)) throw new RangeError(`Cannot keep sessions: messageExpiryMs is ${messageExpiryMs}`);
  const queue = { ...UNLIMITED, ...options.queue };
  // A publisher of 3.1.1 cannot be told, and its PUBACK has left by then.
  if (queue.whenFull === "reject") throw new RangeError('Cannot keep sessions: aedes has no answer for "reject"');
  const { fencing, consistency } = store.capabilities;
  if (fencing !== "strict" || consistency !== "strong") {
    const found = `fencing is ${fencing}, consistency ${consistency}`;
    throw new SessionError("CAPABILITY_MISSING", `Cannot keep sessions: ${found}`);
  }
  return {
    store,
    retained,
    sessionExpiryInterval,
    messageExpiryMs,
    queue,
    retainedLimits: { maximumMessages: Infinity, maximumBytes: Infinity, ...options.retainedLimits },
    commit: { ...DEFAULT_COMMIT, ...options.commit },
    onError: harmless(options.onError),
    observe: () => {},
    asBuffer: options.asBuffer ?? asBuffer,
    environment: options.environment ?? systemEnvironment(),
  };
}

/** What an observer throws is its own. */
function harmless(observe: ((error: unknown) => void) | undefined): (error: unknown) => void {
  return (error) => {
    try {
      observe?.(error);
    } catch {
      // Nothing that is told may stop what is told of.
    }
  };
}

interface GlobalBuffer {
  readonly Buffer?: { from(memory: ArrayBufferLike, offset: number, length: number): Uint8Array };
}

/** Node has it, and so does Deno: aedes runs where there is one. */
function asBuffer(bytes: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as GlobalBuffer;
  return Buffer === undefined ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
