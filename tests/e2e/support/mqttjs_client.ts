/**
 * MQTT.js as its users run it, but for the address: each reconnect asks where the broker is now.
 *
 * @module
 */
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { IConnackPacket } from "mqtt-packet";
import { keptFor, type Version } from "./wire_client.ts";

/** Where the broker is; another process may take over at another port. */
export interface Address {
  url: string;
}

/** A client that comes back by itself to whatever broker there is, and keeps its session. */
export function mqttClient(address: Address, version: Version, options: IClientOptions): MqttClient {
  const { properties } = keptFor(version, 3_600);
  return mqtt.connect(address.url, {
    protocolVersion: version,
    clean: false,
    keepalive: 0,
    resubscribe: false,
    reconnectPeriod: 20,
    transformWsUrl: () => address.url,
    ...(properties?.sessionExpiryInterval === undefined ? {} : { properties: { sessionExpiryInterval: 3_600 } }),
    ...options,
  });
}

/** The next CONNACK. */
export function nextConnack(client: MqttClient): Promise<IConnackPacket> {
  return new Promise((resolve) => client.once("connect", resolve));
}
