/**
 * The lines of an export: JSON, one object a line, each with a sum over all that came before it.
 *
 * `export` begins a file. Each session is a line `session`, its messages one line `message` each, and `sessionEnd`, which
 * says whether they are all of one moment. `page` says where an export that was broken off goes on. `owed` is a message of
 * an outbox, `retained` one that is retained for its topic. `end` ends the file: one without it is not whole.
 *
 * @module
 */
import * as v from "valibot";
import { SessionError } from "../errors.ts";
import type { OutboundMark, SessionHead } from "../machine/snapshot.ts";
import type { Message, MessageProperties } from "../mqtt/message.ts";
import { parseFilter } from "../mqtt/filter.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import { isTopicName } from "../mqtt/topic.ts";
import type { Will } from "../mqtt/will.ts";
import type { RestoredMessage, SessionImage } from "../store/maintenance.ts";
import { DROP_REASONS } from "../store/records/drops.ts";
import type { DeliveryReceiver } from "../store/session_store.ts";

/** The version of the form that is written; others are not read. */
export const EXPORT_VERSION = 1;

/** A line of an export, without its sum. */
export type ExportLine =
  | { readonly type: "export"; readonly version: number; readonly exportedAt: number }
  | { readonly type: "session"; readonly readAt: number; readonly image: SessionImage }
  | { readonly type: "message"; readonly message: RestoredMessage }
  | { readonly type: "sessionEnd"; readonly clientId: string; readonly messages: number; readonly whole: boolean }
  | { readonly type: "page"; readonly cursor: string }
  | {
    readonly type: "owed";
    readonly outboxId: string;
    readonly message: Message;
    readonly receivers?: readonly DeliveryReceiver[];
  }
  | { readonly type: "retained"; readonly message: Message }
  | {
    readonly type: "end";
    readonly sessions: number;
    readonly messages: number;
    readonly owed: number;
    readonly retained?: number;
  };

/** A line that cannot be read. */
function refuse(line: number, found: string, cause?: unknown): SessionError {
  return new SessionError("RECORD_UNREADABLE", `Cannot import sessions: line ${line} ${found}`, { cause });
}

const encoder = new TextEncoder();

/** How many hexadecimal digits of a SHA-256 a sum has. */
const SUM_DIGITS = 32;

async function sumOf(before: string, body: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(before + body)));
  return Array.from(digest.subarray(0, SUM_DIGITS / 2), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Writes lines; each sum goes over the one before it, so that none can be missing or change places. */
export class LineWriter {
  #sum: string;

  /** @param sum The sum of the line after which this one goes on; `""` at the beginning of a file. */
  constructor(sum = "") {
    this.#sum = sum;
  }

  /** A line, with its end. */
  async write(line: ExportLine): Promise<string> {
    const body = JSON.stringify(line, replaced);
    this.#sum = await sumOf(this.#sum, body);
    return `${body.slice(0, -1)},"sum":"${this.#sum}"}\n`;
  }
}

/** Reads lines, and insists on their sums. */
export class LineReader {
  #sum = "";
  #number = 0;

  /** How many lines were read. */
  get number(): number {
    return this.#number;
  }

  /** The sum of the last one. */
  get sum(): string {
    return this.#sum;
  }

  /**
   * Reads the next line.
   *
   * @throws {SessionError} `RECORD_UNREADABLE` if it is none, was changed, or one before it is missing; `RECORD_FROM_FUTURE`
   * if a later release wrote the file.
   */
  async read(text: string): Promise<ExportLine> {
    const number = ++this.#number;
    const found = /^(\{.*),"sum":"([0-9a-f]{32})"\}$/s.exec(text);
    const [, start = "", sum = ""] = found ?? [];
    if (found === null) throw refuse(number, "has no sum");
    if (await sumOf(this.#sum, `${start}}`) !== sum) {
      throw refuse(number, "is not the one that was written, or one before it is missing");
    }
    this.#sum = sum;
    let value: unknown;
    try {
      value = JSON.parse(`${start}}`);
    } catch (cause) {
      throw refuse(number, "is no JSON", cause);
    }
    const version = v.safeParse(HEADER_SCHEMA, value);
    if (version.success && version.output.version > EXPORT_VERSION) {
      const what = `its version is ${version.output.version}, and ${EXPORT_VERSION} is the latest known`;
      throw new SessionError("RECORD_FROM_FUTURE", `Cannot import sessions: ${what}`);
    }
    const parsed = v.safeParse(LINE_SCHEMA, value);
    // The schema's own message may show a payload.
    if (!parsed.success) throw refuse(number, "is no line of an export");
    return parsed.output;
  }
}

function replaced(_: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Map) return [...value];
  return value instanceof Set ? [...value] : value;
}

const BLOCK = 0x8000;

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += BLOCK) {
    binary += String.fromCharCode(...bytes.subarray(start, start + BLOCK));
  }
  return btoa(binary);
}

function bytesOf(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const moment = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const packetId = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const interval = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff));
const identifier = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(268_435_455));
const qos = v.picklist([0, 1, 2]);
const bytes = v.pipe(
  v.string(),
  v.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/),
  v.transform(bytesOf),
);

const topic = v.pipe(v.string(), v.check(isTopicName));
const filter = v.pipe(v.string(), v.check((text) => parseFilter(text) !== undefined));

const PROPERTIES: v.GenericSchema<unknown, MessageProperties> = v.strictObject({
  payloadFormatIndicator: v.exactOptional(v.picklist([0, 1])),
  contentType: v.exactOptional(v.string()),
  responseTopic: v.exactOptional(v.string()),
  correlationData: v.exactOptional(bytes),
  userProperties: v.exactOptional(v.array(v.strictTuple([v.string(), v.string()]))),
});

const MESSAGE_ENTRIES = {
  topic,
  payload: bytes,
  qos,
  retain: v.boolean(),
  properties: PROPERTIES,
  publisher: v.string(),
  publishedAt: moment,
  expiresAt: v.exactOptional(moment),
};

const HEAD: v.GenericSchema<unknown, SessionHead> = v.strictObject({
  protocolVersion: v.picklist([4, 5]),
  attached: v.boolean(),
  connectedAt: moment,
  disconnectedAt: v.exactOptional(moment),
  disconnectReason: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
  sessionExpiryInterval: interval,
  endsAt: v.exactOptional(moment),
  endsAfterMs: v.exactOptional(moment),
  willDueAt: v.exactOptional(moment),
  willAfterMs: v.exactOptional(moment),
  onTakeover: v.picklist(["release", "discard"]),
  sentLimit: whole,
  borrows: v.exactOptional(v.literal(true)),
});

const WILL: v.GenericSchema<unknown, Will> = v.strictObject({
  topic: v.string(),
  payload: bytes,
  qos,
  retain: v.boolean(),
  properties: PROPERTIES,
  willDelayInterval: interval,
  messageExpiryInterval: v.exactOptional(interval),
});

const SUBSCRIPTION: v.GenericSchema<unknown, Subscription> = v.strictObject({
  qos,
  noLocal: v.boolean(),
  retainAsPublished: v.boolean(),
  retainHandling: v.picklist([0, 1, 2]),
  subscriptionIdentifier: v.exactOptional(identifier),
  retainedAfter: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]*$/), v.maxLength(256))),
});

const MARK: v.GenericSchema<unknown, OutboundMark> = v.strictObject({
  packetId,
  phase: v.picklist(["sent", "released"]),
  pubrecOrder: whole,
});

const name = v.pipe(v.string(), v.maxLength(65_535));
const ids = v.pipe(v.array(packetId), v.maxLength(65_535), v.transform((list) => new Set(list)));

const IMAGE: v.GenericSchema<unknown, SessionImage> = v.strictObject({
  snapshot: v.strictObject({
    clientId: name,
    incarnation: v.pipe(v.string(), v.minLength(1), v.maxLength(256)),
    head: HEAD,
    will: v.exactOptional(WILL),
    subscriptions: v.pipe(v.array(v.strictTuple([filter, SUBSCRIPTION])), v.transform((list) => new Map(list))),
    outbound: v.pipe(v.array(v.strictTuple([whole, MARK])), v.transform((list) => new Map(list))),
    quarantine: ids,
    inbound: ids,
  }),
  epoch: whole,
  version: whole,
  ownerUntil: v.exactOptional(moment),
  principal: v.exactOptional(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
  counts: v.exactOptional(v.literal(true)),
  tail: whole,
  outboxTail: whole,
  dropped: v.record(v.picklist(DROP_REASONS), whole),
  journal: v.pipe(v.string(), v.regex(/^[\x21-\x7e]*$/), v.maxLength(640)),
});

const RECEIVER: v.GenericSchema<unknown, DeliveryReceiver> = v.strictObject({
  clientId: name,
  incarnation: v.string(),
  qos,
  retain: v.boolean(),
  subscriptionIdentifiers: v.array(identifier),
  onlyIfOwned: v.exactOptional(v.boolean()),
  ownedBy: v.exactOptional(v.string()),
});

const HEADER_SCHEMA = v.object({ type: v.literal("export"), version: whole });

const LINE_SCHEMA: v.GenericSchema<unknown, ExportLine> = v.variant("type", [
  v.strictObject({ type: v.literal("export"), version: whole, exportedAt: moment }),
  v.strictObject({ type: v.literal("session"), readAt: moment, image: IMAGE }),
  v.strictObject({
    type: v.literal("message"),
    message: v.strictObject({
      ...MESSAGE_ENTRIES,
      sequence: v.pipe(whole, v.minValue(1)),
      subscriptionIdentifiers: v.array(identifier),
      claimed: v.exactOptional(
        v.strictObject({ clientId: name, incarnation: v.string(), qos, retain: v.boolean() }),
      ),
      terms: v.exactOptional(v.strictObject({
        slot: v.exactOptional(v.pipe(v.string(), v.maxLength(1_024))),
        group: v.exactOptional(v.strictObject({ name: v.pipe(v.string(), v.maxLength(1_024)) })),
        priority: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(9))),
      })),
    }),
  }),
  v.strictObject({ type: v.literal("sessionEnd"), clientId: name, messages: whole, whole: v.boolean() }),
  v.strictObject({ type: v.literal("page"), cursor: v.string() }),
  v.strictObject({
    type: v.literal("owed"),
    outboxId: v.string(),
    message: v.strictObject(MESSAGE_ENTRIES),
    receivers: v.exactOptional(v.array(RECEIVER)),
  }),
  v.strictObject({ type: v.literal("retained"), message: v.strictObject(MESSAGE_ENTRIES) }),
  v.strictObject({
    type: v.literal("end"),
    sessions: whole,
    messages: whole,
    owed: whole,
    retained: v.exactOptional(whole),
  }),
]);
