/**
 * Reading a session whole, and putting one in place: its rows first, which nobody sees without a head, then its head.
 */
import type { SessionChange } from "../../machine/change.ts";
import { messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { SessionError } from "../../errors.ts";
import { checkImage, type RestoreRequest, type RestoreResult, type SessionImage } from "../maintenance.ts";
import { sumDrops } from "../records/drops.ts";
import type { StoreCallOptions } from "../call.ts";
import { outgoing, putRow } from "./append.ts";
import { planChanges, putHead } from "./changes.ts";
import { STAGED_FOR_MS } from "./chunks.ts";
import { getAll, layoutFor, type StoreContext } from "./context.ts";
import { encodeDue } from "./due_row.ts";
import { deleteEnded, readEnded } from "./ended.ts";
import { decodeGate, emptyGate, encodeGate, type GateRecord } from "./gate.ts";
import { KeyValueGuard } from "./guard.ts";
import { decodeHead, type HeadRecord } from "./head.ts";
import { below, type Layout, ROW } from "./layout.ts";
import { putText } from "./long_text.ts";
import { freePlace } from "./places.ts";
import { Plan } from "./plan.ts";
import { encodeRevision } from "./rows.ts";
import type { Routing } from "./routing.ts";
import { NOTHING_OWNED, readSession, stateOf } from "./session.ts";
import { Staging } from "./staging.ts";
import { sweep } from "./sweep.ts";
import { World } from "./world.ts";

/** Reads a session whole, but for its log and outbox. */
export async function readImage(context: StoreContext, clientId: string): Promise<SessionImage | undefined> {
  const stored = await readSession(context, clientId);
  const head = stored && KeyValueGuard.stateOf(stored.guard)?.head;
  if (stored === undefined || head === undefined) return undefined;
  const layout = await layoutFor(context, [clientId]);
  const gateKey = layout.gate(clientId);
  const [entry] = await context.driver.get([gateKey]);
  const read = entry && decodeGate(gateKey, entry.value);
  const gate = read?.incarnation === head.incarnation ? read : emptyGate(head.incarnation, head.epoch, "");
  const { epoch, version, principal, outboxTail, journal } = head;
  return {
    snapshot: stored.snapshot,
    epoch,
    version,
    ...(stored.ownerUntil === undefined ? {} : { ownerUntil: stored.ownerUntil }),
    ...(principal === "" ? {} : { principal }),
    ...(head.place === undefined ? {} : { counts: true }),
    tail: gate.tail,
    outboxTail,
    dropped: sumDrops(gate.drops, head.drops),
    journal,
  };
}

/** Rows on their way into the store, in commits as large as the limits allow. */
class RowWriter {
  readonly #context: StoreContext;
  readonly #layout: Layout;
  readonly #sweepKey: string;
  readonly #sweepVersion: string;
  readonly #now: number;
  #plan = new Plan();
  #staging: Staging;

  constructor(context: StoreContext, layout: Layout, sweepKey: string, sweepVersion: string, now: number) {
    this.#context = context;
    this.#layout = layout;
    this.#sweepKey = sweepKey;
    this.#sweepVersion = sweepVersion;
    this.#now = now;
    this.#staging = new Staging(context, layout, now);
  }

  /** What the next plan stages large values with. */
  get staging(): Staging {
    return this.#staging;
  }

  /** Adds rows that belong together. */
  async add(part: Plan): Promise<void> {
    if (!this.#plan.isEmpty && this.#plan.fullness(this.#context.driver.limits, part) > 0.8) await this.flush();
    this.#plan.add(part);
  }

  /** Writes what is left, and what comes last. */
  async flush(last?: (plan: Plan) => void): Promise<boolean> {
    const plan = this.#plan;
    plan.check(this.#sweepKey, this.#sweepVersion);
    last?.(plan);
    await this.#staging.write(plan);
    const committed = await this.#context.driver.commit(plan.checks(), plan.mutations());
    this.#plan = new Plan();
    this.#staging = new Staging(this.#context, this.#layout, this.#now);
    return committed !== undefined;
  }
}

/** So many changes are planned at a time: few enough for a commit of any backend. */
const CHANGES_A_PLAN = 20;

/** Puts a session in place of none. */
export async function restore(
  context: StoreContext,
  routing: Routing,
  { image, messages, now }: RestoreRequest,
  call?: StoreCallOptions,
): Promise<RestoreResult> {
  checkImage(image);
  const { driver } = context;
  const { snapshot } = image;
  const { clientId, incarnation, subscriptions } = snapshot;
  const filters = [...subscriptions.keys()];
  if (filters.length > 0 && (await routing.admit(filters)).includes(false)) {
    throw new RangeError("Cannot restore a session: a Topic Filter was not admitted");
  }
  const layout = await layoutFor(context, [clientId, incarnation, ...filters]);
  const headKey = layout.head(clientId);
  const gateKey = layout.gate(clientId);
  const [headEntry, gateEntry, endedEntry] = await getAll(driver, [headKey, gateKey, layout.ended(clientId)]);
  if (headEntry !== undefined) {
    return { outcome: "exists", incarnation: decodeHead(headKey, headEntry.value, clientId).incarnation };
  }
  const ended = await readEnded(layout, endedEntry);
  const rows = layout.rows(clientId, incarnation);
  // It may have been here before, and not have been swept yet.
  while ((await driver.list({ ...below(rows), limit: 1 })).entries.length > 0) {
    call?.signal?.throwIfAborted();
    await sweep(context, { clientId, incarnation, dueAt: 0 });
  }
  const sweepKey = layout.dueSweep(now + STAGED_FOR_MS, clientId, incarnation);
  const named = layout.inRecord(clientId);
  const broom = encodeDue({
    type: "sweep",
    clientId: named,
    incarnation,
    lastBatchId: "",
    lastOutcomes: new Uint8Array(),
  });
  const swept = await driver.commit([], [{ type: "set", key: sweepKey, value: broom }]);
  const writer = new RowWriter(context, layout, sweepKey, swept?.version ?? "", now);
  const valueBytes = driver.limits.valueBytes;
  const first = new Plan();
  putText(first, ROW.client(rows), clientId, valueBytes);
  await writer.add(first);

  const { principal = "", counts } = image;
  const place = counts && principal !== "" ? await freePlace(context, layout, principal, Infinity) : undefined;
  const head: HeadRecord = { ...headOf(image), ...(place === undefined ? {} : { place }) };
  const state = stateOf(head, "", NOTHING_OWNED);
  for (const changes of changesOf(image)) {
    const plan = new Plan();
    const work = { layout, world: new World(), plan, staging: writer.staging, valueBytes, handle: "own", now };
    planChanges(work, state, {
      id: "",
      changes,
      deliveries: [],
      limits: { maximumMessages: 0, maximumBytes: 0, whenFull: "reject" },
      now,
    });
    await writer.add(plan);
    // A large value is staged with the plan that names it.
    if (plan.staged.length > 0 && !await writer.flush()) throw interrupted();
  }
  const log = { count: 0, bytes: 0, lastQos0: 0, lastTerms: 0 };
  for await (const page of messages) {
    call?.signal?.throwIfAborted();
    for (const message of page) {
      const plan = new Plan();
      const { sequence } = message;
      const work = { plan, staging: writer.staging, valueBytes };
      putRow(work, { ...outgoing({ message }), terms: message.terms }, {
        ...receiverOf(message),
        clientId,
        incarnation,
      }, {
        rows,
        sequence,
        handle: String(sequence),
      });
      await writer.add(plan);
      if (plan.staged.length > 0 && !await writer.flush()) throw interrupted();
      log.count++;
      log.bytes += messageBytes(message);
      if (message.qos === 0) log.lastQos0 = sequence;
      if (message.terms !== undefined) log.lastTerms = sequence;
    }
  }
  const gate: GateRecord = {
    ...emptyGate(incarnation, head.epoch, ""),
    tail: image.tail,
    appendedBytes: log.bytes,
    lastQos0: log.lastQos0,
    ...(log.lastTerms === 0 ? {} : { lastTerms: log.lastTerms }),
  };
  const isDone = await writer.flush((plan) => {
    plan.check(headKey, null);
    plan.check(gateKey, gateEntry?.version ?? null);
    if (place !== undefined) plan.check(layout.place(principal, place), null);
    if (ended !== undefined) deleteEnded(layout, plan, clientId, ended);
    plan.set(ROW.revision(rows), encodeRevision(head.version));
    putHead(layout, plan, undefined, { ...head, removedMessages: image.tail - log.count });
    plan.set(gateKey, encodeGate(gate));
    plan.delete(sweepKey);
  });
  if (isDone) return { outcome: "restored" };
  const [present] = await driver.get([headKey]);
  if (present === undefined) throw interrupted();
  return { outcome: "exists", incarnation: decodeHead(headKey, present.value, clientId).incarnation };
}

/** The broom was faster than an hour of restoring, somebody began and ended a session meanwhile, or took its place. */
function interrupted(): SessionError {
  return new SessionError("STORE_UNAVAILABLE", "Cannot restore a session: its rows or its place were taken meanwhile");
}

function headOf({ snapshot, epoch, version, principal = "", dropped, outboxTail, journal }: SessionImage): HeadRecord {
  const { clientId, incarnation, head } = snapshot;
  return {
    clientId,
    incarnation,
    epoch: epoch + 1,
    version: version + 1,
    owner: { nodeId: "", token: "" },
    session: head,
    removedMessages: 0,
    removedBytes: 0,
    drops: dropped,
    rowsVersion: version + 1,
    outboxTail,
    lastBatchId: "",
    lastOutcomes: new Uint8Array(),
    principal,
    answer: { resumed: false, startedThrough: 0 },
    tokens: new Uint8Array(),
    journal,
  };
}

/** What the session owns, as changes of one that owns nothing. The identifiers stand in one record. */
function* changesOf({ snapshot }: SessionImage): Generator<readonly SessionChange[], void, void> {
  const { will, subscriptions, outbound, inbound, quarantine } = snapshot;
  if (will !== undefined) yield [{ type: "putWill", will }];
  const ids: SessionChange[] = [];
  for (const packetId of inbound) ids.push({ type: "putInboundId", packetId });
  for (const packetId of quarantine) ids.push({ type: "putQuarantine", packetId });
  if (ids.length > 0) yield ids;
  let changes: SessionChange[] = [];
  for (const [filter, subscription] of subscriptions) {
    // A long filter takes rows of its own: it goes alone.
    yield [{ type: "putSubscription", filter, subscription }];
  }
  for (const [sequence, mark] of outbound) {
    changes.push({ type: "putOutboundMark", sequence, mark });
    if (changes.length < CHANGES_A_PLAN) continue;
    yield changes;
    changes = [];
  }
  if (changes.length > 0) yield changes;
}

function receiverOf(
  { qos, retain, subscriptionIdentifiers, claimed }: QueuedMessage,
): Pick<QueuedMessage, "qos" | "retain" | "subscriptionIdentifiers" | "claimed"> {
  return { qos, retain, subscriptionIdentifiers, ...(claimed === undefined ? {} : { claimed }) };
}
