/**
 * The properties of packets as `generate` of npm `mqtt-packet` takes them, so that its types need not be there.
 *
 * @module
 */

/**
 * User Properties as `mqtt-packet` declares them: values by name.
 *
 * Where this form cannot keep the order ([MQTT-3.3.2-18]), that is, where a name comes twice or looks like a whole
 * number, {@linkcode toMqttPacket} gives a list of objects with one name each, which `generate` writes as well
 * although its types do not say so.
 */
export interface MqttUserProperties {
  /** The value of a name, or its values in order where it comes more than once. */
  [name: string]: string | string[];
}

/** The properties that a message has, as `mqtt-packet` names them. */
export interface MqttMessageProperties<Bytes extends Uint8Array = Uint8Array> {
  /** Whether the payload is UTF-8 text: the 1 or 0 of the packet. */
  payloadFormatIndicator?: boolean;
  /** Message Expiry Interval in seconds, 0 to 4 294 967 295. */
  messageExpiryInterval?: number;
  /** Content Type: a MIME type or any other description of the payload. */
  contentType?: string;
  /** Response Topic: where an answer goes. */
  responseTopic?: string;
  /** Correlation Data: what tells the requester which request an answer belongs to. */
  correlationData?: Bytes;
  /** User Properties, which reach every receiver in their order ([MQTT-3.3.2-18]). */
  userProperties?: MqttUserProperties;
}

/** The properties of an acknowledgement, as `mqtt-packet` names them. */
export interface MqttProblemProperties {
  /** Reason String: a text for diagnostics, not for programs. */
  reasonString?: string;
  /** User Properties: more about the reason. */
  userProperties?: MqttUserProperties;
}

/** The properties of AUTH, as `mqtt-packet` names them. */
export interface MqttAuthProperties<Bytes extends Uint8Array = Uint8Array> extends MqttProblemProperties {
  /** Authentication Method: the one that CONNECT named ([MQTT-4.12.0-5]). */
  authenticationMethod?: string;
  /** Authentication Data: bytes that the method defines. */
  authenticationData?: Bytes;
}

/** The properties of CONNECT, as `mqtt-packet` names them. */
export interface MqttConnectProperties<Bytes extends Uint8Array = Uint8Array> {
  /** Session Expiry Interval in seconds; absent means 0, 4 294 967 295 never ends. */
  sessionExpiryInterval?: number;
  /** Receive Maximum: the QoS 1 and 2 PUBLISH packets that the client takes unanswered, 1 to 65 535. */
  receiveMaximum?: number;
  /** Maximum Packet Size that the client takes, in bytes, at least 1; absent means any. */
  maximumPacketSize?: number;
  /** Topic Alias Maximum: the highest alias that the client takes; absent means 0, none. */
  topicAliasMaximum?: number;
  /** Whether CONNACK may carry Response Information; absent means it may not ([MQTT-3.1.2-28]). */
  requestResponseInformation?: boolean;
  /** Whether any packet may carry a Reason String; absent means it may ([MQTT-3.1.2-29]). */
  requestProblemInformation?: boolean;
  /** Authentication Method: the name of the enhanced authentication that is wanted; absent asks for none. */
  authenticationMethod?: string;
  /** Authentication Data: bytes that the method defines; only beside a method. */
  authenticationData?: Bytes;
  /** User Properties of the connection. */
  userProperties?: MqttUserProperties;
}

/** The properties of CONNACK, as `mqtt-packet` names them. */
export interface MqttConnackProperties<Bytes extends Uint8Array = Uint8Array> extends MqttAuthProperties<Bytes> {
  /** Session Expiry Interval in force, in seconds; absent when it is the one that the client asked for. */
  sessionExpiryInterval?: number;
  /** Receive Maximum: the QoS 1 and 2 PUBLISH packets that the server takes unanswered, 1 to 65 535. */
  receiveMaximum?: number;
  /** Maximum QoS that the server takes, 0 or 1; absent means 2 ([MQTT-3.2.2-9]). */
  maximumQoS?: number;
  /** Whether the server takes RETAIN 1; absent means it does ([MQTT-3.2.2-14]). */
  retainAvailable?: boolean;
  /** Maximum Packet Size that the server takes, in bytes; absent means any ([MQTT-3.2.2-15]). */
  maximumPacketSize?: number;
  /** The Client Identifier that the server made for a client without one ([MQTT-3.2.2-16]). */
  assignedClientIdentifier?: string;
  /** Topic Alias Maximum: the highest alias that the server takes; absent means 0, none ([MQTT-3.2.2-17]). */
  topicAliasMaximum?: number;
  /** Whether Topic Filters may hold wildcards; absent means they may. */
  wildcardSubscriptionAvailable?: boolean;
  /** Whether SUBSCRIBE may carry a Subscription Identifier; absent means it may. */
  subscriptionIdentifiersAvailable?: boolean;
  /** Whether `$share` filters are taken; absent means they are. */
  sharedSubscriptionAvailable?: boolean;
  /** Server Keep Alive in seconds, in place of the client's own ([MQTT-3.2.2-21]). */
  serverKeepAlive?: number;
  /** Response Information: a basis for making a Response Topic. */
  responseInformation?: string;
  /** Server Reference: where to connect instead, with 0x9C or 0x9D. */
  serverReference?: string;
}
