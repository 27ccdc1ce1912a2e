/** How the server sends PUBLISH: identifiers, DUP, order of resends, window (invariants 1 to 5 and 8). */
import type { Arrival } from "./arrival.ts";
import { mayBeDone } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";

/** A promise about each PUBLISH that came: what is wrong with this one. */
interface WireRule {
  readonly rule: string;
  readonly wrong: (arrival: Arrival, knowledge: Knowledge) => string | undefined;
}

const RULES: readonly WireRule[] = [
  {
    rule: "packet identifier",
    wrong: ({ packet: { qos, packetId } }) => {
      if (qos === 0) return packetId === undefined ? undefined : `has identifier ${packetId} with QoS 0`;
      const isLegal = packetId !== undefined && packetId >= 1 && packetId <= 65_535;
      return isLegal ? undefined : `has identifier ${packetId}`;
    },
  },
  {
    rule: "packet identifier",
    wrong: ({ packet, connection, text, delivery, kind }) => {
      if (kind === "late" || delivery === undefined || delivery.text === text || mayBeDone(delivery)) return undefined;
      // What no longer fits the client is dropped, and its identifier is free.
      if (connection.client.limitsPackets) return undefined;
      return `has identifier ${packet.packetId}, which ${delivery.text} still has`;
    },
  },
  {
    rule: "packet identifier",
    wrong: ({ packet, generation, message, kind }) => {
      if (kind !== "again" || message === undefined) return undefined;
      const delivery = generation.deliveries.get(packet.packetId ?? 0);
      return delivery !== undefined && delivery.qos !== packet.qos ? `changed from QoS ${delivery.qos}` : undefined;
    },
  },
  {
    rule: "PUBLISH after PUBREL",
    wrong: ({ packet, delivery, kind }) => {
      if (kind === "late" || delivery?.isReleased !== true || mayBeDone(delivery)) return undefined;
      return `has identifier ${packet.packetId}, which was released and is not complete`;
    },
  },
  {
    rule: "sent twice",
    wrong: ({ connection, delivery, kind }) => {
      return kind === "again" && delivery?.connection === connection
        ? "came a second time on its connection"
        : undefined;
    },
  },
  {
    rule: "DUP",
    wrong: (arrival) => {
      const { packet, connection, generation, message, kind, delivery } = arrival;
      if (packet.qos === 0) return packet.dup ? "has DUP 1 with QoS 0" : undefined;
      if (kind === "late") return undefined;
      if (kind === "again") {
        if (packet.dup || delivery === undefined || delivery.connection === connection) return undefined;
        // The owner before may have sent it in the moment in which it was superseded.
        return delivery.arrivedSeq > connection.connectSeq ? undefined : "has DUP 0, but came before";
      }
      if (!packet.dup) return undefined;
      if (generation.firstConnection === connection) return "has DUP 1 on the first connection of the session";
      if (message !== undefined && message.firstSeq > connection.connackSeq) {
        return "has DUP 1, but was published after this connection was made";
      }
      return undefined;
    },
  },
  {
    rule: "resend order",
    wrong: ({ connection, delivery, kind }) => {
      if (kind !== "again" || delivery === undefined || delivery.connection === connection) return undefined;
      return delivery.order > 0 && delivery.order < connection.lastOrder
        ? "was resent after what came later before"
        : undefined;
    },
  },
  {
    rule: "Receive Maximum",
    wrong: ({ connection, packet: { qos, packetId } }) => {
      if (qos === 0 || packetId === undefined || connection.unanswered.has(packetId)) return undefined;
      const open = connection.unanswered.size + 1;
      return open > connection.receiveMaximum
        ? `is unanswered number ${open} of ${connection.receiveMaximum}`
        : undefined;
    },
  },
  {
    rule: "Topic Alias",
    wrong: ({ connection, packet: { topicAlias, topic }, topic: resolved }) => {
      if (topicAlias === undefined) return topic === "" ? "has no topic" : undefined;
      const maximum = connection.connect?.topicAliasMaximum ?? 0;
      if (topicAlias < 1 || topicAlias > maximum) return `has alias ${topicAlias} of ${maximum}`;
      return resolved === "" ? `has alias ${topicAlias}, which stands for nothing` : undefined;
    },
  },
  {
    rule: "stale owner",
    wrong: ({ connection, message, packet }) => {
      // What was never stored needs no owner to be handed on.
      if (packet.qos === 0 || message === undefined || message.firstSeq <= connection.supersededSeq) return undefined;
      return "was published after another connection had taken the session over";
    },
  },
];

/** A PUBLISH came. */
export function judgeWire(knowledge: Knowledge, arrival: Arrival): void {
  const { connection, text } = arrival;
  for (const { rule, wrong } of RULES) {
    const found = wrong(arrival, knowledge);
    if (found !== undefined) {
      knowledge.report(rule, connection.client.name, `${text} on connection ${connection.number} ${found}`);
    }
  }
}

/** Remembers what has been sent on a connection, for the order of what follows. */
export function sentInOrder({ connection, generation, packet, kind }: Arrival): void {
  if (packet.qos === 0 || kind === "late") return;
  const delivery = generation.deliveries.get(packet.packetId ?? 0);
  if (delivery !== undefined && delivery.order > connection.lastOrder) connection.lastOrder = delivery.order;
}
