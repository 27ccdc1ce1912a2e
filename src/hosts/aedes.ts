/**
 * Sessions of a broker on npm `aedes` 1.2 in any `SessionStore`, retained messages in any `RetainedStore`: several brokers over the
 * same stores are one. Nothing of `aedes` is imported, and no stream of Node.
 *
 * All that a broker must know to go on is in the stores, so that any broker may be told of an acknowledgement, whoever sent
 * the message. What aedes leaves to its persistence, and what this one does about it:
 *
 * - A message is queued for all its receivers in one step. One that came at QoS 2 is queued in the same step in which its
 *   Packet Identifier is stored, and PUBREC leaves then: a broker that dies in between has done neither.
 * - A Packet Identifier is stored before it is sent, and never given to two messages in flight. What is sent again
 *   carries DUP; PUBREL goes first, then messages in their order, each at the level and with the RETAIN flag that its
 *   subscription was granted.
 * - A connection whose session another broker has taken is sent no message under it any more: aedes closes it.
 * - A session that begins clean leaves nothing of the one before: no queue, no identifiers, no counters.
 * - `sessionExpiryInterval`, `messageExpiryMs` and `queue` bound what is kept. Without them everything is kept for ever.
 * - Wills of brokers that died are published by another, once their lease is over: three heartbeats of aedes.
 *
 * The records are those of this library's own brokers: administration, export and the command line read them, and a
 * session may go on at a `sessionBroker` and come back, in the middle of a QoS 2 exchange too. Which client published
 * a queued message aedes does not tell; `aedes:` and what aedes numbers it by stands in its place.
 *
 * What no persistence can mend: aedes writes PUBACK before a QoS 1 message is stored, tells Session Present by whether there are
 * subscriptions, knows no shared ones, and sends retained messages without asking for a Packet Identifier. Brokers tell each
 * other what is published through the emitter `mq`; without a shared one a message waits in its log until the client connects
 * again. A QoS 2 message of a client whose session is clean is queued at least once where the store's answer is lost.
 *
 * @example A broker whose sessions outlive it
 * ```ts
 * import { aedesPersistence } from "@edge-mqtt/session/aedes";
 * import { memoryRetained, memoryStore } from "@edge-mqtt/session/memory";
 * import { Aedes } from "aedes";
 *
 * const [store, retained] = [memoryStore(), memoryRetained()]; // or denoKvStore, upstashRedisStore
 * const persistence = aedesPersistence({ store, retained, sessionExpiryInterval: 7 * 86_400 });
 * const broker = await Aedes.createBroker({ persistence });
 * // node:net: createServer(broker.handle).listen(1883);
 *
 * await persistence.addSubscriptions({ id: "meter-7" }, [{ topic: "meters/+", qos: 1 }]);
 * await new Promise<unknown>((published) =>
 *   broker.publish({ cmd: "publish", topic: "meters/7", payload: "12.5", qos: 1, retain: false, dup: false }, published)
 * );
 * console.assert((await store.directory.inspect("meter-7"))?.queuedMessages === 1);
 * await new Promise<void>((closed) => broker.close(closed));
 * await persistence.destroy();
 * ```
 *
 * @module
 */
import type { AedesPersistence } from "./aedes/contract.ts";
import { type AedesPersistenceOptions, resolveOptions } from "./aedes/options.ts";
import { SessionPersistence } from "./aedes/persistence.ts";

export type { AedesPersistence, AedesQueuedFor, AedesStream } from "./aedes/contract.ts";
export type { AedesPersistenceOptions } from "./aedes/options.ts";
export type { PacketSink } from "./aedes/packet_stream.ts";
export type { AsBuffer } from "./aedes/translation.ts";
export type {
  AedesBrokerLike,
  AedesClientLike,
  AedesPacket,
  AedesProperties,
  AedesRoutedSubscription,
  AedesSubscription,
} from "./aedes/packets.ts";

/**
 * Makes a persistence for one broker of aedes: the option `persistence` of `Aedes.createBroker`.
 *
 * @throws {RangeError} If an option is out of its range.
 * @throws {SessionError} `CAPABILITY_MISSING` if the store fences nobody, or may read what is old.
 */
export function aedesPersistence(options: AedesPersistenceOptions): AedesPersistence {
  return new SessionPersistence(resolveOptions(options));
}
