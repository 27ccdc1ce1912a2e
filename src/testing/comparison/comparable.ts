/** What of an answer is the same for every store: the rest is a store's own. */
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { Acquired, AcquireRefusal, CommitResult, OutboxEntry, QueuePage } from "../../store/session_store.ts";
import type { DueWork } from "../../store/due_work.ts";
import { canonical, expect } from "../conformance/expect.ts";

export function comparableAcquire(answer: Acquired | AcquireRefusal): unknown {
  if (answer.outcome === "refused") return answer;
  const { guard, queue, ended, ...rest } = answer;
  // Whether an ended session still owes something may be left open.
  const { owes: _, ...why } = ended ?? {};
  return { ...rest, ended: why, incarnation: guard.incarnation, queue: comparablePage(queue) };
}

export function comparableResult(result: CommitResult): unknown {
  if (result.outcome !== "committed") return result;
  const { guard, ...rest } = result;
  return { ...rest, incarnation: guard?.incarnation };
}

/** A repeated answer may leave out what became of the deliveries. */
export function withoutOutcomes(result: CommitResult): unknown {
  return result.outcome === "committed" ? result.guard?.incarnation : result;
}

/** Between two messages a page may end anywhere. */
export function comparablePage({ messages, through, tail, unreadable }: QueuePage): unknown {
  expect(through >= (messages.at(-1)?.sequence ?? 0), "a page covers less than it holds");
  return { messages: messages.map(comparableMessage), isEnd: through >= tail, tail, unreadable };
}

function comparableMessage(message: QueuedMessage): unknown {
  // Large payloads are constant: their ends tell as much as all of them.
  const { payload } = message;
  return { ...message, payload: [payload.length, payload[0], payload.at(-1)] };
}

/** Numbers and cursors are a store's own; what is owed is not. */
export function comparableEntry({ outboxId, message, receivers, cursor }: OutboxEntry): unknown {
  const { payload } = message;
  return {
    outboxId,
    message: { ...message, payload: [payload.length, payload[0], payload.at(-1)] },
    owed: receivers?.slice(cursor),
  };
}

/** What is left to sweep, and since when an outbox waits, is a store's own. */
export function comparableDue(due: readonly DueWork[]): unknown {
  return sorted(due.flatMap((work): unknown[] => {
    switch (work.type) {
      case "session":
        return [work];
      case "node":
        return work.clientIds.length === 0 ? [] : [{ ...work, clientIds: sorted(work.clientIds) }];
      case "outbox":
        return [{ type: work.type, outboxId: work.outboxId }];
      case "sweep":
        return [];
      default:
        return work satisfies never;
    }
  }));
}

export function sorted(values: readonly unknown[]): readonly string[] {
  return values.map(canonical).sort();
}

export function shown(value: unknown): string {
  const text = canonical(value);
  return text.length <= 600 ? text : `${text.slice(0, 600)}…`;
}
