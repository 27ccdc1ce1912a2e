/**
 * What of MQTT.js is used, as shapes: nothing of it is imported, neither code nor types.
 *
 * @module
 */

/** A packet as MQTT.js gives it to a store. Only what every packet may have is named; the rest is looked at when needed. */
export interface MqttJsPacket {
  /** The kind of packet: a store is given `publish` and `pubrel`. */
  readonly cmd?: string;
  /** The Packet Identifier. */
  readonly messageId?: number;
}

/** Told that something was done, or why not. */
export type MqttJsDone = (error?: Error) => void;

/**
 * Given a packet, or told why not. The packet is typed `never`, so that the callbacks of MQTT.js fit, whose union of packets
 * is not imported.
 */
export type MqttJsPacketCallback = (error?: Error, packet?: never) => void;

/** An `IStore` of MQTT.js. */
export interface MqttJsStore {
  /** Stores a packet, in place of one with its Packet Identifier; calls back in the order of the calls. */
  put(packet: MqttJsPacket, callback: MqttJsDone): MqttJsStore;
  /** A stream of what is stored, in order. `never`, so that it fits the stream type of MQTT.js, which is not imported. */
  createStream(): never;
  /** Removes a packet, and hands it out. */
  del(packet: MqttJsPacket, callback: MqttJsPacketCallback): MqttJsStore;
  /** Hands a packet out. */
  get(packet: MqttJsPacket, callback: MqttJsPacketCallback): MqttJsStore;
  /** Waits until all is stored. The store can be used again afterwards. */
  close(callback: MqttJsDone): void;
}

/** An `IMessageIdProvider` of MQTT.js. */
export interface MqttJsMessageIdProvider {
  /** A Packet Identifier that nobody uses; `null` when all are in use. */
  allocate(): number | null;
  /** The one that was given last. */
  getLastAllocated(): number | null;
  /** Takes this one; whether it was to be had. */
  register(messageId: number): boolean;
  /** Gives one back. */
  deallocate(messageId: number): void;
  /** Forgets those that nobody uses any more. */
  clear(): void;
}

/** A request that MQTT.js waits to be answered. */
export interface MqttJsPending {
  /** Called with the answer. */
  cb(error?: Error, packet?: MqttJsPacket): void;
}

/** The members of an `MqttClient` that a session uses. */
export interface MqttJsClient {
  /** Whether CONNACK has come and the connection lasts. */
  connected: boolean;
  /** Whether `end` has closed it. */
  disconnected?: boolean;
  /** Requests that wait for their answer, by Packet Identifier. */
  readonly outgoing: Record<number, MqttJsPending>;
  /** Packets that wait for a connection. */
  readonly queue: readonly { readonly packet: object }[];
  /** The transport; with `manualConnect` there is none at first. */
  readonly stream?: { destroy(error?: Error): unknown };
  /** The options of the next connection. */
  readonly options: object;
  /** Where it keeps inbound QoS 2 messages; `reconnect()` replaces it. */
  incomingStore: unknown;
  /** Where it keeps what it publishes; `reconnect()` replaces it. */
  outgoingStore: unknown;
  /** Called between the event `message` and the acknowledgement, which waits for its callback. */
  handleMessage(packet: MqttJsPacket, callback: (error?: Error) => void): void;
  /** Tells of packets and of the connection. */
  on(event: "packetreceive" | "packetsend" | "close" | "reconnect", listener: (packet?: MqttJsPacket) => void): unknown;
  /** Closes the connection for good; `true` at once. */
  end(force?: boolean): unknown;
}

/** Calls back with a packet. */
export function handOut(callback: MqttJsPacketCallback, packet: MqttJsPacket): void {
  // True for MQTT.js, whose packet it was: see the type.
  callback(undefined, packet as never);
}
