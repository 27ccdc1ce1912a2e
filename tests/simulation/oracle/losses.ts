/** What may be lost, and under which reason it must be counted then (G14). */
import type { Knowledge } from "./knowledge.ts";
import type { Message } from "./message.ts";
import type { SessionReport } from "./observation.ts";
import { topicMatches } from "./topic_match.ts";
import { isUpgraded } from "./level_rules.ts";

/** Whether a message may have expired by now. */
export function mayExpire({ at, bounds }: Knowledge, { expiryMs, firstAt }: Message): boolean {
  return expiryMs !== undefined && at - firstAt + 2 * bounds.clockMs >= expiryMs;
}

/** Reasons that a limit gives. */
export const FULL: readonly string[] = ["queueFullOldest", "queueFullNewest", "filterFullOldest", "filterFullNewest"];

/** Whether a message may have given way to a later one of its topic: the last one never does. */
export function mayBeReplaced(knowledge: Knowledge, message: Message): boolean {
  const { bounds, messages } = knowledge;
  const rule = (bounds.keepsLast ?? []).find(({ filter }) => topicMatches(filter, message.topic));
  if (rule?.keepLast !== true) return false;
  for (const other of messages.values()) {
    if (other === message || other.topic !== message.topic || other.isRefused) continue;
    if (other.qos === 0 && !isUpgraded(knowledge, other)) continue;
    // When a Will was routed is not known here.
    if (other.kind === "will" || other.acceptedSeq > message.firstSeq) return true;
  }
  return false;
}

/** No message is dropped for a reason that cannot be (G14). */
export function judgeDrops(knowledge: Knowledge, { client, dropped }: SessionReport): void {
  const { queueIsLimited, keepsLast = [] } = knowledge.bounds;
  for (const [reason, times] of Object.entries(dropped)) {
    if (times === undefined || times === 0) continue;
    const isImpossible = FULL.includes(reason) && !queueIsLimited || reason === "unreadable" ||
      reason === "replaced" && !keepsLast.some(({ keepLast }) => keepLast === true) ||
      reason === "expired" && !anyExpires(knowledge);
    if (isImpossible) knowledge.report("dropped without reason", client, `${times} as ${reason}`);
  }
}

function anyExpires({ messages }: Knowledge): boolean {
  for (const { expiryMs } of messages.values()) if (expiryMs !== undefined) return true;
  return false;
}
