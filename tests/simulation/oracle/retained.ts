/**
 * Retained messages, judged by what clients see at the end: whoever holds a subscription got, as the last message of each
 * topic, one that may be the last retained ([MQTT-3.3.1-5], [MQTT-3.3.1-6]), whether it subscribed before or after.
 *
 * Every message of such a world is published with RETAIN 1, and no queue is limited. One of QoS 0 may get lost on its way,
 * and one that expires may be gone: where such a one may be the last, nothing is asked. An empty one removes what was
 * retained ([MQTT-3.3.1-6], [MQTT-3.3.1-7]): nobody who subscribes after it gets anything.
 *
 * @module
 */
import type { Observation, Violation, WireConnack, WirePacket, WirePublish } from "./observation.ts";
import { topicMatches } from "./topic_match.ts";

interface Retained {
  /** Empty for a removal. */
  readonly text: string;
  readonly qos: number;
  /** In milliseconds. */
  readonly expiryMs: number | undefined;
  readonly topic: string;
  /** Who published it first. */
  readonly client: string;
  readonly firstSeq: number;
  /** When its publisher was told that it is taken; Infinity before. */
  doneSeq: number;
  doneAt: number;
  /** On how many connections it was sent: of more than one nobody knows which comes last. */
  sent: number;
}

interface Line {
  readonly client: string;
  isAnswered: boolean;
  isOpen: boolean;
  readonly publishes: Map<number, Retained>;
  /** Messages of QoS 0 of which no later answer tells yet. */
  readonly unanswered: Retained[];
  /** Filters of which an UNSUBSCRIBE was sent last. */
  readonly withdrawn: Set<string>;
  readonly subscribes: Map<number, readonly { readonly filter: string; readonly noLocal: boolean }[]>;
}

interface Holder {
  /** The connection that was answered last. */
  current: Line | undefined;
  /** A CONNECT went unanswered: nobody knows what session there is. */
  isAsking: boolean;
  /** Filters that were surely granted at QoS 1 or 2. */
  readonly filters: Map<string, { readonly noLocal: boolean }>;
  /** The last retained message that came, by topic. */
  readonly last: Map<string, string>;
  /** Topics of which nothing came since it subscribed anew. */
  readonly before: Set<string>;
}

/** Judges a world of retained messages. */
export class RetainedOracle {
  readonly violations: Violation[] = [];
  /** How many topics of how many clients were judged at the end. */
  judged = 0;
  readonly #lines = new Map<number, Line>();
  readonly #holders = new Map<string, Holder>();
  readonly #messages = new Map<string, Retained>();
  readonly #ordersAll: boolean;
  readonly #lateMs: number;
  #seq = 0;
  #at = 0;

  /**
   * @param ordersAll Whether messages of several publishers come in the order in which they were taken: where some follow
   * through an outbox, those of one publisher alone do.
   * @param lateMs What a node decided is seen so late at most, clocks included.
   */
  constructor(ordersAll: boolean, lateMs = Infinity) {
    this.#ordersAll = ordersAll;
    this.#lateMs = lateMs;
  }

  /** Takes in what was seen. */
  see(observation: Observation): void {
    this.#seq++;
    this.#at = Math.max(this.#at, observation.at);
    switch (observation.type) {
      case "opened": {
        const { client, connection } = observation;
        const line = {
          client,
          isAnswered: false,
          isOpen: true,
          publishes: new Map(),
          unanswered: [],
          withdrawn: new Set<string>(),
          subscribes: new Map(),
        };
        this.#lines.set(connection, line);
        return;
      }
      case "sent":
        return this.#sent(this.#line(observation.connection), observation.packet);
      case "received":
        return this.#received(this.#line(observation.connection), observation.packet);
      case "closed":
        this.#line(observation.connection).isOpen = false;
        return;
      case "ended":
      case "misbehaved":
        return this.#forget(this.#holder(observation.client));
      default:
        return;
    }
  }

  /** All is at rest: the last message of each topic is one that may be the last. */
  finish(at: number): void {
    const topics = Map.groupBy(this.#messages.values(), ({ topic }) => topic);
    for (const [client, { current, isAsking, filters, last, before }] of this.#holders) {
      if (current?.isOpen !== true || isAsking) continue;
      for (const [topic, messages] of topics) {
        const wants = [...filters].some(([filter, { noLocal }]) => !noLocal && topicMatches(filter, topic));
        const isMixed = [...filters].some(([filter, { noLocal }]) => noLocal && topicMatches(filter, topic));
        const isSure = messages.some(({ doneSeq }) => doneSeq < Infinity);
        if (!wants || isMixed || !isSure) continue;
        this.judged++;
        const possible = messages.filter((message) => !messages.some((other) => this.#isSurelyAfter(other, message)));
        const found = last.get(topic);
        if (possible.some(({ qos, expiryMs }) => qos === 0 || expiryMs !== undefined)) continue;
        if (possible.some(({ text }) => text === found)) continue;
        const mayBeGone = possible.some(({ text }) => text === "");
        if (mayBeGone && (found === undefined || before.has(topic))) continue;
        const names = possible.map(({ text }) => text || "a removal").join(", ");
        const message = `the last message of ${topic} was ${found ?? "none"}, retained may be ${names}`;
        this.violations.push({ rule: "retained", at, client, message });
      }
    }
  }

  #sent(line: Line, packet: WirePacket): void {
    const holder = this.#holder(line.client);
    switch (packet.type) {
      case "connect":
        holder.isAsking = true;
        holder.current = undefined;
        if (packet.cleanStart) this.#forget(holder);
        return;
      case "publish":
        if (packet.retain) this.#published(line, packet);
        return;
      case "subscribe":
        for (const { filter } of packet.subscriptions) {
          holder.filters.delete(filter);
          line.withdrawn.delete(filter);
        }
        line.subscribes.set(packet.packetId, packet.subscriptions);
        for (const topic of holder.last.keys()) holder.before.add(topic);
        return;
      case "unsubscribe":
        for (const filter of packet.filters) {
          holder.filters.delete(filter);
          // Its SUBACK may be yet to come.
          line.withdrawn.add(filter);
        }
        return;
      default:
        return;
    }
  }

  #published(line: Line, { payload, topic, packetId, qos, messageExpiryInterval: expiry }: WirePublish): void {
    const { client } = line;
    const text = textOf(payload);
    // A removal has no name: sent again it is the same one as long as it is not done.
    let name = text || `${client} ${packetId ?? this.#seq} ${topic}`;
    while (text === "" && (this.#messages.get(name)?.doneSeq ?? Infinity) < Infinity) name += "+";
    const message = this.#messages.get(name) ?? {
      text,
      qos,
      expiryMs: expiry === undefined ? undefined : expiry * 1_000,
      topic,
      client,
      firstSeq: this.#seq,
      doneSeq: Infinity,
      doneAt: Infinity,
      sent: 0,
    };
    if (![...line.publishes.values()].includes(message)) message.sent++;
    this.#messages.set(name, message);
    if (packetId === undefined) line.unanswered.push(message);
    else line.publishes.set(packetId, message);
  }

  #received(line: Line, packet: WirePacket): void {
    const holder = this.#holder(line.client);
    switch (packet.type) {
      case "connack":
        return this.#answered(line, holder, packet);
      case "puback":
      case "pubrec": {
        const message = line.publishes.get(packet.packetId);
        if (message === undefined || packet.reasonCode >= 0x80) return;
        // What was sent before it on this connection has been seen to as well.
        const before = line.unanswered.filter(({ firstSeq }) => firstSeq < message.firstSeq);
        for (const each of [...before, message]) {
          if (each.doneSeq === Infinity) each.doneAt = this.#at;
          each.doneSeq = Math.min(each.doneSeq, this.#seq);
        }
        return;
      }
      case "suback":
        if (holder.current !== line) return;
        for (const [index, { filter, noLocal }] of line.subscribes.get(packet.packetId)?.entries() ?? []) {
          const code = packet.reasonCodes[index] ?? 0x80;
          if ((code === 1 || code === 2) && !line.withdrawn.has(filter)) holder.filters.set(filter, { noLocal });
          else holder.filters.delete(filter);
        }
        return;
      case "publish": {
        const text = textOf(packet.payload);
        const message = this.#messages.get(text);
        const topic = text === "" ? packet.topic : message?.topic;
        if (holder.current === line && topic !== undefined) {
          holder.last.set(topic, text);
          holder.before.delete(topic);
        }
        if (message?.expiryMs === undefined || packet.dup || message.sent > 1) return;
        const waitedMs = this.#at - message.doneAt - this.#lateMs;
        if (waitedMs > message.expiryMs) {
          const found = `${text} came ${waitedMs} ms after it was taken, and expires after ${message.expiryMs}`;
          this.violations.push({ rule: "retained expired", at: this.#at, client: line.client, message: found });
        }
        return;
      }
      default:
        return;
    }
  }

  #answered(line: Line, holder: Holder, { reasonCode, sessionPresent }: WireConnack): void {
    if (line.isAnswered || reasonCode !== 0) return;
    line.isAnswered = true;
    // A CONNECT before this one that nobody heard of again may have begun a session anew.
    const others = [...this.#lines.values()].filter((other) => other.client === line.client && other !== line);
    const isUnsure = others.some((other) => !other.isAnswered);
    if (!sessionPresent || isUnsure) this.#forget(holder);
    holder.current = line;
    holder.isAsking = false;
  }

  /** Whether one message surely comes after another: it was published when that one had been taken, and was taken. */
  #isSurelyAfter(later: Retained, earlier: Retained): boolean {
    if (!this.#ordersAll && later.client !== earlier.client) return false;
    return later.doneSeq < Infinity && earlier.sent === 1 && earlier.doneSeq < later.firstSeq;
  }

  #forget(holder: Holder): void {
    holder.filters.clear();
    holder.last.clear();
    holder.before.clear();
  }

  #holder(client: string): Holder {
    const known = this.#holders.get(client);
    if (known !== undefined) return known;
    const holder = {
      current: undefined,
      isAsking: false,
      filters: new Map(),
      last: new Map(),
      before: new Set<string>(),
    };
    this.#holders.set(client, holder);
    return holder;
  }

  #line(connection: number): Line {
    const line = this.#lines.get(connection);
    if (line === undefined) throw new RangeError(`Cannot see connection ${connection}: it was not opened`);
    return line;
  }
}

const decoder = new TextDecoder();

/** The text of a message: what stands before a blank. */
function textOf(payload: Uint8Array): string {
  return decoder.decode(payload).split(" ", 1)[0] ?? "";
}
