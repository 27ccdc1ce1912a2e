/** What clients hand to the server: each PUBLISH and PUBREL, and how often the messages in them may be routed. */
import type { Connection } from "./connection.ts";
import type { Held } from "./generation.ts";
import type { Knowledge } from "./knowledge.ts";
import { type Message, newMessage, sameBytes, textOf, type Transmission } from "./message.ts";
import type { Observation, WirePublish } from "./observation.ts";

/** A client handed a PUBLISH to the network. */
export function publishSent(knowledge: Knowledge, connection: Connection, packet: WirePublish): void {
  const { seq, at } = knowledge;
  const { client, generation } = connection;
  const { packetId } = packet;
  const message = messageOf(knowledge, connection, packet);
  const held = packet.qos === 2 ? holdsId(connection, message, packetId ?? 0, seq) : undefined;
  const transmission: Transmission = {
    message,
    connection,
    generation,
    packetId,
    seq,
    at,
    beganSeq: held?.beganSeq ?? seq,
    state: "open",
    answeredSeq: Infinity,
    answeredAt: Infinity,
  };
  // A repeat within one exchange of QoS 2 is no new message.
  if (held === undefined || held.beganSeq === seq) message.routings++;
  const [first] = message.transmissions;
  if (first !== undefined && (first.generation !== generation || first.packetId !== packetId)) message.orderKey = 0;
  message.transmissions.push(transmission);
  message.isRefused = false;
  if (client.isRude || connection.isRude) message.isDoubtful = true;
  if (packet.qos === 1) connection.pubacks.push(transmission);
  if (packet.qos === 2) connection.pubrecs.push(transmission);
}

function messageOf(knowledge: Knowledge, connection: Connection, packet: WirePublish): Message {
  const text = textOf(packet.payload);
  const known = knowledge.messages.get(text);
  const { topicAlias } = packet;
  if (topicAlias !== undefined && packet.topic !== "") connection.ownAliases.set(topicAlias, packet.topic);
  if (known !== undefined) {
    if (known.kind !== "client" || !sameBytes(known.payload, packet.payload)) known.isDoubtful = true;
    return known;
  }
  const topic = packet.topic === "" ? connection.ownAliases.get(topicAlias ?? 0) ?? "" : packet.topic;
  const { client: { name: publisher } } = connection;
  const { seq: firstSeq, at: firstAt } = knowledge;
  const message = newMessage({ text, kind: "client", publisher, firstSeq, firstAt }, { ...packet, topic });
  // QoS 0 keeps its order on one connection alone.
  const place = packet.qos === 0 ? `#${connection.number}` : "";
  message.orderKey = knowledge.orderKey(`${publisher}${place} ${packet.qos} ${topic}`);
  // A 3.1.1 client cannot be told that a full queue refused its message.
  message.isDoubtful = connection.version === 4 && knowledge.bounds.queueIsLimited || isForbidden(knowledge, topic);
  knowledge.messages.set(text, message);
  return message;
}

/** Whether nobody may publish to a topic. */
export function isForbidden({ bounds: { forbiddenTopics } }: Knowledge, topic: string): boolean {
  return forbiddenTopics !== undefined && topic.startsWith(forbiddenTopics);
}

/** The exchange of QoS 2 that this PUBLISH belongs to; `undefined` when the session is not known. */
function holdsId(connection: Connection, message: Message, packetId: number, seq: number): Held | undefined {
  const { generation } = connection;
  if (generation === undefined) return undefined;
  const held = generation.held.get(packetId);
  if (held !== undefined && held.releases === 0) {
    if (held.text === message.text) return held;
    // The server must take this for a repeat of another message.
    message.isDoubtful = true;
  } else if (held !== undefined || generation.inheritedHeld.has(packetId)) {
    message.isDoubtful = true;
  }
  const began: Held = { text: message.text, beganSeq: seq, isAccepted: false, releases: 0 };
  generation.held.set(packetId, began);
  return began;
}

/** A client handed a PUBREL to the network. */
export function pubrelSent(knowledge: Knowledge, connection: Connection, packetId: number): void {
  const held = connection.generation?.held.get(packetId);
  const isHeld = held !== undefined && held.isAccepted && held.releases === 0;
  if (held !== undefined) held.releases++;
  connection.pubcomps.push({ packetId, seq: knowledge.seq, at: knowledge.at, isHeld });
}

/** The host published a message, or learned that it was accepted. */
export function hostPublished(
  knowledge: Knowledge,
  seen: Extract<Observation, { readonly type: "hostPublished" }>,
): void {
  const text = textOf(seen.payload);
  let message = knowledge.messages.get(text);
  if (message === undefined) {
    // What is told afterwards alone may have begun at any time.
    const firstSeq = seen.until !== undefined && seen.until <= knowledge.at ? -1 : knowledge.seq;
    message = newMessage({ text, kind: "host", publisher: "", firstSeq, firstAt: seen.at }, seen);
    message.routings = seen.duplicates === false ? 1 : Infinity;
    knowledge.messages.set(text, message);
    // Whoever got it before it was told of is not known any more.
    message.isDoubtful = knowledge.unexplained.delete(text);
  }
  if (seen.until === undefined || message.acceptedSeq !== Infinity) return;
  message.acceptedFromSeq = message.firstSeq;
  // What is accepted at a time to come counts as accepted last of all.
  message.acceptedSeq = seen.until > knowledge.at ? Number.MAX_SAFE_INTEGER : knowledge.seq;
  message.acceptedAt = seen.until;
}

/** The server accepted or refused a transmission. */
export function transmissionAnswered(
  knowledge: Knowledge,
  transmission: Transmission,
  isAccepted: boolean,
): void {
  const { seq, at } = knowledge;
  const { message } = transmission;
  transmission.answeredSeq = seq;
  transmission.answeredAt = at;
  transmission.state = isAccepted ? "accepted" : "refused";
  if (!isAccepted) {
    message.isRefused = message.transmissions.every(({ state }) => state === "refused");
  } else if (message.acceptedSeq === Infinity) {
    message.acceptedFromSeq = transmission.beganSeq;
    message.acceptedSeq = seq;
    message.acceptedAt = at;
  }
}
