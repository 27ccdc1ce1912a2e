/**
 * A packet as a parser of `mqtt-packet` emits it. Nothing is taken for granted: each field is looked at before it
 * is used, and one that is missing or of the wrong shape is refused.
 */
export interface ParsedMqttPacket {
  /** The kind of packet. */
  readonly cmd: unknown;
  /** The Remaining Length, where a parser made the packet. */
  readonly length?: unknown;
  /** The Packet Identifier, of every packet that has one; the parser lets 0 through. */
  readonly messageId?: unknown;
  /** The properties by name, in 5.0 only; absent where the packet has none. */
  readonly properties?: unknown;
  /** The reason code of a 5.0 CONNACK, acknowledgement of PUBLISH, DISCONNECT or AUTH. */
  readonly reasonCode?: unknown;
  /** The return code of a 3.1.1 CONNACK, which has this in place of `reasonCode`. */
  readonly returnCode?: unknown;
  /** Session Present, of CONNACK. */
  readonly sessionPresent?: unknown;
  /** The codes of SUBACK and of a 5.0 UNSUBACK, one a filter, in order; an UNSUBACK of 3.1.1 has none. */
  readonly granted?: unknown;
  /** The Topic Name of PUBLISH; empty where a Topic Alias stands for it, null on another packet. */
  readonly topic?: unknown;
  /** The Application Message of PUBLISH: a view of the chunks that the parser was fed; null on another packet. */
  readonly payload?: unknown;
  /** The QoS of PUBLISH. The parser reads it off the fixed header of any packet, where it says nothing. */
  readonly qos?: unknown;
  /** The RETAIN flag of PUBLISH; says nothing on another packet. */
  readonly retain?: unknown;
  /** The DUP flag of PUBLISH; says nothing on another packet. */
  readonly dup?: unknown;
  /** The requests of SUBSCRIBE, in order: `topic` and `qos`, in 5.0 also `nl`, `rap` and `rh`. */
  readonly subscriptions?: unknown;
  /** The Topic Filters of UNSUBSCRIBE, in order. */
  readonly unsubscriptions?: unknown;
  /** The Protocol Name of CONNECT: `MQTT`, or `MQIsdp` in MQTT 3.1. */
  readonly protocolId?: unknown;
  /** The protocol level of CONNECT: 3, 4 or 5, without its highest bit. */
  readonly protocolVersion?: unknown;
  /** Whether the highest bit of the protocol level was set, as bridges do. */
  readonly bridgeMode?: unknown;
  /** The Client Identifier of CONNECT; it may be empty. */
  readonly clientId?: unknown;
  /** Clean Start of a 5.0 CONNECT, Clean Session of a 3.1.1 one. */
  readonly clean?: unknown;
  /** The Keep Alive of CONNECT in seconds. */
  readonly keepalive?: unknown;
  /** The User Name of CONNECT; absent when its flag is 0. */
  readonly username?: unknown;
  /** The Password of CONNECT: bytes, absent when its flag is 0. */
  readonly password?: unknown;
  /** The Will of CONNECT: `topic`, `payload`, `qos`, `retain` and, in 5.0, `properties`; absent when its flag is 0. */
  readonly will?: unknown;
}
