/**
 * The life of a server session: who gets it, what ends it, and what a lost connection leaves (rows S1 to S18).
 *
 * All of it is arithmetic on {@linkcode SessionHead}, so that a store can carry out an acquire in one atomic step without
 * knowing MQTT, and any process can judge a session that nobody holds.
 */
import { NEVER_EXPIRES } from "../../mqtt/packet.ts";
import type { AcquireTerms } from "../request.ts";
import type { SessionHead } from "../snapshot.ts";

/** What an acquire finds. */
export type StoredState = "absent" | "detached" | "attached";

/** What the CONNECT asks, put against what is stored. */
export type AcquireCondition = "any" | "goesOn" | "cleanStart" | "hasEnded";

/** What an acquire does. */
export interface AcquireRow {
  /** The row of the reference's table. */
  readonly row: string;
  /** Whether stored state goes on: Session Present. */
  readonly resumed: boolean;
  /** Whether the stored session ends in this step. */
  readonly endsStored: boolean;
  /** What becomes of a stored Will: published, deleted, or as `onTakeover` and its due time say. */
  readonly will: "none" | "publish" | "publishIfDue" | "asOnTakeover";
}

/** Rows S2 to S8: state found, condition → what happens. A pair without a row cannot arise. */
export const ACQUIRE_TABLE = {
  absent: {
    any: { row: "S2", resumed: false, endsStored: false, will: "none" },
  },
  detached: {
    goesOn: { row: "S3", resumed: true, endsStored: false, will: "publishIfDue" },
    hasEnded: { row: "S4", resumed: false, endsStored: true, will: "publish" },
    cleanStart: { row: "S5", resumed: false, endsStored: true, will: "publish" },
  },
  attached: {
    goesOn: { row: "S6", resumed: true, endsStored: false, will: "asOnTakeover" },
    hasEnded: { row: "S7", resumed: false, endsStored: true, will: "publish" },
    cleanStart: { row: "S8", resumed: false, endsStored: true, will: "publish" },
  },
} as const satisfies Record<StoredState, Partial<Record<AcquireCondition, AcquireRow>>>;

/** What ends a connection or moves a session that has none. */
export type EndingEvent =
  | "connectRefused"
  | "disconnectNormal"
  | "disconnectWithWill"
  | "disconnectInvalid"
  | "connectionLost"
  | "superseded"
  | "endRequested"
  | "ownerLost"
  | "willDue"
  | "expiryDue";

/** What an ending does to the session. */
export interface EndingRow {
  /** The row of the reference's table. */
  readonly row: string;
  /** `delete`: it is never published. `byDelay`: at the earlier of its delay and the session's end. `publish`: now. */
  readonly will: "keep" | "delete" | "byDelay" | "publish";
  /** Whether the interval of a DISCONNECT replaces the one in force. */
  readonly appliesInterval: boolean;
  /** `detached` stands for `absent` where the interval in force is 0. */
  readonly next: "same" | "detached" | "absent" | "lost";
}

/** How a connection ended. */
export interface Ending {
  readonly reasonCode: number;
  /** Whether a 5.0 peer gets a DISCONNECT with that code first; never before CONNACK ([MQTT-3.14.0-1]). */
  readonly tellsPeer: boolean;
  /** The Session Expiry Interval of a DISCONNECT, in seconds. */
  readonly sessionExpiryInterval?: number;
  /** Texts that go with the code. */
  readonly reasonString?: string;
  readonly serverReference?: string;
  readonly now: number;
}

/**
 * Rows S1 and S9 to S18: state, what happened → what becomes of Will, interval and session.
 *
 * `lost` means that the session is another owner's now: it goes on, but no longer here.
 */
export const ENDING_TABLE = {
  absent: {
    connectRefused: { row: "S1", will: "keep", appliesInterval: false, next: "same" },
    connectionLost: { row: "S1", will: "keep", appliesInterval: false, next: "same" },
  },
  attached: {
    disconnectNormal: { row: "S9", will: "delete", appliesInterval: true, next: "detached" },
    disconnectWithWill: { row: "S10", will: "byDelay", appliesInterval: true, next: "detached" },
    disconnectInvalid: { row: "S11", will: "byDelay", appliesInterval: false, next: "detached" },
    connectionLost: { row: "S12", will: "byDelay", appliesInterval: false, next: "detached" },
    endRequested: { row: "S15", will: "publish", appliesInterval: false, next: "absent" },
    superseded: { row: "S16", will: "keep", appliesInterval: false, next: "lost" },
    ownerLost: { row: "S17", will: "byDelay", appliesInterval: false, next: "detached" },
  },
  detached: {
    willDue: { row: "S13", will: "publish", appliesInterval: false, next: "detached" },
    expiryDue: { row: "S14", will: "publish", appliesInterval: false, next: "absent" },
    endRequested: { row: "S15", will: "publish", appliesInterval: false, next: "absent" },
  },
} as const satisfies Record<StoredState, Partial<Record<EndingEvent, EndingRow>>>;

/** What is stored, as far as an acquire looks at it. */
export interface StoredForAcquire {
  /** The stored head. */
  readonly head: SessionHead;
  /** Whether a Will is stored with it. */
  readonly hasWill: boolean;
  /** Until when the node of the owner is known to be alive; `undefined` when a living owner needs no lease. */
  readonly ownerUntil?: number;
}

/** The outcome of an acquire, for a store to carry out. */
export interface AcquireDecision {
  /** The row of {@linkcode ACQUIRE_TABLE} that applied. */
  readonly row: "S2" | "S3" | "S4" | "S5" | "S6" | "S7" | "S8";
  /** Whether stored state goes on: Session Present. */
  readonly resumed: boolean;
  /** Why the stored session ends in this step; absent when it goes on or there is none. */
  readonly ends?: "expired" | "cleanStart" | "takenOver";
  /** Whether the stored Will enters the outbox. In any case it is no longer the session's. */
  readonly publishesWill: boolean;
  /** The head after the acquire. */
  readonly head: SessionHead;
  /** The `sentLimit` before it; 0 for a new session. */
  readonly startedThrough: number;
}

/**
 * What a connection leaves behind when it ends (the helper `detach` of the reference).
 *
 * `lostAt` may be a guess: the end of a lease, or 0 of a node that never had one. No connection ends before it began.
 */
export function detachedHead(head: SessionHead, lostAt: number, reasonCode: number): SessionHead {
  const at = Math.max(lostAt, head.connectedAt);
  const { willAfterMs, endsAfterMs, endsAt: _whileAttached, willDueAt: _none, ...rest } = head;
  const endsAt = endsAfterMs === undefined ? undefined : at + endsAfterMs;
  const willAt = willAfterMs === undefined ? undefined : at + willAfterMs;
  const willDueAt = willAt === undefined ? undefined : Math.min(willAt, endsAt ?? willAt);
  return {
    ...rest,
    attached: false,
    disconnectedAt: at,
    disconnectReason: reasonCode,
    ...(endsAfterMs === undefined ? {} : { endsAfterMs }),
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(willDueAt === undefined ? {} : { willDueAt }),
  };
}

/** When the interval is over that began with the end of the latest connection; `undefined` if that is not known, or never. */
export function intervalEndsAt({ disconnectedAt, sessionExpiryInterval }: SessionHead): number | undefined {
  if (disconnectedAt === undefined || sessionExpiryInterval === NEVER_EXPIRES) return undefined;
  return disconnectedAt + sessionExpiryInterval * 1_000;
}

/** The numbers of a head that follow from an interval in seconds: `endsAt` while attached, and `endsAfterMs`. */
export function expiryNumbers(intervalSeconds: number): Pick<SessionHead, "endsAt" | "endsAfterMs"> {
  if (intervalSeconds === NEVER_EXPIRES) return {};
  const endsAfterMs = intervalSeconds * 1_000;
  return intervalSeconds === 0 ? { endsAt: 0, endsAfterMs } : { endsAfterMs };
}

/**
 * Decides an acquire: what is stored, the terms, and the time → rows S2 to S8.
 *
 * An owner whose node's lease has run out is first turned into a connection lost at the lease's end (D5).
 */
export function decideAcquire(
  stored: StoredForAcquire | undefined,
  terms: AcquireTerms,
  now: number,
): AcquireDecision {
  if (stored === undefined) return began("S2", terms, undefined, false);
  const lapsedAt = stored.head.attached && stored.ownerUntil !== undefined && stored.ownerUntil <= now
    ? stored.ownerUntil
    : undefined;
  const head = lapsedAt === undefined ? stored.head : detachedHead(stored.head, lapsedAt, 0x80);
  const state: Exclude<StoredState, "absent"> = head.attached ? "attached" : "detached";
  const condition = conditionOf(head, terms, now);
  const row: AcquireRow & { readonly row: AcquireDecision["row"] } = ACQUIRE_TABLE[state][condition];
  const publishesWill = stored.hasWill && publishes(row.will, head, terms, now);
  if (row.endsStored) {
    const ends = condition === "cleanStart" ? "cleanStart" : state === "attached" ? "takenOver" : "expired";
    return began(row.row, terms, ends, publishesWill);
  }
  return {
    row: row.row,
    resumed: true,
    publishesWill,
    // An owner that nobody saw leave had stored a limit ahead of what it sent: raising it again and again, one takeover
    // after another, would make started messages of ever more that never were (D3).
    head: {
      ...terms.head,
      sentLimit: head.sentLimit + (stored.head.attached ? 0 : terms.sendAhead),
      ...(head.borrows ? { borrows: true } : {}),
    },
    startedThrough: head.sentLimit,
  };
}

/** Whether a stored session would end in an acquire before what it has claimed was given back. */
export function isUnsettled(stored: SessionHead | undefined, { ends }: AcquireDecision): boolean {
  return ends !== undefined && stored?.borrows === true;
}

function conditionOf(head: SessionHead, terms: AcquireTerms, now: number): "goesOn" | "hasEnded" | "cleanStart" {
  // A session that has ended ends as such whatever the CONNECT asks: what it owes does not hang on Clean Start.
  if (head.endsAt !== undefined && head.endsAt <= now) return "hasEnded";
  if (terms.cleanStart) return "cleanStart";
  return terms.resumeAcrossVersions || head.protocolVersion === terms.head.protocolVersion ? "goesOn" : "cleanStart";
}

function publishes(will: AcquireRow["will"], head: SessionHead, terms: AcquireTerms, now: number): boolean {
  switch (will) {
    case "none":
      return false;
    case "publish":
      return head.attached || terms.releaseWillOnCleanStart ||
        (head.willDueAt !== undefined && head.willDueAt <= now);
    case "publishIfDue":
      return head.willDueAt !== undefined && head.willDueAt <= now;
    case "asOnTakeover":
      return head.onTakeover === "release";
    default:
      return will satisfies never;
  }
}

function began(
  row: AcquireDecision["row"],
  terms: AcquireTerms,
  ends: AcquireDecision["ends"],
  publishesWill: boolean,
): AcquireDecision {
  return {
    row,
    resumed: false,
    ...(ends === undefined ? {} : { ends }),
    publishesWill,
    head: { ...terms.head, sentLimit: terms.sendAhead },
    startedThrough: 0,
  };
}
