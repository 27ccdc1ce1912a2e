/**
 * From the subscriptions that match a message to the copies it becomes: who gets one, at which level, with which flags.
 *
 * @module
 */
import type { QoS } from "../mqtt/qos.ts";
import type { Subscription } from "../mqtt/subscription.ts";

/** A subscription that matches a topic, and the session that holds it. */
export interface SubscriptionMatch {
  /** The Client Identifier of the subscriber. */
  readonly clientId: string;
  /** Which session of that client: the index may still name one that has ended. */
  readonly incarnation: string;
  /** The Topic Filter, exactly as subscribed; together with the incarnation it names the subscription. */
  readonly filter: string;
  /** The stored options. */
  readonly subscription: Subscription;
}

/** One copy of a message: the session it goes to, and what was fixed when the copy was made. */
export interface Receiver {
  /** The Client Identifier of the subscriber. */
  readonly clientId: string;
  /** Which session of that client; an append to one that has ended answers `ended`. */
  readonly incarnation: string;
  /** The level of this copy. */
  readonly qos: QoS;
  /** The RETAIN flag of this copy ([MQTT-3.3.1-12], [MQTT-3.3.1-13]). */
  readonly retain: boolean;
  /** The Subscription Identifiers of this copy, in order of their filters ([MQTT-3.3.4-3] to [MQTT-3.3.4-5]). */
  readonly subscriptionIdentifiers: readonly number[];
}
