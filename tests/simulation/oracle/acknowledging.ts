/** What a client answers to deliveries, and the PUBREL packets that the server owes for it. */
import type { Connection } from "./connection.ts";
import type { Knowledge } from "./knowledge.ts";
import type { WireResponse } from "./observation.ts";

/** A client handed PUBACK, PUBREC or PUBCOMP to the network. */
export function acknowledgementSent(connection: Connection, packet: WireResponse): void {
  const { packetId, type } = packet;
  const delivery = connection.generation?.deliveries.get(packetId);
  const isRefusal = packet.reasonCode >= 0x80;
  const endsIt = type === "puback" || type === "pubcomp" || isRefusal;
  if (endsIt) connection.unanswered.delete(packetId);
  if (type === "pubrec" && !isRefusal) {
    connection.pubrecsSent.set(packetId, (connection.pubrecsSent.get(packetId) ?? 0) + 1);
  }
  if (delivery === undefined) return;
  if (type === "pubrec" && !isRefusal) delivery.pubrecOn ??= connection;
  else if (endsIt && (type === "puback") === (delivery.qos === 1)) delivery.isAcknowledged = true;
}

/** PUBREL came: for a PUBREC, or once more since the session was resumed (OB-06 to OB-16, OR-04). */
export function releaseCame(knowledge: Knowledge, connection: Connection, packet: WireResponse): void {
  const { client, generation, isLate } = connection;
  if (generation === undefined) return;
  const { packetId } = packet;
  const delivery = generation.deliveries.get(packetId);
  const isOwed = delivery?.pubrecOn !== undefined || generation.inheritedReleases.has(packetId);
  const report = (rule: string, text: string) => {
    if (!client.isRude && !isLate) {
      knowledge.report(rule, client.name, `PUBREL ${packetId} on connection ${connection.number} ${text}`);
    }
  };
  const got = (connection.pubrelsGot.get(packetId) ?? 0) + 1;
  const sent = connection.pubrecsSent.get(packetId) ?? 0;
  connection.pubrelsGot.set(packetId, got);
  if (!isOwed && sent === 0) report("PUBREL without PUBREC", "answers no PUBREC");
  if (delivery === undefined || isLate) return;
  const isResumed = delivery.pubrecOn !== connection;
  if (isOwed && got > sent + (isResumed ? 1 : 0)) report("PUBREL twice", `came ${got} times for ${sent} PUBREC`);
  if (isResumed && sent === 0 && delivery.releaseOrder > 0) {
    if (delivery.releaseOrder < connection.lastReleaseOrder) report("resend order", "came after a later one");
    connection.lastReleaseOrder = delivery.releaseOrder;
  }
  delivery.isReleased = true;
  if (delivery.releaseOrder === 0) delivery.releaseOrder = ++generation.releaseOrder;
}
