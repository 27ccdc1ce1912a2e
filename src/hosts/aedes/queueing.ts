/**
 * From a published message to the logs of its receivers.
 *
 * @module
 */
import type { Message } from "../../mqtt/message.ts";
import { minimumQoS } from "../../mqtt/qos.ts";
import { LookUps } from "../../runtime/look_ups.ts";
import type { CommitResult, DeliveryReceiver } from "../../store/session_store.ts";
import type { AedesContext } from "./context.ts";
import type { AedesQueuedFor } from "./contract.ts";
import type { Inbound } from "./inbound.ts";
import type { AedesClientLike, AedesPacket, AedesRoutedSubscription } from "./packets.ts";
import type { Plan } from "./plan.ts";
import type { SessionLines } from "./session_lines.ts";
import { byFilter, levelOf, messageOf, routedSubscription } from "./translation.ts";

/** Queues messages. */
export class Queueing {
  readonly #context: AedesContext;
  readonly #lines: SessionLines;
  readonly #inbound: Inbound;
  readonly #lookUps: LookUps;
  /** Which session a subscription was found at: aedes hands the same objects back. */
  readonly #sessions = new WeakMap<object, string>();
  /** Why nobody knows the subscriptions that a list should name. */
  readonly #failures = new WeakMap<object, unknown>();

  constructor(context: AedesContext, lines: SessionLines, inbound: Inbound) {
    this.#context = context;
    this.#lines = lines;
    this.#inbound = inbound;
    this.#lookUps = new LookUps(context.options);
  }

  /**
   * The subscriptions at QoS 1 and 2 that a topic matches. Where the store cannot tell, queueing for them is what fails: aedes
   * then closes the connection of the publisher, while a failure here would end the broker.
   */
  async match(topic: string): Promise<AedesRoutedSubscription[]> {
    try {
      return await this.#match(topic);
    } catch (error) {
      const unknown: AedesRoutedSubscription[] = [];
      this.#failures.set(unknown, error);
      return unknown;
    }
  }

  async #match(topic: string): Promise<AedesRoutedSubscription[]> {
    const matches = (await this.#lookUps.match([topic])).get(topic) ?? [];
    const found = matches.flatMap(({ clientId, incarnation, filter, subscription }) => {
      if (subscription.qos === 0) return [];
      const routed = routedSubscription(clientId, filter, subscription);
      this.#sessions.set(routed, incarnation);
      return [routed];
    });
    return found.sort(byFilter);
  }

  /**
   * Queues a message once for each of the subscriptions, in one commit. Where it came at QoS 2 from a client whose session
   * goes on, the same commit keeps its Packet Identifier: neither is ever stored without the other.
   */
  async enqueue(subscriptions: readonly AedesQueuedFor[], packet: AedesPacket): Promise<void> {
    const inbound = this.#inbound.take(packet);
    try {
      if (this.#failures.has(subscriptions)) throw this.#failures.get(subscriptions);
      if (subscriptions.length === 0 && inbound === undefined) return;
      const receivers = await this.#receivers(subscriptions, packet);
      await (inbound === undefined
        ? this.#commit(packet, receivers)
        : this.#commitInbound(packet, receivers, inbound.client, inbound.packetId));
      inbound?.settle(true);
    } catch (error) {
      inbound?.settle(false);
      throw error;
    }
  }

  async #receivers(subscriptions: readonly AedesQueuedFor[], packet: AedesPacket): Promise<DeliveryReceiver[]> {
    const level = levelOf(packet.qos);
    return await Promise.all(subscriptions.map(async (subscription): Promise<DeliveryReceiver> => {
      const { clientId, qos, rap } = subscription;
      const incarnation = this.#sessions.get(subscription) ?? await this.#lines.of(clientId).run(incarnationOf);
      return {
        clientId,
        incarnation,
        qos: qos === undefined ? level : minimumQoS(level, levelOf(qos)),
        retain: packet.retain === true && rap === true,
        subscriptionIdentifiers: [],
      };
    }));
  }

  async #commit(packet: AedesPacket, receivers: readonly DeliveryReceiver[]): Promise<void> {
    const { options, lane } = this.#context;
    const message = messageOf(packet, "queued", options.environment.now(), options.messageExpiryMs);
    const batch = lane.batch({ deliveries: [{ message, receivers }] });
    if (this.#tell(message, receivers, await lane.commit(batch))) await this.#context.workOff(batch.id);
  }

  async #commitInbound(
    packet: AedesPacket,
    receivers: readonly DeliveryReceiver[],
    client: AedesClientLike,
    packetId: number,
  ): Promise<void> {
    const { environment, messageExpiryMs } = this.#context.options;
    const message = messageOf(packet, "queued", environment.now(), messageExpiryMs);
    const line = this.#lines.of(client.id);
    const deliveries = receivers.length === 0 ? [] : [{ message, receivers }];
    const { result } = await line.deliver(({ view }) => {
      if (view === undefined) return { need: "session" };
      // The same one twice, side by side: aedes looks before it stores.
      if (view.draft.inbound.has(packetId)) return { answer: undefined };
      view.change({ type: "putInboundId", packetId });
      return { answer: undefined, deliveries };
    }, { asOwner: client });
    if (this.#tell(message, receivers, result)) await line.served;
  }

  /** Tells connected receivers where their copies stand; answers whether some are owed. */
  #tell(message: Message, receivers: readonly DeliveryReceiver[], result: CommitResult | undefined): boolean {
    if (result?.outcome !== "committed") return false;
    let owes = false;
    for (const [index, outcome] of (result.deliveries[0] ?? []).entries()) {
      if (outcome.outcome === "owed") owes = true;
      const receiver = receivers[index];
      if (outcome.outcome !== "appended" || receiver === undefined) continue;
      const { qos, retain, subscriptionIdentifiers } = receiver;
      const { clientId, incarnation, sequence } = outcome;
      const copy = { ...message, qos, retain, subscriptionIdentifiers, sequence };
      this.#lines.at(clientId)?.appended(incarnation, copy);
    }
    return owes;
  }
}

const incarnationOf: Plan<string> = ({ view }) =>
  view === undefined ? { need: "session" } : { answer: view.guard.incarnation };
