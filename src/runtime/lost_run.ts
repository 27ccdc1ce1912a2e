import { isUnreadable } from "../store/encoding.ts";
import type { Event } from "../machine/event.ts";
import type { DirectoryPage } from "../store/directory.ts";
import type { StoredSession } from "../store/session_store.ts";
import type { BrokerContext } from "./context.ts";
import { sharedFilters } from "./groups/groups.ts";
import { filterOf } from "./groups/names.ts";
import { persistently } from "./within.ts";

/** How many sessions are named at a time. */
const SESSIONS_PER_PAGE = 100;

/** Moves sessions that nobody here owns. */
export interface Mover {
  move(clientId: string, event: (stored: StoredSession) => Event | undefined): Promise<unknown>;
}

/**
 * Lets go of the sessions whose connections an earlier run of a node without a lease has lost: once, and only where no
 * socket has outlived that run. They count as lost by now, which is late and never early. Rejects when the store cannot be
 * asked; then it is done by the next run of what is due.
 */
export async function letGoOfLostRun(
  context: BrokerContext,
  mover: Mover,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { options, sleepers, nodeId, groups } = context;
  if (sleepers?.isUnchecked !== true) return;
  const shared = new Set<string>();
  let cursor: string | undefined;
  do {
    const page: DirectoryPage = await sessionsFrom(context, cursor);
    for (const { clientId, ownerNode } of page.sessions) {
      if (signal?.aborted) return;
      if (ownerNode !== nodeId) continue;
      const filter = filterOf(clientId);
      if (filter !== undefined) {
        shared.add(filter);
        continue;
      }
      try {
        const at = options.environment.now();
        await mover.move(clientId, ({ owner, snapshot }) => {
          if (owner?.nodeId !== nodeId || sleepers.isOpen(owner.token)) return undefined;
          for (const each of sharedFilters(snapshot)) shared.add(each);
          return { type: "ownerLost", at };
        });
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        options.observe({ type: "workFailed", work: "session", clientId, error });
      }
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (shared.size > 0) await groups.forgetNode(shared, nodeId);
  sleepers.isUnchecked = false;
}

function sessionsFrom({ options }: BrokerContext, cursor: string | undefined): Promise<DirectoryPage> {
  const { store } = options;
  const from = cursor === undefined ? {} : { cursor };
  return persistently(
    options,
    "list sessions",
    (signal) => store.directory.list({ limit: SESSIONS_PER_PAGE, ...from, signal }),
  );
}
