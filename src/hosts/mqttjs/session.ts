import type { ProtocolVersion } from "../../mqtt/packet.ts";
import type { MqttJsClient, MqttJsMessageIdProvider, MqttJsStore } from "./client.ts";

/** The options of `mqtt.connect` that make a client keep its session. */
export interface MqttJsConnectOptions {
  /** The Client Identifier. */
  clientId: string;
  /** The version of MQTT. */
  protocolVersion: ProtocolVersion;
  /** Whether the server is to forget an older session first: in 5.0 until one connection has been accepted, never in 3.1.1. */
  clean: boolean;
  /** What the client publishes. */
  outgoingStore: MqttJsStore;
  /** What the client receives at QoS 2. */
  incomingStore: MqttJsStore;
  /** Gives Packet Identifiers that nothing stored uses. */
  messageIdProvider: MqttJsMessageIdProvider;
  /** The Session Expiry Interval, in 5.0 only. */
  properties?: { sessionExpiryInterval: number };
}

/** A session of MQTT.js that outlives the page. */
export interface MqttJsSession extends AsyncDisposable {
  /** The Client Identifier. */
  readonly clientId: string;
  /**
   * Aborts once another page or process has the session, or the store has it no more: the client was ended. Its reason is a
   * `SessionError`.
   */
  readonly lost: AbortSignal;
  /** How many messages are stored: published and not acknowledged, received at QoS 2 and not handled. */
  readonly stored: { readonly outgoing: number; readonly incoming: number };
  /** Options for `mqtt.connect`, your own among them; `properties` are put together. */
  options(): MqttJsConnectOptions;
  /** As above, with options of your own. */
  options<Own extends object>(own: Own): Own & MqttJsConnectOptions;
  /** Binds the session to its client. Call it right after `mqtt.connect`, once. */
  attach(client: MqttJsClient): void;
  /**
   * Names a received QoS 2 message, in a handler of `message`: the same text if it is handed over a second time, since the
   * page ended while the first handler ran. `undefined` for other packets.
   */
  messageKey(packet: object): string | undefined;
  /** Ends once all that was asked for is stored; rejects when the session is lost or closed. */
  flush(): Promise<void>;
  /** Ends the client where that has not been done, stores what waits, and lets the session go. */
  close(): Promise<void>;
}
