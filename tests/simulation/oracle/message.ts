/** What is known of an application message: where it came from, how often it was handed over, and what became of that. */
import type { Connection } from "./connection.ts";
import type { Generation } from "./generation.ts";
import type { WirePublish } from "./observation.ts";
import type { Will } from "./will.ts";

/** One PUBLISH of a client that carries a message. */
export interface Transmission {
  readonly message: Message;
  readonly connection: Connection;
  readonly generation: Generation | undefined;
  readonly packetId: number | undefined;
  readonly seq: number;
  readonly at: number;
  /** Of QoS 2: when this exchange began, which may be on an earlier connection. */
  readonly beganSeq: number;
  state: "open" | "accepted" | "refused";
  answeredSeq: number;
  answeredAt: number;
}

/** An application message. */
export interface Message {
  readonly text: string;
  readonly kind: "client" | "host" | "will";
  /** The Client Identifier of its publisher; empty for the host. */
  readonly publisher: string;
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** In milliseconds. */
  readonly expiryMs: number | undefined;
  readonly firstSeq: number;
  readonly firstAt: number;
  readonly transmissions: Transmission[];
  /** For a Will: each CONNECT that carried it. */
  readonly wills: Will[];
  /** It may have been routed so often. */
  routings: number;
  /** The time in which it surely was taken, once. */
  acceptedFromSeq: number;
  acceptedSeq: number;
  acceptedAt: number;
  /** Every transmission of it was refused. */
  isRefused: boolean;
  /** Who published it broke the protocol, or may have been misunderstood: nobody is owed it. */
  isDoubtful: boolean;
  /** Messages with the same key arrive in the order of `firstSeq`; 0 for those without order. */
  orderKey: number;
  /** The client that was the first to get it. */
  arrivedAt: string | undefined;
}

/** The part of a payload that names its message: the text up to the first space. */
export function textOf(payload: Uint8Array): string {
  let text = "";
  for (const byte of payload) {
    if (byte === SPACE) return text;
    if (byte >= 0x80) return new TextDecoder().decode(payload).split(" ", 1)[0] ?? "";
    text += String.fromCharCode(byte);
  }
  return text;
}

const SPACE = 32;

/** Whether two payloads are the same. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}

/** A message that was not seen before. */
export function newMessage(
  source: Pick<Message, "text" | "kind" | "publisher" | "firstSeq" | "firstAt">,
  packet: Pick<WirePublish, "topic" | "payload" | "qos"> & {
    readonly retain?: boolean;
    readonly messageExpiryInterval?: number;
  },
): Message {
  const { topic, payload, qos, retain = false, messageExpiryInterval } = packet;
  return {
    ...source,
    topic,
    payload,
    qos,
    retain,
    expiryMs: messageExpiryInterval === undefined ? undefined : messageExpiryInterval * 1_000,
    transmissions: [],
    wills: [],
    routings: 0,
    acceptedFromSeq: Infinity,
    acceptedSeq: Infinity,
    acceptedAt: Infinity,
    isRefused: false,
    isDoubtful: false,
    orderKey: 0,
    arrivedAt: undefined,
  };
}

/** Whether it surely was routed, as often as it ever will be, before a moment. */
export function surelyRoutedBefore(message: Message, seq: number, at: number, lateMs: number): boolean {
  if (message.kind === "will") return false;
  if (message.kind === "host") return message.acceptedSeq < seq;
  for (const { state, answeredSeq, connection } of message.transmissions) {
    if (state !== "open" ? answeredSeq >= seq : connection.closedAt + lateMs >= at) return false;
  }
  return true;
}

/** The latest time at which it came to the server; infinite while that is not known. */
export function latestArrival(message: Message): number {
  if (message.kind === "host") return message.acceptedAt;
  if (message.kind === "will") return Infinity;
  let latest = -Infinity;
  for (const { state, answeredAt } of message.transmissions) {
    if (state === "open") return Infinity;
    if (answeredAt > latest) latest = answeredAt;
  }
  return latest;
}
