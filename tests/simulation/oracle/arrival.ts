/**
 * A PUBLISH that came: which message it carries, whether it is its first transmission, another one of the same copy, or
 * another copy.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import { type Delivery, type Generation, type Got, mayBeDone } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Message, textOf } from "./message.ts";
import type { WirePublish } from "./observation.ts";

/** A PUBLISH that came. */
export interface Arrival {
  readonly connection: Connection;
  readonly generation: Generation;
  readonly packet: WirePublish;
  readonly text: string;
  /** `undefined` while nobody was seen to publish it. */
  readonly message: Message | undefined;
  /** With Topic Aliases resolved. */
  readonly topic: string;
  /** The delivery that its identifier stood for. */
  readonly delivery: Delivery | undefined;
  /**
   * `first`: the session had nothing of this message. `again`: the same copy once more. `copy`: another copy. `late`: came
   * on a connection that was taken over, when nobody knows.
   */
  readonly kind: "first" | "again" | "copy" | "late";
  readonly got: Got | undefined;
}

/** Takes a PUBLISH in. */
export function arrivalOf(
  knowledge: Knowledge,
  connection: Connection,
  generation: Generation,
  packet: WirePublish,
): Arrival {
  const text = textOf(packet.payload);
  const message = knowledge.messages.get(text);
  const { topicAlias } = packet;
  if (topicAlias !== undefined && packet.topic !== "") connection.aliases.set(topicAlias, packet.topic);
  const topic = packet.topic === "" ? connection.aliases.get(topicAlias ?? 0) ?? "" : packet.topic;
  const got = message === undefined ? undefined : generation.got.get(message);
  const delivery = packet.packetId === undefined ? undefined : generation.deliveries.get(packet.packetId);
  const kind = kindOf(connection, packet, text, delivery, got, message);
  return { connection, generation, packet, text, message, topic, delivery, kind, got };
}

function kindOf(
  connection: Connection,
  { qos, dup }: WirePublish,
  text: string,
  delivery: Delivery | undefined,
  got: Got | undefined,
  message: Message | undefined,
): Arrival["kind"] {
  if (connection.isLate) return "late";
  const isNew = got === undefined || got.copies === 0 ? "first" : "copy";
  if (qos === 0 || delivery === undefined || delivery.text !== text) return isNew;
  // The same message under the same identifier: once more, unless that exchange is over.
  if (delivery.isReleased) return isNew;
  if (!mayBeDone(delivery)) return "again";
  if (dup && delivery.connection !== connection) return "again";
  // A second copy may get the identifier that the first one had, if there may be a second one.
  const mayBeCopy = message !== undefined && got !== undefined && got.copies < message.routings;
  return mayBeCopy && !dup ? isNew : "again";
}

/** Remembers a PUBLISH that came. */
export function arrived({ seq }: Knowledge, arrival: Arrival): void {
  const { connection, generation, packet, text, message, delivery, kind } = arrival;
  const { qos, packetId } = packet;
  if (message !== undefined) {
    message.arrivedAt ??= connection.client.name;
    const got = arrival.got ?? { copies: 0, cameLate: false };
    got.cameLate ||= kind === "late";
    if (kind === "first" || kind === "copy") got.copies++;
    if (arrival.got === undefined) generation.got.set(message, got);
  }
  if (qos === 0 || packetId === undefined) return;
  connection.unanswered.add(packetId);
  if (kind === "late") {
    if (qos === 2) generation.inheritedReleases.add(packetId);
    return;
  }
  if (kind === "again" && delivery !== undefined) {
    delivery.connection = connection;
    return;
  }
  connection.pubrecsSent.delete(packetId);
  connection.pubrelsGot.delete(packetId);
  generation.inheritedReleases.delete(packetId);
  generation.deliveries.set(packetId, {
    packetId,
    text,
    qos,
    // What came before when nobody knew who owned the session has no place in the order.
    arrivedSeq: seq,
    order: arrival.got?.cameLate === true ? 0 : ++generation.order,
    connection,
    isAcknowledged: false,
    pubrecOn: undefined,
    isReleased: false,
    releaseOrder: 0,
  });
}
