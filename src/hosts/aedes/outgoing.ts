import { hasExpired, type QueuedMessage } from "../../mqtt/message.ts";
import { isPacketId, MAX_PACKET_ID, packetIdOf } from "../../mqtt/packet_id.ts";
import type { ResolvedAedesOptions } from "./options.ts";
import { clearing, releasing, sending, starting } from "./outgoing_plans.ts";
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
  async update(client: AedesClientLike, packet: AedesPacket): Promise<void> {
    const line = this.#lines.of(client.id);
    if (packet.cmd !== "pubrel") return await line.run(sending(packet, line.sent), { asOwner: client });
    if (isPacketId(packet.messageId)) await line.run(releasing(packet.messageId));
  }

  /** A message was acknowledged, or is not to be delivered; answers what it was. */
  async clear({ id }: AedesClientLike, packet: AedesPacket): Promise<AedesPacket | undefined> {
    const line = this.#lines.of(id);
    return await line.run(clearing(packet, line.sent, this.#options.asBuffer));
  }

  /** What a client is owed: PUBREL in the order in which PUBREC came, then its messages in theirs. */
  async *of(client: AedesClientLike): AsyncGenerator<AedesPacket> {
    const line = this.#lines.of(client.id);
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
      await this.#start(line, client, page.messages.filter(({ sequence }) => sequence <= tail));
      for (const entry of page.messages) {
        if (entry.sequence > tail) return;
        const packet = await this.#toSend(line, entry, view);
        if (packet !== undefined) yield packet;
      }
      after = page.through;
    }
  }

  /** Marks what is sent next to a client that is connected here. */
  async #start(line: SessionLine, client: AedesClientLike, entries: readonly QueuedMessage[]): Promise<void> {
    const { sent } = line;
    if (sent === undefined) return;
    const { environment, store } = this.#options;
    const most = Math.max(1, store.capabilities.maxChangesPerBatch - 1);
    for (let start = 0; start < entries.length; start += most) {
      const nextId = (sequence: number) => nextIdOf(client) ?? packetIdOf(sequence);
      const part = entries.slice(start, start + most);
      await line.run(starting(part, { sent, nextId, now: environment.now() }), { asOwner: client });
    }
  }

  /** The packet of an entry; none where it was sent on this connection meanwhile, or is gone, or is sent no more. */
  async #toSend(line: SessionLine, entry: QueuedMessage, read: SessionView): Promise<AedesPacket | undefined> {
    const { sequence } = entry;
    if (line.sent?.entries.has(sequence) === true) return undefined;
    const view = line.sent === undefined ? read : await line.view();
    if (view?.log.entry(sequence) === undefined || view.isGone(sequence)) return undefined;
    const packetId = view.packetIdAt(sequence);
    // Where a connection has the session it was dropped by now.
    if (packetId === undefined && hasExpired(entry, this.#options.environment.now())) return undefined;
    return queuedPacket(entry, packetId, this.#options.asBuffer);
  }
}

/** The Packet Identifier that aedes would take next, which it counts in the connection; it goes on behind it. */
function nextIdOf(client: AedesClientLike): number | undefined {
  const { _nextId: next } = client;
  if (!isPacketId(next)) return undefined;
  client._nextId = next % MAX_PACKET_ID + 1;
  return next;
}
