/**
 * What every step of a session asks of its store. A test measures each number; the calculator and the README's table are
 * made of them.
 *
 * @module
 */

/** What a step asks of Redis, once the server knows the scripts and the node the shapes of the filters. */
export interface RedisCost {
  /** HTTP requests, one after the other. */
  readonly requests: number;
  /** Commands and the calls inside of scripts: each is billed. */
  readonly commands: number;
  /** The most commands that the step may take. */
  readonly limit?: number;
}

/** The least to the most: what a CONNECT, a batch of acknowledgements and a receiver may cost. */
const NEW = 8;
const RESUMED = 10;
const ACKNOWLEDGED = 4;
const RECEIVER = 3;
/** The look-up of receivers, and the publisher's own part of its commit. */
const PUBLISHER = 4;

/** What Upstash takes for 100 000 commands, in US dollars. */
export const UPSTASH_USD_PER_100_000 = 0.2;

/** Every step with Upstash Redis. */
export const REDIS_COSTS = {
  connectNew: { requests: 1, commands: 5, limit: NEW },
  connectWithWill: { requests: 1, commands: 6, limit: NEW },
  connectResume: { requests: 1, commands: 10, limit: RESUMED },
  takeoverHere: { requests: 1, commands: 6, limit: RESUMED },
  takeoverElsewhere: { requests: 1, commands: 9, limit: RESUMED },
  connectCleanStart: { requests: 1, commands: 10, limit: RESUMED },
  subscribe: { requests: 1, commands: 6 },
  subscribeTen: { requests: 1, commands: 6 },
  unsubscribe: { requests: 1, commands: 6 },
  disconnect: { requests: 1, commands: 7 },
  connectionLost: { requests: 1, commands: 7 },
  disconnectAndEnd: { requests: 1, commands: 8 },
  ping: { requests: 0, commands: 0, limit: 0 },
  publish: { requests: 2, commands: 6, limit: PUBLISHER + RECEIVER },
  publishHere: { requests: 2, commands: 6, limit: PUBLISHER + RECEIVER },
  publishElsewhere: { requests: 2, commands: 7, limit: PUBLISHER + RECEIVER },
  publishToTen: { requests: 2, commands: 24, limit: PUBLISHER + 10 * RECEIVER },
  publishToHundred: { requests: 2, commands: 204, limit: PUBLISHER + 100 * RECEIVER },
  publishHundred: { requests: 2, commands: 6, limit: PUBLISHER + RECEIVER },
  publishQos2: { requests: 2, commands: 7, limit: PUBLISHER + RECEIVER },
  release: { requests: 1, commands: 4 },
  acknowledge: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  acknowledgeHundred: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  received: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  receivedHundred: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  completed: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  completedHundred: { requests: 1, commands: 4, limit: ACKNOWLEDGED },
  doorbell: { requests: 1, commands: 1 },
  hear: { requests: 2, commands: 9 },
  due: { requests: 2, commands: 7 },
  renew: { requests: 1, commands: 2 },
} as const satisfies Readonly<Record<string, RedisCost>>;

/** A step that is measured. */
export type RedisStep = keyof typeof REDIS_COSTS;

/** What each step is, in words. */
export const STEP_NAMES: Readonly<Record<RedisStep, string>> = {
  connectNew: "CONNECT, new session",
  connectWithWill: "CONNECT, new session with a Will",
  connectResume: "CONNECT, resume with 100 queued",
  takeoverHere: "CONNECT, taken over on the same node, 100 unacknowledged",
  takeoverElsewhere: "CONNECT, taken over from another node, 100 unacknowledged",
  connectCleanStart: "CONNECT, Clean Start over a stored session",
  subscribe: "SUBSCRIBE, 1 filter",
  subscribeTen: "SUBSCRIBE, 10 filters",
  unsubscribe: "UNSUBSCRIBE, 1 filter",
  disconnect: "DISCONNECT",
  connectionLost: "connection lost",
  disconnectAndEnd: "DISCONNECT that ends the session",
  ping: "PINGREQ",
  publish: "PUBLISH QoS 1, 1 stored receiver",
  publishHere: "PUBLISH QoS 1, 1 receiver connected to the same node",
  publishElsewhere: "PUBLISH QoS 1, 1 receiver connected to another node",
  publishToTen: "PUBLISH QoS 1, 10 stored receivers",
  publishToHundred: "PUBLISH QoS 1, 100 stored receivers",
  publishHundred: "100 PUBLISH QoS 1 in one piece, 1 stored receiver",
  publishQos2: "PUBLISH QoS 2, 1 stored receiver, until PUBREC",
  release: "PUBREL until PUBCOMP",
  acknowledge: "outbound: PUBACK",
  acknowledgeHundred: "outbound: 100 PUBACK in one piece",
  received: "outbound: PUBREC",
  receivedHundred: "outbound: 100 PUBREC in one piece",
  completed: "outbound: PUBCOMP",
  completedHundred: "outbound: 100 PUBCOMP in one piece",
  doorbell: "a look at a node's doorbell, nobody rang",
  hear: "a ring of another node: heard, looked at, read, cleared",
  due: "a look at what is due, and when next",
  renew: "a renewal of a node's lease",
};

/** Round trips to Deno KV: the longest chains of reads and of commits. */
export const DENO_KV_TRIPS = {
  connectNew: 2,
  connectResume: 2,
  subscribe: 1,
  disconnect: 1,
  publish: 3,
  publishQos2: 3,
  release: 1,
  acknowledgeHundred: 1,
  completed: 1,
  nodeMinute: 10,
} as const;
