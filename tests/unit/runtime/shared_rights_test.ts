/** What members of a group may not have: it is another member's, or nobody's. */
import assert from "node:assert/strict";
import type { AuthorizeQuestion, BrokerOptions } from "../../../mod.ts";
import { rest, subscribePacket, type TestClient, texts, type World, world } from "./support.ts";

const FILTER = "$share/g/#";
const GROUP = `\u0000${FILTER}`;

/** A host that says who may not have which topics. */
class Host {
  readonly asked: AuthorizeQuestion[] = [];
  /** As `client topic`. */
  readonly refuses = new Set<string>();
  mode: "atOnce" | "later" | "fails" | "rejects" | "silent" = "atOnce";

  readonly authorize: NonNullable<BrokerOptions["authorize"]> = (question) => {
    if (question.action !== "deliver") return true;
    this.asked.push(question);
    const verdict = !this.refuses.has(`${question.clientId} ${question.topic}`);
    switch (this.mode) {
      case "atOnce":
        return verdict;
      case "later":
        return rest().then(() => verdict);
      case "fails":
        throw new Error("the directory is away");
      case "rejects":
        return Promise.reject(new Error("the directory is away"));
      case "silent":
        return new Promise(() => {});
    }
  };
}

function hosted(options: Partial<BrokerOptions> = {}): { readonly host: Host; readonly at: World } {
  const host = new Host();
  const at = world({ authorize: host.authorize, authorizeDeliveries: true, ...options });
  at.broker.start();
  return { host, at };
}

async function member(
  at: World,
  name: string,
  more: Parameters<World["connect"]>[1] = {},
  broker = at.broker,
): Promise<TestClient> {
  const client = await at.connect(name, more, broker);
  await client.send(subscribePacket(1, FILTER));
  return client;
}

async function publish(at: World, topic: string, ...all: readonly string[]): Promise<void> {
  for (const text of all) await at.broker.publish({ topic, payload: new TextEncoder().encode(text), qos: 1 });
  await rest();
}

/** What was dropped, as `client reason topic`. */
function dropped(at: World): readonly string[] {
  return at.of("dropped").flatMap((event) =>
    event.type === "dropped" ? [`${event.clientId} ${event.reason} ${event.topic}`] : []
  );
}

for (const mode of ["atOnce", "later"] as const) {
  Deno.test(`what a member may not have another member gets, each in turn: ${mode}`, async () => {
    const { host, at } = hosted();
    const [a, b, c] = [await member(at, "a"), await member(at, "b"), await member(at, "c")];
    host.mode = mode;
    host.refuses.add("a x").add("b x").add("c y");
    await publish(at, "x", "x1", "x2", "x3");
    await publish(at, "y", "y1", "y2", "y3", "y4");
    await at.pass(5_000);
    assert.deepEqual(texts(c), ["x1", "x2", "x3"]);
    assert.deepEqual([...texts(a), ...texts(b)].sort(), ["y1", "y2", "y3", "y4"]);
    assert.equal(texts(a).length, 2);
    assert.deepEqual(dropped(at), []);
    await at.broker.shutdown();
  });

  Deno.test(`what no connected member may have is dropped and counted, and holds nothing up: ${mode}`, async () => {
    const { host, at } = hosted({ limits: { pageMessages: 2 } });
    const a = await member(at, "a");
    const b = await member(at, "b");
    host.mode = mode;
    host.refuses.add("a x").add("b x");
    await publish(at, "x", "1", "2", "3");
    await publish(at, "y", "4");
    await at.pass(5_000);
    assert.deepEqual([...texts(a), ...texts(b)], ["4"]);
    assert.deepEqual(dropped(at), Array(3).fill(`${GROUP} notAuthorized x`));
    const summary = await at.store.directory.inspect(GROUP);
    assert.deepEqual([summary?.queuedMessages, summary?.dropped], [0, { notAuthorized: 3 }]);
    await at.broker.shutdown();
  });
}

Deno.test("a member is asked about once, when it claims", async () => {
  const { host, at } = hosted();
  const a = await member(at, "a");
  await publish(at, "x", "1", "2");
  assert.deepEqual(texts(a), ["1", "2"]);
  assert.deepEqual(host.asked.map(({ clientId, topic, qos }) => [clientId, topic, qos]), [["a", "x", 1], [
    "a",
    "x",
    1,
  ]]);
  await at.broker.shutdown();
});

Deno.test("what no member of one node may have a member of another gets", async () => {
  const { host, at } = hosted();
  const far = at.another({ nodeId: "far" });
  far.start();
  const near = await member(at, "a");
  const other = await member(at, "b", {}, far);
  host.refuses.add("a x");
  await at.pass(3_000);
  await publish(at, "x", "1", "2", "3", "4");
  await publish(at, "y", "5", "6", "7", "8");
  await at.pass(10_000);
  assert.deepEqual(texts(other).filter((text) => text < "5").sort(), ["1", "2", "3", "4"]);
  assert.deepEqual([...texts(near), ...texts(other)].sort(), ["1", "2", "3", "4", "5", "6", "7", "8"]);
  assert.deepEqual(dropped(at), []);
  await far.shutdown();
  await at.broker.shutdown();
});

Deno.test("what no member of any node may have the last of them drops, once", async () => {
  const { host, at } = hosted({ limits: { pageMessages: 3 } });
  const far = at.another({ nodeId: "far" });
  far.start();
  const near = await member(at, "a");
  const other = await member(at, "b", {}, far);
  host.refuses.add("a x").add("b x");
  await at.pass(3_000);
  await publish(at, "x", "1", "2", "3", "4", "5");
  await publish(at, "y", "6", "7");
  await at.pass(20_000);
  assert.deepEqual([...texts(near), ...texts(other)].sort(), ["6", "7"]);
  assert.deepEqual(dropped(at), Array(5).fill(`${GROUP} notAuthorized x`));
  assert.equal((await at.store.directory.inspect(GROUP))?.queuedMessages, 0);
  await far.shutdown();
  await at.broker.shutdown();
});

Deno.test("what one node has passed over is dropped by it once the others are gone, or had by who comes", async () => {
  for (const how of ["gone", "comes"] as const) {
    const { host, at } = hosted();
    const far = at.another({ nodeId: "far" });
    far.start();
    const near = await member(at, "a");
    // It holds one message, and has no room for another.
    const busy = await member(at, "b", { receiveMaximum: 1 }, far);
    host.refuses.add("a x");
    await at.pass(3_000);
    await publish(at, "x", "1");
    await at.pass(5_000);
    assert.deepEqual(texts(busy), ["1"]);
    await publish(at, "x", "2", "3");
    await at.pass(5_000);
    assert.deepEqual(texts(near), []);
    assert.deepEqual(dropped(at), []);
    assert.equal((await at.store.directory.inspect(GROUP))?.queuedMessages, 2);
    if (how === "gone") {
      busy.connection.closed();
      await at.pass(10_000);
      assert.deepEqual(dropped(at), Array(2).fill(`${GROUP} notAuthorized x`));
    } else {
      const c = await member(at, "c");
      await at.pass(10_000);
      assert.deepEqual(texts(c), ["2", "3"]);
      assert.deepEqual(dropped(at), []);
    }
    const rows = [...(await at.store.read(GROUP))?.snapshot.subscriptions.keys() ?? []];
    if (how === "comes") assert.ok(!rows.some((row) => row.startsWith("$share/passed/")), `${rows}`);
    await far.shutdown();
    await at.broker.shutdown();
  }
});

Deno.test("what a node has passed over counts for it, though it is another node's turn now", async () => {
  const { host, at } = hosted();
  const far = at.another({ nodeId: "far" });
  far.start();
  for (const name of ["a", "b"]) {
    await member(at, name);
    host.refuses.add(`${name} x`);
  }
  // It has no room, with what is none of the group.
  const busy = await member(at, "busy", { receiveMaximum: 1 }, far);
  await busy.send(subscribePacket(2, "$own"));
  await publish(at, "$own", "0");
  await at.pass(3_000);
  const passed = async () =>
    [...(await at.store.read(GROUP))?.snapshot.subscriptions.keys() ?? []].filter((row) =>
      row.startsWith("$share/passed/") && !row.startsWith("$share/passed/far/")
    ).map((row) => row.slice(row.lastIndexOf("/") + 1));
  await publish(at, "x", "1");
  assert.deepEqual(await passed(), ["1"]);
  // Of three turns two were this node's, the first message among them; of four it has the second half.
  host.refuses.add("c x");
  await member(at, "c", {}, far);
  await publish(at, "x", "2");
  assert.deepEqual(await passed(), ["2"]);
  await far.shutdown();
  await at.broker.shutdown();
});

for (const mode of ["fails", "rejects", "silent"] as const) {
  Deno.test(`a host that cannot answer costs a group no message: its member's connection is closed (${mode})`, async () => {
    const { host, at } = hosted();
    const a = await member(at, "a");
    host.mode = mode;
    await publish(at, "x", "1");
    await at.pass(10_000);
    assert.equal(a.last()?.type, "disconnect");
    assert.equal((await at.store.directory.inspect(GROUP))?.queuedMessages, 1);
    host.mode = "atOnce";
    const b = await member(at, "b");
    await at.pass(5_000);
    assert.deepEqual(texts(b), ["1"]);
    assert.deepEqual(dropped(at), []);
    await at.broker.shutdown();
  });
}

Deno.test("a host that takes long to answer about one member keeps no other member waiting", async () => {
  const { host, at } = hosted();
  const a = await member(at, "a");
  host.mode = "silent";
  await publish(at, "x", "1");
  host.mode = "atOnce";
  const b = await member(at, "b");
  await publish(at, "x", "2", "3");
  await at.pass(500);
  assert.deepEqual(texts(a), []);
  assert.deepEqual(texts(b), ["2", "3"]);
  // In the end it is taken for a failure, and the message is another's.
  await at.pass(20_000);
  assert.deepEqual(texts(b), ["2", "3", "1"]);
  await at.broker.shutdown();
});
