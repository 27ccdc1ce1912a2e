import type { QoS } from "./qos.ts";

/** 0: send retained messages; 1: only when the subscription is new; 2: never ([MQTT-3.3.1-9] to [MQTT-3.3.1-11]). */
export type RetainHandling = 0 | 1 | 2;

/** The options of a subscription, as they are stored with its Topic Filter. */
export interface Subscription {
  /** The granted level. */
  readonly qos: QoS;
  /** Whether the subscriber's own messages are left out ([MQTT-3.8.3-3]). */
  readonly noLocal: boolean;
  /** Whether a copy keeps the RETAIN flag of the publisher ([MQTT-3.3.1-13]). */
  readonly retainAsPublished: boolean;
  /** What a SUBSCRIBE asked for retained messages. */
  readonly retainHandling: RetainHandling;
  /** From 1 to 268 435 455; absent when the SUBSCRIBE carried none. */
  readonly subscriptionIdentifier?: number;
  /**
   * Retained messages are still owed: those behind this position of the retained store, `""` for all of them. Absent once
   * none are.
   */
  readonly retainedAfter?: string;
}

/** Whether two subscriptions have the same options, whatever is still owed to either. */
export function isSameSubscription(a: Subscription, b: Subscription): boolean {
  return a.qos === b.qos && a.noLocal === b.noLocal && a.retainAsPublished === b.retainAsPublished &&
    a.retainHandling === b.retainHandling && a.subscriptionIdentifier === b.subscriptionIdentifier;
}
