/** Reading what a session owns: everything beside its head, gate and log. */
import type { OutboundMark, SessionSnapshot } from "../../machine/snapshot.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import { unreadable } from "../encoding.ts";
import { isDigest } from "../keys.ts";
import { decodeSubscription } from "../records/subscription.ts";
import type { Guard, StoredSession } from "../session_store.ts";
import { together } from "../call.ts";
import type { ChunkRef } from "./chunk_ref.ts";
import { readChunks } from "./chunks.ts";
import { layoutFor, listUpTo, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { type GuardState, KeyValueGuard } from "./guard.ts";
import { decodeHead, type HeadRecord } from "./head.ts";
import { KnownLog } from "./known_log.ts";
import { below, type Layout, ROW } from "./layout.ts";
import { joinText } from "./long_text.ts";
import { sequenceOf, stagedPrefix } from "./queue_row.ts";
import { decodeMark, decodeNode, decodePacketIds, decodeRevision, decodeWill, type PacketIdsRecord } from "./rows.ts";

/** What a session owns. */
export interface OwnRows extends PacketIdsRecord {
  readonly will: Will | undefined;
  /** Where the Will stands, when it is large. */
  readonly willParts: ChunkRef | undefined;
  readonly subscriptions: ReadonlyMap<string, Subscription>;
  readonly outbound: ReadonlyMap<number, OutboundMark>;
  /** Whether its outbox holds something. */
  readonly outboxPending: boolean;
}

/** A session that owns nothing yet. */
export const NOTHING_OWNED: OwnRows = {
  will: undefined,
  willParts: undefined,
  subscriptions: new Map(),
  outbound: new Map(),
  inbound: new Set(),
  quarantine: new Set(),
  outboxPending: false,
};

/** Reads a session without owning it. */
export async function readSession(context: StoreContext, clientId: string): Promise<StoredSession | undefined> {
  const layout = await layoutFor(context, [clientId]);
  const key = layout.head(clientId);
  const [[entry], rows, nodes] = await together([
    context.driver.get([key]),
    listUpTo(context.driver, below(layout.rowsOfClient(clientId)), FIRST_ROWS),
    listUpTo(context.driver, below(layout.nodes()), Infinity),
  ]);
  if (entry === undefined) return undefined;
  const head = decodeHead(key, entry.value, clientId);
  await layout.prepare([head.incarnation, head.owner.nodeId]);
  const own = await ownRows(context, layout, head, rows, FIRST_ROWS);
  const session = { snapshot: snapshotOf(head, own), guard: new KeyValueGuard(stateOf(head, entry.version, own)) };
  if (!head.session.attached) return session;
  return { ...session, owner: head.owner, ownerUntil: leaseOf(nodes, layout.node(head.owner.nodeId)) ?? 0 };
}

/** How many rows of a client are read before it is known which of them are wanted. */
const FIRST_ROWS = 200;

/**
 * What a guard knows. A mere copy of one is read again; if it does not stand for the session as it is, it gets a head
 * that no stored one equals, and so is superseded.
 */
export async function knownOrRead(context: StoreContext, guard: Guard): Promise<GuardState> {
  const known = KeyValueGuard.stateOf(guard);
  if (known !== undefined) return known;
  const { clientId, incarnation, epoch, version } = guard;
  const stored = await readSession(context, clientId);
  const state = stored && KeyValueGuard.stateOf(stored.guard);
  const isStored = state?.head.incarnation === incarnation && state.head.epoch === epoch &&
    state.head.version === version;
  if (state !== undefined && isStored) return state;
  const head: HeadRecord = { ...NO_HEAD, clientId, incarnation, epoch, version };
  return stateOf(head, "", NOTHING_OWNED);
}

/** A head of nothing, for guards that hold no more. */
const NO_HEAD: Omit<HeadRecord, "clientId" | "incarnation" | "epoch" | "version"> = {
  owner: { nodeId: "", token: "" },
  session: {
    protocolVersion: 5,
    attached: false,
    connectedAt: 0,
    sessionExpiryInterval: 0,
    onTakeover: "discard",
    sentLimit: 0,
  },
  removedMessages: 0,
  removedBytes: 0,
  drops: {},
  rowsVersion: 0,
  outboxTail: 0,
  lastBatchId: "",
  lastOutcomes: new Uint8Array(),
  principal: "",
  answer: { resumed: false, startedThrough: 0 },
  tokens: new Uint8Array(),
  journal: "",
};

/** A guard for a head that was read, with what the rows say. */
export async function readGuard(
  context: StoreContext,
  layout: Layout,
  head: HeadRecord,
  version: string,
  log: KnownLog,
): Promise<{ readonly guard: KeyValueGuard }> {
  const own = await ownRows(context, layout, head, [], 0);
  return { guard: new KeyValueGuard(stateOf(head, version, own, log)) };
}

/** What the owner of a head knows. */
export function stateOf(
  head: HeadRecord,
  headVersion: string,
  own: OwnRows,
  log = new KnownLog(head.session.sentLimit),
): GuardState {
  const { inbound, quarantine, outbound, willParts } = own;
  const marks = new Map(Array.from(outbound, ([sequence, mark]) => [sequence, mark.phase]));
  log.limitTo(head.session.sentLimit);
  return { head, headVersion, inbound, quarantine, marks, will: willParts, log };
}

/** The Session State of a head and its rows. */
export function snapshotOf(head: HeadRecord, own: OwnRows): SessionSnapshot {
  const { will, subscriptions, outbound, inbound, quarantine } = own;
  const { clientId, incarnation, session } = head;
  return {
    clientId,
    incarnation,
    head: session,
    ...(will === undefined ? {} : { will }),
    subscriptions,
    outbound,
    quarantine,
    inbound,
  };
}

/**
 * Until when the node of this key is known to be alive; `undefined` when it has no row. Rows of other nodes are not
 * looked at: one that cannot be read concerns the sessions of its own node alone.
 */
export function leaseOf(nodes: readonly Entry[], nodeKey: string): number | undefined {
  const entry = nodes.find(({ key }) => key === nodeKey);
  return entry && decodeNode(nodeKey, entry.value).until;
}

/**
 * The rows of a session: from the first ones of its client, or read again if those are not all, or of another moment
 * than the head. What is read after the head is right if the head still stands when the caller commits.
 *
 * @param most How many rows were asked for.
 */
export async function ownRows(
  context: StoreContext,
  layout: Layout,
  head: HeadRecord,
  firstRows: readonly Entry[],
  most: number,
): Promise<OwnRows> {
  const rows = layout.rows(head.clientId, head.incarnation);
  const span = below(ROW.own(rows));
  const last = firstRows.at(-1);
  const hasAll = firstRows.length < most || (last !== undefined && last.key >= span.end);
  const listed = firstRows.filter(({ key }) => key >= span.start && key < span.end);
  const revision = listed.find(({ key }) => key === ROW.revision(rows));
  const version = revision === undefined ? 0 : decodeRevision(revision.key, revision.value);
  const isWhole = hasAll && version === head.rowsVersion;
  return await decodeRows(context, rows, isWhole ? listed : await listUpTo(context.driver, span, Infinity));
}

async function decodeRows(context: StoreContext, rows: string, entries: readonly Entry[]): Promise<OwnRows> {
  const subscriptions = new Map<string, Subscription>();
  const outbound = new Map<number, OutboundMark>();
  let ids: PacketIdsRecord = NOTHING_OWNED;
  let will: Will | ChunkRef | undefined;
  let outboxPending = false;
  const texts = new Map<string, Entry[]>();
  const apart: { readonly part: string; readonly subscription: Subscription }[] = [];
  const start = ROW.own(rows).length;
  for (const { key, value, version } of entries) {
    const [kind, part = ""] = key.slice(start).split("/", 2);
    switch (kind) {
      case "ids":
        ids = decodePacketIds(key, value);
        break;
      case "mark":
        outbound.set(sequenceOf(key), decodeMark(key, value));
        break;
      case "owed":
        outboxPending = true;
        break;
      case "rev":
        break;
      case "sub": {
        const { filter, subscription } = decodeSubscription(key, value);
        if (isDigest(filter, part)) apart.push({ part, subscription });
        else subscriptions.set(filter, subscription);
        break;
      }
      case "text":
        texts.set(part, [...texts.get(part) ?? [], { key, value, version }]);
        break;
      case "will":
        will = decodeWill(key, value);
        break;
      default:
        throw unreadable(key, "no record belongs there");
    }
  }
  for (const { part, subscription } of apart) {
    subscriptions.set(await joinText(ROW.filter(rows, part), texts.get(part) ?? [], part), subscription);
  }
  const { inbound, quarantine } = ids;
  const owned = { subscriptions, outbound, inbound, quarantine, outboxPending };
  if (will === undefined || !("chunks" in will)) return { ...owned, will, willParts: undefined };
  const bytes = await readChunks(context, stagedPrefix(rows, will), will);
  const whole = decodeWill(ROW.will(rows), bytes);
  if ("chunks" in whole) throw unreadable(ROW.will(rows), "its parts name parts");
  return { ...owned, will: whole, willParts: will };
}
