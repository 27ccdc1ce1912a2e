/** What is due, and the leases of nodes. */
import { dueAtOf, type DueOptions, type DueWork, type SweepWork } from "../due_work.ts";
import { isUnreadable, readable } from "../encoding.ts";
import { together } from "../call.ts";
import { layoutFor, listUpTo, type StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { checkParts, decodeDue, type DueRow } from "./due_row.ts";
import { below, lastPart, type Layout } from "./layout.ts";
import { clientOf, clientOfIncarnation, clientsOf } from "./long_text.ts";
import { silence, silenceStrangers } from "./rings.ts";
import { decodeClient, decodeNode, encodeNode, type NodeRecord } from "./rows.ts";

/**
 * Lists what is due, earliest first. Rows that cannot be read are set aside and told by an error, once: the next call
 * finds the others.
 */
export async function listDue(context: StoreContext, now: number, options: DueOptions): Promise<readonly DueWork[]> {
  const layout = await layoutFor(context, []);
  const { limit, graceMs } = options;
  const [entries, nodes] = await together([
    // Some rows name the same work: a few more of them are read than are wanted.
    listUpTo(context.driver, layout.dueBy(now), limit * 2),
    readNodes(context, layout),
  ]);
  const rows = await Promise.allSettled(
    entries.map(async ({ key, value }) => await named(context, layout, key, decodeDue(key, value))),
  );
  const unreadable = entries.filter((_, index) => {
    const row = rows[index];
    return row?.status === "rejected" && isUnreadable(row.reason);
  });
  await setAside(context, layout, unreadable);
  const work = new Map<string, DueWork>();
  for (const [index, { key }] of entries.entries()) {
    const result = rows[index];
    if (result?.status === "rejected") throw result.reason;
    const row = result?.value;
    if (row === undefined) continue;
    const dueAt = Number(key.slice(layout.due().length).split("/", 1)[0]);
    const [name, item] = workOf(row, dueAt);
    if (!work.has(name)) work.set(name, item);
  }
  const lapsed = nodes.filter(({ node }) => node.until + graceMs <= now);
  const found = await together(lapsed.map((each) => lapsedNode(context, layout, each, limit)));
  // Now and then, which is whenever a node was lost.
  if (lapsed.length > 0) await silenceStrangers(context, layout, new Set(nodes.map(({ key }) => key)));
  return [...work.values(), ...found.flat()].sort((a, b) => dueAtOf(a) - dueAtOf(b)).slice(0, limit);
}

/** A row with its whole Client Identifier; `undefined` for one whose session has gone since. */
async function named(context: StoreContext, layout: Layout, key: string, row: DueRow): Promise<DueRow | undefined> {
  checkParts(key, row);
  if (row.type !== "session" && row.type !== "sweep") return row;
  const part = key.slice(layout.due().length).split("/")[2] ?? "";
  const clientId = row.type === "session"
    ? await clientOf(context, layout, part, row.clientId)
    : await clientOfIncarnation(context, layout, part, row.clientId, row.incarnation);
  return clientId === undefined ? undefined : { ...row, clientId };
}

/** Moves rows out of the way, one by one: it happens rarely, and large rows must not exceed a commit. */
async function setAside(context: StoreContext, layout: Layout, rows: readonly Entry[]): Promise<void> {
  for (const { key, value, version } of rows) {
    await context.driver.commit([{ key, version }], [
      { type: "delete", key },
      { type: "set", key: layout.aside(key), value },
    ]);
  }
}

/** When the first work falls due. A lease counts from its end, without any grace. */
export async function nextDueAt(context: StoreContext): Promise<number | undefined> {
  const layout = await layoutFor(context, []);
  const [{ entries }, nodes] = await together([
    context.driver.list({ ...below(layout.due()), limit: 1 }),
    readNodes(context, layout),
  ]);
  const times = entries.map(({ key }) => Number(key.slice(layout.due().length).split("/", 1)[0]));
  const owning = await together(nodes.map(async ({ node }) => {
    await layout.prepare([node.nodeId]);
    const page = await context.driver.list({ ...below(layout.ownedBy(node.nodeId)), limit: 1 });
    return page.entries.length > 0 ? [node.until] : [];
  }));
  const all = [...times, ...owning.flat()];
  return all.length === 0 ? undefined : Math.min(...all);
}

/** Says until when a node is alive. A released one keeps its row, as not alive, while sessions hang on it. */
export async function renewNode(context: StoreContext, nodeId: string, until: number): Promise<void> {
  const layout = await layoutFor(context, [nodeId]);
  const key = layout.node(nodeId);
  if (until === 0) {
    const { entries } = await context.driver.list({ ...below(layout.ownedBy(nodeId)), limit: 1 });
    if (entries.length === 0) {
      await context.driver.commit([], [{ type: "delete", key }]);
      return await silence(context, layout, lastPart(key));
    }
  }
  await context.driver.commit([], [{ type: "set", key, value: encodeNode({ nodeId, until }) }]);
}

interface StoredNode {
  readonly key: string;
  readonly version: string;
  readonly node: NodeRecord;
}

async function readNodes(context: StoreContext, layout: Layout): Promise<StoredNode[]> {
  const entries = await listUpTo(context.driver, below(layout.nodes()), Infinity);
  return entries.flatMap(({ key, value, version }) => {
    // Nobody knows whether such a node lives: nothing is done about its sessions, and whoever takes one is told.
    const node = readable(() => decodeNode(key, value));
    return node === undefined ? [] : [{ key, version, node }];
  });
}

/** The sessions of a node whose lease has run out; of one without sessions the row goes. */
async function lapsedNode(
  context: StoreContext,
  layout: Layout,
  { key, version, node }: StoredNode,
  limit: number,
): Promise<DueWork[]> {
  const { nodeId, until } = node;
  await layout.prepare([nodeId]);
  const owned = await listUpTo(context.driver, below(layout.ownedBy(nodeId)), limit);
  if (owned.length > 0) {
    const clientIds = await clientsOf(context, layout, owned, decodeClient);
    return [{ type: "node", nodeId, dueAt: until, clientIds }];
  }
  await context.driver.commit([{ key, version }], [{ type: "delete", key }]);
  await silence(context, layout, lastPart(key));
  return [];
}

/** A name that tells work apart, and the work. */
function workOf(row: DueRow, dueAt: number): [string, DueWork] {
  switch (row.type) {
    case "session":
      return [JSON.stringify(["session", row.clientId]), { type: "session", clientId: row.clientId, dueAt }];
    case "outbox":
      return [JSON.stringify(["outbox", row.outboxId]), { type: "outbox", outboxId: row.outboxId, dueAt }];
    case "sweep":
      return sweepOf({ clientId: row.clientId, incarnation: row.incarnation, dueAt });
    case "staged":
      // Parts are swept by what they belong to, which may be an outbox and no session.
      return sweepOf({ clientId: "", incarnation: row.owner, dueAt });
    default:
      return row satisfies never;
  }
}

function sweepOf(work: SweepWork): [string, DueWork] {
  return [JSON.stringify(["sweep", work.clientId, work.incarnation, work.dueAt]), { type: "sweep", work }];
}
