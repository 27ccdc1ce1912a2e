/**
 * From a message to its receivers, and from these to what is stored, what is offered, and what goes its own way.
 *
 * @module
 */
import { type Message, messageBytes } from "../mqtt/message.ts";
import { type Receiver, resolveReceivers, type SubscriptionMatch } from "../routing/resolve.ts";
import type { CommitBatch, CommitResult, Delivery, DeliveryReceiver } from "../store/session_store.ts";
import { filterOf } from "./groups/names.ts";
import type { CommitLane, LaneSource } from "./lane.ts";
import type { LocalSessions } from "./local_sessions.ts";
import { LookUps, type Matches } from "./look_ups.ts";
import type { ResolvedOptions } from "./options.ts";
import { type QueueRules, queueRules } from "./queue_rules.ts";

/** What becomes of a routed message. */
export interface Dispatch {
  /** What its commit carries; absent when nothing of it is stored with the publisher's batch. */
  readonly delivery?: Delivery;
  /** QoS 0 copies for sessions of this node. */
  readonly offers: readonly (() => void)[];
}

/** What a router works with. */
export interface RouterOptions {
  readonly options: ResolvedOptions;
  readonly sessions: LocalSessions;
  readonly lane: CommitLane;
  /** Some deliveries of a batch without a session stand in the outbox of this id; ends when it was worked off, or not. */
  readonly owed: (outboxId: string) => Promise<void>;
}

/** Finds receivers, and parts their copies (D10). */
export class Router {
  readonly #router: RouterOptions;
  readonly #loose: LooseMessages;
  readonly #lookUps: LookUps;
  readonly #rules: QueueRules;

  constructor(router: RouterOptions) {
    this.#router = router;
    this.#rules = queueRules(router.options.queueRules, router.options.queueQos0);
    this.#loose = new LooseMessages(router);
    this.#lookUps = new LookUps(router.options);
  }

  /** The subscriptions that match each of these topics. */
  match(topics: readonly string[]): Promise<Matches> {
    return this.#lookUps.match(topics);
  }

  /** Who gets a copy. */
  receivers(message: Message, matches: readonly SubscriptionMatch[]): readonly Receiver[] {
    if (matches.length === 0) return [];
    const { upgradeQoS } = this.#rules.of(message.topic);
    const { overlappingSubscriptions } = this.#router.options.policy;
    return resolveReceivers(matches, message, { overlappingSubscriptions, upgradeQoS });
  }

  /** Parts the copies. Those of a QoS 0 message that must be stored leave by themselves: the publisher does not wait. */
  dispatch(message: Message, receivers: readonly Receiver[]): Dispatch {
    if (message.qos > 0 && receivers.every((receiver) => receiver.qos > 0)) {
      return { delivery: this.delivery(message, receivers), offers: [] };
    }
    const stored: DeliveryReceiver[] = [];
    const loose: DeliveryReceiver[] = [];
    const offers: (() => void)[] = [];
    for (const receiver of receivers) {
      if (receiver.qos > 0) {
        stored.push(receiver);
        continue;
      }
      // Publishing never chooses a member: what is for a group goes through its log (D13).
      const isGroup = filterOf(receiver.clientId) !== undefined;
      const session = isGroup ? undefined : this.#router.sessions.live(receiver.clientId, receiver.incarnation);
      if (session !== undefined) offers.push(() => session.offerQos0(message, receiver));
      else (message.qos > 0 ? stored : loose).push(this.ifConnected(message, receiver));
    }
    if (loose.length > 0) this.#loose.add(this.delivery(message, loose));
    return stored.length === 0 ? { offers } : { delivery: this.delivery(message, stored), offers };
  }

  /** What is stored of a message, under the terms that hold for its topic. */
  delivery(message: Message, receivers: readonly DeliveryReceiver[]): Delivery {
    const { terms } = this.#rules.of(message.topic);
    return terms === undefined ? { message, receivers } : { message, receivers, terms };
  }

  /** A receiver under the rule for QoS 0: kept for the disconnected only where that was asked for. */
  ifConnected({ topic }: Message, receiver: DeliveryReceiver): DeliveryReceiver {
    return receiver.qos > 0 || this.#rules.of(topic).queueQos0 ? receiver : { ...receiver, onlyIfOwned: true };
  }
}

/** QoS 0 messages for sessions elsewhere: they gather while the lane is busy, up to a bound, and then they are lost. */
class LooseMessages implements LaneSource {
  readonly atMostOnce = true;
  readonly #router: RouterOptions;
  #deliveries: Delivery[] = [];
  #bytes = 0;
  #receivers = 0;
  #inFlight: CommitBatch | undefined;
  #requested = false;

  constructor(router: RouterOptions) {
    this.#router = router;
  }

  add(delivery: Delivery): void {
    const { bounds, store } = this.#router.options;
    const bytes = messageBytes(delivery.message);
    if (this.#bytes + bytes > bounds.maxPendingBytes || this.#deliveries.length >= bounds.maxPendingPackets) {
      this.#lose([delivery]);
      return;
    }
    if (bytes > store.capabilities.maxMessageBytes) return this.#lose([delivery]);
    this.#deliveries.push(delivery);
    this.#bytes += bytes;
    this.#receivers += delivery.receivers?.length ?? 0;
    this.#request();
  }

  take(): CommitBatch | undefined {
    const { lane, options } = this.#router;
    const { maxReceiversPerCommit, maxMessageBytes } = options.store.capabilities;
    const whole = this.#receivers <= maxReceiversPerCommit && this.#bytes <= maxMessageBytes;
    const deliveries = whole ? this.#deliveries : this.#deliveries.slice(0, 1);
    this.#deliveries = whole ? [] : this.#deliveries.slice(1);
    for (const { message, receivers } of deliveries) {
      this.#bytes -= messageBytes(message);
      this.#receivers -= receivers?.length ?? 0;
    }
    this.#inFlight = lane.batch({ deliveries });
    return this.#inFlight;
  }

  settled(result: CommitResult): void {
    const batch = this.#inFlight;
    if (batch !== undefined && result.outcome === "committed" && this.#router.sessions.deliver(batch, result)) {
      // Later messages wait for it: each batch has an outbox of its own, and nothing else keeps these in order.
      this.#router.owed(batch.id).then(() => this.#goOn());
    } else this.#goOn();
  }

  failed(): void {
    this.#lose(this.#inFlight?.deliveries ?? []);
    this.#goOn();
  }

  #goOn(): void {
    this.#requested = false;
    if (this.#deliveries.length > 0) this.#request();
  }

  #request(): void {
    if (this.#requested) return;
    this.#requested = true;
    this.#router.lane.request(this);
  }

  #lose(deliveries: readonly Delivery[]): void {
    for (const { message, receivers } of deliveries) {
      for (const { clientId } of receivers ?? []) {
        this.#router.options.observe({ type: "dropped", clientId, reason: "atMostOnce", topic: message.topic });
      }
    }
  }
}
