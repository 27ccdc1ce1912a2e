/**
 * `aedes-persistence-redis` 12 as a broker holds it: its asynchronous form, and the little of a broker that it asks for.
 *
 * @module
 */
// The packages carry no types for what is used of them here; `Persistence` and `AedesPacket` write them down.
import AedesPacketConstructor from "aedes-packet";
import AsyncRedisPersistence from "aedes-persistence-redis/asyncPersistence.js";
import type { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import type { Redis } from "ioredis";

/** A message as aedes keeps it. */
export interface AedesPacket {
  readonly cmd: "publish" | "pubrel";
  readonly brokerId?: string;
  readonly brokerCounter?: number;
  readonly topic?: string;
  readonly payload?: Buffer;
  readonly qos?: 0 | 1 | 2;
  readonly retain?: boolean;
  messageId?: number;
  clientId?: string;
  nl?: boolean | undefined;
}

/** What a packet is made from. */
export interface PeerMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 1 | 2;
}

/** The members of the persistence that a broker calls for its sessions. */
export interface Persistence {
  setup(broker: PeerBroker): Promise<void>;
  destroy(): Promise<void>;
  addSubscriptions(client: { readonly id: string }, subscriptions: readonly PeerSubscription[]): Promise<void>;
  removeSubscriptions(client: { readonly id: string }, filters: readonly string[]): Promise<void>;
  cleanSubscriptions(client: { readonly id: string }): Promise<void>;
  subscriptionsByClient(client: { readonly id: string }): Promise<readonly PeerSubscription[]>;
  subscriptionsByTopic(topic: string): Promise<readonly RoutedSubscription[]>;
  outgoingEnqueueCombi(subscriptions: readonly RoutedSubscription[], packet: AedesPacket): Promise<void>;
  outgoingUpdate(client: { readonly id: string }, packet: AedesPacket): Promise<void>;
  outgoingClearMessageId(client: { readonly id: string }, packet: { readonly messageId: number }): Promise<unknown>;
  outgoingStream(client: { readonly id: string }): AsyncIterable<AedesPacket>;
  incomingStorePacket(client: { readonly id: string }, packet: Inbound): Promise<void>;
  incomingGetPacket(client: { readonly id: string }, packet: { readonly messageId: number }): Promise<unknown>;
  incomingDelPacket(client: { readonly id: string }, packet: { readonly messageId: number }): Promise<void>;
  cleanIncoming(client: { readonly id: string }): Promise<void>;
  putWill(client: { readonly id: string }, will: PeerMessage): Promise<void>;
  delWill(client: { readonly id: string; readonly brokerId?: string }): Promise<unknown>;
}

/** A PUBLISH as it came from a publisher. */
export type Inbound = PeerMessage & { readonly messageId: number };

/** A subscription as it is stored. */
export interface PeerSubscription {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
}

/** A subscription that matched, with its session. */
export type RoutedSubscription = PeerSubscription & { readonly clientId: string };

/** The class of aedes' packets: it takes the fields over in their order, and gives new ones the broker's next number. */
// Declared by the package as a namespace, while the module is this constructor.
export const Packet = AedesPacketConstructor as unknown as new (
  original: object,
  broker?: { readonly id: string; counter: number },
) => AedesPacket;

type Listener = (packet: { readonly topic: string; readonly payload: string }, done: () => void) => void;

/**
 * The broker that the persistence is set up with. Subscriptions are told to all brokers over `$SYS` topics; here there is
 * one, so that nothing of this leaves the process, as with the emitter that aedes takes by default.
 */
export class PeerBroker {
  /** Part of every key of a message. */
  readonly id: string;
  /** The number of the last packet. */
  counter = 0;
  readonly #listeners = new Set<Listener>();

  constructor(id: string) {
    this.id = id;
  }

  subscribe(_filter: string, listener: Listener, done: () => void): void {
    this.#listeners.add(listener);
    nextTick(done);
  }

  unsubscribe(_filter: string, listener: Listener, done: () => void): void {
    this.#listeners.delete(listener);
    nextTick(done);
  }

  publish(packet: { readonly topic: string; readonly payload: string }, done: () => void): void {
    for (const listener of this.#listeners) listener(packet, () => {});
    nextTick(done);
  }
}

/** Makes the persistence over a connection, with its options as its README has them by default: no time to live. */
export function openPersistence(conn: Redis): Persistence {
  // `Persistence` lists members that the class has in version 12; the suite of the package tests their behaviour.
  return new (AsyncRedisPersistence as unknown as new (options: object) => Persistence)({ conn });
}
