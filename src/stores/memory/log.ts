import { type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import type { LoggedTerms } from "../../store/waiting_terms.ts";
import type { WaitingCopy } from "../../store/room.ts";
import type { DeliveryReceiver, PageLimit, QueuePage } from "../../store/session_store.ts";
import { copyOfMessage } from "./copies.ts";

/** A message that waits. */
export interface WaitingInLog extends WaitingCopy {
  readonly sequence: number;
}

/** A place in a log. The message is shared by all its receivers; what differs stands beside it. */
interface Slot {
  readonly sequence: number;
  readonly bytes: number;
  /** How it waits, where it waits under terms. */
  readonly terms: LoggedTerms | undefined;
  /** `undefined` once removed: the slot goes with the next clearing. */
  copy: Copy | undefined;
}

interface Copy {
  readonly message: Message;
  readonly receiver: DeliveryReceiver;
}

/** The log of one session: messages in order of sequence, each in flight or waiting. */
export class MessageLog {
  /** The highest sequence ever given. */
  tail = 0;
  /** How many messages are in it. */
  count = 0;
  /** Their bytes. */
  bytes = 0;
  /** The highest sequence of a message that came with terms; 0 when there was none. */
  lastTerms = 0;
  #qos0 = 0;
  #slots: Slot[] = [];

  /** Appends a message that the log may keep; answers its sequence. */
  append(message: Message, receiver: DeliveryReceiver, terms?: LoggedTerms): number {
    const slot: Slot = { sequence: ++this.tail, bytes: messageBytes(message), terms, copy: { message, receiver } };
    if (terms !== undefined) this.lastTerms = slot.sequence;
    this.#slots.push(slot);
    this.count += 1;
    this.bytes += slot.bytes;
    if (receiver.qos === 0) this.#qos0 += 1;
    return slot.sequence;
  }

  /** What a message counts for; `undefined` when it is not there. */
  bytesOf(sequence: number): number | undefined {
    const slot = this.#slots[this.#indexAfter(sequence - 1)];
    return slot?.sequence === sequence && slot.copy !== undefined ? slot.bytes : undefined;
  }

  /** Removes a message; whether it was there. */
  remove(sequence: number): boolean {
    const slot = this.#slots[this.#indexAfter(sequence - 1)];
    if (slot === undefined || slot.sequence !== sequence || slot.copy === undefined) return false;
    this.count -= 1;
    this.bytes -= slot.bytes;
    if (slot.copy.receiver.qos === 0) this.#qos0 -= 1;
    slot.copy = undefined;
    if (this.#slots.length > 2 * this.count + 16) this.#slots = this.#slots.filter(isFilled);
    return true;
  }

  /** The messages with a higher sequence, of QoS 0 alone or of all others, oldest first. */
  *candidates(sequence: number, qos0: boolean): Generator<Slot, undefined> {
    if (qos0 && this.#qos0 === 0) return undefined;
    for (let index = this.#indexAfter(sequence); index < this.#slots.length; index++) {
      const slot = this.#slots[index];
      if (slot?.copy !== undefined && (slot.copy.receiver.qos === 0) === qos0) yield slot;
    }
    return undefined;
  }

  /** What waits above a sequence, in order, with its level and terms. */
  waiting(sequence: number): readonly WaitingInLog[] {
    return this.#slots.slice(this.#indexAfter(sequence)).flatMap(({ sequence, bytes, terms, copy }) => {
      return copy === undefined ? [] : [{ sequence, bytes, terms, qos: copy.receiver.qos }];
    });
  }

  /** A page of what comes after a sequence. */
  page(after: number, limit: PageLimit): QueuePage {
    const messages: QueuedMessage[] = [];
    const terms = new Map<number, LoggedTerms>();
    let bytes = 0;
    let through = this.tail;
    for (let index = this.#indexAfter(after); index < this.#slots.length; index++) {
      const slot = this.#slots[index];
      if (slot?.copy === undefined) continue;
      const fits = messages.length === 0 || (messages.length < limit.messages && bytes + slot.bytes <= limit.bytes);
      if (!fits) {
        through = slot.sequence - 1;
        break;
      }
      messages.push(queued(slot.sequence, slot.copy));
      if (slot.terms !== undefined) terms.set(slot.sequence, slot.terms);
      bytes += slot.bytes;
    }
    return { messages, through, tail: this.tail, unreadable: 0, ...(terms.size === 0 ? {} : { terms }) };
  }

  /** The index of the first slot with a higher sequence. */
  #indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      // The middle of a range inside the array is inside the array.
      if ((this.#slots[middle] as Slot).sequence <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function isFilled(slot: Slot): boolean {
  return slot.copy !== undefined;
}

function queued(sequence: number, { message, receiver }: Copy): QueuedMessage {
  return {
    ...copyOfMessage(message),
    sequence,
    qos: receiver.qos,
    retain: receiver.retain,
    subscriptionIdentifiers: [...receiver.subscriptionIdentifiers],
    ...(receiver.claimed === undefined ? {} : { claimed: { ...receiver.claimed } }),
  };
}
