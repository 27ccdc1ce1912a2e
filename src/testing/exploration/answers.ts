/** Whether an answer is the one that was meant, in a state. */
import type {
  Acquired,
  AcquireRefusal,
  CommitResult,
  Guard,
  OutboxEntry,
  QueuePage,
  StoredSession,
} from "../../store/session_store.ts";
import type { DueOptions, DueWork } from "../../store/due_work.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import type { Meant, MeantAcquire, MeantCommit } from "./model.ts";
import { textOf } from "./names.ts";
import type { Look, Shown, ShownSession } from "./shown.ts";

/** What differs between an answer and what was meant; `undefined` when nothing does. */
export type Difference = string | undefined;

/** Of an acquire whose effect, if any, is in `after`. Its page may be of any of the moments since. */
export function acquireDiffers(
  meant: Meant<MeantAcquire>,
  after: Shown,
  since: readonly Shown[],
  found: Acquired | AcquireRefusal,
): Difference {
  const { answer, isRepeated = false } = meant;
  if (answer.outcome === "refused" || found.outcome === "refused") return differs("answer", answer, found);
  const { guard, queue, ended, outboxPending, ...rest } = found;
  const { ended: meantEnd, outboxPending: meantPending, ...others } = answer;
  const session = after.sessions.get(found.snapshot.clientId);
  const page = pageDiffers(since, guard, 0, queue);
  // Whoever asks again may be told to look where there is nothing.
  const end = isRepeated && meantEnd !== undefined && ended?.owes === true ? { ...meantEnd, owes: true } : meantEnd;
  const pending = isRepeated && outboxPending ? true : meantPending;
  return differs("answer", others, rest) ?? differs("ended", end, ended) ??
    differs("outboxPending", pending, outboxPending) ??
    guardDiffers(session, guard) ?? page;
}

/** Of a commit whose effect, if any, is in `after`. */
export function commitDiffers(meant: Meant<MeantCommit>, after: Shown, found: CommitResult): Difference {
  const { answer, isRepeated = false, isForgotten = false } = meant;
  if (isForgotten && found.outcome === "superseded") return undefined;
  if (answer.outcome !== "committed" || found.outcome !== "committed") return differs("answer", answer, found);
  if (answer.goesOn !== (found.guard !== undefined)) return `a guard ${answer.goesOn ? "is missing" : "came"}`;
  const guard = found.guard === undefined
    ? undefined
    : guardDiffers(after.sessions.get(found.guard.clientId), found.guard);
  if (guard !== undefined || isRepeated) return guard;
  return differs("deliveries", answer.deliveries, found.deliveries);
}

/** Of a look-up: its answer is what was stored. */
export function readDiffers(shown: Shown, clientId: string, found: StoredSession | undefined): Difference {
  const session = shown.sessions.get(clientId);
  if (session === undefined || found === undefined) {
    return session === found ? undefined : `it answers ${found === undefined ? "nothing" : "a session that is none"}`;
  }
  const { snapshot, owner, ownerUntil } = session;
  const { guard, ...rest } = found;
  return guardDiffers(session, guard) ?? differs("session", { snapshot, owner, ownerUntil }, rest);
}

/**
 * Of a page of a log, whose rows need not be of one moment: it holds what was there all the time, and nothing that never was
 * there since it was asked for.
 */
export function pageDiffers(
  moments: readonly Shown[],
  { clientId, incarnation }: Guard,
  after: number,
  { messages, through, tail }: QueuePage,
): Difference {
  const logs = moments.flatMap(({ sessions }) => {
    const session = sessions.get(clientId);
    return session?.snapshot.incarnation === incarnation ? [session] : [];
  });
  if (logs.length < moments.length && messages.length === 0) return undefined;
  if (!logs.some((each) => each.tail === tail)) {
    return `the tail of the page is ${tail}, that of the log ${logs[0]?.tail}`;
  }
  for (const message of messages) {
    const wasThere = logs.some(({ log }) => log.some((each) => textOf(each) === textOf(message)));
    if (!wasThere) return `the page holds ${message.sequence}, which is not in the log`;
  }
  const missing = logs[0]?.log.find(({ sequence }) =>
    sequence > after && sequence <= through && !messages.some((each) => each.sequence === sequence) &&
    logs.every(({ log }) => log.some((each) => each.sequence === sequence))
  );
  return missing === undefined ? undefined : `the page lacks ${missing.sequence}`;
}

/** Of an outbox. */
export function outboxDiffers(
  shown: Shown,
  outboxId: string,
  limit: number,
  found: readonly OutboxEntry[],
): Difference {
  return differs("outbox", (shown.outboxes.get(outboxId) ?? []).slice(0, limit), found);
}

/**
 * Of a look at what is due: what was due all the time while it went on, and nothing that never was. Its parts need not be of
 * one moment. Sweeps are the store's own.
 */
export function dueDiffers(
  moments: readonly Look[],
  now: number,
  { limit, graceMs }: DueOptions,
  found: readonly DueWork[],
): Difference {
  const told = new Set(found.flatMap((work): string[] => {
    switch (work.type) {
      case "session":
        return [`session ${work.clientId} at ${work.dueAt}`];
      case "outbox":
        return [`outbox ${work.outboxId}`];
      case "node":
        return work.clientIds.map((clientId) => `${clientId} of node ${work.nodeId} at ${work.dueAt}`);
      case "sweep":
        return [];
      default:
        return work satisfies never;
    }
  }));
  const due = moments.map((look) => new Set(dueIn(look, now, graceMs)));
  const strange = [...told].filter((work) => !due.some((each) => each.has(work)));
  const missing = [...due[0] ?? []].filter((work) => !told.has(work) && due.every((each) => each.has(work)));
  if (strange.length > 0) return `[${strange.join()}] is not due`;
  return missing.length > 0 && found.length < limit ? `[${missing.join()}] is due, and missing` : undefined;
}

function* dueIn({ shown: { sessions }, dueOutboxes }: Look, now: number, graceMs: number): Generator<string> {
  for (const [outboxId, at] of dueOutboxes) if (at <= now) yield `outbox ${outboxId}`;
  for (const { snapshot: { clientId, head }, owner, ownerUntil } of sessions.values()) {
    const at = head.attached ? Infinity : Math.min(head.willDueAt ?? Infinity, head.endsAt ?? Infinity);
    if (at <= now) yield `session ${clientId} at ${at}`;
    if (owner === undefined || ownerUntil === undefined || ownerUntil + graceMs > now) continue;
    yield `${clientId} of node ${owner.nodeId} at ${ownerUntil}`;
  }
}

/** Of a look-up in the index: no subscription of a living session is missing. Filters are topics here. */
export function matchesDiffer(
  shown: Shown,
  topics: readonly string[],
  found: readonly (readonly SubscriptionMatch[])[],
): Difference {
  for (const [index, topic] of topics.entries()) {
    for (const { snapshot: { clientId, incarnation, subscriptions } } of shown.sessions.values()) {
      if (!subscriptions.has(topic)) continue;
      const isNamed = found[index]?.some((each) => each.clientId === clientId && each.incarnation === incarnation);
      if (isNamed !== true) return `the subscription of ${clientId} to ${topic} is missing`;
    }
  }
  return undefined;
}

function guardDiffers(session: ShownSession | undefined, { epoch, version }: Guard): Difference {
  if (session === undefined) return "a guard came for a session that is not there";
  if (session.epoch === epoch && session.version === version) return undefined;
  return `the guard is of ${epoch}/${version}, the session of ${session.epoch}/${session.version}`;
}

function differs(what: string, meant: unknown, found: unknown): Difference {
  const [wanted, told] = [textOf(meant), textOf(found)];
  return wanted === told ? undefined : `${what}: expected ${wanted}, found ${told}`;
}
