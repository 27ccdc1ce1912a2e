/**
 * The peer's work is that of aedes 1.2.0 over the same persistence: the commands of these steps are those that the broker
 * itself was seen to send, and over a slow way it takes as long as the trips say.
 */
import assert from "node:assert/strict";
import { startRedis } from "../../support/redis/redis_server.ts";
import { openPeer, type Peer } from "./peer.ts";

/** A step after some preparation, and what it costs. */
interface Row {
  readonly name: string;
  readonly prepare?: (peer: Peer) => Promise<void>;
  readonly step: (peer: Peer) => unknown;
  /** How often each command runs. */
  readonly counts: Readonly<Record<string, number>>;
  readonly trips: number;
}

const NEW = { HGETALL: 1, LREM: 1, GET: 1, DEL: 1, LRANGE: 1 };

const ROWS: readonly Row[] = [
  { name: "CONNECT of a new client", step: (peer) => peer.connectNew("c"), counts: NEW, trips: 4 },
  {
    name: "CONNECT with a Will",
    step: (peer) => peer.connect("c", { will: { topic: "will", qos: 1, payload: new Uint8Array(8) } }),
    counts: { HGETALL: 1, LREM: 2, GET: 1, DEL: 1, RPUSH: 1, SET: 1 },
    trips: 4,
  },
  {
    name: "CONNECT with Clean Session of a stored session",
    prepare: (peer) => peer.storedSessions(["c"], () => ["f"]),
    step: (peer) => peer.connect("c", { clean: true }),
    counts: { HGETALL: 1, HDEL: 1, EXISTS: 1, DEL: 3, SREM: 1, LREM: 1, GET: 1 },
    trips: 8,
  },
  {
    name: "CONNECT with 100 queued messages, all sent",
    prepare: (peer) => queued(peer, 100, 1),
    step: (peer) => peer.resume("c"),
    counts: { ...NEW, GET: 101, SET: 100 },
    trips: 105,
  },
  {
    name: "SUBSCRIBE of one filter",
    prepare: (peer) => peer.connect("c"),
    step: (peer) => peer.subscribe("c", ["f"]),
    counts: { SADD: 1, HMSET: 1 },
    trips: 2,
  },
  {
    name: "SUBSCRIBE of ten filters",
    prepare: (peer) => peer.connect("c"),
    step: (peer) => peer.subscribe("c", Array.from({ length: 10 }, (_, index) => `f/${index}`)),
    counts: { SADD: 10, HMSET: 10 },
    trips: 2,
  },
  {
    name: "UNSUBSCRIBE of one filter of two",
    prepare: (peer) => peer.connectedSessions(["c"], () => ["f", "g"]),
    step: (peer) => peer.unsubscribe("c", ["f"]),
    counts: { HDEL: 1, EXISTS: 1 },
    trips: 2,
  },
  {
    name: "PUBLISH to 100 stored sessions",
    prepare: (peer) => peer.storedSessions(names(100), () => ["f"]),
    step: (peer) => peer.publish("f"),
    counts: { MSET: 1, RPUSH: 100 },
    trips: 101,
  },
  {
    name: "PUBLISH at QoS 2 until PUBCOMP, to one stored session",
    prepare: async (peer) => {
      await peer.storedSessions(["c"], () => ["f"]);
      await peer.connect("p");
    },
    step: (peer) => peer.inboundQos2("p", "f", 1),
    counts: { HGET: 2, HSET: 1, MSET: 1, RPUSH: 1, HDEL: 1 },
    trips: 6,
  },
  {
    name: "delivering one message at QoS 1",
    prepare: (peer) => queued(peer, 1, 1),
    step: (peer) => connectAndDrain(peer),
    counts: { ...NEW, GET: 3, SET: 1, LREM: 2, DECR: 1, DEL: 2 },
    trips: 10,
  },
  {
    name: "delivering 100 messages at QoS 1",
    prepare: (peer) => queued(peer, 100, 1),
    step: (peer) => connectAndDrain(peer),
    counts: { ...NEW, GET: 201, SET: 100, LREM: 101, DECR: 100, DEL: 101 },
    trips: 109,
  },
  {
    name: "delivering 100 messages at QoS 2",
    prepare: (peer) => queued(peer, 100, 2),
    step: (peer) => connectAndDrain(peer),
    counts: { ...NEW, GET: 201, SET: 200, RPUSH: 100, LREM: 201, DECR: 100, DEL: 201 },
    trips: 113,
  },
  {
    name: "CONNECT after delivering 100 messages at QoS 2, whose marks are left in the queue",
    prepare: async (peer) => {
      await queued(peer, 100, 2);
      await connectAndDrain(peer);
      peer.disconnect("c");
    },
    step: (peer) => peer.resume("c"),
    counts: { ...NEW, GET: 101, LREM: 101 },
    trips: 104,
  },
  {
    name: "64 sessions that each send, are sent and acknowledge a message",
    prepare: (peer) => peer.connectedSessions(names(64), (clientId) => [`to/${clientId}`]),
    step: (peer) => peer.exchange(names(64).map((clientId) => ({ clientId, topic: `to/${clientId}` }))),
    counts: { MSET: 64, RPUSH: 64, SET: 64, GET: 64, LREM: 64, DECR: 64, DEL: 64 },
    trips: 7,
  },
  {
    name: "DISCONNECT",
    prepare: (peer) => peer.connect("c"),
    step: (peer) => peer.disconnect("c"),
    counts: {},
    trips: 0,
  },
  {
    name: "DISCONNECT with a Will, which nobody waits for",
    prepare: (peer) => peer.connect("c", { will: { topic: "will", qos: 1, payload: new Uint8Array(8) } }),
    step: (peer) => peer.disconnect("c"),
    counts: { LREM: 1, GET: 1, DEL: 1 },
    trips: 0,
  },
];

for (const { name, prepare, step, counts, trips } of ROWS) {
  Deno.test(`the peer's work: ${name}`, async () => {
    await using redis = await startRedis();
    const peer = await openPeer({ port: redis.port, countTrips: true });
    try {
      await prepare?.(peer);
      await peer.usage();
      await step(peer);
      const usage = await peer.usage();
      assert.deepEqual(Object.fromEntries([...usage.counts].toSorted()), Object.fromEntries(sorted(counts)));
      assert.equal(usage.trips, trips);
    } finally {
      await peer.close();
    }
  });
}

Deno.test("the peer's work: starting with three known sessions", async () => {
  await using redis = await startRedis();
  const before = await openPeer({ port: redis.port });
  await before.storedSessions(names(3), () => ["f"]);
  await before.close();

  const peer = await openPeer({ port: redis.port, countTrips: true });
  try {
    const { counts, trips } = await peer.usage();
    assert.deepEqual(Object.fromEntries(counts), { SMEMBERS: 1, HGETALL: 3 });
    assert.equal(trips, 4);
    assert.equal(await peer.publish("f"), 3);
  } finally {
    await peer.close();
  }
});

function names(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `c-${index}`);
}

function sorted(counts: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(counts).toSorted();
}

/** Makes an offline session with that many messages. */
async function queued(peer: Peer, count: number, qos: 1 | 2): Promise<void> {
  await peer.connect("c");
  await peer.subscribe("c", ["f"], qos);
  peer.disconnect("c");
  await peer.queueMessages("f", count, { qos });
}

async function connectAndDrain(peer: Peer): Promise<void> {
  await peer.connect("c");
  await peer.drain("c");
}
