/**
 * What aedes' calls for queued messages do to a session. A message has a Packet Identifier from when it is sent: its mark
 * says which, so that any process can tell what an acknowledgement is for.
 *
 * @module
 */
import { hasExpired, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import type { AedesPacket } from "./packets.ts";
import type { Desk, LogPart, Plan, Planned, Sent } from "./plan.ts";
import type { SessionView } from "./session_view.ts";
import { PAGE } from "./taking.ts";
import { type AsBuffer, keyOf, queuedPacket } from "./translation.ts";

/**
 * A message is about to be sent under a Packet Identifier. One that aedes is about to write gets another if that is in use,
 * the level of its stored copy, and DUP if it may have been sent before.
 */
export function sending(packet: AedesPacket, sent: Sent | undefined): Plan<void> {
  const isWritten = packet.writeCallback !== undefined;
  const wanted = packet.messageId;
  return (desk) => {
    const { view } = desk;
    if (view === undefined) return desk.isCertain ? { answer: undefined } : { need: "reload" };
    const key = keyOf(packet);
    const places = view.log.placesOf(key).filter((place) => !view.isGone(place));
    const place = placeToSend(view, places, wanted, sent);
    if (place === undefined) {
      // Another broker may have queued it. What is not there at all gave way at a limit, and is sent this once.
      const after = view.log.through;
      return desk.hasRead(after) ? { answer: undefined } : { need: { after, messages: PAGE.messages } };
    }
    const known = view.packetIdAt(place);
    const isRepeated = known !== undefined && sent?.ahead.has(place) !== true;
    const packetId = known !== undefined && isWritten
      ? known
      : isWritten && isPacketId(wanted)
      ? view.freeId(wanted)
      : wanted;
    if (isPacketId(packetId) && view.draft.outbound.get(place)?.packetId !== packetId) {
      view.change({ type: "putOutboundMark", sequence: place, mark: { packetId, phase: "sent", pubrecOrder: 0 } });
    }
    if (place > view.draft.head.sentLimit) view.change({ type: "putSentLimit", sentLimit: place });
    sent?.entries.add(place);
    sent?.ahead.delete(place);
    if (isWritten) {
      const entry = view.log.entry(place);
      Object.assign(packet, {
        messageId: packetId,
        qos: entry?.qos ?? packet.qos,
        ...(isRepeated ? { dup: true } : {}),
      });
    }
    return { answer: undefined };
  };
}

/** Of the places of a message: the one that has this Packet Identifier, else the first that was never sent. */
function placeToSend(
  view: SessionView,
  places: readonly number[],
  wanted: number | undefined,
  sent: Sent | undefined,
): number | undefined {
  const same = wanted === undefined ? undefined : places.find((place) => view.packetIdAt(place) === wanted);
  return same ?? places.find((place) => view.packetIdAt(place) === undefined) ??
    places.find((place) => sent?.entries.has(place) !== true) ?? places[0];
}

/**
 * Messages that follow each other are sent next: all are marked in one step, with Packet Identifiers that `nextId` gives.
 * What has waited too long, and was never sent, is dropped instead.
 */
export function starting(
  entries: readonly QueuedMessage[],
  { sent, nextId, now }: { readonly sent: Sent; readonly nextId: (sequence: number) => number; readonly now: number },
): Plan<void> {
  return ({ view }) => {
    for (const entry of entries) {
      const { sequence } = entry;
      if (view?.log.entry(sequence) === undefined || view.isGone(sequence)) continue;
      if (sent.entries.has(sequence) || view.packetIdAt(sequence) !== undefined) continue;
      if (hasExpired(entry, now)) {
        view.change({ type: "deleteQueued", sequence, bytes: messageBytes(entry), dropped: "expired" });
        continue;
      }
      const mark = { packetId: view.freeId(nextId(sequence)), phase: "sent", pubrecOrder: 0 } as const;
      view.change({ type: "putOutboundMark", sequence, mark });
      sent.ahead.add(sequence);
    }
    const last = entries.at(-1)?.sequence ?? 0;
    if (view !== undefined && view.changes.length > 0 && last > view.draft.head.sentLimit) {
      view.change({ type: "putSentLimit", sentLimit: last });
    }
    return { answer: undefined };
  };
}

/** PUBREC came: the payload is needed no more, the Packet Identifier still is. */
export function releasing(packetId: number): Plan<void> {
  return (desk) => {
    const { view } = desk;
    const place = view?.placesOfId(packetId).find((each) => view.draft.outbound.get(each)?.phase === "sent");
    if (view === undefined || place === undefined) {
      const isReleased = (view?.placesOfId(packetId).length ?? 0) > 0;
      // One that nobody knows is answered all the same: its PUBCOMP was lost ([MQTT-4.3.3-1]).
      return isReleased || desk.isCertain ? { answer: undefined } : { need: "reload" };
    }
    const found = entryAt(desk, view, place);
    if ("need" in found) return found;
    const mark = { packetId, phase: "released", pubrecOrder: view.nextPubrecOrder } as const;
    view.change({ type: "putOutboundMark", sequence: place, mark });
    if (found.entry !== undefined) removeEntry(view, found.entry);
    return { answer: undefined };
  };
}

/** What an acknowledgement or a broker that does not deliver it ends; answers what was ended. */
export function clearing(packet: AedesPacket, sent: Sent | undefined, as: AsBuffer): Plan<AedesPacket | undefined> {
  return (desk) => {
    const { view } = desk;
    if (view === undefined) return desk.isCertain ? { answer: undefined } : { need: "reload" };
    if (packet.cmd !== "puback" && packet.cmd !== "pubcomp" && packet.brokerCounter !== undefined) {
      const cleared = clearMessage(desk, view, packet, sent, as);
      if (cleared !== undefined) return cleared;
    }
    const { messageId } = packet;
    if (!isPacketId(messageId)) return { answer: undefined };
    const places = view.placesOfId(messageId);
    const wanted = packet.cmd === "pubcomp" ? "released" : packet.cmd === "puback" ? "sent" : undefined;
    const place = places.find((each) => view.draft.outbound.get(each)?.phase === wanted) ?? places[0];
    if (place === undefined) return desk.isCertain ? { answer: undefined } : { need: "reload" };
    if (view.draft.outbound.get(place)?.phase === "released") {
      view.change({ type: "deleteOutboundMark", sequence: place });
      return { answer: { cmd: "pubrel", messageId } };
    }
    const found = entryAt(desk, view, place);
    if ("need" in found) return found;
    if (found.entry === undefined) view.change({ type: "deleteOutboundMark", sequence: place });
    else removeEntry(view, found.entry);
    return { answer: found.entry === undefined ? undefined : queuedPacket(found.entry, messageId, as) };
  };
}

/**
 * A message that is named as such. With its Packet Identifier it was sent; without, it is not delivered by a subscription,
 * and the copy that was queued for it goes: never one that is on its way through another subscription.
 */
function clearMessage(
  desk: Desk,
  view: SessionView,
  packet: AedesPacket,
  sent: Sent | undefined,
  as: AsBuffer,
): Planned<AedesPacket | undefined> | undefined {
  const places = view.log.placesOf(keyOf(packet)).filter((place) => !view.isGone(place));
  const { messageId } = packet;
  const place = messageId === undefined
    ? places.findLast((each) => view.packetIdAt(each) === undefined && sent?.entries.has(each) !== true)
    : places.find((each) => view.packetIdAt(each) === messageId);
  const entry = place === undefined ? undefined : view.log.entry(place);
  if (entry !== undefined) {
    removeEntry(view, entry);
    return { answer: queuedPacket(entry, messageId, as) };
  }
  const after = view.log.through;
  if (!desk.hasRead(after) && places.length === 0) return { need: { after, messages: PAGE.messages } };
  return messageId === undefined ? { answer: undefined } : undefined;
}

/** The entry at a place; none where it has given way. */
function entryAt(
  desk: Desk,
  view: SessionView,
  place: number,
): { readonly entry: QueuedMessage | undefined } | { readonly need: LogPart } {
  const entry = view.log.entry(place);
  if (entry !== undefined || desk.hasRead(place - 1)) return { entry };
  return { need: { after: place - 1, messages: 1 } };
}

function removeEntry(view: SessionView, entry: QueuedMessage): void {
  view.change({ type: "deleteQueued", sequence: entry.sequence, bytes: messageBytes(entry) });
}
