/**
 * All that was seen in an epoch: told to the oracle, counted, and kept for the timeline of a violation.
 *
 * @module
 */
import type { Observation, SessionReport, Violation, WirePacket } from "../simulation/oracle/observation.ts";
import { type Counts, noCounts } from "./counts.ts";
import { identityOf } from "./wire.ts";

/** Who reads along: the oracle. */
export interface Reader {
  see(observation: Observation): void;
  finish(at: number, reports: readonly SessionReport[]): void;
  readonly violations: readonly Violation[];
  /** How much of what is rare was judged: copies that came from groups, and in the end retained topics of clients. */
  readonly judged: { readonly fromGroups: number; readonly retainedTopics: number };
}

/** The record of an epoch. */
export class Journal {
  readonly #reader: Reader;
  readonly #violated: (violation: Violation, seen: readonly Observation[]) => void;
  readonly #seen: Observation[] = [];
  readonly #known = new Set<string>();
  readonly #waiting: { readonly at: number; resolve(): void }[] = [];
  /** Pings that are not answered, by connection. */
  readonly #pings = new Map<number, number>();
  #told = 0;
  #connections = 0;
  #latest = 0;
  #heard = 0;
  #heardAt = 0;
  #over = false;
  /** What clients did that they may not, each once. */
  readonly misdeeds: string[] = [];
  /** What has happened. */
  readonly counts: Counts = noCounts();

  constructor(reader: Reader, violated: (violation: Violation, seen: readonly Observation[]) => void) {
    this.#reader = reader;
    this.#violated = violated;
  }

  /** The time of the world; it never goes back. */
  now(): number {
    return this.#latest = Math.max(this.#latest, Date.now());
  }

  /** When a packet was last seen other than pings. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Whether a ping waits for its answer. */
  get pinging(): boolean {
    return this.#pings.size > 0;
  }

  /** A connection was opened; its number. */
  opened(client: string): number {
    const connection = ++this.#connections;
    this.#see({ type: "opened", at: this.now(), client, connection });
    return connection;
  }

  /** A client sends a packet. */
  sent(connection: number, packet: WirePacket): void {
    this.#count(packet, true);
    if (packet.type === "pingreq") this.#pings.set(connection, (this.#pings.get(connection) ?? 0) + 1);
    this.#see({ type: "sent", at: this.now(), connection, packet });
  }

  /** A client gets a packet. */
  received(connection: number, packet: WirePacket): void {
    this.#count(packet, false);
    if (packet.type === "pingresp") this.#ponged(connection);
    this.#see({ type: "received", at: this.now(), connection, packet });
    this.#heard++;
    while (this.#heard >= (this.#waiting[0]?.at ?? Infinity)) this.#waiting.shift()?.resolve();
  }

  /** A connection ended at the client's end. */
  closed(connection: number, by: "client" | "server" | "broken"): void {
    this.#pings.delete(connection);
    this.#see({ type: "closed", at: this.now(), connection, by });
  }

  /** A client did what it may not. */
  misbehaved(client: string, complaint: string): void {
    this.counts.misbehaved++;
    this.misdeeds.push(`${client}: ${complaint}`);
    this.note(`${client}: ${complaint}`);
    this.#see({ type: "misbehaved", at: this.now(), client });
  }

  /** A promise was broken that the oracle cannot see. */
  violated(rule: string, client: string, message: string): void {
    this.counts.violations++;
    this.#violated({ rule, at: this.now(), client, message }, this.#seen);
  }

  /** Something happened to the world. */
  note(text: string): void {
    this.#see({ type: "note", at: this.now(), text });
  }

  /** Ends once clients have got so many packets more. */
  hears(packets: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      this.#waiting.push({ at: this.#heard + packets, resolve });
      this.#waiting.sort((one, other) => one.at - other.at);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** The epoch is over: the last verdict. What is seen from now on counts no more. */
  finish(reports: readonly SessionReport[]): void {
    this.#over = true;
    this.#reader.finish(this.now(), reports);
    Object.assign(this.counts, this.#reader.judged);
    this.#tell();
  }

  #see(observation: Observation): void {
    if (this.#over) return;
    this.#seen.push(observation);
    this.#reader.see(observation);
    this.#tell();
  }

  #ponged(connection: number): void {
    const left = (this.#pings.get(connection) ?? 0) - 1;
    if (left > 0) this.#pings.set(connection, left);
    else this.#pings.delete(connection);
  }

  #tell(): void {
    const { violations } = this.#reader;
    while (this.#told < violations.length) {
      const violation = violations[this.#told++];
      this.counts.violations++;
      if (violation !== undefined) this.#violated(violation, this.#seen);
    }
  }

  #count(packet: WirePacket, sent: boolean): void {
    if (this.#over || packet.type === "pingreq" || packet.type === "pingresp") return;
    this.#heardAt = this.now();
    const { counts } = this;
    switch (packet.type) {
      case "connect":
        if (!packet.cleanStart && this.#known.has(packet.clientId)) counts.resumes++;
        this.#known.add(packet.clientId);
        counts.connects++;
        break;
      case "connack":
        if (packet.reasonCode !== 0) counts.refused++;
        else if (packet.sessionPresent) counts.present++;
        break;
      case "publish":
        if (sent) {
          if (!packet.dup) counts.published[packet.qos]++;
          if (!packet.dup && packet.retain) counts.retained++;
          if (packet.messageExpiryInterval !== undefined) counts.expiring++;
        } else {
          counts.delivered[packet.qos]++;
          if (packet.dup) counts.repeated++;
          if (identityOf(packet.payload).startsWith("will-")) counts.wills++;
        }
        break;
      case "disconnect":
        if (!sent && packet.reasonCode === 0x8e) counts.takenOver++;
        break;
      default:
    }
  }
}
