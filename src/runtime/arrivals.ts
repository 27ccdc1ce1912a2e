import type { MessagesAppended } from "../machine/event.ts";
import type { QueuedMessage } from "../mqtt/message.ts";

/** What commits of this node have put into the log of one of its sessions, until the session takes it. */
export class Arrivals {
  #messages: QueuedMessage[] = [];
  /** How far the session has been told that its log goes. */
  tail = 0;

  /** A message stands in the log. */
  add(message: QueuedMessage): void {
    this.#messages.push(message);
  }

  /** The log is known to have grown. */
  grow(tail: number): MessagesAppended | undefined {
    if (tail <= this.tail) return undefined;
    this.tail = tail;
    return { type: "messagesAppended", tail };
  }

  /**
   * What has come, as one event. The messages go along if none is missing before or between them and the client can
   * take them; otherwise the session will load them.
   */
  take(withMessages: boolean): MessagesAppended | undefined {
    const { tail } = this;
    const messages = this.#messages.filter((message) => message.sequence > tail);
    this.#messages = [];
    messages.sort((a, b) => a.sequence - b.sequence);
    const first = messages[0];
    const last = messages.at(-1);
    if (first === undefined || last === undefined) return undefined;
    const isWhole = first.sequence === tail + 1 && last.sequence - first.sequence === messages.length - 1;
    if (!isWhole || !withMessages) return this.grow(last.sequence);
    this.tail = last.sequence;
    return { type: "messagesAppended", tail: last.sequence, messages };
  }

  /** Forgets them. */
  clear(): void {
    this.#messages = [];
  }
}
