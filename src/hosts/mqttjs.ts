/**
 * Sessions of npm `mqtt` (MQTT.js 5) that outlive the page: what is published at QoS 1 and 2, and what is received at QoS 2,
 * stands in a `SessionStore` before MQTT.js goes on. Nothing of `mqtt` is imported, and no stream of Node.
 *
 * What MQTT.js leaves to its stores, and what a session does about it:
 *
 * - Calls are stored and answered in their order, together in as few commits as that allows. PUBREL takes the place of
 *   its PUBLISH, whose payload is then stored no more.
 * - What is stored is sent again in order, with DUP where it may have been sent before: also where the page ended right
 *   before sending it, and for up to 64 messages beyond. MQTT.js sends one packet and waits for its acknowledgement; here
 *   all leave at once, as far as the server's Receive Maximum and 1024 messages reach, and `connect` comes when they have
 *   left. A server that leaves a whole window unanswered delays it.
 * - Where the server has no session any more, what was sent and not acknowledged is discarded and its callbacks get an
 *   error, or it is sent anew: `whenSessionLost`. What never was sent is sent. What was received is discarded.
 * - A message that waited longer than its Message Expiry Interval is not sent; others carry what is left of it.
 * - No PUBREC leaves for a message that could not be stored, and no PUBCOMP before a message was handled and is removed:
 *   the connection is cut instead, and the server sends it again.
 * - Packet Identifiers that something stored uses are not given again.
 * - `end()` and `reconnect()` go on with the same stores. A `publish` that MQTT.js holds back while it sends what is
 *   stored is not stored yet: if the connection is lost just then, its callback gets an error. So may a `cbStorePut`, which
 *   is not called if the connection was lost while the message was stored.
 *
 * A QoS 2 message is handed to the application once, with one exception that nobody can close: if the page ends after a
 * handler has begun and before the message is removed, it is handed over again, under the same `messageKey`. A handler that
 * must not run twice stores that key with what it does. What is received at QoS 1 is not stored: MQTT.js acknowledges it
 * once `handleMessage` has called back.
 *
 * Subscriptions are the server's, and so are not stored; QoS 0 messages are not either. Up to 4 MiB of stored packets are
 * kept in memory as well; the rest is read when it is sent, and `publish` calls back without its topic and payload.
 *
 * @example Publishing now, sending whenever there is a server
 * ```ts
 * import { memoryStore } from "@edge-mqtt/session/memory";
 * import { mqttjsSession } from "@edge-mqtt/session/mqttjs";
 * import mqtt from "mqtt";
 *
 * const store = memoryStore(); // in a page: indexedDbClientStore
 * await using session = await mqttjsSession(store, { clientId: "meter-7", sessionExpiryInterval: 86_400 });
 * const client = mqtt.connect("ws://127.0.0.1:1/mqtt", session.options({ manualConnect: true }));
 * session.attach(client); // with `manualConnect`, or right after `connect`
 *
 * client.publish("meter/7", "12.5", { qos: 1 });
 * await session.flush(); // it is stored, and outlives the page
 * console.assert(session.stored.outgoing === 1);
 * ```
 *
 * @module
 */
export { mqttjsSession } from "./mqttjs/opened_session.ts";
export type { MqttJsConnectOptions, MqttJsSession } from "./mqttjs/session.ts";
export type { MqttJsSessionOptions } from "./mqttjs/options.ts";
export type {
  MqttJsClient,
  MqttJsDone,
  MqttJsMessageIdProvider,
  MqttJsPacket,
  MqttJsPacketCallback,
  MqttJsPending,
  MqttJsStore,
} from "./mqttjs/client.ts";
export type {
  ConnectionCut,
  MqttJsEvent,
  PublishDropped,
  SessionLost,
  StateDiscarded,
  StoreFailed,
} from "./mqttjs/observe.ts";
export type { ClientStore } from "../store/client_store.ts";
export type { LockManagerLike, WhenOwned } from "../runtime/sole_owner.ts";
