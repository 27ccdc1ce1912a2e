/** A member holds no more than it may be sent at once: what is beyond that waits for the others. */
import type { Knowledge } from "./knowledge.ts";

/** An administrator looked at a session. */
export function judgeClaimed(knowledge: Knowledge, name: string, queuedMessages: number): void {
  const client = knowledge.client(name);
  const { generation, isRude, connections } = client;
  if (isRude || generation === undefined || generation.firstConnection === undefined) return;
  // Whoever has subscriptions of its own may have anything in its log.
  const all = connections.flatMap((connection) => connection.generation?.subscribed ?? []);
  if (all.some(({ shared }) => shared === undefined)) return;
  // Each connection begins a window of its own, and what is released does not count in it.
  const { mostAtOnce = Infinity } = knowledge.bounds;
  const most = connections.reduce((sum, { receiveMaximum }) => sum + Math.min(receiveMaximum, mostAtOnce), 0);
  if (queuedMessages <= most) return;
  const text = `${queuedMessages} messages are in its log, but it takes no more than ${most} at once`;
  knowledge.report("group: claims", name, text);
}
