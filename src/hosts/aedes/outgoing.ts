import { hasExpired, type QueuedMessage } from "../../mqtt/message.ts";
import { isPacketId } from "../../mqtt/packet_id.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import { clearing, expiring, releasing, sending } from "./outgoing_plans.ts";
import type { AedesClientLike, AedesPacket } from "./packets.ts";
import type { SessionLine } from "./session_line.ts";
import type { SessionLines } from "./session_lines.ts";
import type { SessionView } from "./session_view.ts";
import { queuedPacket } from "./translation.ts";

/** What is on its way from the log of a session to its client. */
export class Outgoing {
  readonly #options: ResolvedAedesOptions;
  readonly #lines: SessionLines;

  constructor(options: ResolvedAedesOptions, lines: SessionLines) {
    this.#options = options;
    this.#lines = lines;
  }

  /** A message is about to be sent, or its PUBREC came. */
  async update({ id }: AedesClientLike, packet: AedesPacket): Promise<void> {
    const line = this.#lines.of(id);
    if (packet.cmd !== "pubrel") return await line.run(sending(packet, line.sent), { asOwner: true });
    if (isPacketId(packet.messageId)) await line.run(releasing(packet.messageId));
  }

  /** A message was acknowledged, or is not to be delivered; answers what it was. */
  async clear({ id }: AedesClientLike, packet: AedesPacket): Promise<AedesPacket | undefined> {
    const line = this.#lines.of(id);
    return await line.run(clearing(packet, line.sent, this.#options.asBuffer));
  }

  /** What a client is owed: PUBREL in the order in which PUBREC came, then its messages in theirs. */
  async *of({ id }: AedesClientLike): AsyncGenerator<AedesPacket> {
    const line = this.#lines.of(id);
    const view = await line.view();
    if (view === undefined) return;
    const released = [...view.draft.outbound.values()].filter(({ phase }) => phase === "released")
      .sort((a, b) => a.pubrecOrder - b.pubrecOrder);
    for (const { packetId } of released) yield { cmd: "pubrel", messageId: packetId };
    // What is queued from now on is delivered by aedes as it comes.
    let tail = Infinity;
    for (let after = 0; after < tail;) {
      const page = (after === 0 ? line.takeQueue() : undefined) ?? await line.readQueue(view, after);
      view.log.learn(page, after);
      tail = Math.min(tail, page.tail);
      for (const entry of page.messages) {
        if (entry.sequence > tail) return;
        const packet = await this.#toSend(line, entry, view);
        if (packet !== undefined) yield packet;
      }
      after = page.through;
    }
  }

  /** The packet of an entry; none where it was sent on this connection meanwhile, or is gone, or is sent no more. */
  async #toSend(line: SessionLine, entry: QueuedMessage, read: SessionView): Promise<AedesPacket | undefined> {
    const { sequence } = entry;
    if (line.sent?.has(sequence) === true) return undefined;
    const view = line.sent === undefined ? read : await line.view();
    if (view?.log.entry(sequence) === undefined || view.isGone(sequence)) return undefined;
    const packetId = view.packetIdAt(sequence);
    if (packetId === undefined && hasExpired(entry, this.#options.environment.now())) {
      await line.run(expiring(entry));
      return undefined;
    }
    return queuedPacket(entry, packetId, this.#options.asBuffer);
  }
}
