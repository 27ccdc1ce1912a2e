import { MAX_PACKET_ID, packetIdOf } from "../../mqtt/packet_id.ts";
import type { MqttJsMessageIdProvider } from "./client.ts";

/** Who else knows which Packet Identifiers are in use. */
export interface PacketIdUsers {
  /** The sequence that the next message will get. */
  nextSequence(): number;
  /** Whether a stored packet has it. */
  isStored(packetId: number): boolean;
  /** Those that requests of the client have. */
  requested(): Iterable<number>;
}

/**
 * Gives out Packet Identifiers that nothing stored and no open request uses.
 *
 * The one that derives from the next place in the log comes first, since it needs no row of its own. Where it is in use,
 * one from the other end of the circle is taken, so that the next message finds its own free again.
 */
export class PacketIds implements MqttJsMessageIdProvider {
  readonly #users: PacketIdUsers;
  /** In use beside those that are stored. */
  readonly #given = new Set<number>();
  /** Given before the connection, and not yet asked for again. */
  #kept = new Set<number>();
  #last: number | null = null;

  constructor(users: PacketIdUsers) {
    this.#users = users;
  }

  allocate(): number | null {
    const derived = this.#users.nextSequence();
    if (this.#take(packetIdOf(derived))) return this.#last;
    const opposite = derived + (MAX_PACKET_ID >> 1);
    for (let step = 0; step < MAX_PACKET_ID; step++) {
      if (this.#take(packetIdOf(opposite + step))) return this.#last;
    }
    return null;
  }

  getLastAllocated(): number | null {
    return this.#last;
  }

  /** MQTT.js asks this of what it sends again, and of what it sends after it was connected. */
  register(packetId: number): boolean {
    if (this.#kept.delete(packetId) || this.#users.isStored(packetId)) return true;
    if (this.#given.has(packetId)) return false;
    this.#given.add(packetId);
    return true;
  }

  deallocate(packetId: number): void {
    this.#kept.delete(packetId);
    this.#given.delete(packetId);
  }

  /** MQTT.js calls this when it is connected: requests whose connection was lost are forgotten, nothing else. */
  clear(): void {
    this.#kept = new Set(this.#users.requested());
    this.#given.clear();
    for (const packetId of this.#kept) this.#given.add(packetId);
  }

  #take(packetId: number): boolean {
    if (this.#given.has(packetId) || this.#users.isStored(packetId)) return false;
    this.#given.add(packetId);
    this.#last = packetId;
    return true;
  }
}
