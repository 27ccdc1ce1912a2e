/** One session of a client, from its start to its end: what it must and may hold. */
import type { Connection } from "./connection.ts";
import type { Message } from "./message.ts";

/** A subscription as one SUBSCRIBE asked for it. Times that have not come are infinite. */
export interface Subscribed {
  readonly filter: string;
  /** Of a shared subscription the filter that topics are matched against; else absent. */
  readonly shared: string | undefined;
  readonly askedQos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | undefined;
  /** It may have been there from here on. */
  readonly sentSeq: number;
  readonly sentAt: number;
  /** What stood in its place. */
  readonly previous: Subscribed | undefined;
  /** Known with its SUBACK. */
  grantedQos: number | undefined;
  grantedSeq: number;
  /** It, or what it replaced without a gap, surely was there from here on. */
  sureSeq: number;
  sureAt: number;
  /** The lowest level, and whether No Local held, in the whole of that time. */
  leastQos: number;
  everNoLocal: boolean;
  /** It may have been gone from here on. */
  endSentSeq: number;
  endSentAt: number;
  /** It surely was gone from here on. */
  goneSeq: number;
}

/** A delivery to the client that has begun. */
export interface Delivery {
  readonly packetId: number;
  readonly text: string;
  readonly qos: 1 | 2;
  /** When it came first. */
  readonly arrivedSeq: number;
  /** The place of its first arrival among all of this session; 0 where that is not known. */
  readonly order: number;
  /** The connection on which its PUBLISH came last. */
  connection: Connection;
  isAcknowledged: boolean;
  /** The connection on which the first PUBREC below 0x80 was sent. */
  pubrecOn: Connection | undefined;
  isReleased: boolean;
  releaseOrder: number;
}

/** Whether the server may hold the identifier free: the client has sent what ends the exchange. */
export function mayBeDone(delivery: Delivery): boolean {
  return delivery.isAcknowledged;
}

/** An identifier of a QoS 2 message that the client sent. */
export interface Held {
  readonly text: string;
  readonly beganSeq: number;
  /** PUBREC below 0x80 came. */
  isAccepted: boolean;
  releases: number;
}

/** What of a message has come. */
export interface Got {
  copies: number;
  /** Some of it may have come before when nobody knew who owned the session. */
  cameLate: boolean;
}

/** A session. */
export class Generation {
  readonly client: string;
  /** It may have begun as early as this. */
  readonly bornFromSeq: number;
  readonly bornFromAt: number;
  /** It surely was there from here on. */
  readonly bornSeq: number;
  /** The connection that began it; `undefined` when it may be an older session. */
  readonly firstConnection: Connection | undefined;
  /** Whether the client broke the protocol in it. */
  isRude = false;
  readonly subscribed: Subscribed[] = [];
  /** The latest for each filter. */
  readonly byFilter: Map<string, Subscribed> = new Map();
  /** Deliveries by packet identifier. */
  readonly deliveries: Map<number, Delivery> = new Map();
  readonly got: Map<Message, Got> = new Map();
  readonly held: Map<number, Held> = new Map();
  /** Identifiers that the server may hold, or release, from a session that this one may be. */
  readonly inheritedHeld: Set<number> = new Set();
  readonly inheritedReleases: Set<number> = new Set();
  /** For each order, the message that was sent last of those that have come. */
  readonly lastArrived: Map<number, Message> = new Map();
  /** The same for those that came from groups. */
  readonly lastHanded: Map<number, Message> = new Map();
  order = 0;
  releaseOrder = 0;

  constructor(
    born: Pick<Generation, "client" | "bornFromSeq" | "bornFromAt" | "bornSeq" | "firstConnection">,
  ) {
    this.client = born.client;
    this.bornFromSeq = born.bornFromSeq;
    this.bornFromAt = born.bornFromAt;
    this.bornSeq = born.bornSeq;
    this.firstConnection = born.firstConnection;
  }
}

/** A session of which it is not known whether it is one of these or another: it may hold all that they held. */
export function doubtfulGeneration(older: readonly Generation[], bornSeq: number): Generation {
  const doubtful = new Generation({
    client: older[0]?.client ?? "",
    bornFromSeq: Math.min(...older.map(({ bornFromSeq }) => bornFromSeq)),
    bornFromAt: Math.min(...older.map(({ bornFromAt }) => bornFromAt)),
    bornSeq,
    firstConnection: undefined,
  });
  for (const old of older) inherit(doubtful, old);
  return doubtful;
}

function inherit(heir: Generation, old: Generation): void {
  heir.isRude ||= old.isRude;
  for (const subscribed of old.subscribed) {
    const previous = heir.byFilter.get(subscribed.filter);
    const copy = { ...subscribed, previous, sureSeq: Infinity, sureAt: Infinity };
    heir.subscribed.push(copy);
    heir.byFilter.set(copy.filter, copy);
  }
  for (const packetId of old.held.keys()) heir.inheritedHeld.add(packetId);
  for (const packetId of old.inheritedHeld) heir.inheritedHeld.add(packetId);
  for (const [packetId, { qos }] of old.deliveries) if (qos === 2) heir.inheritedReleases.add(packetId);
  for (const packetId of old.inheritedReleases) heir.inheritedReleases.add(packetId);
}
