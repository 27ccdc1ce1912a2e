/**
 * What both sides do against the clock.
 *
 * @module
 */
import type { Ours } from "./ours.ts";
import type { Peer } from "./peer.ts";

/** One side of a scenario. */
export interface Side {
  /** Prepares a round, which is measured when it is called. */
  prepared(): Promise<() => Promise<unknown>>;
}

/** Something that both sides do. */
export interface Scenario {
  readonly name: string;
  /** Why it may be behind where the way has no length. */
  readonly reason?: string;
  /** Scenarios of one name here ask the same of the peer, which is measured once for them. */
  readonly peerDoes: string;
  ours(ours: Ours): Promise<Side>;
  peer(peer: Peer): Promise<Side>;
}

/** Of rows that are behind where the way has no length. */
const BY_HTTP =
  "each trip is an HTTP request, through a REST server in JavaScript and a pipe, and then a script in Redis; " +
  "the peer writes some bytes to Redis itself";

const PUBLISHER = "publisher";
const CROWD = 64;

/** All scenarios. */
export const SCENARIOS: readonly Scenario[] = [
  resume(100),
  fanOut(1),
  fanOut(100),
  fanOut(1_000),
  drain(1_000, 1, 65_535),
  drain(1_000, 1, 20),
  drain(1_000, 2, 65_535),
  drain(1_000, 2, 20),
  atOnce(CROWD),
];

function resume(count: number): Scenario {
  return {
    name: `resume with ${count} queued, until all are sent`,
    peerDoes: `resume ${count}`,
    ours: (ours) => queuedForOurs(ours, count, 1, (id) => ours.resume(id, count)),
    peer: (peer) => queuedForPeer(peer, count, 1, (id) => peer.resume(id)),
  };
}

function fanOut(receivers: number): Scenario {
  const names = Array.from({ length: receivers }, (_, index) => `stored-${index}`);
  return {
    name: `PUBLISH QoS 1 to ${receivers} stored session${receivers === 1 ? "" : "s"}, until all have it`,
    ...(receivers === 1 ? { reason: BY_HTTP } : {}),
    peerDoes: `publish to ${receivers}`,
    ours: async (ours) => {
      await ours.connect(PUBLISHER);
      await ours.storedSessions(names, () => ["fan"]);
      return { prepared: () => Promise.resolve(() => ours.publish(PUBLISHER, "fan")) };
    },
    peer: async (peer) => {
      await peer.storedSessions(names, () => ["fan"]);
      return { prepared: () => Promise.resolve(() => peer.publish("fan")) };
    },
  };
}

function drain(count: number, qos: 1 | 2, window: number): Scenario {
  return {
    name: `CONNECT and drain ${count} at QoS ${qos}, Receive Maximum ${window}`,
    // The peer has no window: it sends on, whatever the client's Receive Maximum says.
    peerDoes: `drain ${count} at ${qos}`,
    ours: (ours) => queuedForOurs(ours, count, qos, (id) => ours.drain(id, count, window)),
    peer: (peer) =>
      queuedForPeer(peer, count, qos, async (id) => {
        await peer.connect(id);
        await peer.drain(id);
      }),
  };
}

function atOnce(sessions: number): Scenario {
  const crowd = Array.from({ length: sessions }, (_, index) => ({ clientId: `c-${index}`, topic: `to/c-${index}` }));
  const names = crowd.map(({ clientId }) => clientId);
  return {
    name: `${sessions} sessions at once: each sends, is sent and acknowledges a message`,
    reason: BY_HTTP,
    peerDoes: `exchange of ${sessions}`,
    ours: async (ours) => {
      await ours.connectedSessions(names, (clientId) => [`to/${clientId}`]);
      return { prepared: () => Promise.resolve(() => ours.exchange(crowd)) };
    },
    peer: async (peer) => {
      await peer.connectedSessions(names, (clientId) => [`to/${clientId}`]);
      return { prepared: () => Promise.resolve(() => peer.exchange(crowd)) };
    },
  };
}

/** Each round has a session of its own with a full queue. */
async function queuedForOurs(
  ours: Ours,
  count: number,
  qos: 1 | 2,
  step: (clientId: string) => Promise<unknown>,
): Promise<Side> {
  await ours.connect(PUBLISHER);
  let round = 0;
  return {
    prepared: async () => {
      const id = `queued-${++round}`;
      await ours.storedSessions([id], () => [`to/${id}`]);
      await ours.queueMessages(PUBLISHER, `to/${id}`, count, qos);
      await ours.broker.settled();
      return () => step(id);
    },
  };
}

async function queuedForPeer(
  peer: Peer,
  count: number,
  qos: 1 | 2,
  step: (clientId: string) => Promise<unknown>,
): Promise<Side> {
  let round = 0;
  return await Promise.resolve({
    prepared: async () => {
      const id = `queued-${++round}`;
      await peer.connectNew(id);
      await peer.subscribe(id, [`to/${id}`], qos);
      peer.disconnect(id);
      await peer.queueMessages(`to/${id}`, count, { qos });
      return () => step(id);
    },
  });
}
