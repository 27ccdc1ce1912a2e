/** What a member gives back to its groups: out of its log and into theirs, in one commit. */
import { goesBack, type MemberLeft } from "../../machine/rules/claiming.ts";
import type { SessionChange } from "../../machine/change.ts";
import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { Delivery } from "../../store/session_store.ts";

/** One message that goes back. Both parts belong into one batch. */
export interface GivenBack {
  readonly change: SessionChange;
  readonly delivery: Delivery;
}

/** Those of some entries that go back, in order. */
export function givenBack(entries: Iterable<QueuedMessage>, left: MemberLeft): GivenBack[] {
  return [...entries].filter((entry) => goesBack(entry, left)).sort((a, b) => a.sequence - b.sequence).flatMap(toGroup);
}

function toGroup(entry: QueuedMessage): GivenBack[] {
  const { sequence, claimed, subscriptionIdentifiers: _, ...rest } = entry;
  if (claimed === undefined) return [];
  const { clientId, incarnation, qos, retain } = claimed;
  const message: Message = { ...rest, qos, retain };
  return [{
    change: { type: "deleteQueued", sequence, bytes: messageBytes(message) },
    delivery: { message, receivers: [{ clientId, incarnation, qos, retain, subscriptionIdentifiers: [] }] },
  }];
}
