/** What goes in comes out: every byte, every name, every size that the store claims; and nothing that is not asked for. */
import { SessionError } from "../../errors.ts";
import { type Message, messageBytes } from "../../mqtt/message.ts";
import type { SessionStore } from "../../store/session_store.ts";
import { expect, expectEqual, expectRejection } from "./expect.ts";
import { attachedHead, bytesOf, type ConformanceCase, type Kit, message, receiver, ROOMY, START, will } from "./kit.ts";

const EVERY_BYTE: Uint8Array = Uint8Array.from({ length: 512 }, (_, index) => index % 256);

/** A message with all that a message can have. */
const FULL: Message = message({
  topic: "é/😀/\u0001",
  payload: EVERY_BYTE,
  properties: {
    payloadFormatIndicator: 1,
    contentType: "text/plain; charset=utf-8",
    responseTopic: "answers/é",
    correlationData: EVERY_BYTE,
    userProperties: [["b", "2"], ["a", "1"], ["b", ""], ["", "😀"], ["__proto__", "x"]],
  },
  publisher: "publisher 😀",
  expiresAt: START + 4_294_967_295_000,
});

/** A message that counts for exactly so many bytes. */
function messageOf(bytes: number): Message {
  const payload = new Uint8Array(bytes - messageBytes(message({ payload: new Uint8Array() })));
  for (let index = 0; index < payload.length; index += 97) payload[index] = index % 251;
  return message({ payload });
}

async function checkLargest(kit: Kit, bytes: number): Promise<void> {
  const large = messageOf(bytes);
  const target = await kit.open("target");
  const publisher = await kit.open("publisher");
  const deliveries = [{ message: large, receivers: [receiver(target)] }, { message: large, receivers: undefined }];
  await kit.change(publisher, [], { deliveries });
  const [copy] = await kit.log(target);
  expectBytes(copy?.payload, large.payload, "the copy in the log");
  const [entry] = await kit.store.readOutbox(publisher.incarnation, 1);
  expectBytes(entry?.message.payload, large.payload, "the copy in the outbox");
  const changed = await kit.change(target, [{ type: "deleteQueued", sequence: 1, bytes }]);
  expectEqual(await kit.log(changed), [], "the log once it is removed");
}

/** As `expectEqual`, for bytes too many to be shown. */
function expectBytes(found: Uint8Array | undefined, wanted: Uint8Array, what: string): void {
  expectEqual(found?.length, wanted.length, `the length of ${what}`);
  const at = wanted.findIndex((byte, index) => byte !== found?.[index]);
  expect(at === -1, `${what} differs at byte ${at}`);
}

const ABORTED: {
  readonly [Name in keyof SessionStore]?: (store: SessionStore, kit: Kit, signal: AbortSignal) => Promise<unknown>;
} = {
  acquire: (store, kit, signal) => store.acquire(kit.request("other"), { signal }),
  read: (store, _, signal) => store.read("client", { signal }),
  commit: (store, kit, signal) =>
    store.commit([kit.batch({ deliveries: [{ message: message(), receivers: undefined }] })], { signal }),
  readQueue: (store, _, signal) =>
    store.readQueue(
      { clientId: "client", incarnation: "x", epoch: 1, version: 1 },
      { after: 0, messages: 1, bytes: 1 },
      {
        signal,
      },
    ),
  readOutbox: (store, _, signal) => store.readOutbox("x", 1, { signal }),
  matchSubscriptions: (store, _, signal) => store.matchSubscriptions(["a"], { signal }),
  admitFilters: (store, _, signal) => store.admitFilters(["+/b/+"], { signal }),
  listDue: (store, _, signal) => store.listDue(START, { limit: 1, graceMs: 0, signal }),
  nextDueAt: (store, _, signal) => store.nextDueAt({ signal }),
  sweep: (store, _, signal) => store.sweep({ clientId: "client", incarnation: "x", dueAt: 0 }, { signal }),
  renewNode: (store, _, signal) => store.renewNode("node-c", START, { signal }),
  readRings: (store, _, signal) => store.readRings("node-a", { signal }),
  directory: (store, _, signal) =>
    Promise.any([store.directory.list({ limit: 1, signal }), store.directory.inspect("client", { signal })])
      .catch((error: AggregateError) => Promise.reject(error.errors[0])),
};

const APART: ConformanceCase[] = [
  {
    name: "what the caller does to its own objects afterwards changes nothing that is stored",
    run: async (kit) => {
      const payload = bytesOf("payload");
      const correlationData = bytesOf("data");
      const session = await kit.open("client", { terms: { will: will({ payload }) } });
      await kit.deliver([receiver(session)], { payload, properties: { correlationData } });
      await kit.commit({ deliveries: [{ message: message({ payload }), receivers: undefined }], id: "outbox" });
      payload.fill(0);
      correlationData.fill(0);
      const look = async (): Promise<readonly unknown[]> => [
        (await kit.store.read("client"))?.snapshot.will?.payload,
        (await kit.log(session)).flatMap((copy) => [copy.payload, copy.properties.correlationData]),
        (await kit.store.readOutbox("outbox", 1)).map((entry) => entry.message.payload),
      ];
      const text = bytesOf("payload");
      const expected = [text, [text, bytesOf("data")], [text]];
      expectEqual(await look(), expected, "what is stored");
      for (const found of (await look()).flat()) if (found instanceof Uint8Array) found.fill(1);
      expectEqual(await look(), expected, "what is stored after what was read was changed");
    },
  },
  {
    name: "what was read does not change when the store does",
    run: async (kit) => {
      const session = await kit.subscribe(await kit.open("client"), "a/+");
      const read = await kit.store.read("client");
      const [list] = await kit.store.matchSubscriptions(["a/b"]);
      await kit.change(session, [{ type: "deleteSubscription", filter: "a/+" }, { type: "putInboundId", packetId: 1 }]);
      expectEqual([...read?.snapshot.subscriptions.keys() ?? []], ["a/+"], "subscriptions that were read");
      expectEqual([list?.length, read?.snapshot.inbound.size], [1, 0], "matches and ids that were read");
    },
  },
  {
    name: "a call whose signal is aborted rejects with its reason, and nothing happens",
    run: async (kit) => {
      await kit.open("client");
      const reason = new Error("the reason");
      const signal = AbortSignal.abort(reason);
      for (const [name, call] of Object.entries(ABORTED)) {
        const error = await expectRejection(call(kit.store, kit, signal), name);
        expect(error === reason, `${name} rejects with something else: ${error}`);
      }
      expectEqual(await kit.store.read("other"), undefined, "what acquire stored");
      const due = await kit.store.listDue(START, { limit: 10, graceMs: 0 });
      expectEqual(due.filter(({ type }) => type === "outbox"), [], "what commit stored");
    },
  },
];

/** All of it. */
export const DATA_CASES: readonly ConformanceCase[] = [
  {
    name: "every byte and every property of a message is kept, in log and outbox",
    run: async (kit) => {
      const session = await kit.open("client");
      await kit.change(session, [], {
        deliveries: [
          { message: FULL, receivers: [receiver(session, { subscriptionIdentifiers: [1, 268_435_455] })] },
          { message: FULL, receivers: undefined },
        ],
      });
      const copy = { ...FULL, sequence: 1, subscriptionIdentifiers: [1, 268_435_455] };
      expectEqual(await kit.log(session), [copy], "the log");
      const entries = await kit.store.readOutbox(session.incarnation, 10);
      expectEqual(entries.map((entry) => entry.message), [FULL], "the outbox");
      const order = (await kit.log(session))[0]?.properties.userProperties?.map(([name]) => name);
      expectEqual(order, ["b", "a", "b", "", "__proto__"], "the order of the User Properties");
    },
  },
  {
    name: "an empty message is a message",
    run: async (kit) => {
      const session = await kit.open("client");
      await kit.deliver([receiver(session)], {
        payload: new Uint8Array(),
        properties: { correlationData: new Uint8Array() },
      });
      const [copy] = await kit.log(session);
      expectEqual(
        [copy?.payload, copy?.properties],
        [new Uint8Array(), { correlationData: new Uint8Array() }],
        "the copy",
      );
    },
  },
  {
    name: "every part of a Will and of a head is kept",
    run: async (kit) => {
      const last = will({
        payload: EVERY_BYTE,
        qos: 2,
        retain: true,
        properties: FULL.properties,
        willDelayInterval: 4_294_967_295,
        messageExpiryInterval: 4_294_967_295,
      });
      const head = attachedHead({
        protocolVersion: 4,
        connectedAt: 8_640_000_000_000_000,
        sessionExpiryInterval: 4_294_967_295,
        endsAfterMs: 4_294_967_295_000,
        willAfterMs: 4_294_967_295_000,
        onTakeover: "release",
      });
      await kit.open("client", { terms: { head, will: last, sendAhead: 65_535 } });
      const read = await kit.store.read("client");
      expectEqual(read?.snapshot.will, last, "the Will");
      expectEqual(read?.snapshot.head, { ...head, sentLimit: 65_535 }, "the head");
    },
  },
  {
    name: "a message of a mebibyte, or the largest that the store takes, is kept whole",
    run: (kit) => checkLargest(kit, Math.min(kit.store.capabilities.maxMessageBytes, 1_048_576)),
  },
  {
    name: "a Will of 64 KiB is kept whole",
    run: async (kit) => {
      const payload = messageOf(65_535).payload;
      await kit.open("client", { terms: { will: will({ payload }) } });
      expectBytes((await kit.store.read("client"))?.snapshot.will?.payload, payload, "the Will");
    },
  },
  {
    name: "a message larger than the store takes is refused with an error, and nothing is stored",
    applies: ({ maxMessageBytes }) => maxMessageBytes <= 32 * 1_048_576,
    run: async (kit) => {
      const session = await kit.open("client");
      const deliveries = [{
        message: messageOf(kit.store.capabilities.maxMessageBytes + 1),
        receivers: [receiver(session)],
      }];
      const error = await expectRejection(
        kit.commit({
          guard: session.guard,
          changes: [{ type: "putInboundId", packetId: 1 }],
          deliveries,
          limits: ROOMY,
        }),
        "the commit",
      );
      expect(error instanceof SessionError && error.code === "LIMIT_EXCEEDED", `it rejects with ${error}`);
      expectEqual((await kit.store.read("client"))?.snapshot.inbound.size, 0, "ids");
      expectEqual(await kit.log(session), [], "the log");
    },
  },
  {
    name: "the directory tells of a session what is so",
    run: async (kit) => {
      const session = await kit.subscribe(await kit.open("client"), "a/+");
      await kit.fill(session, ["one", "three"]);
      const line = {
        clientId: "client",
        incarnation: session.incarnation,
        attached: true,
        ownerNode: "node-a",
        protocolVersion: 5,
        connectedAt: START,
        subscriptions: 1,
        queuedMessages: 2,
        queuedBytes: 14,
        dropped: {},
      };
      expectEqual(await kit.store.directory.inspect("client"), line, "the line of an attached one");
      expectEqual((await kit.store.directory.list({ limit: 10 })).sessions, [line], "the list");
      await kit.detach(session);
      const { ownerNode: _, ...rest } = line;
      const detached = { ...rest, attached: false, disconnectedAt: START, endsAt: START + 3_600_000 };
      expectEqual(await kit.store.directory.inspect("client"), detached, "the line of a detached one");
      expectEqual(await kit.store.directory.inspect("nobody"), undefined, "the line of nobody");
    },
  },
  {
    name: "nothing is stored of whom nothing is stored",
    run: async (kit) => {
      expectEqual(await kit.store.read("nobody"), undefined, "a session");
      expectEqual(await kit.store.readOutbox("nothing", 10), [], "an outbox");
      expectEqual(await kit.store.readRings("nowhere"), [], "rings");
      expectEqual(await kit.store.listDue(START + 1, { limit: 10, graceMs: 0 }), [], "due work");
      expectEqual(await kit.store.directory.list({ limit: 10 }), { sessions: [] }, "the directory");
      const ended = await kit.open("client");
      await kit.change(ended, [{ type: "endSession", reason: "administrative" }]);
      expectEqual(await kit.log(ended), [], "a log");
    },
  },
  ...APART,
];
