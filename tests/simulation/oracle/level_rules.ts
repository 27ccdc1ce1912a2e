/** Rules of an operator by topic: a copy has the level of its subscription, and QoS 0 waits for who is away. */
import type { Arrival } from "./arrival.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Message } from "./message.ts";
import { sharedFor } from "./shared.ts";
import { topicMatches } from "./topic_match.ts";

/** Whether a copy has the level of its subscription, whatever it was published at (against [MQTT-3.8.4-8]). */
export function isUpgraded({ bounds: { levels = [] } }: Knowledge, { topic }: Message): boolean {
  return levels.find(({ filter }) => topicMatches(filter, topic))?.upgradeQoS === true;
}

function waits({ bounds: { levels = [], queueQos0 } }: Knowledge, { topic }: Message): boolean {
  return levels.find(({ filter }) => topicMatches(filter, topic))?.queueQos0 ?? queueQos0;
}

/** Why a QoS 0 copy should not have come: it was published while nobody was there, and does not wait. */
export function whyNotKept(knowledge: Knowledge, arrival: Arrival, message: Message): string | undefined {
  const { connection, generation, packet } = arrival;
  if (packet.qos > 0 || message.qos > 0 || message.kind !== "client" || waits(knowledge, message)) return undefined;
  if (sharedFor(knowledge, generation, message).length > 0) return undefined;
  const { networkMs, detachMs } = knowledge.bounds;
  const lateMs = networkMs + detachMs;
  // It surely was routed before this connection came, and after all others were gone.
  const isAlone = connection.client.connections.every((other) =>
    other === connection || other.connectSeq > connection.connectSeq || other.closedAt + lateMs < message.firstAt
  );
  if (!isAlone || message.firstAt + lateMs >= connection.connectAt) return undefined;
  return "was published at QoS 0 while its receiver was away, and does not wait";
}
