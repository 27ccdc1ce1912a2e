/** Topic Aliases of a client, on one connection. */
import type { PublishPacket } from "../../../mod.ts";

/** Names topics by number, as far as the server takes that. */
export class Aliases {
  readonly #known = new Map<string, number>();
  #maximum = 0;

  /** A connection begins, on which so many may be used. */
  begin(maximum: number): void {
    this.#maximum = maximum;
    this.#known.clear();
  }

  /** The packet with an alias for its topic, where there is one. */
  named(packet: PublishPacket): PublishPacket {
    const { topic } = packet;
    const known = this.#known.get(topic);
    if (known !== undefined) return { ...packet, topic: "", topicAlias: known };
    if (this.#known.size >= this.#maximum) return packet;
    this.#known.set(topic, this.#known.size + 1);
    return { ...packet, topicAlias: this.#known.size };
  }
}
