/** Whatever bytes and names hold comes back as it was, whatever the settings of the client are. */
import assert from "node:assert/strict";
import type { MessageProperties } from "../../../../src/mqtt/message.ts";
import type { Subscription } from "../../../../src/mqtt/subscription.ts";
import type { SessionStore } from "../../../../src/store/session_store.ts";
import {
  type Kit,
  message,
  type Owned,
  PLAIN,
  receiver,
  START,
  will,
} from "../../../../src/testing/conformance/kit.ts";
import { openRig } from "./redis_kit.ts";

/** What JSON, Lua, Redis, objects and this store's own records could take for something else. */
const ODD: readonly string[] = [
  "1234",
  "-1",
  "1e3",
  "0x10",
  "9007199254740993",
  "NaN",
  "null",
  "true",
  "undefined",
  "[1]",
  "[]",
  "{}",
  '{"a":1}',
  '"q"',
  "'",
  "__proto__",
  "constructor",
  "toString",
  "-",
  "=",
  "=x",
  "~",
  "~1:a",
  ";",
  "a;b 1",
  "a/b",
  "/",
  "//",
  "%2f",
  "%",
  "%u0041",
  "\\",
  "\\u0000",
  "{shared}",
  "*",
  "\0",
  "a\0b",
  "\x01\x1f\x7f",
  "\r\n",
  " ",
  " a ",
  "\t",
  "é",
  "e\u0301",
  "ÿ",
  "\u0080",
  "\ufeff",
  "\ufffd",
  "\uffff",
  "😀",
  "\u{10ffff}",
  "\u2028",
  "T1",
  "T05v",
  "bnVsbA==",
  "OK",
  "x".repeat(300),
  "é".repeat(300),
];

/** Every byte, alone and beside every other kind. */
const EVERY_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const PAYLOADS: readonly Uint8Array[] = [
  new Uint8Array(),
  ...Array.from(EVERY_BYTE, (byte) => Uint8Array.of(byte)),
  EVERY_BYTE,
  EVERY_BYTE.toReversed(),
  new Uint8Array(1_000),
  new Uint8Array(1_000).fill(255),
  ...ODD.map((text) => new TextEncoder().encode(text)),
  // No UTF-8: overlong, half a surrogate pair, cut off.
  Uint8Array.of(0xc0, 0x80),
  Uint8Array.of(0xed, 0xa0, 0x80),
  Uint8Array.of(0xf0, 0x9f, 0x98),
];

const SETTINGS = [true, false].flatMap((automaticDeserialization) =>
  (["base64", false] as const).flatMap((responseEncoding) =>
    [true, false].map((enableAutoPipelining) => ({ automaticDeserialization, responseEncoding, enableAutoPipelining }))
  )
);

function propertiesOf(text: string): MessageProperties {
  return {
    contentType: text,
    responseTopic: text,
    correlationData: EVERY_BYTE,
    payloadFormatIndicator: 1,
    userProperties: [[text, text], ["name", text], [text, ""], ["", text]],
  };
}

async function namesComeBack(store: SessionStore, kit: Kit): Promise<void> {
  await store.admitFilters(["+", "+/+", "+/+/+", ...ODD]);
  const owned = new Map<string, Owned>();
  for (const name of ODD) {
    await store.renewNode(`node ${name}`, START + 1_000);
    const request = kit.request(name, {
      token: `token ${name}`,
      nodeId: `node ${name}`,
      incarnation: `incarnation ${name}`,
      principal: name,
      terms: { will: will({ topic: name, payload: EVERY_BYTE, properties: propertiesOf(name) }), sendAhead: 0 },
    });
    const answer = await store.acquire(request);
    if (answer.outcome !== "acquired") assert.fail(answer.reason);
    assert.equal(answer.snapshot.clientId, name);
    assert.deepEqual(answer.snapshot.will, request.terms.will);
    assert.equal(answer.guard.incarnation, `incarnation ${name}`);
    const again = await store.acquire({ ...request, incarnation: "another" });
    assert.deepEqual(again, answer, "a repeated acquire");
    const refused = await kit.tryAcquire(name, { principal: `${name}.` });
    assert.deepEqual(refused, { outcome: "refused", reason: "principal" });
    const subscription: Subscription = { ...PLAIN, qos: 2, subscriptionIdentifier: 268_435_455 };
    const session = { clientId: name, incarnation: answer.guard.incarnation, guard: answer.guard };
    owned.set(name, await kit.change(session, [{ type: "putSubscription", filter: name, subscription }]));
  }
  const matches = await store.matchSubscriptions(ODD);
  for (const [index, name] of ODD.entries()) {
    const session = owned.get(name) ?? assert.fail();
    assert.deepEqual(matches[index], [{
      clientId: name,
      incarnation: `incarnation ${name}`,
      filter: name,
      subscription: { ...PLAIN, qos: 2, subscriptionIdentifier: 268_435_455 },
    }]);
    const sent = message({ topic: name, payload: EVERY_BYTE, properties: propertiesOf(name), publisher: name });
    const [told] = await kit.deliver([receiver(session)], sent);
    assert.deepEqual(told, {
      outcome: "appended",
      clientId: name,
      incarnation: `incarnation ${name}`,
      sequence: 1,
      ownerNode: `node ${name}`,
    });
    const copy = { sequence: 1, qos: 1, retain: false, subscriptionIdentifiers: [] };
    assert.deepEqual(await kit.log(session), [{ ...sent, ...copy }]);
    assert.deepEqual(await store.readRings(`node ${name}`), [name]);
    const stored = await store.read(name);
    assert.deepEqual(stored?.owner, { nodeId: `node ${name}`, token: `token ${name}` });
    assert.deepEqual([...stored?.snapshot.subscriptions.keys() ?? []], [name]);
    assert.equal((await store.directory.inspect(name))?.ownerNode, `node ${name}`);
    // A takeover comes with the log, and tells whom it superseded.
    const taken = await kit.acquire(name, { principal: name, nodeId: "taker" });
    assert.deepEqual(taken.queue.messages, [{ ...sent, ...copy }]);
    assert.deepEqual(taken.superseded, { nodeId: `node ${name}`, token: `token ${name}` });
    // An outbox of that name owes to receivers of such names.
    const debt = kit.batch({ id: `batch ${name}`, deliveries: [{ message: sent, receivers: undefined }] });
    await store.commit([debt]);
    const [entry] = await store.readOutbox(`batch ${name}`, 1);
    assert.deepEqual(entry?.message, sent);
    const receivers = [receiver(session), receiver({ ...session, clientId: "é\0" })];
    const outbox = { outboxId: `batch ${name}`, number: entry?.number ?? 0, from: 0, to: 0, receivers };
    await kit.commit({ outbox });
    assert.deepEqual((await store.readOutbox(`batch ${name}`, 1))[0]?.receivers, receivers);
    const [ended] = await store.commit([
      kit.batch({ guard: taken.guard, changes: [{ type: "endSession", reason: "expired" }] }),
    ]);
    assert.equal(ended?.outcome, "committed");
    assert.equal(await store.read(name), undefined);
    owned.set(name, { ...session, ...await kit.open(name, { principal: name, nodeId: `node ${name}` }) });
  }
  const { sessions } = await store.directory.list({ limit: 1_000 });
  assert.deepEqual(sessions.map(({ clientId }) => clientId).sort(), [...ODD].sort());
  const due = await store.listDue(START + 1_000, { limit: 1_000, graceMs: 0 });
  const nodes = due.flatMap((work) => work.type === "node" ? [[work.nodeId, work.clientIds]] : []);
  assert.deepEqual(nodes.sort(), ODD.map((name) => [`node ${name}`, [name]]).sort());
  const outboxes = due.flatMap((work) => work.type === "outbox" ? [work.outboxId] : []);
  assert.deepEqual(outboxes.sort(), ODD.map((name) => `batch ${name}`).sort());
}

async function payloadsComeBack(kit: Kit): Promise<void> {
  const session = await kit.open("client");
  const deliveries = PAYLOADS.map((payload) => ({
    message: message({ payload, properties: { correlationData: payload } }),
    receivers: [receiver(session)],
  }));
  await kit.commit({ deliveries });
  const log = await kit.log(session);
  assert.equal(log.length, PAYLOADS.length);
  for (const [index, { payload, properties }] of log.entries()) {
    assert.deepEqual([payload, properties.correlationData], [PAYLOADS[index], PAYLOADS[index]]);
  }
}

for (const settings of SETTINGS) {
  Deno.test(`odd names and all bytes come back through a client with ${JSON.stringify(settings)}`, async () => {
    await using rig = await openRig();
    const store = rig.storeOf({ ...settings, retry: false });
    await namesComeBack(store, rig.kit(store));
    await payloadsComeBack(rig.kit(rig.storeOf(settings, { prefix: "payloads" })));
  });
}

Deno.test("half of a surrogate pair is kept in names of keys, and refused where it would be changed", async () => {
  await using rig = await openRig();
  const store = rig.store();
  const kit = rig.kit(store);
  const names = ["\ud800", "\udc00", "a\ud83d", "\ude00\ud83d", "%ud800"];
  for (const name of names) {
    const session = await kit.open(name, { nodeId: name, token: name, incarnation: `i${name}` });
    assert.equal((await store.read(name))?.snapshot.clientId, name);
    assert.deepEqual((await store.read(name))?.owner, { nodeId: name, token: name });
    await kit.fill(session, ["one"]);
    assert.deepEqual(await store.readRings(name), [name]);
    assert.deepEqual(await kit.logTexts(session), ["1:one"]);
  }
  const { sessions } = await store.directory.list({ limit: 10 });
  assert.deepEqual(sessions.map(({ clientId }) => clientId).sort(), [...names].sort());
  const bad = "\ud800";
  const session = await kit.open("client");
  const before = await rig.contents();
  const commit = (batch: Parameters<Kit["commit"]>[0]) => store.commit([kit.batch(batch)]);
  const tries: readonly (() => Promise<unknown>)[] = [
    () => commit({ deliveries: [{ message: message({ topic: bad }), receivers: [receiver(session)] }] }),
    () => commit({ deliveries: [{ message: message({ publisher: bad }), receivers: undefined }] }),
    () =>
      commit({
        deliveries: [{ message: message({ properties: { contentType: bad } }), receivers: [receiver(session)] }],
      }),
    () =>
      commit({
        deliveries: [{
          message: message({ properties: { userProperties: [["a", bad]] } }),
          receivers: [receiver(session)],
        }],
      }),
    () => commit({ guard: session.guard, changes: [{ type: "putWill", will: will({ topic: bad }) }] }),
    () => store.acquire(kit.request("new", { terms: { will: will({ topic: bad }) } })),
  ];
  for (const [index, attempt] of tries.entries()) {
    await assert.rejects(attempt, TypeError, `attempt ${index}`);
    assert.deepEqual(await rig.contents(), before, `attempt ${index}`);
  }
  // A filter is admitted by its shape, which it shares with others, before it turns out to be none.
  const subscribing = commit({
    guard: session.guard,
    changes: [{ type: "putSubscription", filter: bad, subscription: PLAIN }],
  });
  await assert.rejects(subscribing, TypeError);
  assert.deepEqual((await store.matchSubscriptions([bad]))[0], []);
});
