/**
 * What aedes 1.2.0 asks of its persistence for each packet, in its order, waiting where it waits; no socket and no codec.
 *
 * Left out: `setImmediate` between two calls, authorization (its default lets everything pass), `$SYS` messages (QoS 0,
 * not stored), and retained messages, which are no session state. All of this is to the peer's favour.
 *
 * @module
 */
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import {
  type AedesPacket,
  type Inbound,
  Packet,
  type PeerBroker,
  type PeerMessage,
  type PeerSubscription,
  type Persistence,
} from "./peer_persistence.ts";

/** A connected client, as `lib/client.js` of aedes keeps it. */
export interface PeerClient {
  readonly id: string;
  readonly clean: boolean;
  readonly will: PeerMessage | undefined;
  /** The last number of each broker that was delivered: what was seen before is not delivered again. */
  readonly duplicates: Map<string, number>;
  /** The next packet identifier. */
  nextId: number;
}

/** A broker's rooms: its storage, its number of packets, who is connected to it. */
export interface PeerHouse {
  readonly persistence: Persistence;
  readonly broker: PeerBroker;
  readonly clients: Map<string, PeerClient>;
}

/** What a client does with a packet that was written to it. Nobody waits for it. */
type Written = (client: PeerClient, packet: SentPacket) => void;

type SentPacket = AedesPacket & { readonly messageId: number };

/** `lib/handlers/connect.js`, all until CONNACK is written. */
export async function connect(
  house: PeerHouse,
  { id, clean = false, will }: { readonly id: string; readonly clean?: boolean; readonly will?: PeerMessage },
): Promise<PeerClient> {
  const { persistence, clients } = house;
  const client: PeerClient = { id, clean, will, duplicates: new Map(), nextId: 1 };
  if (clean) await persistence.cleanSubscriptions(client);
  else await persistence.subscriptionsByClient({ id });
  // Without the broker's id, as aedes calls it; a Will that is there stays.
  await persistence.delWill({ id });
  if (will !== undefined) await persistence.putWill(client, { ...will });
  clients.set(id, client);
  if (clean) await persistence.cleanIncoming(client);
  return client;
}

/**
 * `emptyQueue` of `lib/handlers/connect.js`, which follows CONNACK: the queue is read while earlier messages are given
 * their packet identifiers, through the same kind of stream, so that a look-up and an update share a trip.
 */
export async function emptyQueue(house: PeerHouse, client: PeerClient, written: Written): Promise<number> {
  const { persistence } = house;
  let count = 0;
  const sending = new Transform({
    objectMode: true,
    transform(stored: AedesPacket, _encoding, next) {
      const packet = sent(house, client, stored);
      persistence.outgoingUpdate(client, packet).then(() => {
        count += 1;
        written(client, packet);
        next();
      }, next);
    },
  });
  await pipeline(persistence.outgoingStream(client), sending);
  return count;
}

/**
 * `lib/handlers/subscribe.js`: with every filter of a packet the whole packet is stored, all at once. That is what it
 * does, so that many filters cost twice as many commands, while the trips stay two.
 */
export async function subscribe(
  { persistence }: PeerHouse,
  client: PeerClient,
  subscriptions: readonly PeerSubscription[],
): Promise<void> {
  if (client.clean) return;
  await Promise.all(subscriptions.map(() => persistence.addSubscriptions(client, subscriptions)));
}

/** `lib/handlers/unsubscribe.js`. */
export async function unsubscribe(
  { persistence }: PeerHouse,
  client: PeerClient,
  filters: readonly string[],
): Promise<void> {
  if (!client.clean) await persistence.removeSubscriptions(client, filters);
}

/**
 * `broker.publish` of `aedes.js`: stored for all sessions that match, one after the other, then told to the connected ones,
 * at once. The match is in memory and costs no command. Answers how many sessions matched.
 *
 * `lib/handlers/publish.js` writes the PUBACK *before* this, and PUBREC after it. Until its PUBACK, a QoS 1 message thus
 * waits for no storage, and is lost if the broker dies then. What is compared is the time until it is kept.
 */
export async function publish(
  house: PeerHouse,
  publisher: string | undefined,
  message: PeerMessage,
  written: Written,
): Promise<number> {
  const { persistence, broker, clients } = house;
  const packet = new Packet(message, broker);
  const subscriptions = await persistence.subscriptionsByTopic(message.topic);
  await persistence.outgoingEnqueueCombi(subscriptions, packet);
  if (publisher !== undefined) packet.clientId = publisher;
  await Promise.all(subscriptions.map(async ({ clientId, qos }) => {
    const client = clients.get(clientId);
    if (client !== undefined) await deliver(house, client, { packet, qos, written });
  }));
  return subscriptions.length;
}

/** `deliverQoS` of `lib/client.js`. */
async function deliver(
  house: PeerHouse,
  client: PeerClient,
  { packet, qos, written }: { readonly packet: AedesPacket; readonly qos: number; readonly written: Written },
): Promise<void> {
  const { persistence, broker } = house;
  const { brokerId = "", brokerCounter = 0 } = packet;
  if ((client.duplicates.get(brokerId) ?? 0) >= brokerCounter) return;
  client.duplicates.set(brokerId, brokerCounter);
  // Made anew for each subscription, and again for each client: both leave fields in what is stored.
  const forwarded = new Packet(packet, broker);
  forwarded.nl = undefined;
  const sending = sent(house, client, forwarded);
  if (qos < (sending.qos ?? 0)) Object.assign(sending, { qos });
  if (!client.clean) await persistence.outgoingUpdate(client, sending);
  written(client, sending);
}

/**
 * `lib/handlers/puback.js` and `pubrec.js`, for a client that answers at once: PUBACK forgets the message; PUBREC puts a
 * PUBREL in its place, whose PUBCOMP forgets it. aedes handles what comes from a client without waiting for the packet
 * before, and has no window: acknowledgements overlap with each other and with further sending.
 */
export async function acknowledge({ persistence }: PeerHouse, client: PeerClient, packet: SentPacket): Promise<void> {
  const { messageId } = packet;
  // Each packet of the client is an object of its own; the persistence writes into those that it is given.
  if (packet.cmd === "publish" && packet.qos === 2) {
    if (!client.clean) await persistence.outgoingUpdate(client, { cmd: "pubrel", messageId });
  }
  await persistence.outgoingClearMessageId(client, { messageId });
}

/** `lib/handlers/publish.js` for QoS 2, until PUBREC is written. Answers how many sessions matched; 0 for one seen before. */
export async function publishQos2(
  house: PeerHouse,
  client: PeerClient,
  message: Inbound,
  written: Written,
): Promise<number> {
  const { persistence } = house;
  // Not found is told by rejecting.
  const known = await persistence.incomingGetPacket(client, message).then(() => true, () => false);
  if (known) return 0;
  await persistence.incomingStorePacket(client, message);
  return await publish(house, client.id, message, written);
}

/** `lib/handlers/pubrel.js`, until PUBCOMP is written. */
export async function release(
  { persistence }: PeerHouse,
  client: PeerClient,
  packet: { readonly messageId: number },
): Promise<void> {
  const known = await persistence.incomingGetPacket(client, packet).then(() => true, () => false);
  if (known) await persistence.incomingDelPacket(client, packet);
}

/**
 * `close` of `lib/client.js`: a session without a Will is left as it stands, by no command. Nobody waits for what there is
 * to do, so that the step is over before it is done.
 */
export function close(house: PeerHouse, client: PeerClient, { lost }: { readonly lost: boolean }): void {
  const { persistence, broker, clients } = house;
  clients.delete(client.id);
  const forgetWill = () => persistence.delWill({ id: client.id, brokerId: broker.id }).then(ignore, ignore);
  if (client.will !== undefined) {
    if (lost) publish(house, client.id, client.will, ignore).then(forgetWill, forgetWill);
    else forgetWill();
  }
  if (client.clean) persistence.cleanIncoming(client).then(ignore, ignore);
}

/** `lib/qos-packet.js`: a packet as it is sent to a client, with its identifier. */
function sent({ broker }: PeerHouse, client: PeerClient, original: AedesPacket): SentPacket {
  const packet = new Packet(original, broker);
  const known = original.messageId;
  const messageId = known ?? client.nextId;
  if (messageId !== known) client.nextId = client.nextId % 65_535 + 1;
  // The callback is stored too, as nothing under its name.
  return Object.assign(packet, { writeCallback: ignore, messageId });
}

function ignore(): void {}
