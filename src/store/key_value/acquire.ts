/** Taking a session, in one atomic step (D1): one round of reads, one commit. */
import { type AcquireDecision, decideAcquire, isUnsettled } from "../../machine/rules/lifecycle.ts";
import { willMessage } from "../../machine/rules/will.ts";
import { unreadable } from "../encoding.ts";
import { digestOf } from "../keys.ts";
import { sumDrops } from "../records/drops.ts";
import { acquireEntry, withDropped, withEntry } from "../records/journal.ts";
import type { Acquired, AcquireRefusal, AcquireRequest } from "../session_store.ts";
import { afterwards, type StoreCallOptions, together } from "../call.ts";
import { isUsed, shortToken, withToken } from "../tokens.ts";
import { putHead, putIndex, putSweep } from "./changes.ts";
import { removeChunks } from "./chunks.ts";
import { contended, getAll, layoutFor, listUpTo, MAX_ATTEMPTS, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { deleteEnded, type EndedEntry, readEnded } from "./ended.ts";
import { decodeGate, emptyGate, encodeGate, type GateRecord, queueSize } from "./gate.ts";
import { KeyValueGuard } from "./guard.ts";
import { type AcquireAnswer, decodeHead, type HeadRecord } from "./head.ts";
import { below, type Layout, ROW } from "./layout.ts";
import { putText } from "./long_text.ts";
import { putEntry } from "./owed.ts";
import { freePlace } from "./places.ts";
import { Plan } from "./plan.ts";
import { sequenceOf, stagedPrefix } from "./queue_row.ts";
import { readPage } from "./queue.ts";
import { ring } from "./rings.ts";
import { encodeNode, encodeRevision, encodeWill } from "./rows.ts";
import { leaseOf, NOTHING_OWNED, type OwnRows, ownRows, snapshotOf, stateOf } from "./session.ts";
import { Staging } from "./staging.ts";
import { World } from "./world.ts";

/** How many rows of the session are read on the suspicion that they are all, beyond a page of the log. */
const OWN_ROWS = 100;

/** What an acquire found. */
interface Found {
  readonly head: HeadRecord | undefined;
  readonly headVersion: string | null;
  readonly gate: GateRecord | undefined;
  readonly gateVersion: string | null;
  /** What is kept of a session of this client that has ended. */
  readonly ended: EndedEntry | undefined;
  readonly own: OwnRows;
  /** The first rows of the client, and whether there may be more. */
  readonly rows: readonly Entry[];
  readonly more: boolean;
  readonly nodes: readonly Entry[];
}

/** Takes a session. Who waits no longer for an attempt must not be surprised by the next one: none begins after an abort. */
export async function acquire(
  context: StoreContext,
  request: AcquireRequest,
  call?: StoreCallOptions,
): Promise<Acquired | AcquireRefusal> {
  const { clientId } = request.terms;
  const layout = await layoutFor(context, [clientId, request.nodeId, request.incarnation]);
  const principal = request.principal === undefined ? "" : await digestOf(request.principal);
  const token = shortToken(request.token);
  const staging = new Staging(context, layout, request.now);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    call?.signal?.throwIfAborted();
    const found = await find(context, layout, request);
    const { head } = found;
    if (head?.session.attached && head.owner.token === request.token) {
      return await answer(context, layout, request, found, head, found.headVersion ?? "", found.own);
    }
    if (request.isReload === true) return { outcome: "refused", reason: "stale" };
    const lease = head?.session.attached ? leaseOf(found.nodes, layout.node(head.owner.nodeId)) ?? 0 : undefined;
    const isLiving = lease !== undefined && lease > request.now;
    if (head !== undefined) {
      if (isUsed(head.tokens, token)) return { outcome: "refused", reason: "stale" };
      if (head.principal !== principal) return { outcome: "refused", reason: "principal" };
      if (request.terms.mustBeNew) return { outcome: "refused", reason: "exists" };
      if (isLiving && request.whenOwned === "refuse") return { outcome: "refused", reason: "owned" };
    }
    const decision = decideAcquire(
      head && {
        head: head.session,
        hasWill: found.own.will !== undefined,
        ...(lease === undefined ? {} : { ownerUntil: lease }),
      },
      request.terms,
      request.now,
    );
    if (isUnsettled(head?.session, decision)) return { outcome: "refused", reason: "unsettled" };
    let place = head?.place;
    if (!decision.resumed) {
      const { quota } = request;
      if (principal === "" || quota === undefined) place = undefined;
      else if (place === undefined) {
        place = await freePlace(context, layout, principal, quota);
        if (place === undefined) {
          // Places are read after the head: the one that is missing may be that of a session which this client began since.
          const [now] = await context.driver.get([layout.head(clientId)]);
          if ((now?.version ?? null) !== found.headVersion) continue;
          return { outcome: "refused", reason: "quota" };
        }
      }
    }
    const plan = new Plan();
    if (place !== head?.place && place !== undefined) plan.check(layout.place(principal, place), null);
    const work = { context, layout, plan, staging, found, request, decision, principal, token, place };
    const next = planAcquire(work, isLiving && head !== undefined ? head.owner : undefined);
    await staging.write(plan);
    call?.signal?.throwIfAborted();
    const committed = await context.driver.commit(plan.checks(), plan.mutations());
    if (committed === undefined) {
      await staging.lookAgain();
      continue;
    }
    const own: OwnRows = { ...(decision.resumed ? found.own : NOTHING_OWNED), will: request.terms.will, ...next.owned };
    const owes = found.own.outboxPending || decision.publishesWill;
    const written = { gate: next.gate, owes };
    return await afterwards(() => answer(context, layout, request, found, next.head, committed.version, own, written));
  }
  throw contended("acquire a session");
}

/** Reads all that an acquire looks at, at once. */
async function find(context: StoreContext, layout: Layout, { terms, page }: AcquireRequest): Promise<Found> {
  const { driver } = context;
  const headKey = layout.head(terms.clientId);
  const gateKey = layout.gate(terms.clientId);
  const endedKey = layout.ended(terms.clientId);
  const limit = Math.min(page.messages + OWN_ROWS, driver.limits.entriesPerList);
  const [[headEntry, gateEntry, endedEntry], { entries: rows, more }, nodes] = await together([
    getAll(driver, [headKey, gateKey, endedKey]),
    driver.list({ ...below(layout.rowsOfClient(terms.clientId)), limit }),
    listUpTo(driver, below(layout.nodes()), Infinity),
  ]);
  const head = headEntry && decodeHead(headKey, headEntry.value, terms.clientId);
  const gate = gateEntry && decodeGate(gateKey, gateEntry.value);
  if (head !== undefined && gate?.incarnation !== head.incarnation) throw unreadable(gateKey, "it is not the head's");
  if (head !== undefined) await layout.prepare([head.incarnation, head.owner.nodeId]);
  const own = head === undefined
    ? NOTHING_OWNED
    : await ownRows(context, layout, head, rows, more ? rows.length : Infinity);
  return {
    head,
    headVersion: headEntry?.version ?? null,
    gate: head === undefined ? undefined : gate,
    gateVersion: gateEntry?.version ?? null,
    ended: head === undefined ? await readEnded(layout, endedEntry) : undefined,
    own,
    rows,
    more,
    nodes,
  };
}

interface Work {
  readonly context: StoreContext;
  readonly layout: Layout;
  readonly plan: Plan;
  readonly staging: Staging;
  readonly found: Found;
  readonly request: AcquireRequest;
  readonly decision: AcquireDecision;
  readonly principal: string;
  /** In short. */
  readonly token: Uint8Array;
  /** The place that the session has under a quota. */
  readonly place: number | undefined;
}

interface Next {
  readonly head: HeadRecord;
  readonly gate: GateRecord;
  readonly owned: Pick<OwnRows, "willParts" | "outboxPending">;
}

/** Plans the whole step. */
function planAcquire(work: Work, superseded: HeadRecord["owner"] | undefined): Next {
  const { layout, plan, found, request, decision } = work;
  const { clientId } = request.terms;
  const { head: before } = found;
  plan.check(layout.head(clientId), found.headVersion);
  plan.check(layout.gate(clientId), found.gateVersion);
  const owed = releaseWill(work);
  if (before !== undefined && !decision.resumed) {
    putIndex(layout, plan, before, undefined);
    putSweep(layout, plan, { ...before, lastBatchId: "", lastOutcomes: new Uint8Array() }, request.now);
  }
  if (found.ended !== undefined) deleteEnded(layout, plan, clientId, found.ended);
  if (superseded !== undefined && superseded.nodeId !== request.nodeId) {
    ring(plan, layout, superseded.nodeId, clientId);
  }
  const nodeKey = layout.node(request.nodeId);
  if (!found.nodes.some(({ key }) => key === nodeKey)) {
    // A node that owns sessions has a row, so that they are found when it never renews it.
    plan.check(nodeKey, null);
    plan.set(nodeKey, encodeNode({ nodeId: request.nodeId, until: 0 }));
  }
  const kept = decision.resumed ? before : undefined;
  const version = (kept?.version ?? 0) + 1;
  const rows = layout.rows(clientId, kept?.incarnation ?? request.incarnation);
  const will = replaceWill(work, kept, rows);
  const touched = will.touched || (owed && kept !== undefined);
  if (touched) plan.set(ROW.revision(rows), encodeRevision(version));
  const next: HeadRecord = {
    clientId,
    incarnation: kept?.incarnation ?? request.incarnation,
    epoch: (kept?.epoch ?? 0) + 1,
    version,
    owner: { nodeId: request.nodeId, token: request.token },
    session: decision.head,
    removedMessages: kept?.removedMessages ?? 0,
    removedBytes: kept?.removedBytes ?? 0,
    drops: kept?.drops ?? {},
    rowsVersion: touched ? version : kept?.rowsVersion ?? 0,
    outboxTail: (kept?.outboxTail ?? 0) + (owed && kept !== undefined ? 1 : 0),
    lastBatchId: "",
    lastOutcomes: new Uint8Array(),
    principal: work.principal,
    ...(work.place === undefined ? {} : { place: work.place }),
    answer: answerOf(before, decision, superseded),
    tokens: withToken(before?.tokens ?? new Uint8Array(), work.token),
    journal: withEntry(
      before?.journal ?? found.ended?.record.journal ?? "",
      withDropped(
        acquireEntry({
          at: request.now,
          epoch: (kept?.epoch ?? 0) + 1,
          resumed: decision.resumed,
          nodeId: request.nodeId,
          ...(superseded === undefined ? {} : { superseded: superseded.nodeId }),
          ...(decision.ends === undefined ? {} : { ended: decision.ends }),
        }),
        decision.ends === undefined ? {} : sumDrops(before?.drops ?? {}, found.gate?.drops ?? {}),
      ),
    ),
  };
  putHead(layout, plan, kept, next);
  if (kept === undefined) putText(plan, ROW.client(rows), clientId, work.context.driver.limits.valueBytes);
  const gate: GateRecord = {
    ...(kept === undefined ? undefined : found.gate) ?? emptyGate(next.incarnation, next.epoch, request.nodeId),
    epoch: next.epoch,
    ownerNode: request.nodeId,
  };
  plan.set(layout.gate(clientId), encodeGate(gate));
  const outboxPending = kept !== undefined && (owed || found.own.outboxPending);
  return { head: next, gate, owned: { willParts: will.parts, outboxPending } };
}

/** Hands the stored Will to the outbox of its session, unrouted, if it is published now; whether it was. */
function releaseWill({ context, layout, plan, staging, found, request, decision }: Work): boolean {
  const { head, own } = found;
  if (!decision.publishesWill || head === undefined || own.will === undefined) return false;
  const { clientId, incarnation } = head;
  const owing = {
    layout,
    world: new World(),
    plan,
    staging,
    valueBytes: context.driver.limits.valueBytes,
    handle: `owed/${head.version}`,
    now: request.now,
  };
  putEntry(owing, {
    outboxId: incarnation,
    number: head.outboxTail + 1,
    ...(decision.resumed ? { clientId } : {}),
    message: willMessage(own.will, clientId, request.now),
    receivers: undefined,
    cursor: 0,
  });
  return true;
}

/** The stored Will gives way to the one of this connection, and to its absence (WL-15). */
function replaceWill(
  { context, layout, plan, staging, found, request }: Work,
  kept: HeadRecord | undefined,
  rows: string,
): { readonly touched: boolean; readonly parts: OwnRows["willParts"] } {
  const { will } = request.terms;
  const before = kept === undefined ? NOTHING_OWNED : found.own;
  const incarnation = kept?.incarnation ?? request.incarnation;
  if (before.willParts !== undefined) {
    const prefix = stagedPrefix(rows, before.willParts);
    removeChunks(plan, layout, { owner: incarnation, prefix, ref: before.willParts, now: request.now });
  }
  if (will === undefined) {
    if (before.will !== undefined) plan.delete(ROW.will(rows));
    return { touched: before.will !== undefined, parts: undefined };
  }
  const value = encodeWill(will);
  if (value.length <= context.driver.limits.valueBytes) {
    plan.set(ROW.will(rows), value);
    return { touched: true, parts: undefined };
  }
  const prefix = (id: string): string => stagedPrefix(rows, { id });
  const staged = staging.stage(`will/${incarnation}`, { owner: incarnation, value: () => value, prefix });
  plan.stage(staged);
  plan.set(ROW.will(rows), encodeWill(staged.ref));
  return { touched: true, parts: staged.ref };
}

function answerOf(
  before: HeadRecord | undefined,
  decision: AcquireDecision,
  superseded: HeadRecord["owner"] | undefined,
): AcquireAnswer {
  return {
    resumed: decision.resumed,
    startedThrough: decision.startedThrough,
    ...(superseded === undefined ? {} : { superseded }),
    ...(decision.ends === undefined || before === undefined
      ? {}
      : { ended: { incarnation: before.incarnation, reason: decision.ends } }),
  };
}

/** The answer to whoever owns the session now, as the head keeps it. */
async function answer(
  context: StoreContext,
  layout: Layout,
  request: AcquireRequest,
  found: Found,
  head: HeadRecord,
  headVersion: string,
  own: OwnRows,
  written?: { readonly gate: GateRecord; readonly owes: boolean },
): Promise<Acquired> {
  const { clientId, incarnation } = head;
  await layout.prepare([incarnation]);
  const rows = layout.rows(clientId, incarnation);
  const state = stateOf(head, headVersion, own);
  const gate = written?.gate ?? found.gate ?? emptyGate(incarnation, head.epoch, head.owner.nodeId);
  const span = below(ROW.queue(rows));
  const last = found.rows.at(-1);
  const entries = found.rows.filter(({ key }) => key >= span.start && key < span.end);
  const more = found.more && last !== undefined && last.key < span.end;
  const gateVersion = written === undefined ? found.gateVersion ?? "" : headVersion;
  if (gateVersion !== "") state.log.leftGate({ gate, version: gateVersion });
  const size = queueSize(gate, head);
  const isEmpty = size.messages === 0;
  const view = {
    gateKey: layout.gate(clientId),
    gate,
    gateVersion,
    rows,
    log: state.log,
    sentLimit: state.log.sentLimit,
    isEmpty,
  };
  // The rows may be older than the head: of what was taken out since, they would tell as if it were there.
  const isWhole = !more && entries.length === size.messages && sequenceOf(entries.at(-1)?.key ?? "") === gate.tail;
  const listed = isWhole ? { entries, more } : { entries: [], more: !isEmpty };
  const queue = await readPage(context, view, { ...request.page, after: 0 }, listed);
  const { resumed, startedThrough, superseded, ended } = head.answer;
  return {
    outcome: "acquired",
    resumed,
    snapshot: snapshotOf(head, own),
    startedThrough,
    guard: new KeyValueGuard(state),
    queue,
    outboxPending: own.outboxPending,
    ...(superseded === undefined ? {} : { superseded }),
    // Who asks again is told to look: what was owed then is not kept.
    ...(ended === undefined ? {} : { ended: { ...ended, owes: written?.owes ?? true } }),
  };
}
