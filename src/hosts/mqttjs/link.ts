import type { MqttJsClient, MqttJsPacket } from "./client.ts";
import type { MqttJsEvent } from "./observe.ts";

/** What of a received PUBLISH tells of its topic. */
interface ReceivedPublish {
  readonly topic?: string;
  readonly properties?: { readonly topicAlias?: number };
}

/** The client as its stores see it. */
export class Link {
  readonly #observe: (event: MqttJsEvent) => void;
  /** Counts connections, so that what belongs to an earlier one is told from what belongs to this one. */
  connection = 1;
  /** The client, once it is attached. */
  client: MqttJsClient | undefined;
  /** The most unacknowledged messages that the server takes. */
  receiveMaximum = Infinity;

  /** Topic Aliases of the server on this connection. */
  readonly #aliases = new Map<number, string>();

  constructor(observe: (event: MqttJsEvent) => void) {
    this.#observe = observe;
  }

  /** Whether MQTT.js sends what it stores at once. It is taken for granted where nobody can tell. */
  get sendsAtOnce(): boolean {
    return this.client?.connected ?? true;
  }

  /** Another connection begins, or this one has ended. */
  nextConnection(): void {
    this.connection += 1;
    this.receiveMaximum = Infinity;
    this.#aliases.clear();
  }

  /** Learns from a received PUBLISH what its Topic Alias stands for. */
  learnAlias(packet: MqttJsPacket): void {
    const { topic, properties } = packet as ReceivedPublish;
    if (topic && properties?.topicAlias !== undefined) this.#aliases.set(properties.topicAlias, topic);
  }

  /** A received PUBLISH with the topic that its Topic Alias stands for: MQTT.js stores it without one. */
  withTopic(packet: MqttJsPacket): MqttJsPacket {
    const { topic, properties } = packet as ReceivedPublish;
    if (properties?.topicAlias === undefined) return packet;
    const { topicAlias, ...others } = properties;
    return { ...packet, topic: topic || this.#aliases.get(topicAlias), properties: others } as MqttJsPacket;
  }

  /** Cuts the connection, so that nothing more is acknowledged on it. */
  cut(error: Error): void {
    this.#observe({ type: "cut", error });
    this.client?.stream?.destroy();
  }

  /** Ends the client, unless that was done before or it has never connected. */
  end(): void {
    if (this.client?.stream !== undefined && this.client.disconnected !== true) this.client.end(true);
  }

  /** Tells the caller of `publish` that its message will not be sent, or not again. */
  failPublish(messageId: number, error: Error): void {
    const pending = this.takePending(messageId);
    pending?.(error);
  }

  /** The callback of a request, which MQTT.js then no longer has. */
  takePending(messageId: number): ((error?: Error, packet?: MqttJsPacket) => void) | undefined {
    const outgoing = this.client?.outgoing;
    const pending = outgoing?.[messageId];
    if (outgoing === undefined || pending === undefined) return undefined;
    delete outgoing[messageId];
    return (error, packet) => pending.cb(error, packet);
  }

  /** The Packet Identifiers of all requests of the client. */
  *requested(): Generator<number> {
    const { client } = this;
    if (client === undefined) return;
    for (const messageId of Object.keys(client.outgoing)) yield Number(messageId);
    for (const { packet } of client.queue) {
      const { messageId } = packet as MqttJsPacket;
      if (messageId !== undefined && messageId !== 0) yield messageId;
    }
  }
}
