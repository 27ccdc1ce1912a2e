/**
 * What the packets of npm `mqtt-packet` look like, so that its types need not be there.
 *
 * @module
 */
import type { QoS } from "../../mqtt/qos.ts";

/**
 * A packet as a parser of `mqtt-packet` emits it. Nothing is taken for granted: each field is looked at before it
 * is used, and one that is missing or of the wrong shape is refused.
 */
export interface ParsedMqttPacket {
  /** The kind of packet. */
  readonly cmd: unknown;
  /** The Remaining Length, where a parser made the packet. */
  readonly length?: unknown;
  readonly messageId?: unknown;
  readonly properties?: unknown;
  readonly reasonCode?: unknown;
  readonly returnCode?: unknown;
  readonly sessionPresent?: unknown;
  readonly granted?: unknown;
  readonly topic?: unknown;
  readonly payload?: unknown;
  readonly qos?: unknown;
  readonly retain?: unknown;
  readonly dup?: unknown;
  readonly subscriptions?: unknown;
  readonly unsubscriptions?: unknown;
  readonly protocolId?: unknown;
  readonly protocolVersion?: unknown;
  /** Whether the highest bit of the protocol level was set, as bridges do. */
  readonly bridgeMode?: unknown;
  readonly clientId?: unknown;
  readonly clean?: unknown;
  readonly keepalive?: unknown;
  readonly username?: unknown;
  readonly password?: unknown;
  readonly will?: unknown;
}

/**
 * User Properties as `mqtt-packet` declares them: values by name.
 *
 * Where this form cannot keep the order ([MQTT-3.3.2-18]), that is, where a name comes twice or looks like a whole
 * number, {@linkcode toMqttPacket} gives a list of objects with one name each, which `generate` writes as well
 * although its types do not say so.
 */
export interface MqttUserProperties {
  [name: string]: string | string[];
}

/** The properties that a message has, as `mqtt-packet` names them. */
export interface MqttMessageProperties<Bytes extends Uint8Array = Uint8Array> {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Bytes;
  userProperties?: MqttUserProperties;
}

/** The properties of an acknowledgement, as `mqtt-packet` names them. */
export interface MqttProblemProperties {
  reasonString?: string;
  userProperties?: MqttUserProperties;
}

/** The properties of AUTH, as `mqtt-packet` names them. */
export interface MqttAuthProperties<Bytes extends Uint8Array = Uint8Array> extends MqttProblemProperties {
  authenticationMethod?: string;
  authenticationData?: Bytes;
}

/** The properties of CONNECT, as `mqtt-packet` names them. */
export interface MqttConnectProperties<Bytes extends Uint8Array = Uint8Array> {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumPacketSize?: number;
  topicAliasMaximum?: number;
  requestResponseInformation?: boolean;
  requestProblemInformation?: boolean;
  authenticationMethod?: string;
  authenticationData?: Bytes;
  userProperties?: MqttUserProperties;
}

/** The properties of CONNACK, as `mqtt-packet` names them. */
export interface MqttConnackProperties<Bytes extends Uint8Array = Uint8Array> extends MqttAuthProperties<Bytes> {
  sessionExpiryInterval?: number;
  receiveMaximum?: number;
  maximumQoS?: number;
  retainAvailable?: boolean;
  maximumPacketSize?: number;
  assignedClientIdentifier?: string;
  topicAliasMaximum?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifiersAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
  serverKeepAlive?: number;
  responseInformation?: string;
  serverReference?: string;
}

/** CONNECT, as `mqtt-packet` writes it. */
export interface MqttConnect<Bytes extends Uint8Array = Uint8Array> {
  cmd: "connect";
  protocolId: "MQTT";
  protocolVersion: 4 | 5;
  clientId: string;
  clean: boolean;
  keepalive: number;
  username?: string;
  password?: Bytes;
  will?: MqttWill<Bytes>;
  properties?: MqttConnectProperties<Bytes>;
}

/** The Will of a CONNECT, as `mqtt-packet` writes it. */
export interface MqttWill<Bytes extends Uint8Array = Uint8Array> {
  topic: string;
  payload: Bytes;
  qos: QoS;
  retain: boolean;
  properties?: MqttMessageProperties<Bytes> & { willDelayInterval?: number };
}

/** CONNACK, as `mqtt-packet` writes it: `reasonCode` in 5.0, `returnCode` in 3.1.1. */
export interface MqttConnack<Bytes extends Uint8Array = Uint8Array> {
  cmd: "connack";
  sessionPresent: boolean;
  reasonCode?: number;
  returnCode?: number;
  properties?: MqttConnackProperties<Bytes>;
}

/** PUBLISH, as `mqtt-packet` writes it. */
export interface MqttPublish<Bytes extends Uint8Array = Uint8Array> {
  cmd: "publish";
  topic: string;
  payload: Bytes;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  messageId?: number;
  properties?: MqttMessageProperties<Bytes> & { topicAlias?: number; subscriptionIdentifier?: number[] };
}

/** PUBACK and its kin, as `mqtt-packet` writes them. */
export interface MqttResponse<Command extends "puback" | "pubrec" | "pubrel" | "pubcomp"> {
  cmd: Command;
  messageId: number;
  reasonCode?: number;
  properties?: MqttProblemProperties;
}

/** SUBSCRIBE, as `mqtt-packet` writes it. */
export interface MqttSubscribe {
  cmd: "subscribe";
  messageId: number;
  subscriptions: { topic: string; qos: QoS; nl?: boolean; rap?: boolean; rh?: number }[];
  properties?: { subscriptionIdentifier?: number; userProperties?: MqttUserProperties };
}

/** SUBACK and UNSUBACK, as `mqtt-packet` writes them. */
export interface MqttGranted<Command extends "suback" | "unsuback"> {
  cmd: Command;
  messageId: number;
  granted: number[];
  properties?: MqttProblemProperties;
}

/** UNSUBSCRIBE, as `mqtt-packet` writes it. */
export interface MqttUnsubscribe {
  cmd: "unsubscribe";
  messageId: number;
  unsubscriptions: string[];
  properties?: { userProperties?: MqttUserProperties };
}

/** DISCONNECT, as `mqtt-packet` writes it. */
export interface MqttDisconnect {
  cmd: "disconnect";
  reasonCode?: number;
  properties?: MqttProblemProperties & { sessionExpiryInterval?: number; serverReference?: string };
}

/** AUTH, as `mqtt-packet` writes it. */
export interface MqttAuth<Bytes extends Uint8Array = Uint8Array> {
  cmd: "auth";
  reasonCode: number;
  properties?: MqttAuthProperties<Bytes>;
}

/** A packet that `generate` and `writeToStream` of `mqtt-packet` take. */
export type MqttPacket<Bytes extends Uint8Array = Uint8Array> =
  | MqttConnect<Bytes>
  | MqttConnack<Bytes>
  | MqttPublish<Bytes>
  | MqttResponse<"puback">
  | MqttResponse<"pubrec">
  | MqttResponse<"pubrel">
  | MqttResponse<"pubcomp">
  | MqttSubscribe
  | MqttGranted<"suback">
  | MqttUnsubscribe
  | MqttGranted<"unsuback">
  | { cmd: "pingreq" }
  | { cmd: "pingresp" }
  | MqttDisconnect
  | MqttAuth<Bytes>;
