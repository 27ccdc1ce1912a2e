import type { Event } from "../machine/event.ts";
import { messageBytes, type UserProperty } from "../mqtt/message.ts";
import type { ClientPacket } from "../mqtt/packet.ts";
import type { SubscriptionMatch } from "../routing/resolve.ts";

/** Something that came from the client and waits for its step. */
export interface InboxItem {
  readonly event: Event;
  /** What it weighs against the bound of its connection, in bytes. */
  readonly cost: number;
  /** Of a PUBLISH whose route may be looked up ahead and that names one; `""` otherwise. */
  readonly topic: string;
  /** What matches the topic, where it was looked up ahead. */
  matches: readonly SubscriptionMatch[] | undefined;
}

/** What a packet costs beside its payload: the objects that it becomes. */
const PACKET_COST = 256;
/** What a filter or a User Property costs beside its text. */
const ITEM_COST = 64;

/** The packets of a connection that wait for their step, in the order in which they came. */
export class Inbox {
  #items: InboxItem[] = [];
  #start = 0;
  #cost = 0;
  #current: InboxItem | undefined;
  #farewells = 0;

  /** How many wait. */
  get length(): number {
    return this.#items.length - this.#start;
  }
  /** Whether none waits. */
  get empty(): boolean {
    return this.#items.length === this.#start;
  }
  /** Whether the next one is a PINGREQ. */
  get beginsWithPing(): boolean {
    const event = this.#items[this.#start]?.event;
    return event?.type === "packetReceived" && event.packet.type === "pingreq";
  }
  /** What those that wait weigh, in bytes. */
  get cost(): number {
    return this.#cost;
  }
  /** Whether a DISCONNECT or the loss of the transport is among them. */
  get hasFarewell(): boolean {
    return this.#farewells > 0;
  }
  /** What matches the topic of the item that was taken out last. */
  get matchesOfCurrent(): readonly SubscriptionMatch[] | undefined {
    return this.#current?.matches;
  }

  /** Adds a packet. */
  push(packet: ClientPacket): void {
    // One that is retained is put before it is looked up who gets it.
    const topic = packet.type === "publish" && !packet.retain ? packet.topic : "";
    this.#add({ event: { type: "packetReceived", packet }, cost: costOf(packet), topic, matches: undefined });
  }

  /** Adds what is no packet, in its place among them. */
  pushEvent(event: Event): void {
    this.#add({ event, cost: 0, topic: "", matches: undefined });
  }

  /** Takes the next one out. */
  shift(): InboxItem | undefined {
    const item = this.#items[this.#start];
    this.#current = item;
    if (item === undefined) return undefined;
    this.#start++;
    this.#cost -= item.cost;
    if (isFarewell(item.event)) this.#farewells--;
    if (this.#start === this.#items.length) {
      this.#items = [];
      this.#start = 0;
    } else if (this.#start >= 256 && this.#start * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  /** The PUBLISHes that wait and whose route nothing before them can change. */
  publishesAhead(): InboxItem[] {
    const found: InboxItem[] = [];
    for (let index = this.#start; index < this.#items.length && found.length < 255; index++) {
      // The index is below the length.
      const item = this.#items[index] as InboxItem;
      const { event } = item;
      if (event.type !== "packetReceived") break;
      if (event.packet.type === "subscribe" || event.packet.type === "unsubscribe") break;
      if (item.topic !== "" && item.matches === undefined) found.push(item);
    }
    return found;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#items = [];
    this.#start = 0;
    this.#cost = 0;
    this.#farewells = 0;
    this.#current = undefined;
  }

  #add(item: InboxItem): void {
    this.#items.push(item);
    this.#cost += item.cost;
    if (isFarewell(item.event)) this.#farewells++;
  }
}

function isFarewell(event: Event): boolean {
  return event.type === "connectionClosed" || (event.type === "packetReceived" && event.packet.type === "disconnect");
}

function costOf(packet: ClientPacket): number {
  switch (packet.type) {
    case "publish":
      return PACKET_COST + messageBytes(packet) + itemsOf(packet.properties);
    case "connect": {
      const { will } = packet;
      const carried = will === undefined ? 0 : messageBytes(will) + itemsOf(will.properties);
      return PACKET_COST + carried + packet.clientId.length + dataOf(packet) + pairsOf(packet);
    }
    case "subscribe":
      return packet.subscriptions.reduce((sum, { filter }) => sum + filter.length + ITEM_COST, pairsOf(packet)) +
        PACKET_COST;
    case "unsubscribe":
      return packet.filters.reduce((sum, filter) => sum + filter.length + ITEM_COST, pairsOf(packet)) + PACKET_COST;
    case "pingreq":
      return PACKET_COST;
    case "auth":
      return PACKET_COST + dataOf(packet) + pairsOf(packet);
    default:
      return PACKET_COST + pairsOf(packet);
  }
}

/** What User Properties weigh whose text is counted elsewhere. */
function itemsOf({ userProperties = [] }: { readonly userProperties?: readonly UserProperty[] }): number {
  return userProperties.length * ITEM_COST;
}

/** What User Properties weigh. */
function pairsOf({ userProperties = [] }: { readonly userProperties?: readonly UserProperty[] }): number {
  return userProperties.reduce((sum, [name, value]) => sum + name.length + value.length + ITEM_COST, 0);
}

function dataOf({ authenticationData }: { readonly authenticationData?: Uint8Array }): number {
  return authenticationData?.length ?? 0;
}
