import { hasExpired } from "../../mqtt/message.ts";
import { asSessionError } from "../../runtime/within.ts";
import type { MqttJsPacket } from "./client.ts";
import type { OutgoingEntry } from "./entries.ts";
import type { Journal } from "./journal.ts";
import { resentPacket } from "./packets.ts";
import type { ReplayStream } from "./replay_stream.ts";
import type { SessionContext } from "./session_context.ts";

/** The most packets that are sent again and not acknowledged, whatever more the server would take. */
const WINDOW = 1_024;

/** So many entries beyond the one that is sent count as started: fewer commits, at the price of a needless DUP. */
const AHEAD = 64;

/** Where the packets come from. */
export interface ReplaySource {
  /** The packet of an entry; `undefined` when its row cannot be read. */
  packetOf(entry: OutgoingEntry): Promise<MqttJsPacket | undefined>;
  /** An entry may not be sent any more. */
  drop(entry: OutgoingEntry, reason: "expired" | "unreadable"): void;
  /** All is sent, or nobody reads any more. */
  replayed(replay: Replay): void;
}

/** A put that is stored, and waits for its turn. */
export interface Held {
  readonly sequence: number;
  readonly isEarly: boolean;
  answer(): void;
}

/** Sends what is stored, in order, on one connection; what is published meanwhile comes after it. */
export class Replay {
  readonly #context: SessionContext;
  readonly #journal: Journal;
  readonly #source: ReplaySource;
  readonly #stream: ReplayStream;
  readonly #connection: number;
  /** Sent here, and not acknowledged. */
  readonly #unacknowledged = new Set<OutgoingEntry>();
  readonly #held: Held[] = [];
  /** Puts that were asked for before the end came near, and are not answered. */
  #early = 0;
  #isEnding = false;
  #moved: () => void = () => {};

  constructor(context: SessionContext, journal: Journal, source: ReplaySource, stream: ReplayStream) {
    this.#context = context;
    this.#journal = journal;
    this.#source = source;
    this.#stream = stream;
    this.#connection = context.link.connection;
    stream.closed.then(() => this.#moved());
  }

  /** Something is published while this sends what was stored before. Answers whether it must not be sent once stored. */
  expect(): boolean {
    if (this.#isEnding) return false;
    this.#early += 1;
    return true;
  }

  /** It is stored. It is answered in its turn, since MQTT.js sends it then: after all that was stored before. */
  hold(held: Held): void {
    if (!this.#stream.isOpen) return held.answer();
    this.#held.push(held);
    this.#moved();
  }

  /** It could not be stored. */
  unexpect(isEarly: boolean): void {
    if (isEarly) this.#early -= 1;
    this.#moved();
  }

  /** An entry is acknowledged or given up. */
  left(entry: OutgoingEntry): void {
    if (this.#unacknowledged.delete(entry)) this.#moved();
  }

  /** The connection is gone. */
  stop(): void {
    this.#stream.destroy();
  }

  /** Sends what these entries hold. It never rejects. */
  async run(entries: readonly OutgoingEntry[]): Promise<void> {
    try {
      // What has to be stored before anything is sent: the end of another session, and what was published offline.
      await this.#journal.idle();
      for (const [index, entry] of entries.entries()) await this.#send(entry, entries, index);
      // What comes from here on may be sent once it is stored, and is not waited for.
      this.#isEnding = true;
      while (this.#early > 0 && this.#stream.isOpen) {
        if (this.#held.length > 0) await this.#answerHeld();
        else await this.#change();
      }
      this.#answer(this.#held.splice(0));
      this.#stream.finish();
    } catch (error) {
      // Nothing may be left out: the next connection begins anew.
      this.#stream.destroy();
      this.#context.link.cut(asSessionError(error, "send what is stored"));
    }
    this.#answer(this.#held.splice(0));
    this.#source.replayed(this);
  }

  async #send(entry: OutgoingEntry, entries: readonly OutgoingEntry[], index: number): Promise<void> {
    const { now } = this.#context;
    if (!this.#isToSend(entry)) return;
    await this.#room();
    const isNew = !entry.maybeSent && !entry.released;
    if (isNew && hasExpired(entry, now())) return this.#source.drop(entry, "expired");
    if (isNew && entry.sequence > this.#journal.head.sentLimit) {
      await this.#journal.raiseSentLimit(highestSequence(entry, entries, index));
    }
    const packet = await this.#source.packetOf(entry);
    if (!this.#isToSend(entry)) return;
    if (packet === undefined) return this.#source.drop(entry, "unreadable");
    this.#unacknowledged.add(entry);
    this.#stream.push(entry.released ? packet : resentPacket(packet, entry.maybeSent, entry.expiresAt, now()));
  }

  #isToSend({ removed, stored, sentOn }: OutgoingEntry): boolean {
    const { client } = this.#context.link;
    return this.#stream.isOpen && stored && !removed && (client === undefined || sentOn !== this.#connection);
  }

  /** Waits until the server takes one more ([MQTT-4.9.0-2]). */
  async #room(): Promise<void> {
    const { client, receiveMaximum } = this.#context.link;
    // Without a client nobody acknowledges.
    if (client === undefined) return;
    while (this.#stream.isOpen && this.#unacknowledged.size >= Math.min(WINDOW, receiveMaximum)) {
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#moved = resolve);
  }

  async #answerHeld(): Promise<void> {
    const held = this.#held.splice(0);
    try {
      await this.#journal.raiseSentLimit(Math.max(...held.map(({ sequence }) => sequence)));
    } finally {
      this.#answer(held);
    }
  }

  #answer(held: readonly Held[]): void {
    for (const { isEarly, answer } of held) {
      if (isEarly) this.#early -= 1;
      answer();
    }
  }
}

/** The highest sequence among an entry and those that follow soon. */
function highestSequence(entry: OutgoingEntry, entries: readonly OutgoingEntry[], index: number): number {
  let highest = entry.sequence;
  for (const { sequence } of entries.slice(index, index + AHEAD)) highest = Math.max(highest, sequence);
  return highest;
}
