/**
 * What options a broker takes: the one place where they are checked, before anything is done with them.
 *
 * @module
 */
import { MAX_PACKET_SIZE } from "../mqtt/packet_size.ts";
import type { ConnectionLimits, ServerLimits, SessionPolicy } from "../machine/policy.ts";
import type { QueueLimits } from "../store/session_store.ts";
import { between, listOf, oneOf, type OptionRules, positive, shape, text, typed, whole } from "./option_rule.ts";
import type {
  CommitOptions,
  ConnectionBounds,
  LeaseOptions,
  PrincipalQuota,
  ResolvedOptions,
  RetainedOptions,
} from "./options.ts";
import type { QueueRule } from "./queue_rules.ts";

/** The options that are plain values, with every default filled in. */
type PlainOptions = Omit<
  ResolvedOptions,
  | "store"
  | "retained"
  | "authenticate"
  | "reauthenticate"
  | "authorize"
  | "observe"
  | "record"
  | "environment"
  | "hibernation"
  | "quota"
>;

/**
 * Checks options whose defaults are filled in.
 *
 * @throws {TypeError} If one is of the wrong type, or a word that is not among the choices.
 * @throws {RangeError} If a number is out of range.
 */
export function checkOptions(options: PlainOptions): void {
  shape(plainRules())(options, "make a broker:");
}

/**
 * Checks what a host allows one client.
 *
 * @throws {TypeError} If a limit is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkConnectionLimits(limits: Partial<ConnectionLimits>): void {
  shape(connectionRules(), true)(limits, "take the limits of a client:");
}

/**
 * Checks what a host lets a principal hold.
 *
 * @throws {TypeError} If a number is none.
 * @throws {RangeError} If it is out of range.
 */
export function checkQuota(value: PrincipalQuota): void {
  const rules: OptionRules<PrincipalQuota> = { sessions: whole(1, 10_000), queuedBytes: whole(1) };
  shape(rules, true)(value, "take the quota of a principal:");
}

function connectionRules(): OptionRules<ConnectionLimits> {
  const flag = typed("boolean");
  return {
    receiveMaximum: whole(1, 65_535),
    maximumPacketSize: whole(1, MAX_PACKET_SIZE),
    topicAliasMaximum: whole(0, 65_535),
    maximumQoS: oneOf(0, 1, 2),
    retainAvailable: flag,
    wildcardSubscriptionAvailable: flag,
    subscriptionIdentifiersAvailable: flag,
    sharedSubscriptionAvailable: flag,
    maximumSessionExpiryInterval: whole(0, 0xffff_ffff),
    minimumSessionExpiryInterval: whole(0, 0xffff_ffff),
    maximumKeepAlive: whole(0, 65_535),
    maximumInFlight: whole(1, 65_535),
    maximumSubscriptions: whole(0),
    maximumTopicLevels: whole(1, 65_535),
    maximumWillBytes: whole(0),
    maximumUserProperties: whole(0),
    maximumUnreleased: whole(1, 65_535),
  };
}

/** Made when they are needed: nothing is done at import. */
function plainRules(): OptionRules<PlainOptions> {
  const flag = typed("boolean");
  const count = between(1);
  const amount = between(0);
  const limits: OptionRules<ServerLimits> = {
    ...connectionRules(),
    maximumClientIdLength: whole(23, 65_535),
    authenticationMethods: listOf(typed("string")),
    connectTimeoutMs: positive(),
    sendAhead: whole(1),
    pageMessages: whole(1),
    pageBytes: count,
    retainedAhead: whole(1),
  };
  const policy: OptionRules<SessionPolicy> = {
    disconnectWithoutInterval: oneOf("inForce", "connect"),
    pendingWillOnCleanStart: oneOf("publish", "suppress"),
    expiryOnResend: oneOf("recompute", "omitExpired"),
    repeatedWithoutDup: oneOf("acknowledge", "close"),
    unknownPubrel: oneOf(0x92, 0x00),
    unexpectedNewSession: oneOf("continueAsNew", "close"),
    refusedReplacement: oneOf("keep", "remove"),
    oversizedInFlight: oneOf("complete", "close"),
    storedAboveMaximumQoS: oneOf("fail"),
    creditForResentPubrel: flag,
    conservativeWindow: flag,
    sharedNeverStarted: oneOf("redispatch", "redispatchQoS1", "drop"),
    resumeAcrossVersions: flag,
    overlappingSubscriptions: oneOf("single", "each"),
    backwardTime: oneOf("hold", "follow"),
    unsentOnSessionLoss: oneOf("keep", "fail"),
    discardOnCleanStart: oneOf("atSend", "atConnack"),
    ownExpiry: oneOf("keep", "ignore"),
    qos0WhileOffline: oneOf("reject", "queue"),
    refusedPublishV311: oneOf("acknowledge", "close"),
  };
  const queue: OptionRules<QueueLimits> = {
    maximumMessages: count,
    maximumBytes: count,
    whenFull: oneOf("dropOldest", "dropNewest", "reject"),
  };
  const retainedLimits: OptionRules<RetainedOptions> = {
    maximumMessages: amount,
    maximumBytes: amount,
    maximumMessageBytes: amount,
  };
  const queueRule: OptionRules<Omit<QueueRule, "filter">> = {
    keepLast: flag,
    maximumMessages: count,
    maximumBytes: count,
    whenFull: oneOf("dropOldest", "dropNewest"),
    priority: whole(0, 9),
    queueQos0: flag,
    upgradeQoS: flag,
  };
  const lease: OptionRules<LeaseOptions> = {
    durationMs: positive(),
    renewEveryMs: positive(),
    closeAfterMs: positive(),
    graceMs: amount,
  };
  const bounds: OptionRules<ConnectionBounds> = {
    maxPendingPackets: count,
    maxPendingBytes: count,
    highWaterBytes: count,
    stallTimeoutMs: positive(),
    stallPollMs: positive(),
  };
  const commit: OptionRules<CommitOptions> = {
    timeoutMs: positive(),
    repeatForMs: amount,
    repeatAfterMs: positive(),
    maxBatches: whole(1),
  };
  return {
    nodeId: text(),
    limits: shape(limits),
    policy: shape(policy),
    queue: shape(queue),
    queueQos0: flag,
    retainedLimits: shape(retainedLimits),
    reauthorizeOnResume: flag,
    authorizeDeliveries: flag,
    queueRules: listOf((rule, doing) => {
      shape({ filter: typed("string") })(rule, doing);
      shape(queueRule, true)(rule, doing);
    }),
    lease: shape(lease),
    bounds: shape(bounds),
    commit: shape(commit),
    authorizeTimeoutMs: positive(),
    doorbellPollMs: amount,
    duePollMs: positive(),
  };
}
