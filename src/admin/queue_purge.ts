/**
 * Emptying the log of a session as far as nothing of it was started.
 *
 * @module
 */
import type { DeleteQueued } from "../machine/change.ts";
import { matches } from "../mqtt/filter.ts";
import { messageBytes, type QueuedMessage } from "../mqtt/message.ts";
import type { Guard, SessionStore } from "../store/session_store.ts";
import type { PurgeResult } from "../store/administration.ts";
import { type ChangeContext, type ChangeOptions, commitOnce, readReleased } from "./session_change.ts";

/** Which messages of a queue go. */
export interface PurgeOptions extends ChangeOptions {
  /** Only those whose topic matches this Topic Filter. */
  readonly topicFilter?: string;
}

/** As much as one commit removes. */
const PAGE = { messages: 200, bytes: 1_048_576 } as const;

const ATTEMPTS = 8;

/**
 * Removes what was never started, page by page; each message is counted as lost with the reason `purged`.
 *
 * What may have been sent stays: its exchange goes on when the client comes back.
 */
export async function purgeQueue(
  context: ChangeContext,
  clientId: string,
  options: PurgeOptions,
): Promise<PurgeResult> {
  const { store } = context;
  const { signal, topicFilter } = options;
  const isWanted = ({ topic }: QueuedMessage): boolean => topicFilter === undefined || matches(topicFilter, topic);
  let messages = 0;
  let bytes = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const released = await readReleased(context, clientId, options);
    if (typeof released === "string") return { outcome: messages > 0 ? "changed" : released, messages, bytes };
    let guard: Guard | undefined = released.stored.guard;
    let { release } = released;
    let isFirst = true;
    for (let after = released.head.sentLimit; guard !== undefined;) {
      const page = await pageAfter(store, guard, after, signal);
      const gone = page.messages.filter(isWanted);
      if (gone.length > 0) {
        const changes = [...release, ...gone.map(removal)];
        const result = await commitOnce(context, guard, { changes, raises: isFirst }, signal);
        if (result.outcome !== "committed") break;
        guard = result.guard;
        release = [];
        isFirst = false;
        messages += gone.length;
        for (const message of gone) bytes += messageBytes(message);
      }
      if (page.through >= page.tail) return { outcome: messages > 0 ? "changed" : "unchanged", messages, bytes };
      after = page.through;
    }
  }
  return { outcome: "contended", messages, bytes };
}

function pageAfter(
  store: SessionStore,
  guard: Guard,
  after: number,
  signal: AbortSignal | undefined,
): ReturnType<SessionStore["readQueue"]> {
  return store.readQueue(guard, { after, ...PAGE }, signal === undefined ? {} : { signal });
}

function removal(message: QueuedMessage): DeleteQueued {
  return { type: "deleteQueued", sequence: message.sequence, bytes: messageBytes(message), dropped: "purged" };
}
