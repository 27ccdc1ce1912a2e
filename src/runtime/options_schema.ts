/**
 * What options a broker takes: the one place where they are checked, before anything is done with them.
 *
 * @module
 */
import {
  array,
  boolean,
  exactOptional,
  type GenericSchema,
  getDotPath,
  gtValue,
  integer,
  maxValue,
  minValue,
  nonEmpty,
  number,
  object,
  partial,
  picklist,
  pipe,
  safeParse,
  string,
} from "valibot";
import { MAX_PACKET_SIZE } from "../mqtt/packet_size.ts";
import type { ConnectionLimits } from "../machine/policy.ts";
import type { PrincipalQuota, ResolvedOptions } from "./options.ts";

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
  check(schema(), options, "make a broker");
}

/**
 * Checks what a host allows one client.
 *
 * @throws {TypeError} If a limit is of the wrong type.
 * @throws {RangeError} If a number is out of range.
 */
export function checkConnectionLimits(limits: Partial<ConnectionLimits>): void {
  check(partial(connectionLimits()), limits, "take the limits of a client");
}

function check(schema: GenericSchema, value: unknown, doing: string): void {
  const { issues: [issue] = [] } = safeParse(schema, value);
  if (issue === undefined) return;
  const what = `${getDotPath(issue) ?? "an option"} is ${issue.received}, expected ${issue.expected}`;
  // NaN is a number that is in no range.
  const Misuse = issue.kind === "validation" || Number.isNaN(issue.input) ? RangeError : TypeError;
  throw new Misuse(`Cannot ${doing}: ${what}`);
}

/**
 * Checks what a host lets a principal hold.
 *
 * @throws {TypeError} If a number is none.
 * @throws {RangeError} If it is out of range.
 */
export function checkQuota(value: PrincipalQuota): void {
  const quota = object({ sessions: upTo(1, 10_000), queuedBytes: upTo(1, Number.MAX_SAFE_INTEGER) });
  check(partial(quota), value, "take the quota of a principal");
}

function upTo(lowest: number, highest: number) {
  return pipe(number(), integer(), minValue(lowest), maxValue(highest));
}

function connectionLimits() {
  return object({
    receiveMaximum: upTo(1, 65_535),
    maximumPacketSize: upTo(1, MAX_PACKET_SIZE),
    topicAliasMaximum: upTo(0, 65_535),
    maximumQoS: picklist([0, 1, 2]),
    retainAvailable: boolean(),
    wildcardSubscriptionAvailable: boolean(),
    subscriptionIdentifiersAvailable: boolean(),
    sharedSubscriptionAvailable: boolean(),
    maximumSessionExpiryInterval: upTo(0, 0xffff_ffff),
    minimumSessionExpiryInterval: upTo(0, 0xffff_ffff),
    maximumKeepAlive: upTo(0, 65_535),
    maximumInFlight: upTo(1, 65_535),
    maximumSubscriptions: upTo(0, Number.MAX_SAFE_INTEGER),
    maximumTopicLevels: upTo(1, 65_535),
    maximumWillBytes: upTo(0, Number.MAX_SAFE_INTEGER),
    maximumUserProperties: upTo(0, Number.MAX_SAFE_INTEGER),
    maximumUnreleased: upTo(1, 65_535),
  });
}

/** Made when it is needed: nothing is done at import. The type argument holds it to the interface. */
function schema(): GenericSchema<PlainOptions> {
  const positive = pipe(number(), gtValue(0));
  const notNegative = pipe(number(), minValue(0));
  const count = pipe(number(), minValue(1));
  return object({
    nodeId: pipe(string(), nonEmpty()),
    limits: object({
      ...connectionLimits().entries,
      maximumClientIdLength: upTo(23, 65_535),
      authenticationMethods: array(string()),
      connectTimeoutMs: positive,
      sendAhead: upTo(1, Number.MAX_SAFE_INTEGER),
      pageMessages: upTo(1, Number.MAX_SAFE_INTEGER),
      pageBytes: count,
      retainedAhead: upTo(1, Number.MAX_SAFE_INTEGER),
    }),
    policy: object({
      disconnectWithoutInterval: picklist(["inForce", "connect"]),
      pendingWillOnCleanStart: picklist(["publish", "suppress"]),
      expiryOnResend: picklist(["recompute", "omitExpired"]),
      repeatedWithoutDup: picklist(["acknowledge", "close"]),
      unknownPubrel: picklist([0x92, 0x00]),
      unexpectedNewSession: picklist(["continueAsNew", "close"]),
      refusedReplacement: picklist(["keep", "remove"]),
      oversizedInFlight: picklist(["complete", "close"]),
      storedAboveMaximumQoS: picklist(["fail"]),
      creditForResentPubrel: boolean(),
      conservativeWindow: boolean(),
      sharedNeverStarted: picklist(["redispatch", "redispatchQoS1", "drop"]),
      resumeAcrossVersions: boolean(),
      overlappingSubscriptions: picklist(["single", "each"]),
      backwardTime: picklist(["hold", "follow"]),
      unsentOnSessionLoss: picklist(["keep", "fail"]),
      discardOnCleanStart: picklist(["atSend", "atConnack"]),
      ownExpiry: picklist(["keep", "ignore"]),
      qos0WhileOffline: picklist(["reject", "queue"]),
      refusedPublishV311: picklist(["acknowledge", "close"]),
    }),
    queue: object({
      maximumMessages: count,
      maximumBytes: count,
      whenFull: picklist(["dropOldest", "dropNewest", "reject"]),
    }),
    queueQos0: boolean(),
    retainedLimits: object({
      maximumMessages: notNegative,
      maximumBytes: notNegative,
      maximumMessageBytes: notNegative,
    }),
    reauthorizeOnResume: boolean(),
    authorizeDeliveries: boolean(),
    queueRules: array(object({
      filter: string(),
      keepLast: exactOptional(boolean()),
      maximumMessages: exactOptional(count),
      maximumBytes: exactOptional(count),
      whenFull: exactOptional(picklist(["dropOldest", "dropNewest"])),
      priority: exactOptional(upTo(0, 9)),
      queueQos0: exactOptional(boolean()),
      upgradeQoS: exactOptional(boolean()),
    })),
    lease: object({
      durationMs: positive,
      renewEveryMs: positive,
      closeAfterMs: positive,
      graceMs: notNegative,
    }),
    bounds: object({
      maxPendingPackets: count,
      maxPendingBytes: count,
      highWaterBytes: count,
      stallTimeoutMs: positive,
      stallPollMs: positive,
    }),
    commit: object({
      timeoutMs: positive,
      repeatForMs: notNegative,
      repeatAfterMs: positive,
      maxBatches: upTo(1, Number.MAX_SAFE_INTEGER),
    }),
    authorizeTimeoutMs: positive,
    doorbellPollMs: notNegative,
    duePollMs: positive,
  });
}
