/** Work that falls due, done as a broker does it: it reads, and commits under the guard that it read (D6). */
import type { SessionChange } from "../../machine/change.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import { willMessage } from "../../machine/rules/will.ts";
import type { Delivery, OutboxEntry, StoredSession } from "../../store/session_store.ts";
import type { DueWork } from "../../store/due_work.ts";
import { type Hand, untilKnown } from "./hand.ts";

/** Does what is due once, the earliest first; how much that was. */
export async function workOnce(hand: Hand, round = 1): Promise<number> {
  const works = await untilKnown(() => hand.store.listDue(hand.now, { limit: 10, graceMs: 0 }));
  for (const [index, work] of works.entries()) await doOne(hand, work, `${round}.${index}`);
  return works.length;
}

async function doOne(hand: Hand, work: DueWork, id: string): Promise<void> {
  switch (work.type) {
    case "session":
      return await move(hand, work.clientId, `deadline-${id}`, (stored) => timePassed(stored, hand.now));
    case "node":
      for (const clientId of work.clientIds) {
        await move(hand, clientId, `lapse-${id}`, ({ snapshot, owner }) => {
          if (owner?.nodeId !== work.nodeId) return undefined;
          return [{ type: "putHead", head: detachedHead(snapshot.head, work.dueAt, 0x80) }];
        });
      }
      return await untilKnown(() => hand.store.renewNode(work.nodeId, 0));
    case "outbox":
      return await workOff(hand, work.outboxId, `step-${id}`);
    case "sweep":
      return await untilKnown(() => hand.store.sweep(work.work));
    default:
      return work satisfies never;
  }
}

async function move(
  hand: Hand,
  clientId: string,
  id: string,
  changesOf: (stored: StoredSession) => readonly SessionChange[] | undefined,
): Promise<void> {
  const stored = await untilKnown(() => hand.store.read(clientId));
  const changes = stored && changesOf(stored);
  if (stored === undefined || changes === undefined) return;
  const { will } = stored.snapshot;
  const isReleased = will !== undefined && changes.some(({ type }) => type === "deleteWill" || type === "endSession");
  const deliveries: Delivery[] = isReleased
    ? [{ message: willMessage(will, clientId, hand.now), receivers: undefined }]
    : [];
  await hand.commit(id, { guard: stored.guard, raiseEpoch: { token: `${id}-${hand.name}` }, changes, deliveries });
}

function timePassed({ snapshot: { head } }: StoredSession, now: number): readonly SessionChange[] | undefined {
  if (head.attached) return undefined;
  if (head.endsAt !== undefined && head.endsAt <= now) return [{ type: "endSession", reason: "expired" }];
  if (head.willDueAt === undefined || head.willDueAt > now) return undefined;
  const { willDueAt: _, ...rest } = head;
  return [{ type: "deleteWill" }, { type: "putHead", head: rest }];
}

/** Works an outbox off as it was found, one receiver at a time, until somebody else is found at it. */
export async function workOff(hand: Hand, outboxId: string, id: string): Promise<void> {
  const entries = await untilKnown(() => hand.store.readOutbox(outboxId, 10));
  for (const [index, entry] of entries.entries()) {
    if (!await serve(hand, entry, `${id}.${index}`)) return;
  }
}

async function serve(hand: Hand, entry: OutboxEntry, id: string): Promise<boolean> {
  const { outboxId, number, message } = entry;
  const receivers = entry.receivers ?? await hand.subscribers();
  let fixes = entry.receivers === undefined;
  for (let from = entry.cursor; fixes || from < receivers.length; from++) {
    const slice = receivers.slice(from, from + 1);
    const result = await hand.commit(`${id}.${from}`, {
      deliveries: slice.length === 0 ? [] : [{ message, receivers: slice }],
      outbox: { outboxId, number, from, to: from + slice.length, ...(fixes ? { receivers } : {}) },
    });
    if (result.outcome !== "committed") return false;
    fixes = false;
  }
  return true;
}
