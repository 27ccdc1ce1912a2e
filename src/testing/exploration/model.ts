/**
 * What the calls of the port mean, one after the other, in the plainest way: the state before and the call give the
 * state after and the answer. Nothing here waits, and nothing is changed in place.
 */
import { applyChanges, type DropReason } from "../../machine/change.ts";
import { decideAcquire, isUnsettled } from "../../machine/rules/lifecycle.ts";
import { willMessage } from "../../machine/rules/will.ts";
import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type {
  Acquired,
  AcquireRefusal,
  AcquireRequest,
  CommitBatch,
  DeliveryReceiver,
  OutboxEntry,
  OutboxMove,
  QueueLimits,
  ReceiverOutcome,
} from "../../store/session_store.ts";
import type { Shown, ShownSession } from "./shown.ts";

/** What a store remembers and does not show. */
export interface Ledger {
  /** By Client Identifier: the last batch of the session as it is now. */
  readonly lastBatch: ReadonlyMap<string, { readonly incarnation: string; readonly id: string }>;
  /** By Client Identifier: what its owner was told. */
  readonly told: ReadonlyMap<string, Told>;
  /** By incarnation: the batch that ended it, and whether a store may have forgotten it since. */
  readonly endedBy: ReadonlyMap<string, { readonly id: string; readonly isCertain: boolean }>;
  /** By Client Identifier: the tokens that acquired its session. There are fewer in a world than a store remembers. */
  readonly tokens: ReadonlyMap<string, ReadonlySet<string>>;
}

type Told = Pick<Acquired, "resumed" | "startedThrough" | "superseded" | "ended"> & { readonly token: string };

/** Nothing is remembered yet. */
export const EMPTY_LEDGER: Ledger = {
  lastBatch: new Map(),
  told: new Map(),
  endedBy: new Map(),
  tokens: new Map(),
};

/** What a call should do. Of guards only what they stand for is told: their numbers are the store's. */
export interface Meant<Answer> {
  readonly shown: Shown;
  readonly ledger: Ledger;
  readonly answer: Answer;
  /** Whether it repeats a call: a store may then have forgotten a part of the answer. */
  readonly isRepeated?: boolean;
  /** Whether it may have forgotten all of it. */
  readonly isForgotten?: boolean;
}

/** What an acquire should answer, apart from guard and page, which are those of the state after it. */
export type MeantAcquire = AcquireRefusal | Omit<Acquired, "guard" | "queue">;

/** What a commit should answer; `goesOn` stands for the next guard. */
export type MeantCommit =
  | { readonly outcome: "superseded" }
  | { readonly outcome: "refused"; readonly reason: "queueFull" | "notTaken" }
  | {
    readonly outcome: "committed";
    readonly goesOn: boolean;
    readonly deliveries: readonly (readonly ReceiverOutcome[])[];
  };

/** Taking a session. */
export function meantByAcquire(shown: Shown, ledger: Ledger, request: AcquireRequest): Meant<MeantAcquire> {
  const { terms, token, nodeId, now } = request;
  const { clientId } = terms;
  const stored = shown.sessions.get(clientId);
  const told = ledger.told.get(clientId);
  if (stored?.owner?.token === token && told?.token === token) {
    const { ended } = told;
    const now = ended === undefined
      ? told
      : { ...told, ended: { ...ended, owes: shown.outboxes.has(ended.incarnation) } };
    const answer = acquired(shown, stored, now);
    return { shown, ledger, answer, isRepeated: true };
  }
  const refuse = (reason: AcquireRefusal["reason"]): Meant<MeantAcquire> => {
    return { shown, ledger, answer: { outcome: "refused", reason } };
  };
  const isLiving = stored?.ownerUntil !== undefined && stored.ownerUntil > now;
  const tokens = stored === undefined ? undefined : ledger.tokens.get(clientId);
  if (tokens?.has(token)) return refuse("stale");
  if (stored !== undefined && terms.mustBeNew) return refuse("exists");
  if (isLiving && request.whenOwned === "refuse") return refuse("owned");
  const decision = decideAcquire(
    stored && {
      head: stored.snapshot.head,
      hasWill: stored.snapshot.will !== undefined,
      ...(stored.ownerUntil === undefined ? {} : { ownerUntil: stored.ownerUntil }),
    },
    terms,
    now,
  );
  if (isUnsettled(stored?.snapshot.head, decision)) return refuse("unsettled");
  const outboxes = new Map(shown.outboxes);
  const before = stored?.snapshot;
  if (decision.publishesWill && before?.will !== undefined) {
    owe(outboxes, before.incarnation, willMessage(before.will, clientId, now), undefined);
  }
  const kept = decision.resumed ? stored : undefined;
  const { will: _, ...state } = kept?.snapshot ?? nothing(clientId, request.incarnation);
  const session: ShownSession = {
    ...(kept ?? { epoch: 0, version: 0, log: [], tail: 0, dropped: {} }),
    snapshot: { ...state, head: decision.head, ...(terms.will === undefined ? {} : { will: terms.will }) },
    owner: { nodeId, token },
  };
  const after: Shown = { sessions: new Map(shown.sessions).set(clientId, session), outboxes };
  const superseded = isLiving ? stored?.owner : undefined;
  const says: Told = {
    token,
    resumed: decision.resumed,
    startedThrough: decision.startedThrough,
    ...(superseded === undefined ? {} : { superseded }),
    ...(decision.ends === undefined || before === undefined ? {} : {
      ended: { incarnation: before.incarnation, reason: decision.ends, owes: outboxes.has(before.incarnation) },
    }),
  };
  const lastBatch = new Map(ledger.lastBatch);
  lastBatch.delete(clientId);
  return {
    shown: after,
    ledger: {
      ...forgetful(ledger),
      lastBatch,
      told: new Map(ledger.told).set(clientId, says),
      tokens: new Map(ledger.tokens).set(clientId, new Set([...tokens ?? [], token])),
    },
    answer: acquired(after, session, says),
  };
}

/** What is left once a session began anew, or a sweep came by: that a batch ended its session may be forgotten. */
export function forgetful(ledger: Ledger): Ledger {
  const endedBy = new Map(
    Array.from(ledger.endedBy, ([incarnation, { id }]) => [incarnation, { id, isCertain: false }]),
  );
  return { ...ledger, endedBy };
}

function acquired(shown: Shown, { snapshot }: ShownSession, { token: _, ...told }: Told): MeantAcquire {
  return { outcome: "acquired", ...told, snapshot, outboxPending: shown.outboxes.has(snapshot.incarnation) };
}

function nothing(clientId: string, incarnation: string): Omit<ShownSession["snapshot"], "head"> & { will?: never } {
  return {
    clientId,
    incarnation,
    subscriptions: new Map(),
    outbound: new Map(),
    quarantine: new Set(),
    inbound: new Set(),
  };
}

/**
 * Carrying one batch out.
 *
 * @param owners The state that tells who owns the receivers. Owners come and go without the appenders, and nobody can tell
 *   which of the two was first: a store may go by what it saw while the call went on.
 */
export function meantByCommit(
  shown: Shown,
  ledger: Ledger,
  batch: CommitBatch,
  owners: Shown = shown,
): Meant<MeantCommit> {
  const { guard } = batch;
  const stored = guard && shown.sessions.get(guard.clientId);
  if (guard !== undefined) {
    const last = ledger.lastBatch.get(guard.clientId);
    const repeats = last?.id === batch.id && last.incarnation === guard.incarnation;
    const ended = ledger.endedBy.get(guard.incarnation);
    if (repeats || ended?.id === batch.id) {
      const isForgotten = !repeats && ended?.isCertain === false;
      const answer = { outcome: "committed", goesOn: repeats, deliveries: [] } as const;
      return { shown, ledger, answer, isRepeated: true, isForgotten };
    }
    const isValid = stored?.snapshot.incarnation === guard.incarnation && stored.epoch === guard.epoch &&
      stored.version === guard.version;
    if (!isValid) return { shown, ledger, answer: { outcome: "superseded" } };
  }
  const entry = batch.outbox && entryAt(shown, batch.outbox);
  if (batch.outbox !== undefined && entry === undefined) return { shown, ledger, answer: { outcome: "superseded" } };

  const notTaken = { shown, ledger, answer: { outcome: "refused", reason: "notTaken" } } as const;
  const isThere = (sequence: number) => stored?.log.some((each) => each.sequence === sequence) === true;
  const removesAll = batch.changes.every((change) => change.type !== "deleteQueued" || isThere(change.sequence));
  if (batch.isWhole && !removesAll) return notTaken;
  const sessions = new Map(shown.sessions);
  const outboxes = new Map(shown.outboxes);
  const changed = stored && changedBy(stored, batch);
  if (guard !== undefined) {
    if (changed === undefined) sessions.delete(guard.clientId);
    else sessions.set(guard.clientId, changed);
  }
  const ownerOf = (clientId: string): ShownSession["owner"] => {
    // What the batch does to its own session comes first.
    return (clientId === guard?.clientId ? sessions : owners.sessions).get(clientId)?.owner;
  };
  const deliveries: (readonly ReceiverOutcome[])[] = [];
  let isBehind = batch.behindOutbox === true;
  for (const { message, receivers } of batch.deliveries) {
    if (isBehind || receivers === undefined) {
      isBehind = true;
      owe(outboxes, guard?.incarnation ?? batch.id, message, receivers);
      deliveries.push(
        (receivers ?? []).map(({ clientId, incarnation }) => ({ outcome: "owed", clientId, incarnation })),
      );
    } else {
      deliveries.push(
        receivers.map((receiver) => append(sessions, message, receiver, batch.limits, ownerOf(receiver.clientId))),
      );
    }
  }
  const isTaken = deliveries.flat().every((told) => told.outcome === "appended" && told.dropped === undefined);
  if (batch.isWhole && !isTaken) return notTaken;
  const isRefusal = batch.limits.whenFull === "reject" && batch.outbox === undefined &&
    deliveries.flat().some(({ outcome }) => outcome === "dropped") &&
    deliveries.flat().every(({ outcome }) => outcome === "dropped" || outcome === "ended");
  if (isRefusal) return { shown, ledger, answer: { outcome: "refused", reason: "queueFull" } };
  if (batch.outbox !== undefined && entry !== undefined) move(outboxes, batch.outbox, entry);
  return {
    shown: { sessions, outboxes },
    ledger: guard === undefined ? ledger : remembered(ledger, batch.id, guard, changed !== undefined),
    answer: { outcome: "committed", goesOn: changed !== undefined, deliveries },
  };
}

function remembered(
  ledger: Ledger,
  id: string,
  { clientId, incarnation }: NonNullable<CommitBatch["guard"]>,
  goesOn: boolean,
): Ledger {
  const lastBatch = new Map(ledger.lastBatch);
  const endedBy = new Map(ledger.endedBy);
  if (goesOn) lastBatch.set(clientId, { incarnation, id });
  else {
    lastBatch.delete(clientId);
    endedBy.set(incarnation, { id, isCertain: true });
  }
  return { ...ledger, lastBatch, endedBy };
}

/** The session after the changes of its owner; `undefined` once it has ended. */
function changedBy(session: ShownSession, { changes, raiseEpoch }: CommitBatch): ShownSession | undefined {
  const snapshot = applyChanges(session.snapshot, changes);
  if (snapshot === undefined) return undefined;
  const { owner, ...rest } = session;
  let { log, dropped } = session;
  for (const change of changes) {
    if (change.type !== "deleteQueued" || !log.some(({ sequence }) => sequence === change.sequence)) continue;
    log = log.filter(({ sequence }) => sequence !== change.sequence);
    if (change.dropped !== undefined) dropped = counted(dropped, change.dropped);
  }
  const next = raiseEpoch === undefined || owner === undefined ? owner : { ...owner, token: raiseEpoch.token };
  return {
    ...rest,
    snapshot,
    log,
    dropped,
    ...(next === undefined || !snapshot.head.attached ? {} : { owner: next }),
  };
}

function append(
  sessions: Map<string, ShownSession>,
  message: Message,
  receiver: DeliveryReceiver,
  limits: QueueLimits,
  owner: ShownSession["owner"],
): ReceiverOutcome {
  const { clientId, incarnation, qos, retain, subscriptionIdentifiers, ownedBy, claimed } = receiver;
  const session = sessions.get(clientId);
  if (session?.snapshot.incarnation !== incarnation) return { outcome: "ended", clientId, incarnation };
  const drop = (reason: DropReason): ReceiverOutcome => {
    sessions.set(clientId, { ...session, dropped: counted(session.dropped, reason) });
    return { outcome: "dropped", clientId, incarnation, reason };
  };
  if (receiver.onlyIfOwned === true && owner === undefined) return drop("notConnected");
  // This has to hold when the commit is made, and not only while it was on its way.
  if (ownedBy !== undefined && session.owner?.token !== ownedBy) return drop("notConnected");
  const victims = givingWay(session, messageBytes(message), qos === 0, limits);
  if (victims === undefined) return drop("queueFullNewest");
  const sequence = session.tail + 1;
  const from = claimed === undefined ? {} : { claimed };
  const copy: QueuedMessage = { ...message, sequence, qos, retain, subscriptionIdentifiers, ...from };
  sessions.set(clientId, {
    ...session,
    tail: sequence,
    log: [...session.log.filter((each) => !victims.includes(each)), copy],
    dropped: victims.reduce((sum) => counted(sum, "queueFullOldest"), session.dropped),
  });
  return {
    outcome: "appended",
    clientId,
    incarnation,
    sequence,
    ...(owner === undefined ? {} : { ownerNode: owner.nodeId }),
    ...(victims.length === 0 ? {} : { dropped: victims.map(() => "queueFullOldest" as const) }),
  };
}

/** What gives way: never what was started, QoS 0 first, and nothing where that makes no room. */
function givingWay(
  { log, snapshot }: ShownSession,
  bytes: number,
  isQos0: boolean,
  limits: QueueLimits,
): readonly QueuedMessage[] | undefined {
  const fits = (left: readonly QueuedMessage[]): boolean =>
    left.length < limits.maximumMessages &&
    left.reduce((sum, each) => sum + messageBytes(each), bytes) <= limits.maximumBytes;
  if (fits(log)) return [];
  if (limits.whenFull !== "dropOldest") return undefined;
  const waiting = log.filter(({ sequence }) => sequence > snapshot.head.sentLimit);
  const candidates = [
    ...waiting.filter(({ qos }) => qos === 0),
    ...(isQos0 ? [] : waiting.filter(({ qos }) => qos !== 0)),
  ];
  for (let count = 1; count <= candidates.length; count++) {
    const victims = candidates.slice(0, count);
    if (fits(log.filter((each) => !victims.includes(each)))) return victims;
  }
  return undefined;
}

function counted(dropped: ShownSession["dropped"], reason: DropReason): ShownSession["dropped"] {
  return { ...dropped, [reason]: (dropped[reason] ?? 0) + 1 };
}

/** The entry on which a step builds; `undefined` when the outbox has moved on. */
function entryAt({ outboxes }: Shown, { outboxId, number, from, receivers }: OutboxMove): OutboxEntry | undefined {
  const entry = outboxes.get(outboxId)?.find((each) => each.number === number);
  if (entry?.cursor !== from) return undefined;
  return (entry.receivers === undefined) === (receivers !== undefined) ? entry : undefined;
}

function move(
  outboxes: Map<string, readonly OutboxEntry[]>,
  { outboxId, to, receivers }: OutboxMove,
  entry: OutboxEntry,
): void {
  const fixed = entry.receivers ?? receivers ?? [];
  const entries = (outboxes.get(outboxId) ?? []).flatMap((each) => {
    if (each !== entry) return [each];
    return to < fixed.length ? [{ ...each, receivers: fixed, cursor: to }] : [];
  });
  if (entries.length === 0) outboxes.delete(outboxId);
  else outboxes.set(outboxId, entries);
}

function owe(
  outboxes: Map<string, readonly OutboxEntry[]>,
  outboxId: string,
  message: Message,
  receivers: readonly DeliveryReceiver[] | undefined,
): void {
  // Its number is the store's to give.
  const entry: OutboxEntry = {
    outboxId,
    number: -1,
    message,
    ...(receivers === undefined ? {} : { receivers }),
    cursor: 0,
  };
  outboxes.set(outboxId, [...outboxes.get(outboxId) ?? [], entry]);
}
