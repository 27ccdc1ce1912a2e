/**
 * The same calls of two brokers over one Redis, with this library's persistence and with `aedes-persistence-redis` 12: what
 * fails there is what holds here.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Redis } from "ioredis";
import { aedesPersistence } from "../../../../src/hosts/aedes.ts";
import { upstashRedisRetained, upstashRedisStore } from "../../../../src/stores/upstash_redis/mod.ts";
import { openPersistence, PeerBroker, type Persistence } from "../../../bench/upstash/peer_persistence.ts";
import { type RedisServer, startRedis } from "../../../support/redis/redis_server.ts";
import { startUpstash } from "../../../support/redis/upstash_server.ts";

const CLIENT = { id: "c" };

/** A client that is connected: the Redis client of the peer leaves a timer behind when it is closed while it connects. */
async function connected({ port }: RedisServer): Promise<Redis> {
  const client = new Redis(port, "127.0.0.1", { lazyConnect: true });
  await client.connect();
  return client;
}

/** What two brokers have, each over connections of its own. */
interface Pair {
  readonly a: Persistence;
  readonly b: Persistence;
  /** The keys that have no end of their own, and those that have. */
  readonly keys: () => Promise<{ readonly lasting: readonly string[]; readonly ending: readonly string[] }>;
}

/** Runs a case, with ours and with the peer's. */
async function both<Value>(
  run: (pair: Pair) => Promise<Value>,
): Promise<{ readonly ours: Value; readonly peer: Value }> {
  return { ours: await withOurs(run), peer: await withPeer(run) };
}

async function withOurs<Value>(run: (pair: Pair) => Promise<Value>): Promise<Value> {
  await using redis = await startRedis();
  await using upstash = startUpstash({ redis });
  const open = async (id: string) => {
    const { url, token } = upstash;
    const persistence = aedesPersistence({
      store: upstashRedisStore({ url, token }),
      retained: upstashRedisRetained({ url, token }),
    });
    await persistence.setup(new PeerBroker(id));
    // The peer's type lists of its members what is common to both.
    return persistence as unknown as Persistence;
  };
  return await withPair(redis, open, run);
}

async function withPeer<Value>(run: (pair: Pair) => Promise<Value>): Promise<Value> {
  await using redis = await startRedis();
  const open = async (id: string) => {
    const persistence = openPersistence(await connected(redis));
    await persistence.setup(new PeerBroker(id));
    return persistence;
  };
  return await withPair(redis, open, run);
}

async function withPair<Value>(
  redis: RedisServer,
  open: (id: string) => Promise<Persistence>,
  run: (pair: Pair) => Promise<Value>,
): Promise<Value> {
  const [a, b] = [await open("a"), await open("b")];
  const control = await connected(redis);
  try {
    const keys = async () => {
      const names = (await control.keys("*")).toSorted();
      const times = await Promise.all(names.map((name) => control.pttl(name)));
      const those = (ends: boolean) => names.filter((_, index) => (times[index] ?? -1) > 0 === ends);
      return { lasting: those(false), ending: those(true) };
    };
    return await run({ a, b, keys });
  } finally {
    await a.destroy();
    await b.destroy();
    control.disconnect();
  }
}

/** The first broker has queued a message at some level, and sent it as 42. */
async function send({ a }: Pair, qos: 1 | 2, brokerCounter = 1): Promise<void> {
  const packet = {
    cmd: "publish",
    topic: "t",
    payload: Buffer.from("one"),
    qos,
    brokerId: "a",
    brokerCounter,
  } as const;
  await a.outgoingEnqueueCombi([{ clientId: "c", topic: "t", qos }], packet);
  await a.outgoingUpdate(CLIENT, { ...packet, messageId: 42 });
}

async function queued(persistence: Persistence): Promise<unknown[]> {
  return (await Array.fromAsync(persistence.outgoingStream(CLIENT))).map(({ cmd, messageId }) => [cmd, messageId]);
}

Deno.test("a PUBACK at another broker: the peer leaves the message for ever", async () => {
  const { ours, peer } = await both(async (pair) => {
    await send(pair, 1);
    const cleared = await pair.b.outgoingClearMessageId(CLIENT, { messageId: 42 }) as { payload: Buffer } | undefined;
    return [cleared && String(cleared.payload), await queued(pair.a)];
  });
  assert.deepEqual(ours, ["one", []]);
  assert.deepEqual(peer, [undefined, [["publish", 42]]]);
});

Deno.test("a PUBREC at another broker: the peer does not know the message", async () => {
  const { ours, peer } = await both(async (pair) => {
    await send(pair, 2);
    const released = pair.b.outgoingUpdate(CLIENT, { cmd: "pubrel", messageId: 42 });
    const how = await released.then(() => "released", (error: Error) => error.message);
    return [how, await queued(pair.a)];
  });
  assert.deepEqual(ours, ["released", [["pubrel", 42]]]);
  assert.deepEqual(peer, ["unknown key", [["publish", 42]]]);
});

Deno.test("a subscription made at another broker: the peer queues nothing for it", async () => {
  const { ours, peer } = await both(async ({ a, b }) => {
    await a.addSubscriptions(CLIENT, [{ topic: "t", qos: 1 }]);
    return (await b.subscriptionsByTopic("t")).map(({ clientId, topic }) => [clientId, topic]);
  });
  assert.deepEqual(ours, [["c", "t"]]);
  assert.deepEqual(peer, []);
});

Deno.test("a session that begins clean: the peer leaves messages and counters behind", async () => {
  const { ours, peer } = await both(async (pair) => {
    await pair.a.addSubscriptions(CLIENT, [{ topic: "t", qos: 1 }]);
    for (let count = 1; count <= 5; count++) await send(pair, 1, count);
    await pair.b.cleanSubscriptions(CLIENT);
    return await pair.keys();
  });
  assert.equal(peer.lasting.filter((key) => key.startsWith("packet:a:")).length, 10);
  // What of a client is left has an end: the journal of what became of it. Of all clients: kinds of filters, leases.
  assert.deepEqual(ours, {
    lasting: ["mqtt/1/{shared}/nodes", "mqtt/1/{shared}/routes"],
    ending: ["mqtt/1/{cc}/log", "mqtt/1/{shared}/ended"],
  });
});
