/**
 * Where one node has all members of a group, what a publisher sends to it comes to each member in that order: members take
 * turns at one log. What somebody has given back stands behind what came since (README, "Shared subscriptions").
 *
 * @module
 */
import type { Arrival } from "./arrival.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Message } from "./message.ts";
import { groupsFor, isOfGroupAlone } from "./shared.ts";

/** Two messages of a group that came the wrong way round, unless the older one had been given back. */
export interface Overtaken {
  readonly message: Message;
  readonly later: Message;
  readonly client: string;
  readonly at: number;
}

/** A message came for the first time to a session. */
export function judgeHandedOrder(knowledge: Knowledge, arrival: Arrival, message: Message): void {
  const { connection, generation, packet } = arrival;
  if (knowledge.bounds.ordersGroups !== true || message.orderKey === 0 || packet.qos === 0) return;
  if (!isOfGroupAlone(knowledge, generation, message) || groupsFor(knowledge, message) > 1) return;
  const key = message.orderKey * 3 + packet.qos;
  const later = generation.lastHanded.get(key);
  if (later === undefined || message.firstSeq > later.firstSeq) {
    generation.lastHanded.set(key, message);
    return;
  }
  const [first] = message.transmissions;
  const [other] = later.transmissions;
  // Of what was sent again, the first attempt may have come to nothing; and an ended session owes what it owes by itself.
  const wasAgain = (message.transmissions.at(-1)?.seq ?? 0) > later.firstSeq;
  if (wasAgain || first?.generation === undefined || first.generation !== other?.generation) return;
  knowledge.overtaken.push({ message, later, client: connection.client.name, at: knowledge.at });
}

/** All is at rest: whoever went is known. */
export function judgeOvertaken(knowledge: Knowledge): void {
  const { networkMs, detachMs, effectMs = 0 } = knowledge.bounds;
  for (const { message, later, client, at } of knowledge.overtaken) {
    const mayBeGivenBack = [...knowledge.connections.values()].some(({ closedAt }) =>
      closedAt >= message.firstAt - networkMs - detachMs && closedAt <= at + networkMs + effectMs
    );
    if (mayBeGivenBack) continue;
    const text = `${message.text} came after ${later.text}, sent later, and nobody had given it back`;
    knowledge.report("group: order", client, text, at);
  }
}
