import { type AcquireDecision, decideAcquire, isUnsettled } from "../../machine/rules/lifecycle.ts";
import { willMessage } from "../../machine/rules/will.ts";
import type { Acquired, AcquireRefusal, AcquireRequest } from "../../store/session_store.ts";
import { acquireEntry, withDropped, withEntry } from "../../store/records/journal.ts";
import { TOKENS_KEPT } from "../../store/tokens.ts";
import { copyOfWill } from "./copies.ts";
import { MessageLog } from "./log.ts";
import { dropsOf, type Owner, type SessionRecord } from "./records.ts";
import { snapshotOf } from "./snapshot.ts";
import { guardOf, type World } from "./world.ts";

/** Takes a session (D1): everything up to the first change decides, nothing after it can fail. */
export function acquire(
  world: World,
  request: AcquireRequest,
  principalDigest?: string,
): Acquired | AcquireRefusal {
  const stored = world.sessions.get(request.terms.clientId);
  if (stored?.owner !== undefined && stored.owner.token === request.token) {
    return answer(world, stored, stored.owner, request);
  }
  if (request.isReload === true) return { outcome: "refused", reason: "stale" };
  const aliveUntil = stored?.owner === undefined ? undefined : world.aliveUntil(stored.owner.nodeId);
  const isLiving = aliveUntil !== undefined && aliveUntil > request.now;
  const reason = refusal(stored, request, isLiving, principalDigest);
  if (reason !== undefined) return { outcome: "refused", reason };

  const decision = decideAcquire(
    stored && {
      head: stored.head,
      hasWill: stored.will !== undefined,
      ...(aliveUntil === undefined ? {} : { ownerUntil: aliveUntil }),
    },
    request.terms,
    request.now,
  );
  if (isUnsettled(stored?.head, decision)) return { outcome: "refused", reason: "unsettled" };
  if (!decision.resumed && isOverQuota(world, stored, request, principalDigest)) {
    return { outcome: "refused", reason: "quota" };
  }
  const superseded = isLiving ? stored?.owner : undefined;
  const owner: Owner = {
    nodeId: request.nodeId,
    token: request.token,
    resumed: decision.resumed,
    startedThrough: decision.startedThrough,
    ...(superseded === undefined ? {} : { superseded: { nodeId: superseded.nodeId, token: superseded.token } }),
    ...(decision.ends === undefined || stored === undefined
      ? {}
      : { ended: { incarnation: stored.incarnation, reason: decision.ends } }),
  };
  if (stored !== undefined) leaveStored(world, stored, decision, request.now);
  if (superseded !== undefined && superseded.nodeId !== request.nodeId) {
    world.doorbells.ring(superseded.nodeId, request.terms.clientId);
  }
  const record = decision.resumed && stored !== undefined ? stored : begin(world, request, decision);
  const ended = world.forgetJournal(request.terms.clientId);
  const entry = acquireEntry({
    at: request.now,
    epoch: record.epoch + 1,
    resumed: decision.resumed,
    nodeId: request.nodeId,
    ...(superseded === undefined ? {} : { superseded: superseded.nodeId }),
    ...(decision.ends === undefined ? {} : { ended: decision.ends }),
  });
  const lost = decision.ends === undefined || stored === undefined ? {} : dropsOf(stored);
  record.journal = withEntry(stored?.journal ?? ended?.journal ?? "", withDropped(entry, lost));
  // Not spread: that would leave room for more.
  record.tokens = (stored?.tokens ?? []).slice(1 - TOKENS_KEPT).concat(request.token);
  take(world, record, owner, request, decision);
  return answer(world, record, owner, request);
}

function refusal(
  stored: SessionRecord | undefined,
  request: AcquireRequest,
  isLiving: boolean,
  principalDigest: string | undefined,
): AcquireRefusal["reason"] | undefined {
  if (stored === undefined) return undefined;
  if (stored.tokens.includes(request.token)) return "stale";
  // Of a session that was restored no more is known than the digest of its principal.
  if (stored.principalDigest !== undefined) {
    if (stored.principalDigest !== principalDigest) return "principal";
  } else if (stored.principal !== request.principal) return "principal";
  if (request.terms.mustBeNew) return "exists";
  return isLiving && request.whenOwned === "refuse" ? "owned" : undefined;
}

/** Whether one more session of the principal would be one too many. */
function isOverQuota(
  world: World,
  stored: SessionRecord | undefined,
  { principal, quota }: AcquireRequest,
  principalDigest = "",
): boolean {
  if (principal === undefined || quota === undefined) return false;
  const sets = [world.counted.get(principal), world.counted.get(principalDigest)];
  const size = sets.reduce((sum, set) => sum + (set?.size ?? 0), 0);
  return size >= quota && !(stored !== undefined && sets.some((set) => set?.has(stored)));
}

/** What becomes of what was stored: its Will into the outbox, if it is due, and its end, if it ends. */
function leaveStored(world: World, stored: SessionRecord, decision: AcquireDecision, now: number): void {
  if (decision.publishesWill && stored.will !== undefined) {
    const message = willMessage(stored.will, stored.clientId, now);
    world.putOutbox(stored.incarnation, ++stored.lastOutboxNumber, { message, receivers: undefined, cursor: 0 }, now);
  }
  if (decision.ends !== undefined) world.endSession(stored);
}

function begin(world: World, request: AcquireRequest, decision: AcquireDecision): SessionRecord {
  const { clientId } = request.terms;
  const record: SessionRecord = {
    clientId,
    incarnation: request.incarnation,
    principal: request.principal,
    epoch: 0,
    version: 0,
    head: decision.head,
    owner: undefined,
    tokens: [],
    will: undefined,
    subscriptions: undefined,
    outbound: undefined,
    quarantine: undefined,
    inbound: undefined,
    log: undefined,
    dropped: undefined,
    lastBatch: undefined,
    journal: "",
    lastOutboxNumber: 0,
    dueAt: Infinity,
    place: -1,
  };
  world.sessions.set(clientId, record);
  if (request.principal !== undefined && request.quota !== undefined) world.count(request.principal, record);
  return record;
}

function take(
  world: World,
  record: SessionRecord,
  owner: Owner,
  request: AcquireRequest,
  decision: AcquireDecision,
): void {
  record.epoch += 1;
  record.version += 1;
  record.lastBatch = undefined;
  record.head = { ...decision.head };
  record.will = request.terms.will && copyOfWill(request.terms.will);
  world.setOwner(record, owner);
  world.setDue(record);
}

function answer(world: World, record: SessionRecord, owner: Owner, request: AcquireRequest): Acquired {
  const { resumed, startedThrough, superseded, ended } = owner;
  return {
    outcome: "acquired",
    resumed,
    snapshot: snapshotOf(record),
    startedThrough,
    guard: guardOf(record),
    queue: (record.log ?? new MessageLog()).page(0, request.page),
    outboxPending: world.outboxes.has(record.incarnation),
    ...(superseded === undefined ? {} : { superseded }),
    ...(ended === undefined ? {} : { ended: { ...ended, owes: world.outboxes.has(ended.incarnation) } }),
  };
}
