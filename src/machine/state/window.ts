import type { QoS } from "../../mqtt/qos.ts";
import { MAX_PACKET_ID, packetIdOf } from "../../mqtt/packet_id.ts";
import { SparseMap, SparseSet } from "./sparse.ts";

/** Where a started delivery stands. */
export type OutboundState = "awaitPuback" | "awaitPubrec" | "awaitPubcomp";

/** A started delivery: no payload, for that stays in the log until it is acknowledged. */
export interface InFlight {
  readonly sequence: number;
  readonly packetId: number;
  readonly qos: QoS;
  /** What its log entry counts for. */
  readonly bytes: number;
  state: OutboundState;
  /** Whether its PUBLISH went out on this connection and so costs send quota (FC-17). */
  spent: boolean;
  /** Whether its Packet Identifier is not the derived one, and so stands in a mark. */
  readonly marked: boolean;
}

/**
 * The deliveries in flight, by Packet Identifier: one look-up an acknowledgement, however many there are.
 *
 * Resend order needs no list here: on resume entries come from the log in order of their sequence.
 */
export class Window {
  readonly #entries = new SparseMap<InFlight>();
  /** Identifiers that a client's SUBSCRIBE and UNSUBSCRIBE hold ([MQTT-2.2.1-3]). */
  readonly #requests = new SparseSet();
  #spent = 0;

  /** How many entries are in flight, whatever their state. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many of them cost send quota. */
  get spent(): number {
    return this.#spent;
  }

  /** The entry that holds an identifier. */
  get(packetId: number): InFlight | undefined {
    return this.#entries.get(packetId);
  }

  /** All entries, in the order in which they came in. */
  entries(): IterableIterator<InFlight> {
    return this.#entries.entries.values();
  }

  /** Takes an entry in. */
  add(entry: InFlight): void {
    this.#entries.set(entry.packetId, entry);
    if (entry.spent) this.#spent += 1;
  }

  /** Takes an entry out; its identifier is free and its quota back. */
  remove(entry: InFlight): void {
    if (!this.#entries.delete(entry.packetId)) return;
    if (entry.spent) this.#spent -= 1;
  }

  /** Takes an identifier for a SUBSCRIBE or an UNSUBSCRIBE. */
  hold(packetId: number): void {
    this.#requests.add(packetId);
  }

  /** Such an identifier is free again. */
  free(packetId: number): void {
    this.#requests.delete(packetId);
  }

  /** Whether something on this connection uses an identifier. */
  isTaken(packetId: number): boolean {
    return this.#entries.has(packetId) || this.#requests.has(packetId);
  }

  /** Gives quota back that this entry never cost: the literal reading of section 4.9 (policy P10). */
  credit(): void {
    if (this.#spent > 0) this.#spent -= 1;
  }

  /**
   * An identifier for a log entry: the derived one, else the next free one; `undefined` when all are out (ID-12).
   */
  packetIdFor(sequence: number, quarantine: SparseSet): number | undefined {
    const derived = packetIdOf(sequence);
    if (!this.isTaken(derived) && !quarantine.has(derived)) return derived;
    if (this.#entries.size + this.#requests.size + quarantine.size >= MAX_PACKET_ID) return undefined;
    for (let step = 1; step < MAX_PACKET_ID; step++) {
      const packetId = (derived - 1 + step) % MAX_PACKET_ID + 1;
      if (!this.isTaken(packetId) && !quarantine.has(packetId)) return packetId;
    }
    return undefined;
  }
}
