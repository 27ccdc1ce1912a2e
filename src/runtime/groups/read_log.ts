import type { QueuedMessage } from "../../mqtt/message.ts";
import type { Guard } from "../../store/session_store.ts";
import type { BrokerContext } from "../context.ts";
import { persistently } from "../within.ts";

/** The claimed entries of a log, read page by page. Rejects when the store cannot be asked. */
export async function readLog({ options }: BrokerContext, guard: Guard): Promise<QueuedMessage[]> {
  const { store, limits } = options;
  const claimed: QueuedMessage[] = [];
  for (let after = 0;;) {
    const position = { after, messages: limits.pageMessages, bytes: limits.pageBytes };
    const page = await persistently(options, "read a queue", (signal) => store.readQueue(guard, position, { signal }));
    for (const message of page.messages) if (message.claimed !== undefined) claimed.push(message);
    if (page.through >= page.tail || page.through <= after) return claimed;
    after = page.through;
  }
}
