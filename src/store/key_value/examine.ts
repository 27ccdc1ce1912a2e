/**
 * Looking for rows that do not fit together, one kind of them after the other.
 *
 * What is compared is read at one moment where the driver can, and every repair checks that it still stands: so neither the
 * work of living brokers nor this one is mistaken for a fault, or undone.
 */
import { isSameBytes } from "../../mqtt/same_message.ts";
import { parseFilter } from "../../mqtt/filter.ts";
import { readable } from "../encoding.ts";
import { isDigest, unescapePart } from "../keys.ts";
import type { Examination, ExamineQuery, Finding, FindingKind } from "../maintenance.ts";
import { decodeSubscription } from "../records/subscription.ts";
import { getAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import type { Check, Entry, Mutation } from "./driver.ts";
import { decodeDue, encodeDue } from "./due_row.ts";
import { decodeHead, dueAtOf, encodeHead, type HeadRecord, ownerNodeOf } from "./head.ts";
import { after, below, type KeySpan, lastPart, type Layout, ROW } from "./layout.ts";
import { decodeOutbox } from "./outbox_row.ts";
import { freePlace } from "./places.ts";
import { decodeRoute, encodeRoute } from "./route_row.ts";
import { decodeClient, encodeClient, encodeNode } from "./rows.ts";

/** What is wrong, and what would mend it. */
interface Fault {
  readonly kind: FindingKind;
  readonly key: string;
  readonly clientId?: string;
  readonly checks: readonly Check[];
  readonly mend: readonly Mutation[];
}

/** What every kind of rows is examined with. */
interface Examining {
  readonly context: StoreContext;
  readonly layout: Layout;
  readonly now: number;
}

/** One kind of rows: where it stands, and how a page of it is examined. */
interface Phase {
  readonly name: string;
  readonly span: (layout: Layout) => KeySpan;
  readonly examine: (work: Examining, entries: readonly Entry[]) => Promise<Fault[]>;
}

/** A function, so that a page which never examines anything is without it. */
const allPhases = (): readonly Phase[] => [
  { name: "head", span: (layout) => below(layout.heads()), examine: each(headFaults) },
  { name: "route", span: (layout) => below(layout.allRoutes()), examine: each(routeFaults) },
  { name: "due", span: (layout) => below(layout.due()), examine: each(dueFaults) },
  { name: "owned", span: (layout) => below(layout.allOwned()), examine: each(ownedFaults) },
  { name: "place", span: (layout) => below(layout.allPlaces()), examine: each(placeFaults) },
  { name: "outbox", span: (layout) => below(layout.allOutboxes()), examine: each(outboxFaults) },
  { name: "row", span: (layout) => below(layout.allRows()), examine: rowFaults },
];

/** Examines a page. The cursor is the kind of rows and the last key that was looked at. */
export async function examine(context: StoreContext, query: ExamineQuery): Promise<Examination> {
  const layout = await layoutFor(context, []);
  const [name = "", from] = query.cursor?.split(" ", 2) ?? [];
  const phases = allPhases();
  const index = Math.max(0, phases.findIndex((phase) => phase.name === name));
  const phase = phases[index];
  if (phase === undefined) return { examined: 0, findings: [] };
  const span = phase.span(layout);
  const limit = Math.max(1, query.limit);
  const start = from === undefined || from === "" ? span.start : after(from);
  const entries = await listUpTo(context.driver, { start, end: span.end }, limit);
  const faults = await phase.examine({ context, layout, now: query.now }, entries);
  const findings: Finding[] = [];
  for (const { kind, key, clientId, checks, mend } of faults) {
    query.signal?.throwIfAborted();
    const repaired = query.repair && mend.length > 0 && await context.driver.commit(checks, mend) !== undefined;
    findings.push({ kind, key, ...(clientId === undefined ? {} : { clientId }), repaired });
  }
  const last = entries.at(-1);
  const next = phases[index + 1]?.name;
  const cursor = entries.length === limit && last !== undefined
    ? `${name || phase.name} ${last.key}`
    : next && `${next} `;
  return { examined: entries.length, findings, ...(cursor === undefined ? {} : { cursor }) };
}

function each(look: (work: Examining, entry: Entry) => Promise<Fault[]>): Phase["examine"] {
  return async (work, entries) => {
    const faults: Fault[] = [];
    for (const entry of entries) faults.push(...await look(work, entry));
    return faults;
  };
}

function spoiled(key: string): Fault[] {
  return [{ kind: "unreadable", key, checks: [], mend: [] }];
}

/** A session: its moment, its owner's entry, its routes. */
async function headFaults({ context, layout }: Examining, { key }: Entry): Promise<Fault[]> {
  const part = lastPart(key);
  const read = await headAt({ context, layout }, part);
  if (read === undefined) return [];
  if (read === "unreadable") return spoiled(key);
  const { head, check } = read;
  await layout.prepare([head.incarnation, head.owner.nodeId]);
  const faults: Fault[] = [];
  const dueAt = dueAtOf(head);
  if (dueAt !== undefined) {
    const dueKey = layout.dueSessionAt(dueAt, part);
    const value = encodeDue({ type: "session", clientId: head.clientId });
    faults.push(
      ...await missing(context, key, head, "dueMissing", dueKey, check, [{ type: "set", key: dueKey, value }]),
    );
  }
  const nodeId = ownerNodeOf(head);
  if (nodeId !== undefined) {
    const ownedKey = layout.ownedBy(nodeId) + part;
    const mend: Mutation[] = [{ type: "set", key: ownedKey, value: encodeClient(head.clientId) }];
    faults.push(...await missing(context, key, head, "ownedMissing", ownedKey, check, mend));
    const nodeKey = layout.node(nodeId);
    const node: Mutation[] = [{ type: "set", key: nodeKey, value: encodeNode({ nodeId, until: 0 }) }];
    // Without a row of its node nobody would notice that the node is gone.
    faults.push(...await missing(context, key, head, "ownedMissing", nodeKey, check, node));
  }
  faults.push(...await placeMissing({ context, layout }, key, part, head, check));
  const rows = layout.rowsAt(part, layout.part(head.incarnation));
  for (const { key: subscriptionKey } of await listUpTo(context.driver, below(ROW.subscriptions(rows)), Infinity)) {
    faults.push(...await subscriptionFaults({ context, layout }, part, head, subscriptionKey));
  }
  return faults;
}

/** A row that must be there while a head is: both are read at one moment. */
async function missing(
  context: StoreContext,
  headKey: string,
  { clientId }: HeadRecord,
  kind: FindingKind,
  key: string,
  check: Check,
  mend: readonly Mutation[],
): Promise<Fault[]> {
  const [head, row] = await context.driver.get([headKey, key]);
  if (row !== undefined || head?.version !== check.version) return [];
  return [{ kind, key, clientId, checks: [check, { key, version: null }], mend }];
}

/** The place that a session has under a quota. One that another has by now cannot be given back: a free one is taken. */
async function placeMissing(
  { context, layout }: Omit<Examining, "now">,
  headKey: string,
  part: string,
  head: HeadRecord,
  check: Check,
): Promise<Fault[]> {
  const { principal, place, clientId } = head;
  if (place === undefined) return [];
  const placeKey = layout.place(principal, place);
  const [entry, row] = await context.driver.get([headKey, placeKey]);
  if (
    entry?.version !== check.version || row !== undefined && readable(() => decodeClient(placeKey, row.value)) === part
  ) {
    return [];
  }
  const free = row === undefined ? place : await freePlace(context, layout, principal, Infinity);
  if (free === undefined) return [];
  const freeKey = layout.place(principal, free);
  const mend: Mutation[] = [{ type: "set", key: freeKey, value: encodeClient(part) }];
  if (free !== place) mend.push({ type: "set", key: headKey, value: encodeHead({ ...head, place: free }) });
  const checks = [check, { key: freeKey, version: null }];
  return [{ kind: "placeMissing", key: placeKey, clientId, checks, mend }];
}

async function subscriptionFaults(
  { context, layout }: Omit<Examining, "now">,
  part: string,
  { clientId, incarnation }: HeadRecord,
  key: string,
): Promise<Fault[]> {
  const filterPart = lastPart(key);
  const routeKey = layout.routeOf(filterPart, part, layout.part(incarnation));
  const [row, route] = await context.driver.get([key, routeKey]);
  if (row === undefined) return [];
  const found = readable(() => decodeSubscription(key, row.value));
  if (found === undefined) return spoiled(key);
  const { filter, subscription } = found;
  // A long filter stands in its row as its digest, and a digest is no shared one.
  if (!isDigest(filter, filterPart) && parseFilter(filter)?.kind === "shared") return [];
  const value = encodeRoute({ clientId, incarnation, filter, subscription });
  if (route !== undefined && isSameBytes(route.value, value)) return [];
  const checks = [{ key, version: row.version }, { key: routeKey, version: route?.version ?? null }];
  return [{ kind: "routeMissing", key: routeKey, clientId, checks, mend: [{ type: "set", key: routeKey, value }] }];
}

/** A route whose subscription is no more. Where that stands though its session has ended, both are swept together. */
async function routeFaults({ context, layout }: Examining, { key, value }: Entry): Promise<Fault[]> {
  const [filterPart = "", clientPart = "", incarnationPart = ""] = key.split("/").slice(-3);
  const rowKey = ROW.subscriptions(layout.rowsAt(clientPart, incarnationPart)) + filterPart;
  const [row, route] = await context.driver.get([rowKey, key]);
  if (row !== undefined || route === undefined) return [];
  const clientId = readable(() => decodeRoute(key, value))?.clientId;
  const checks = [{ key: rowKey, version: null }, { key, version: route.version }];
  const mend: Mutation[] = [{ type: "delete", key }];
  return [{ kind: "routeOrphaned", key, ...(clientId === undefined ? {} : { clientId }), checks, mend }];
}

/** A moment: of a session whose moment it is not, or of an outbox entry that is gone. */
async function dueFaults({ context, layout }: Examining, { key, value }: Entry): Promise<Fault[]> {
  const row = readable(() => decodeDue(key, value));
  if (row === undefined) return spoiled(key);
  const [timePart = "", , name = "", number = ""] = key.slice(layout.due().length).split("/");
  const orphaned = (of: string, version: string | null, due: Entry): Fault[] => [{
    kind: "dueOrphaned",
    key,
    ...(row.type === "session" ? { clientId: row.clientId } : {}),
    checks: [{ key: of, version }, { key, version: due.version }],
    mend: [{ type: "delete", key }],
  }];
  if (row.type === "session") {
    const { head: headKey } = layout.recordsAt(name);
    const [entry, due] = await context.driver.get([headKey, key]);
    if (due === undefined) return [];
    const head = entry && readable(() => decodeHead(headKey, entry.value));
    if (entry !== undefined && head === undefined) return [];
    const dueAt = head && dueAtOf(head);
    const isRight = dueAt !== undefined && layout.dueSessionAt(dueAt, name) === key;
    return isRight ? [] : orphaned(headKey, entry?.version ?? null, due);
  }
  if (row.type === "outbox") {
    const entryKey = layout.outboxEntryAt(name, number);
    const [entry, due] = await context.driver.get([entryKey, key]);
    return entry !== undefined || due === undefined || timePart === "" ? [] : orphaned(entryKey, null, due);
  }
  return [];
}

/** An entry by which a node owns a session. */
async function ownedFaults({ context, layout }: Examining, { key }: Entry): Promise<Fault[]> {
  const [nodePart = "", clientPart = ""] = key.split("/").slice(-2);
  const { head: headKey } = layout.recordsAt(clientPart);
  const [entry, owned] = await context.driver.get([headKey, key]);
  if (owned === undefined) return [];
  const head = entry && readable(() => decodeHead(headKey, entry.value));
  if (entry !== undefined && head === undefined) return [];
  const nodeId = head && ownerNodeOf(head);
  if (nodeId !== undefined) {
    await layout.prepare([nodeId]);
    if (layout.part(nodeId) === nodePart) return [];
  }
  const checks = [{ key: headKey, version: entry?.version ?? null }, { key, version: owned.version }];
  return [{ kind: "ownedOrphaned", key, clientId: clientPart, checks, mend: [{ type: "delete", key }] }];
}

/** A place under a quota that no session has, or another one. */
async function placeFaults({ context, layout }: Examining, { key, value }: Entry): Promise<Fault[]> {
  const part = readable(() => decodeClient(key, value));
  if (part === undefined) return spoiled(key);
  const { head: headKey } = layout.recordsAt(part);
  const [entry, place] = await context.driver.get([headKey, key]);
  if (place === undefined) return [];
  const head = entry && readable(() => decodeHead(headKey, entry.value));
  if (entry !== undefined && head === undefined) return [];
  if (head?.place !== undefined && layout.place(head.principal, head.place) === key) return [];
  const checks = [{ key: headKey, version: entry?.version ?? null }, { key, version: place.version }];
  return [{ kind: "placeOrphaned", key, clientId: part, checks, mend: [{ type: "delete", key }] }];
}

/** An entry of an outbox without its moment. */
async function outboxFaults({ context, layout }: Examining, { key }: Entry): Promise<Fault[]> {
  const [idPart = "", kind = "", number = ""] = key.split("/").slice(-3);
  if (kind !== "entry") return [];
  const [entry] = await context.driver.get([key]);
  if (entry === undefined) return [];
  const record = readable(() => decodeOutbox(key, entry.value));
  if (record === undefined) return spoiled(key);
  const dueKey = layout.dueOutboxAt(record.dueAt, idPart, number);
  const [present, due] = await context.driver.get([key, dueKey]);
  if (present === undefined || due !== undefined) return [];
  const checks = [{ key, version: present.version }, { key: dueKey, version: null }];
  const value = encodeDue({ type: "outbox", outboxId: record.outboxId });
  return [{ kind: "outboxForgotten", key: dueKey, checks, mend: [{ type: "set", key: dueKey, value }] }];
}

/** Rows of sessions that have ended, which no row of the due index would have swept. */
async function rowFaults({ context, layout, now }: Examining, entries: readonly Entry[]): Promise<Fault[]> {
  const owners = new Map<string, readonly [client: string, incarnation: string]>();
  for (const { key } of entries) {
    const [client = "", incarnation = ""] = key.slice(layout.allRows().length).split("/");
    owners.set(`${client}/${incarnation}`, [client, incarnation]);
  }
  const orphans: (readonly [string, string])[] = [];
  for (const [client, incarnation] of owners.values()) {
    const read = await headAt({ context, layout }, client);
    if (read === "unreadable") continue;
    if (read !== undefined) {
      await layout.prepare([read.head.incarnation]);
      if (layout.part(read.head.incarnation) === incarnation) continue;
    }
    orphans.push([client, incarnation]);
  }
  if (orphans.length === 0) return [];
  const swept = new Set<string>();
  for (const { key } of await listUpTo(context.driver, below(layout.due()), Infinity)) {
    const [, type, first = "", second = ""] = key.slice(layout.due().length).split("/");
    if (type === "sweep") swept.add(`${first}/${second}`);
    // Parts that a commit is about to make visible.
    if (type === "staged") swept.add(`/${first}`);
  }
  return orphans.flatMap(([client, incarnation]): Fault[] => {
    if (swept.has(`${client}/${incarnation}`) || swept.has(`/${incarnation}`)) return [];
    const key = layout.dueSweepAt(now, client, incarnation);
    const row = {
      type: "sweep",
      clientId: unescapePart(client) ?? client,
      incarnation: unescapePart(incarnation) ?? incarnation,
      lastBatchId: "",
      lastOutcomes: new Uint8Array(),
    } as const;
    // A sweep touches nothing of a session that lives.
    const mend: Mutation[] = [{ type: "set", key, value: encodeDue(row) }];
    return [{
      kind: "rowsOrphaned",
      key: layout.rowsAt(client, incarnation),
      clientId: row.clientId,
      checks: [],
      mend,
    }];
  });
}

/** The head of a client that is known by its part of a key, with the check that it still stands. */
async function headAt(
  { context, layout }: Omit<Examining, "now">,
  part: string,
): Promise<{ readonly head: HeadRecord; readonly check: Check } | "unreadable" | undefined> {
  const { head: key } = layout.recordsAt(part);
  const [entry] = await getAll(context.driver, [key]);
  if (entry === undefined) return undefined;
  const head = readable(() => decodeHead(key, entry.value));
  return head === undefined ? "unreadable" : { head, check: { key, version: entry.version } };
}
