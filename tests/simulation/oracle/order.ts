/** Per publisher, topic and level, what comes first comes in the order in which it was sent first (invariant 16, OR-05). */
import type { Arrival } from "./arrival.ts";
import type { Knowledge } from "./knowledge.ts";
import type { Message } from "./message.ts";
import { sharedFor } from "./shared.ts";

/** More than there are publishers, topics and levels. */
const MANY_LEVELS = 2 ** 24;

/** A message came for the first time to a session. */
export function judgeOrder(knowledge: Knowledge, { connection, generation, packet }: Arrival, message: Message): void {
  if (message.orderKey === 0) return;
  // What members get is in no order of its publisher's (OR-09).
  if (sharedFor(knowledge, generation, message).length > 0) return;
  // At most once: while its receiver moves, a copy may wait in a log that later ones pass by.
  if (packet.qos === 0 && message.firstSeq < connection.connackSeq) return;
  // What overlapping or replaced subscriptions gave another level may overtake.
  const level = message.orderKey * 3 + packet.qos;
  // At most once: what a publisher sends after it went elsewhere may overtake what waits in the log for its receiver.
  const from = packet.qos === 0 ? message.transmissions.at(-1)?.connection.number ?? 0 : 0;
  // Of what it sent there again, nobody knows which of the two brought the copy.
  if (packet.qos === 0 && message.transmissions.some(({ connection }) => connection.number !== from)) return;
  const key = from * MANY_LEVELS + level;
  const latest = generation.lastArrived.get(key);
  if (latest === undefined || message.firstSeq > latest.firstSeq) {
    generation.lastArrived.set(key, message);
    return;
  }
  // Of what was sent again, the first attempt may have come to nothing, and others have passed it.
  const { seq: sentSeq } = message.transmissions.at(-1) ?? { seq: message.firstSeq };
  if (sentSeq > latest.firstSeq) return;
  // What an ended session owes follows by itself: its publisher's next session does not wait for it (DESIGN D4).
  const [first] = message.transmissions;
  const [other] = latest.transmissions;
  if (first?.generation !== other?.generation) return;
  // What leaves before CONNACK belongs to a session that is not known.
  if (first?.generation === undefined && first?.connection !== other?.connection) return;
  const rule = packet.qos === 0 ? "order of QoS 0" : "order";
  const text = `${message.text} on connection ${connection.number} came after ${latest.text}, sent later`;
  knowledge.report(rule, connection.client.name, `${text} to ${message.topic}`);
}
