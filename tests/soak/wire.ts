/**
 * Packets of `mqtt-packet` by the names of the MQTT texts, as the oracle reads them.
 *
 * @module
 */
import type { IConnectPacket, IPublishPacket, Packet } from "mqtt-packet";
import type { WireConnect, WirePacket, WirePublish, WireWill } from "../simulation/oracle/observation.ts";

/** Absent members stay absent. */
function given<Shape extends object>(
  members: { readonly [Name in keyof Shape]: Shape[Name] | undefined },
): Partial<Shape> {
  // Without the members that are undefined it is what the caller named.
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<Shape>;
}

/** The packet as the oracle reads it. */
export function toWire(packet: Packet): WirePacket {
  switch (packet.cmd) {
    case "connect":
      return connect(packet);
    case "connack":
      return {
        type: "connack",
        sessionPresent: packet.sessionPresent,
        reasonCode: packet.reasonCode ?? packet.returnCode ?? 0,
        ...given<Omit<Extract<WirePacket, { type: "connack" }>, "type" | "sessionPresent" | "reasonCode">>({
          sessionExpiryInterval: packet.properties?.sessionExpiryInterval,
          receiveMaximum: packet.properties?.receiveMaximum,
          maximumQoS: packet.properties?.maximumQoS as 0 | 1 | undefined, // Nothing else may stand there.
          topicAliasMaximum: packet.properties?.topicAliasMaximum,
          serverKeepAlive: packet.properties?.serverKeepAlive,
        }),
      };
    case "publish":
      return publish(packet);
    case "puback":
    case "pubrec":
    case "pubrel":
    case "pubcomp":
      return { type: packet.cmd, packetId: packet.messageId ?? 0, reasonCode: packet.reasonCode ?? 0 };
    case "subscribe":
      return {
        type: "subscribe",
        packetId: packet.messageId ?? 0,
        subscriptions: packet.subscriptions.map(({ topic, qos, nl, rap }) => ({
          filter: topic,
          qos,
          noLocal: nl ?? false,
          retainAsPublished: rap ?? false,
        })),
        ...given<{ subscriptionIdentifier: number }>({
          subscriptionIdentifier: packet.properties?.subscriptionIdentifier,
        }),
      };
    case "suback":
      // Numbers, whatever the types say.
      return { type: "suback", packetId: packet.messageId ?? 0, reasonCodes: packet.granted as number[] };
    case "unsubscribe":
      return { type: "unsubscribe", packetId: packet.messageId ?? 0, filters: packet.unsubscriptions };
    case "unsuback":
      return { type: "unsuback", packetId: packet.messageId ?? 0, reasonCodes: (packet.granted ?? []) as number[] };
    case "pingreq":
    case "pingresp":
      return { type: packet.cmd };
    case "disconnect":
      return {
        type: "disconnect",
        reasonCode: packet.reasonCode ?? 0,
        ...given<{ sessionExpiryInterval: number }>({
          sessionExpiryInterval: packet.properties?.sessionExpiryInterval,
        }),
      };
    case "auth":
      return { type: "auth", reasonCode: packet.reasonCode };
  }
}

function connect(packet: IConnectPacket): WireConnect {
  const { properties, will } = packet;
  return {
    type: "connect",
    protocolVersion: packet.protocolVersion ?? 4,
    clientId: packet.clientId,
    cleanStart: packet.clean ?? false,
    keepAlive: packet.keepalive ?? 0,
    ...given<Omit<WireConnect, "type" | "protocolVersion" | "clientId" | "cleanStart" | "keepAlive">>({
      will: will === undefined ? undefined : {
        topic: will.topic,
        payload: bytesOf(will.payload),
        qos: will.qos ?? 0,
        retain: will.retain ?? false,
        ...given<Pick<WireWill, "willDelayInterval" | "messageExpiryInterval">>({
          willDelayInterval: will.properties?.willDelayInterval,
          messageExpiryInterval: will.properties?.messageExpiryInterval,
        }),
      },
      sessionExpiryInterval: properties?.sessionExpiryInterval,
      receiveMaximum: properties?.receiveMaximum,
      maximumPacketSize: properties?.maximumPacketSize,
      topicAliasMaximum: properties?.topicAliasMaximum,
    }),
  };
}

function publish(packet: IPublishPacket): WirePublish {
  const { properties } = packet;
  const identifiers = properties?.subscriptionIdentifier;
  return {
    type: "publish",
    topic: packet.topic,
    payload: bytesOf(packet.payload),
    qos: packet.qos,
    retain: packet.retain,
    dup: packet.dup,
    ...given<Omit<WirePublish, "type" | "topic" | "payload" | "qos" | "retain" | "dup">>({
      packetId: packet.qos === 0 ? undefined : packet.messageId,
      messageExpiryInterval: properties?.messageExpiryInterval,
      topicAlias: properties?.topicAlias,
      subscriptionIdentifiers: typeof identifiers === "number" ? [identifiers] : identifiers,
    }),
  };
}

function bytesOf(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : new Uint8Array(payload);
}

/** Who a message is: the text of its payload up to the first space. */
export function identityOf(payload: Uint8Array): string {
  const end = payload.indexOf(0x20);
  return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
}
