/**
 * The packets that `generate` of npm `mqtt-packet` takes, so that its types need not be there.
 *
 * @module
 */
import type { QoS } from "../../mqtt/qos.ts";
import type {
  MqttAuthProperties,
  MqttConnackProperties,
  MqttConnectProperties,
  MqttMessageProperties,
  MqttProblemProperties,
  MqttUserProperties,
} from "./packet_properties.ts";

/** CONNECT, as `mqtt-packet` writes it. */
export interface MqttConnect<Bytes extends Uint8Array = Uint8Array> {
  /** Tells this packet from the others. */
  cmd: "connect";
  /** The Protocol Name, the same at both protocol levels. */
  protocolId: "MQTT";
  /** The protocol level: 4 is 3.1.1, 5 is 5.0. */
  protocolVersion: 4 | 5;
  /** The Client Identifier; `generate` takes an empty one only beside `clean`. */
  clientId: string;
  /** Clean Start in 5.0, Clean Session in 3.1.1. */
  clean: boolean;
  /** Keep Alive in seconds, 0 to 65 535; 0 switches it off. */
  keepalive: number;
  /** The User Name; absent sets its flag to 0. */
  username?: string;
  /** The Password; absent sets its flag to 0. `generate` throws on one without a User Name. */
  password?: Bytes;
  /** The Will; absent sets its flag to 0. */
  will?: MqttWill<Bytes>;
  /** The properties, in 5.0 only. */
  properties?: MqttConnectProperties<Bytes>;
}

/** The Will of a CONNECT, as `mqtt-packet` writes it. */
export interface MqttWill<Bytes extends Uint8Array = Uint8Array> {
  /** The Will Topic. */
  topic: string;
  /** The Will Payload. */
  payload: Bytes;
  /** The Will QoS. */
  qos: QoS;
  /** Will Retain: whether the message is published retained. */
  retain: boolean;
  /** The properties of the message and the Will Delay Interval in seconds, in 5.0 only. */
  properties?: MqttMessageProperties<Bytes> & { willDelayInterval?: number };
}

/** CONNACK, as `mqtt-packet` writes it: `reasonCode` in 5.0, `returnCode` in 3.1.1. */
export interface MqttConnack<Bytes extends Uint8Array = Uint8Array> {
  /** Tells this packet from the others. */
  cmd: "connack";
  /** Session Present: whether stored Session State goes on; false in any refusal ([MQTT-3.2.2-6]). */
  sessionPresent: boolean;
  /** The reason code of 5.0; absent in 3.1.1. */
  reasonCode?: number;
  /** The return code of 3.1.1; absent in 5.0. */
  returnCode?: number;
  /** The properties, in 5.0 only. */
  properties?: MqttConnackProperties<Bytes>;
}

/** PUBLISH, as `mqtt-packet` writes it. */
export interface MqttPublish<Bytes extends Uint8Array = Uint8Array> {
  /** Tells this packet from the others. */
  cmd: "publish";
  /** The Topic Name; empty where a Topic Alias stands for it. */
  topic: string;
  /** The Application Message; it may be empty. */
  payload: Bytes;
  /** The QoS of this transmission. */
  qos: QoS;
  /** The RETAIN flag. */
  retain: boolean;
  /** The DUP flag; never set at QoS 0 ([MQTT-3.3.1-2]). */
  dup: boolean;
  /** The Packet Identifier, 1 to 65 535; present exactly at QoS 1 and 2. */
  messageId?: number;
  /** The properties of the message, a Topic Alias, and all its Subscription Identifiers; in 5.0 only. */
  properties?: MqttMessageProperties<Bytes> & { topicAlias?: number; subscriptionIdentifier?: number[] };
}

/** PUBACK and its kin, as `mqtt-packet` writes them. */
export interface MqttResponse<Command extends "puback" | "pubrec" | "pubrel" | "pubcomp"> {
  /** Which of the four acknowledgements it is. */
  cmd: Command;
  /** The Packet Identifier of the PUBLISH, 1 to 65 535. */
  messageId: number;
  /** The reason code of 5.0; absent in 3.1.1. */
  reasonCode?: number;
  /** The properties, in 5.0 only; absent where there are none, so that `generate` writes the short form. */
  properties?: MqttProblemProperties;
}

/** SUBSCRIBE, as `mqtt-packet` writes it. */
export interface MqttSubscribe {
  /** Tells this packet from the others. */
  cmd: "subscribe";
  /** The Packet Identifier that SUBACK repeats, 1 to 65 535 ([MQTT-3.8.4-2]). */
  messageId: number;
  /** The Topic Filters with their highest QoS; in 5.0 also No Local, Retain As Published and Retain Handling. */
  subscriptions: { topic: string; qos: QoS; nl?: boolean; rap?: boolean; rh?: number }[];
  /** The Subscription Identifier, 1 to 268 435 455, and the User Properties; in 5.0 only. */
  properties?: { subscriptionIdentifier?: number; userProperties?: MqttUserProperties };
}

/** SUBACK and UNSUBACK, as `mqtt-packet` writes them. */
export interface MqttGranted<Command extends "suback" | "unsuback"> {
  /** Which of the two it is. */
  cmd: Command;
  /** The Packet Identifier of the SUBSCRIBE or UNSUBSCRIBE. */
  messageId: number;
  /** One code a filter, in order; `generate` leaves those of a 3.1.1 UNSUBACK out. */
  granted: number[];
  /** The properties, in 5.0 only. */
  properties?: MqttProblemProperties;
}

/** UNSUBSCRIBE, as `mqtt-packet` writes it. */
export interface MqttUnsubscribe {
  /** Tells this packet from the others. */
  cmd: "unsubscribe";
  /** The Packet Identifier that UNSUBACK repeats, 1 to 65 535. */
  messageId: number;
  /** The Topic Filters, compared character by character ([MQTT-3.10.4-1]). */
  unsubscriptions: string[];
  /** The User Properties, in 5.0 only. */
  properties?: { userProperties?: MqttUserProperties };
}

/** DISCONNECT, as `mqtt-packet` writes it. */
export interface MqttDisconnect {
  /** Tells this packet from the others. */
  cmd: "disconnect";
  /** The reason code of 5.0; absent in 3.1.1. */
  reasonCode?: number;
  /** Why, a Session Expiry Interval in seconds (from a client), a Server Reference (from a server); in 5.0 only. */
  properties?: MqttProblemProperties & { sessionExpiryInterval?: number; serverReference?: string };
}

/** AUTH, as `mqtt-packet` writes it. */
export interface MqttAuth<Bytes extends Uint8Array = Uint8Array> {
  /** Tells this packet from the others; 5.0 only. */
  cmd: "auth";
  /** 0x00 success, 0x18 continue, 0x19 re-authenticate. */
  reasonCode: number;
  /** The method and its data, and a reason. */
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
