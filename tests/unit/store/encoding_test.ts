import assert from "node:assert/strict";
import fc from "fast-check";
import { SessionError } from "../../../src/errors.ts";
import { decodeRecord, RECORD_KIND, recordWriter } from "../../../src/store/encoding.ts";
import { decodeDue, type DueRow, encodeDue } from "../../../src/store/key_value/due_row.ts";
import { decodeGate, encodeGate, type GateRecord } from "../../../src/store/key_value/gate.ts";
import { decodeEnded, encodeEnded, type EndedRecord } from "../../../src/store/key_value/ended.ts";
import { decodeHead, encodeHead, type HeadRecord } from "../../../src/store/key_value/head.ts";
import { decodeOutbox, encodeOutbox, type OutboxRecord } from "../../../src/store/key_value/outbox_row.ts";
import { decodeQueueRow, encodeBody, encodeQueueRow } from "../../../src/store/key_value/queue_row.ts";
import { decodeRoute, decodeShapes, encodeRoute, encodeShapes } from "../../../src/store/key_value/route_row.ts";
import * as rows from "../../../src/store/key_value/rows.ts";
import { encodeOwedMessage, encodeOwedReceivers } from "../../../src/store/records/owed.ts";
import { decodeSubscription, encodeSubscription } from "../../../src/store/records/subscription.ts";

const MESSAGE = {
  topic: "t/é",
  payload: new Uint8Array([0, 255]),
  qos: 2,
  retain: true,
  properties: {
    payloadFormatIndicator: 1,
    contentType: "text",
    responseTopic: "r",
    correlationData: new Uint8Array([7]),
    userProperties: [["a", "b"], ["a", ""]],
  },
  publisher: "p",
  publishedAt: 1_700_000_000_000,
  expiresAt: 1_700_000_060_000,
} as const;

const SUBSCRIPTION = {
  qos: 1,
  noLocal: true,
  retainAsPublished: false,
  retainHandling: 2,
  subscriptionIdentifier: 268_435_455,
} as const;

const HEAD: HeadRecord = {
  clientId: "c",
  incarnation: "i",
  epoch: 3,
  version: 200,
  owner: { nodeId: "n", token: "t" },
  session: {
    protocolVersion: 5,
    attached: false,
    connectedAt: 1_700_000_000_000,
    disconnectedAt: 1_700_000_001_000,
    disconnectReason: 0x8e,
    sessionExpiryInterval: 4_294_967_294,
    endsAt: 1_700_000_002_000,
    endsAfterMs: 1_000,
    willDueAt: 1_700_000_001_500,
    willAfterMs: 500,
    onTakeover: "release",
    sentLimit: 300,
  },
  removedMessages: 5,
  removedBytes: 50,
  drops: { expired: 2, unreadable: 1 },
  rowsVersion: 199,
  outboxTail: 1,
  lastBatchId: "b",
  lastOutcomes: new Uint8Array([1, 0]),
  principal: "d",
  answer: {
    resumed: true,
    startedThrough: 12,
    superseded: { nodeId: "o", token: "u" },
    ended: { incarnation: "h", reason: "cleanStart" },
  },
  tokens: new Uint8Array(),
  journal: "",
};

/** It has remembered tokens since they were kept. */
const HEAD_WITH_TOKENS: HeadRecord = { ...HEAD, tokens: new Uint8Array([1, 2, 3, 4, 5, 6, 255, 0, 0, 0, 0, 0]) };

/** It tells what became of it since that is written down. */
const HEAD_WITH_JOURNAL: HeadRecord = { ...HEAD_WITH_TOKENS, journal: "b1/1/-/n/;" };

const ENDED: EndedRecord = { incarnation: "i", until: 1_024, journal: "b1/1/-/n/;" };

const GATE: GateRecord = {
  incarnation: "i",
  epoch: 3,
  ownerNode: "n",
  tail: 300,
  appendedBytes: 70_000,
  droppedMessages: 2,
  droppedBytes: 20,
  lastQos0: 299,
  drops: { queueFullOldest: 2 },
};

const OUTBOX: OutboxRecord = {
  outboxId: "i",
  number: 1,
  owedKey: "k",
  dueAt: 1_000,
  cursor: 1,
  message: encodeOwedMessage(MESSAGE),
  receivers: {
    count: 1,
    list: encodeOwedReceivers([
      { clientId: "r", incarnation: "j", qos: 1, retain: false, subscriptionIdentifiers: [1, 300], onlyIfOwned: true },
    ]),
  },
};

const HEADER = { qos: 1, retain: false, subscriptionIdentifiers: [5], bytes: 12 } as const;
const { qos: _qos, retain: _retain, ...BODY } = MESSAGE;
const STAGED: DueRow = { type: "staged", owner: "i", prefix: "p/", chunks: 3 };
const SWEEP: DueRow = {
  type: "sweep",
  clientId: "c",
  incarnation: "i",
  lastBatchId: "b",
  lastOutcomes: new Uint8Array([1]),
};

const TERMS = { slot: "t/é", group: { name: "t/#" }, priority: 9 } as const;

interface Fixture {
  readonly name: string;
  /** What schema version 1 wrote. It never changes: later releases have to read it. */
  readonly hex: string;
  readonly value: unknown;
  readonly encode: () => Uint8Array;
  readonly decode: (key: string, bytes: Uint8Array) => unknown;
}

const FIXTURES: readonly Fixture[] = [
  {
    name: "head",
    hex:
      "0101070163016903c801016e017405fe0180d095ffbc31feffffff0fac02e8d795ffbc318e01d0df95ffbc31e807dcdb95ffbc31f40305320200020601c70101016202010001640c016f0175016801",
    value: HEAD,
    encode: () => encodeHead(HEAD),
    decode: (key, bytes) => decodeHead(key, bytes),
  },
  {
    name: "head with tokens",
    hex:
      "01010f0163016903c801016e017405fe0180d095ffbc31feffffff0fac02e8d795ffbc318e01d0df95ffbc31e807dcdb95ffbc31f40305320200020601c70101016202010001640c016f01750168010c010203040506ff0000000000",
    value: HEAD_WITH_TOKENS,
    encode: () => encodeHead(HEAD_WITH_TOKENS),
    decode: (key, bytes) => decodeHead(key, bytes),
  },
  {
    name: "head with a journal",
    hex:
      "01011f0163016903c801016e017405fe0180d095ffbc31feffffff0fac02e8d795ffbc318e01d0df95ffbc31e807dcdb95ffbc31f40305320200020601c70101016202010001640c016f01750168010c010203040506ff00000000000a62312f312f2d2f6e2f3b",
    value: HEAD_WITH_JOURNAL,
    encode: () => encodeHead(HEAD_WITH_JOURNAL),
    decode: (key, bytes) => decodeHead(key, bytes),
  },
  {
    name: "journal of an ended session",
    hex: "0118016980080a62312f312f2d2f6e2f3b",
    value: ENDED,
    encode: () => encodeEnded(ENDED),
    decode: decodeEnded,
  },
  {
    name: "gate",
    hex: "0102016903016eac02f0a2040214ab02010202",
    value: GATE,
    encode: () => encodeGate(GATE),
    decode: decodeGate,
  },
  {
    name: "gate of a log with terms",
    hex: "0128016903016eac02f0a2040214ab02ad02010202",
    value: { ...GATE, lastTerms: 301 },
    encode: () => encodeGate({ ...GATE, lastTerms: 301 }),
    decode: decodeGate,
  },
  {
    name: "queued message under terms",
    hex:
      "01030101050c04030904742fc3a903742f2301e0a499ffbc3180d095ffbc31017004742fc3a93f04746578740172010702016101620161000200ff",
    value: { ...HEADER, terms: TERMS, body: BODY },
    encode: () => encodeQueueRow({ ...HEADER, terms: TERMS }, encodeBody(MESSAGE)),
    decode: decodeQueueRow,
  },
  {
    name: "queued message",
    hex: "01030101050c0001e0a499ffbc3180d095ffbc31017004742fc3a93f04746578740172010702016101620161000200ff",
    value: { ...HEADER, body: BODY },
    encode: () => encodeQueueRow(HEADER, encodeBody(MESSAGE)),
    decode: decodeQueueRow,
  },
  {
    name: "queued message in parts",
    hex: "01030101050c010178f0a20402",
    value: { ...HEADER, body: { id: "x", bytes: 70_000, chunks: 2 } },
    encode: () => encodeQueueRow(HEADER, { id: "x", bytes: 70_000, chunks: 2 }),
    decode: decodeQueueRow,
  },
  {
    name: "outbox entry",
    hex:
      "010803016901e80701016b012c01080601e0a499ffbc3180d095ffbc31017004742fc3a93f04746578740172010702016101620161000200ff01010d01080101030172016a0201ac02",
    value: OUTBOX,
    encode: () => encodeOutbox(OUTBOX),
    decode: decodeOutbox,
  },
  {
    name: "packet ids",
    hex: "01070301ab02d3fd030107",
    value: { inbound: new Set([1, 300, 65_535]), quarantine: new Set([7]) },
    encode: () => rows.encodePacketIds({ inbound: new Set([65_535, 1, 300]), quarantine: new Set([7]) }),
    decode: rows.decodePacketIds,
  },
  {
    name: "mark",
    hex: "0106ac020102",
    value: { packetId: 300, phase: "released", pubrecOrder: 2 },
    encode: () => rows.encodeMark({ packetId: 300, phase: "released", pubrecOrder: 2 }),
    decode: rows.decodeMark,
  },
  {
    name: "subscription",
    hex: "010503612f2b0905ffffff7f",
    value: { filter: "a/+", subscription: SUBSCRIPTION },
    encode: () => encodeSubscription({ filter: "a/+", subscription: SUBSCRIPTION }),
    decode: decodeSubscription,
  },
  {
    name: "Will",
    hex: "010400050108090177000101",
    value: {
      topic: "w",
      payload: new Uint8Array([1]),
      qos: 1,
      retain: true,
      properties: {},
      willDelayInterval: 9,
      messageExpiryInterval: 8,
    },
    encode: () =>
      rows.encodeWill({
        topic: "w",
        payload: new Uint8Array([1]),
        qos: 1,
        retain: true,
        properties: {},
        willDelayInterval: 9,
        messageExpiryInterval: 8,
      }),
    decode: rows.decodeWill,
  },
  {
    name: "node",
    hex: "010c016e09",
    value: { nodeId: "n", until: 9 },
    encode: () => rows.encodeNode({ nodeId: "n", until: 9 }),
    decode: rows.decodeNode,
  },
  { name: "client", hex: "010d02c3a9", value: "é", encode: () => rows.encodeClient("é"), decode: rows.decodeClient },
  {
    name: "revision",
    hex: "010f8001",
    value: 128,
    encode: () => rows.encodeRevision(128),
    decode: rows.decodeRevision,
  },
  {
    name: "route",
    hex: "010903612f2b016301690905ffffff7f",
    value: { filter: "a/+", clientId: "c", incarnation: "i", subscription: SUBSCRIPTION },
    encode: () => encodeRoute({ filter: "a/+", clientId: "c", incarnation: "i", subscription: SUBSCRIPTION }),
    decode: decodeRoute,
  },
  {
    name: "shapes",
    hex: "010a02013d032e2b23",
    value: ["=", ".+#"],
    encode: () => encodeShapes(["=", ".+#"]),
    decode: decodeShapes,
  },
  {
    name: "due session",
    hex: "010b000163",
    value: { type: "session", clientId: "c" },
    encode: () => encodeDue({ type: "session", clientId: "c" }),
    decode: decodeDue,
  },
  {
    name: "due outbox",
    hex: "010b010169",
    value: { type: "outbox", outboxId: "i" },
    encode: () => encodeDue({ type: "outbox", outboxId: "i" }),
    decode: decodeDue,
  },
  { name: "due sweep", hex: "010b020163016901620101", value: SWEEP, encode: () => encodeDue(SWEEP), decode: decodeDue },
  {
    name: "due parts",
    hex: "010b03016902702f03",
    value: STAGED,
    encode: () => encodeDue(STAGED),
    decode: decodeDue,
  },
];

for (const { name, hex, value, encode, decode } of FIXTURES) {
  Deno.test(`the bytes of schema version 1 stay as they are and stay readable: ${name}`, () => {
    assert.equal(encode().toHex(), hex);
    assert.deepEqual(decode("key", Uint8Array.fromHex(hex)), value);
  });

  Deno.test(`a spoiled record is an error that names its key, or another value, and never anything else: ${name}`, () => {
    const bytes = Uint8Array.fromHex(hex);
    const isRefused = (spoiled: Uint8Array, code?: string) => (error: unknown): boolean => {
      assert.ok(error instanceof SessionError, `${spoiled.toHex()} threw ${error}`);
      assert.equal(error.key, "prefix/1/key");
      assert.ok(code === undefined || error.code === code);
      return true;
    };
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      assert.throws(() => decode("prefix/1/key", cut), isRefused(cut, "RECORD_UNREADABLE"));
    }
    const longer = new Uint8Array([...bytes, 0]);
    assert.throws(() => decode("prefix/1/key", longer), isRefused(longer, "RECORD_UNREADABLE"));
    const future = bytes.with(0, 2);
    assert.throws(() => decode("prefix/1/key", future), isRefused(future, "RECORD_FROM_FUTURE"));
    fc.assert(fc.property(fc.nat(bytes.length - 1), fc.nat(255), (index, byte) => {
      const spoiled = bytes.with(index, byte);
      try {
        decode("prefix/1/key", spoiled);
      } catch (error) {
        isRefused(spoiled)(error);
      }
    }));
  });
}

Deno.test("any bytes are a value or a SessionError", () => {
  const decoders = FIXTURES.map(({ decode }) => decode);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...decoders), (bytes, decode) => {
    for (let kind = 0; kind < 20; kind++) {
      try {
        decode("key", new Uint8Array([1, kind, ...bytes]));
      } catch (error) {
        assert.ok(error instanceof SessionError, String(error));
      }
    }
  }));
});

Deno.test("numbers keep their value up to 2^53 - 1, and others are refused", () => {
  const decode = (bytes: Uint8Array) => decodeRecord("key", bytes, RECORD_KIND.node, (reader) => reader.number());
  for (const value of [0, 127, 128, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.equal(decode(recordWriter(RECORD_KIND.node).number(value).finish()), value);
  }
  for (const value of [-1, 0.5, NaN, 2 ** 53]) assert.throws(() => recordWriter(1).number(value), RangeError);
});

Deno.test("a full set of Packet Identifiers takes a bitmap", () => {
  const all = new Set(Array.from({ length: 65_535 }, (_, index) => index + 1));
  const bytes = rows.encodePacketIds({ inbound: all, quarantine: all });
  assert.ok(bytes.length < 17_000);
  assert.deepEqual(rows.decodePacketIds("key", bytes), { inbound: all, quarantine: all });
});

Deno.test("a head with every field stays within 2 KiB when ids have 64 characters", () => {
  const id = "x".repeat(64);
  const head = {
    ...HEAD,
    clientId: id,
    incarnation: id,
    owner: { nodeId: id, token: id },
    lastBatchId: id,
    principal: id,
    lastOutcomes: new Uint8Array(512),
    tokens: new Uint8Array(48),
    journal: "x".repeat(512),
  };
  assert.ok(encodeHead(head).length <= 2_048);
});

Deno.test("half of a surrogate pair is refused rather than changed", () => {
  assert.throws(() => rows.encodeClient("\ud800"), TypeError);
});
