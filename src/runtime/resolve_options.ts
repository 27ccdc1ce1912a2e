/**
 * From the options of a host to those that a broker works with: defaults, checks, and what the store must promise.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import { DEFAULT_LIMITS, DEFAULT_POLICY, type ServerLimits } from "../machine/policy.ts";
import type { StoreCapabilities, StoreRequirements } from "../store/capabilities.ts";
import type { QueueLimits } from "../store/session_store.ts";
import { systemEnvironment } from "./environment.ts";
import { harmless } from "./observe.ts";
import type {
  BrokerOptions,
  CommitOptions,
  ConnectionBounds,
  LeaseOptions,
  ResolvedOptions,
  RetainedOptions,
} from "./options.ts";
import { checkOptions, checkQuota } from "./options_schema.ts";

const DEFAULT_QUEUE: QueueLimits = { maximumMessages: 1_000, maximumBytes: 16_777_216, whenFull: "dropOldest" };
const DEFAULT_RETAINED: RetainedOptions = {
  maximumMessages: 100_000,
  maximumBytes: 134_217_728,
  maximumMessageBytes: 1_048_576,
};
const DEFAULT_LEASE: LeaseOptions = {
  durationMs: 120_000,
  renewEveryMs: 30_000,
  closeAfterMs: 90_000,
  graceMs: 30_000,
};
const DEFAULT_BOUNDS: ConnectionBounds = {
  maxPendingPackets: 1_024,
  maxPendingBytes: 4_194_304,
  highWaterBytes: 1_048_576,
  stallTimeoutMs: 30_000,
  stallPollMs: 100,
};
/** How commits behave unless a host says otherwise: those of a broker, and of a client. */
export const DEFAULT_COMMIT: CommitOptions = {
  timeoutMs: 10_000,
  repeatForMs: 60_000,
  repeatAfterMs: 100,
  maxBatches: 256,
};

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} If an option is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 * @throws {SessionError} `CAPABILITY_MISSING` if the store promises less than is required.
 */
export function resolveOptions(options: BrokerOptions): ResolvedOptions {
  requireCapabilities(options.store.capabilities, options.require ?? { fencing: "strict", consistency: "strong" });
  const { retained } = options;
  if (retained !== undefined) requireDurability(retained.capabilities, options.require ?? {}, "a broker");
  const queue = { ...DEFAULT_QUEUE, ...options.queue };
  const resolved: ResolvedOptions = {
    store: options.store,
    retained,
    retainedLimits: { ...DEFAULT_RETAINED, ...options.retainedLimits },
    nodeId: options.nodeId ?? "node",
    limits: limitsOf(options, queue),
    policy: { ...DEFAULT_POLICY, ...options.policy },
    queue,
    queueQos0: options.queueQos0 ?? false,
    queueRules: options.queueRules ?? [],
    quota: options.quota,
    authenticate: options.authenticate,
    reauthenticate: options.reauthenticate,
    authorize: options.authorize,
    reauthorizeOnResume: options.reauthorizeOnResume ?? true,
    authorizeDeliveries: options.authorizeDeliveries ?? false,
    observe: harmless(options.observe),
    record: options.record,
    environment: options.environment ?? systemEnvironment(),
    hibernation: options.hibernation,
    lease: { ...DEFAULT_LEASE, ...options.lease },
    bounds: { ...DEFAULT_BOUNDS, ...options.bounds },
    commit: { ...DEFAULT_COMMIT, ...options.commit },
    authorizeTimeoutMs: options.authorizeTimeoutMs ?? 10_000,
    // Where no other node is, nobody rings but who administers.
    doorbellPollMs: options.doorbellPollMs ?? (options.hibernation === undefined ? 1_000 : 0),
    // Often enough to act for another node soon after its lease has run out.
    duePollMs: options.duePollMs ?? Math.min(60_000, (options.lease?.durationMs ?? DEFAULT_LEASE.durationMs) / 2),
  };
  checkOptions(resolved);
  if (resolved.limits.sharedSubscriptionAvailable && !options.store.capabilities.claims) {
    const found = "shared subscriptions need a store that can move messages from one log into another";
    throw new SessionError("CAPABILITY_MISSING", `Cannot make a broker: ${found}`);
  }
  if (options.quota !== undefined) {
    checkQuota(options.quota);
    requireQuota(options.store.capabilities);
  }
  const { minimumSessionExpiryInterval: shortest, maximumSessionExpiryInterval: longest } = resolved.limits;
  if (shortest > longest) {
    throw new RangeError(
      `Cannot make a broker: limits.minimumSessionExpiryInterval ${shortest} is longer than the longest, ${longest}`,
    );
  }
  const { renewEveryMs, closeAfterMs, durationMs } = resolved.lease;
  if (!(renewEveryMs < closeAfterMs && closeAfterMs < durationMs)) {
    throw new RangeError(
      `Cannot make a broker: lease needs renewEveryMs < closeAfterMs < durationMs, found ${renewEveryMs}, ` +
        `${closeAfterMs}, ${durationMs}`,
    );
  }
  return resolved;
}

/** What retained messages add to a log must leave most of it to others, and fit into one commit. */
function limitsOf({ limits, retained, store }: BrokerOptions, queue: QueueLimits): ServerLimits {
  const available = {
    retainAvailable: retained !== undefined,
    sharedSubscriptionAvailable: store.capabilities.claims,
  };
  const whole = { ...DEFAULT_LIMITS, ...available, ...limits };
  const room = Math.min(store.capabilities.maxReceiversPerCommit, Math.ceil(queue.maximumMessages / 2));
  return { ...whole, retainedAhead: Math.min(whole.retainedAhead, Math.max(1, room)) };
}

/** Throws where a store does not count the sessions of a principal. */
export function requireQuota(has: StoreCapabilities): void {
  if (has.sessionQuota !== undefined) return;
  throw new SessionError("CAPABILITY_MISSING", "Cannot keep a quota: the store does not count sessions by principal");
}

const DURABILITY = [
  "process",
  "host",
  "power",
  "replicated",
] as const satisfies readonly StoreCapabilities["durability"][];

/** Where to turn from a store that does neither. */
const STRICT_STORES = "durableObjectStore, upstashRedisStore, denoKvStore and indexedDbStore offer it";

/** Throws where a store promises less than is required. */
export function requireCapabilities(
  has: StoreCapabilities,
  needs: StoreRequirements,
  what = "a broker",
): void {
  const refuse = (name: keyof StoreRequirements): never => {
    throw new SessionError(
      "CAPABILITY_MISSING",
      `Cannot make ${what}: ${name} "${needs[name]}" is required and the store offers "${has[name]}"; ${STRICT_STORES}`,
    );
  };
  if (needs.fencing === "strict" && has.fencing !== "strict") refuse("fencing");
  if (needs.consistency === "strong" && has.consistency !== "strong") refuse("consistency");
  requireDurability(has, needs, what);
}

function requireDurability(
  has: Pick<StoreCapabilities, "durability">,
  needs: StoreRequirements,
  what: string,
): void {
  if (needs.durability === undefined || DURABILITY.indexOf(has.durability) >= DURABILITY.indexOf(needs.durability)) {
    return;
  }
  throw new SessionError(
    "CAPABILITY_MISSING",
    `Cannot make ${what}: durability "${needs.durability}" is required and the store offers "${has.durability}"`,
  );
}
