/** Every kind of record that the store writes: how one is made, written and read. */
import fc from "fast-check";
import type { Message } from "../../../src/mqtt/message.ts";
import { type Attachment, decodeAttachment, encodeAttachment } from "../../../src/runtime/attachment.ts";
import type { SubscriptionMatch } from "../../../src/routing/resolve.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../../../src/store/encoding.ts";
import { decodeDue, type DueRow, encodeDue } from "../../../src/store/key_value/due_row.ts";
import { decodeGate, encodeGate, type GateRecord } from "../../../src/store/key_value/gate.ts";
import { decodeEnded, encodeEnded } from "../../../src/store/key_value/ended.ts";
import { decodeHead, encodeHead, type HeadRecord } from "../../../src/store/key_value/head.ts";
import { decodeOutbox, encodeOutbox, type OutboxRecord } from "../../../src/store/key_value/outbox_row.ts";
import {
  decodeBody,
  decodeQueueRow,
  encodeBody,
  encodeQueueRow,
  frameBody,
} from "../../../src/store/key_value/queue_row.ts";
import { OrderedRows } from "../../../src/store/key_value/ordered_rows.ts";
import {
  decodeRetained,
  decodeTotals,
  encodeRetained,
  encodeRetainedRef,
  encodeTotals,
} from "../../../src/store/key_value/retained_row.ts";
import { decodeRoute, decodeShapes, encodeRoute, encodeShapes } from "../../../src/store/key_value/route_row.ts";
import {
  decodeClient,
  decodeMark,
  decodeNode,
  decodePacketIds,
  decodeRevision,
  decodeWill,
  encodeClient,
  encodeMark,
  encodeNode,
  encodePacketIds,
  encodeRevision,
  encodeWill,
} from "../../../src/store/key_value/rows.ts";
import { DROP_REASONS } from "../../../src/store/records/drops.ts";
import {
  decodeOwedMessage,
  decodeOwedReceivers,
  encodeOwedMessage,
  encodeOwedReceivers,
} from "../../../src/store/records/owed.ts";
import { decodeSubscription, encodeSubscription } from "../../../src/store/records/subscription.ts";
import { decodeImageRecord, encodeImageRecord } from "../../../src/stores/cloudflare_kv/image.ts";

/** The key that records are read under. */
export const KEY = "mqtt/1/some/key";

/** A kind of record. */
export interface RecordKind {
  readonly name: string;
  /** The number of its kind; several may have the same one. */
  readonly kind: number;
  /** The bytes of some value. */
  readonly encoded: fc.Arbitrary<Uint8Array>;
  readonly decode: (key: string, bytes: Uint8Array) => unknown;
}

/** Small ones, and as large as any that is counted. */
const number = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat().map((value) => value % 2 ** 48));
const text = fc.string({ unit: "grapheme", maxLength: 12 });
const bytes = fc.uint8Array({ maxLength: 24 }).map((array) => new Uint8Array(array));
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const packetId = fc.integer({ min: 1, max: 65_535 });
const packetIds = fc.oneof(
  { weight: 9, arbitrary: fc.array(packetId, { maxLength: 6 }) },
  // So many that they are written as a bitmap.
  { weight: 1, arbitrary: fc.constant(Array.from({ length: 4_200 }, (_, index) => index * 13 + 1)) },
).map((ids) => new Set(ids));
const chunks = fc.record({ id: fc.stringMatching(/^[a-z0-9-]{1,12}$/), bytes: number, chunks: number });
const drops = fc.dictionary(fc.constantFrom(...DROP_REASONS), number, { noNullPrototype: true });

/** An object with these members, and any of those. */
function record<Value>(
  required: Readonly<Record<string, fc.Arbitrary<unknown>>>,
  optional: Readonly<Record<string, fc.Arbitrary<unknown>>> = {},
): fc.Arbitrary<Value> {
  const model = { ...required, ...optional };
  // True as long as a caller names every member of the type: the encoders below would not take anything else.
  return fc.record(model, { requiredKeys: Object.keys(required), noNullPrototype: true }) as fc.Arbitrary<Value>;
}

const properties = record<Message["properties"]>({}, {
  payloadFormatIndicator: fc.constantFrom(0, 1),
  contentType: text,
  responseTopic: text,
  correlationData: bytes,
  userProperties: fc.array(fc.tuple(text, text), { maxLength: 3 }),
});
const message = record<Message>({
  topic: text,
  payload: bytes,
  qos,
  retain: fc.boolean(),
  properties,
  publisher: text,
  publishedAt: number,
}, { expiresAt: number });
const will = record<Parameters<typeof encodeWill>[0]>({
  topic: text,
  payload: bytes,
  qos,
  retain: fc.boolean(),
  properties,
  willDelayInterval: number,
}, { messageExpiryInterval: number });
const subscription = record<SubscriptionMatch["subscription"]>({
  qos,
  noLocal: fc.boolean(),
  retainAsPublished: fc.boolean(),
  retainHandling: qos,
}, { subscriptionIdentifier: number, retainedAfter: text });
const receivers = fc.array(
  record<Parameters<typeof encodeOwedReceivers>[0][number]>({
    clientId: text,
    incarnation: text,
    qos,
    retain: fc.boolean(),
    subscriptionIdentifiers: fc.array(number, { maxLength: 3 }),
  }, { onlyIfOwned: fc.boolean() }),
  { maxLength: 4 },
);
const owner = fc.record({ nodeId: text, token: text }, { noNullPrototype: true });
const head = record<HeadRecord>({
  clientId: text,
  incarnation: text,
  epoch: number,
  version: number,
  owner,
  session: record({
    protocolVersion: fc.constantFrom(4, 5),
    attached: fc.boolean(),
    connectedAt: number,
    sessionExpiryInterval: number,
    onTakeover: fc.constantFrom("release", "discard"),
    sentLimit: number,
  }, {
    disconnectedAt: number,
    disconnectReason: number,
    endsAt: number,
    endsAfterMs: number,
    willDueAt: number,
    willAfterMs: number,
  }),
  removedMessages: number,
  removedBytes: number,
  drops,
  rowsVersion: number,
  outboxTail: number,
  lastBatchId: text,
  lastOutcomes: bytes,
  principal: text,
  answer: record({ resumed: fc.boolean(), startedThrough: number }, {
    superseded: owner,
    ended: fc.record({ incarnation: text, reason: fc.constantFrom("expired", "cleanStart", "takenOver") }),
  }),
  tokens: bytes,
  journal: text,
});
const gate = record<GateRecord>({
  incarnation: text,
  epoch: number,
  ownerNode: text,
  tail: number,
  appendedBytes: number,
  droppedMessages: number,
  droppedBytes: number,
  lastQos0: number,
  drops,
});
const copy = fc.record({
  qos,
  retain: fc.boolean(),
  subscriptionIdentifiers: fc.array(number, { maxLength: 3 }),
  bytes: number,
});
const part = fc.oneof(bytes, chunks);
const outbox = record<OutboxRecord>({ outboxId: text, number, dueAt: number, cursor: number, message: part }, {
  owedKey: text,
  receivers: fc.record({ count: number, list: part }),
});
/** Where parts stand that {@linkcode KEY} names. */
const stagedPrefix = fc.constantFrom("mqtt/1/row/client/some/staged/key/", "mqtt/1/outbox/some/staged/key/");
const due = fc.oneof<fc.Arbitrary<DueRow>[]>(
  fc.record({ type: fc.constant("session" as const), clientId: text }),
  fc.record({ type: fc.constant("outbox" as const), outboxId: text }),
  fc.record({
    type: fc.constant("sweep" as const),
    clientId: text,
    incarnation: text,
    lastBatchId: text,
    lastOutcomes: bytes,
  }),
  fc.record({ type: fc.constant("staged" as const), owner: text, prefix: stagedPrefix, chunks: number }),
);
const mark = fc.record({ packetId, phase: fc.constantFrom("sent" as const, "released" as const), pubrecOrder: number });

const attached = {
  clientId: text,
  incarnation: text,
  epoch: number,
  connectedAt: number,
  protocolVersion: fc.constantFrom(4 as const, 5 as const),
};
const kept = { token: text, isUnchecked: fc.boolean() };
const attachment: fc.Arbitrary<Attachment> = fc.oneof(
  fc.record({ ...kept, state: fc.constant("opened" as const), openedAt: number }),
  fc.record({ ...kept, state: fc.constant("underWay" as const), session: fc.record(attached) }),
  fc.record({
    ...kept,
    state: fc.constant("resting" as const),
    session: fc.record({ ...attached, principal: text }),
    version: number,
    connection: fc.record({
      version: fc.constant(5 as const),
      silenceMs: number,
      lastReceivedAt: number,
      requestedExpiryInterval: number,
      longestExpiryInterval: number,
      maximumPacketSize: number,
      sendQuota: packetId,
      limits: fc.record({ receiveMaximum: number, retainAvailable: fc.boolean(), maximumUnreleased: number }),
      authentication: fc.record({ method: text, awaitsClient: fc.boolean() }),
      sentThrough: number,
      startedThrough: number,
      lastStarted: number,
      firstPubrecOrder: number,
      unseenInbound: packetIds,
    }),
  }),
);

function rowsOf(entries: Readonly<Record<string, Uint8Array>>): OrderedRows {
  const rows = new OrderedRows();
  for (const [key, value] of Object.entries(entries)) rows.overwrite(key, value);
  return rows;
}

/** All of them. */
export const RECORD_KINDS: readonly RecordKind[] = [
  { name: "head", kind: RECORD_KIND.head, encoded: head.map(encodeHead), decode: decodeHead },
  {
    name: "journal of an ended session",
    kind: RECORD_KIND.ended,
    encoded: fc.record({ incarnation: text, until: number, journal: text }).map(encodeEnded),
    decode: decodeEnded,
  },
  { name: "gate", kind: RECORD_KIND.gate, encoded: gate.map(encodeGate), decode: decodeGate },
  {
    name: "gate of a log with terms",
    kind: RECORD_KIND.gateWithTerms,
    encoded: fc.tuple(gate, fc.nat()).map(([each, lastTerms]) => encodeGate({ ...each, lastTerms })),
    decode: decodeGate,
  },
  {
    name: "queued message",
    kind: RECORD_KIND.queued,
    encoded: fc.tuple(copy, message).map(([header, body]) => encodeQueueRow(header, encodeBody(body))),
    decode: decodeQueueRow,
  },
  {
    name: "queued message in parts",
    kind: RECORD_KIND.queued,
    encoded: fc.tuple(copy, chunks).map(([header, ref]) => encodeQueueRow(header, ref)),
    decode: decodeQueueRow,
  },
  {
    name: "body that stood in parts",
    kind: RECORD_KIND.queued,
    encoded: message.map((each) => frameBody(encodeBody(each))),
    decode: decodeBody,
  },
  { name: "Will", kind: RECORD_KIND.will, encoded: fc.oneof(will, chunks).map(encodeWill), decode: decodeWill },
  {
    name: "subscription",
    kind: RECORD_KIND.subscription,
    encoded: fc.record({ filter: text, subscription }).map(encodeSubscription),
    decode: decodeSubscription,
  },
  { name: "mark", kind: RECORD_KIND.mark, encoded: mark.map(encodeMark), decode: decodeMark },
  {
    name: "Packet Identifiers",
    kind: RECORD_KIND.packetIds,
    encoded: fc.record({ inbound: packetIds, quarantine: packetIds }).map(encodePacketIds),
    decode: decodePacketIds,
  },
  { name: "outbox entry", kind: RECORD_KIND.outboxEntry, encoded: outbox.map(encodeOutbox), decode: decodeOutbox },
  {
    name: "message of an outbox entry",
    kind: RECORD_KIND.outboxEntry,
    encoded: message.map(encodeOwedMessage),
    decode: decodeOwedMessage,
  },
  {
    name: "receivers of an outbox entry",
    kind: RECORD_KIND.outboxEntry,
    encoded: receivers.map(encodeOwedReceivers),
    decode: decodeOwedReceivers,
  },
  {
    name: "route",
    kind: RECORD_KIND.route,
    encoded: fc.record({ filter: text, clientId: text, incarnation: text, subscription }).map(encodeRoute),
    decode: decodeRoute,
  },
  {
    name: "shapes",
    kind: RECORD_KIND.shapes,
    encoded: fc.array(text, { maxLength: 5 }).map(encodeShapes),
    decode: decodeShapes,
  },
  { name: "due row", kind: RECORD_KIND.due, encoded: due.map(encodeDue), decode: decodeDue },
  {
    name: "node",
    kind: RECORD_KIND.node,
    encoded: fc.record({ nodeId: text, until: number }).map(encodeNode),
    decode: decodeNode,
  },
  {
    name: "attachment of a connection",
    kind: RECORD_KIND.attachment,
    encoded: attachment.map(encodeAttachment),
    decode: decodeAttachment,
  },
  {
    name: "rows in a value of Workers KV",
    kind: RECORD_KIND.image,
    encoded: fc.record({ version: number, writer: text, rows: fc.dictionary(text, bytes, { maxKeys: 5 }).map(rowsOf) })
      .map(encodeImageRecord),
    decode: (key, value) => {
      const { version, writer, rows } = decodeImageRecord(key, value, new OrderedRows());
      return { version, writer, rows: rows.keys.map((row) => [row, rows.get(row)?.value]) };
    },
  },
  { name: "client", kind: RECORD_KIND.client, encoded: text.map(encodeClient), decode: decodeClient },
  {
    name: "part of a large value",
    kind: RECORD_KIND.chunk,
    encoded: bytes.map((part) => recordWriter(RECORD_KIND.chunk).raw(part).finish()),
    decode: (key, value) => decodeRecord(key, value, RECORD_KIND.chunk, (reader) => reader.rest()),
  },
  { name: "revision", kind: RECORD_KIND.revision, encoded: number.map(encodeRevision), decode: decodeRevision },
  {
    name: "word that something is owed",
    kind: RECORD_KIND.owed,
    encoded: fc.constant(recordWriter(RECORD_KIND.owed).finish()),
    decode: (key, value) => decodeRecord(key, value, RECORD_KIND.owed, () => undefined),
  },
  {
    name: "retained message",
    kind: RECORD_KIND.retained,
    encoded: message.map(encodeRetained),
    decode: decodeRetained,
  },
  {
    name: "retained message in parts",
    kind: RECORD_KIND.retained,
    encoded: fc.tuple(message, chunks).map(([each, ref]) => encodeRetainedRef(each, ref)),
    decode: decodeRetained,
  },
  {
    name: "totals of retained messages",
    kind: RECORD_KIND.retainedTotals,
    encoded: fc.record({ messages: number, bytes: number }).map(encodeTotals),
    decode: decodeTotals,
  },
  {
    name: "part of a long text",
    kind: RECORD_KIND.text,
    encoded: bytes.map((part) => recordWriter(RECORD_KIND.text).raw(part).finish()),
    decode: (key, value) => decodeRecord(key, value, RECORD_KIND.text, (reader) => reader.rest()),
  },
];
