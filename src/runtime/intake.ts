import type { Event } from "../machine/event.ts";
import type { ClientPacket } from "../mqtt/packet.ts";
import type { Line } from "./line.ts";
import type { Mailbox } from "./mailbox.ts";
import type { ResolvedOptions } from "./options.ts";
import type { QueueFeed } from "./queue_feed.ts";
import { Room } from "./room.ts";
import type { Stepping } from "./stepping.ts";

/** What holds what has come and is not done with. */
export interface IntakeParts {
  readonly steps: Stepping;
  readonly mailbox: Mailbox;
  readonly line: Line;
  readonly feed: QueueFeed;
}

/** What comes from the host of one connection, and whether there is room for more. */
export class Intake {
  readonly #bounds: ResolvedOptions["bounds"];
  readonly #parts: IntakeParts;
  readonly #room = new Room();

  constructor({ bounds }: Pick<ResolvedOptions, "bounds">, parts: IntakeParts) {
    this.#bounds = bounds;
    this.#parts = parts;
  }

  /** Takes packets; it ends when there is room for the next. */
  receive(packets: readonly ClientPacket[]): Promise<void> {
    if (this.#isOver()) return this.#room.wait(false);
    const { steps } = this.#parts;
    for (const packet of packets) steps.inbox.push(packet);
    steps.work();
    return this.#room.wait(!steps.finished && this.#isFull());
  }

  /** Takes what could not be read. */
  malformed(reasonCode: number): void {
    if (this.#isOver()) return;
    const { steps } = this.#parts;
    steps.inbox.pushEvent({ type: "packetMalformed", reasonCode });
    steps.work();
  }

  /** The transport is gone. */
  closed(): void {
    const { steps, line, feed } = this.#parts;
    if (!line.lose()) return;
    feed.stop();
    const event: Event = { type: "connectionClosed" };
    const connects = steps.awaited === "authenticate" || steps.awaited === "acquire";
    // What the client sent before it went still counts, if there is any.
    if (connects && steps.inbox.empty) return steps.tell(event);
    steps.inbox.pushEvent(event);
    steps.work();
  }

  /** Something was taken out: perhaps there is room. */
  look(): void {
    if (this.#room.awaited && !this.#isFull()) this.#room.open();
  }

  /** Nobody waits any more. */
  finish(): void {
    this.#room.open();
  }

  #isOver(): boolean {
    return this.#parts.steps.closing || this.#parts.line.gone;
  }

  #isFull(): boolean {
    const { steps, mailbox, feed } = this.#parts;
    const { maxPendingBytes, maxPendingPackets } = this.#bounds;
    return steps.inbox.length >= maxPendingPackets || steps.cost + mailbox.cost > maxPendingBytes || feed.isSlow;
  }
}
