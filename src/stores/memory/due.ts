import { dueAtOf, type DueOptions, type DueWork, type SweepWork } from "../../store/due_work.ts";
import type { World } from "./world.ts";

/** What is due, earliest first. */
export function listDue(world: World, now: number, { limit, graceMs }: DueOptions): readonly DueWork[] {
  const work: DueWork[] = [];
  for (const { clientId, dueAt } of world.dueSessions.due(now, limit)) work.push({ type: "session", clientId, dueAt });
  for (const { id, dueAt } of world.dueOutboxes.due(now, limit)) work.push({ type: "outbox", outboxId: id, dueAt });
  for (const { clientId, incarnation, dueAt } of world.dueTombstones.due(now, limit)) {
    work.push({ type: "sweep", work: { clientId, incarnation, dueAt } });
  }
  for (const { clientId, incarnation, dueAt } of world.dueJournals.due(now, limit)) {
    work.push({ type: "sweep", work: { clientId, incarnation, dueAt } });
  }
  for (const [nodeId, { until, owned }] of world.nodes) {
    if (until + graceMs > now) continue;
    if (owned.size === 0) forgetNode(world, nodeId);
    else work.push({ type: "node", nodeId, dueAt: until, clientIds: Array.from(owned, ({ clientId }) => clientId) });
  }
  return work.sort((a, b) => dueAtOf(a) - dueAtOf(b)).slice(0, limit);
}

/** When the first work falls due; a lease counts from its end, without any grace. */
export function nextDueAt(world: World): number | undefined {
  let next = Math.min(
    world.dueSessions.next ?? Infinity,
    world.dueOutboxes.next ?? Infinity,
    world.dueTombstones.next ?? Infinity,
    world.dueJournals.next ?? Infinity,
  );
  for (const { until, owned } of world.nodes.values()) {
    if (owned.size > 0) next = Math.min(next, until);
  }
  return next === Infinity ? undefined : next;
}

/** Forgets an ended session; of a living one nothing is touched. */
export function sweep(world: World, { clientId, incarnation, dueAt }: SweepWork): void {
  const ended = world.endedJournals.get(clientId);
  if (ended?.incarnation === incarnation && ended.dueAt <= dueAt) {
    world.endedJournals.delete(clientId);
    world.dueJournals.set(ended, Infinity);
  }
  const tombstone = world.tombstones.get(incarnation);
  if (tombstone?.clientId !== clientId) return;
  world.tombstones.delete(incarnation);
  world.dueTombstones.set(tombstone, Infinity);
}

/** Says until when a node is alive. A released one is kept, as not alive, while sessions hang on it. */
export function renewNode(world: World, nodeId: string, until: number): void {
  const node = world.nodes.get(nodeId);
  if (until !== 0) {
    if (node === undefined) world.nodes.set(nodeId, { until, owned: new Set() });
    else node.until = until;
  } else if (node === undefined || node.owned.size === 0) {
    forgetNode(world, nodeId);
  } else {
    node.until = 0;
  }
}

function forgetNode(world: World, nodeId: string): void {
  world.nodes.delete(nodeId);
  world.doorbells.silence(nodeId);
}
