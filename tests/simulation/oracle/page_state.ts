/** What is known of a client that keeps its session: over all its pages and connections. */
import type { Violation, WireConnack, WireConnect } from "./observation.ts";
import type { PageBounds } from "./page_observation.ts";

/** What a server says that it takes, beside what the oracle of the server looks at. */
export interface ToldLimits extends WireConnack {
  readonly maximumPacketSize?: number;
  readonly retainAvailable?: boolean;
}

/** A message that the application publishes. */
export interface PageMessage {
  readonly text: string;
  readonly tab: number;
  /** Its place among all that this client publishes. */
  readonly index: number;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly bytes: number;
  readonly expiry?: number;
  readonly askedSeq: number;
  readonly askedAt: number;
  isStored: boolean;
  /** It was told that nothing is stored. */
  isDeclined: boolean;
  firstSentSeq: number;
  isAnswered: boolean;
  answeredWith: number;
  lost: string | undefined;
}

/** An exchange with the server under a Packet Identifier. */
export interface OutExchange {
  readonly message: PageMessage;
  readonly packetId: number;
  /** When its last PUBREC came, of all; 0 while none did. */
  recOrder: number;
  isReleased: boolean;
  isDone: boolean;
}

/** A QoS 2 message that came and is not released. */
export interface InExchange {
  readonly text: string;
  readonly beganSeq: number;
  isTaken: boolean;
}

/** How often a message came at one level, and under which keys it was handed over. */
export interface Arrival {
  readonly text: string;
  readonly qos: 1 | 2;
  /** PUBLISH packets of QoS 1, exchanges of QoS 2. */
  times: number;
  /** Of those, how many the client acknowledged. */
  taken: number;
  readonly keys: Set<string>;
  /** Nobody can tell whether it was another message for the client. */
  isDoubtful: boolean;
  /** Where it came first: connection and place on it. */
  readonly place: readonly [connection: number, place: number];
  /** It came on another connection as well. */
  isMoved: boolean;
}

/** A message as it was handed over. */
export interface Handed {
  readonly text: string;
  takenBy: number | undefined;
  takenAt: number;
}

/** One page. */
export interface PageTab {
  readonly openedAt: number;
  how: "dead" | "closed" | "takenOver" | undefined;
  endedAt: number;
  failedSeq: number;
}

/** One network connection of a page. */
export interface PageConnection {
  readonly number: number;
  readonly page: PageState;
  tab: number;
  asksClean: boolean;
  connect: WireConnect | undefined;
  connectSeq: number;
  connack: ToldLimits | undefined;
  connackSeq: number;
  connackAt: number;
  /** The page surely has made of CONNACK what there is to be made of it. */
  isConfirmed: boolean;
  /** Seconds; what is in force. */
  interval: number;
  closedSeq: number;
  /** When the page may first have held it to be over. */
  closedAt: number;
  isDisconnected: boolean;
  /** It has sent something since CONNACK: what that meant was written down. */
  hasGoneOn: boolean;
  lastSentAt: number;
  keepAliveMs: number;
  readonly inFlight: Set<number>;
  readonly requests: Set<number>;
  readonly sent: Set<string>;
  /** By page and level: the place of the last message that was sent. */
  readonly lastIndex: Map<string, number>;
  lastRelease: number;
  /** What came and waits for PUBACK or PUBREC, by level, in order. */
  readonly unanswered: { readonly 1: number[]; readonly 2: number[] };
  readonly texts: Map<number, string>;
  readonly releases: Set<number>;
  places: number;
  readonly lastPlace: { 1: number; 2: number };
}

/** Something by which the session may have ended. */
export interface Loss {
  readonly seq: number;
  readonly connection: PageConnection;
}

/** A client. */
export class PageState {
  readonly name: string;
  readonly tabs: Map<number, PageTab> = new Map();
  readonly connections: PageConnection[] = [];
  readonly messages: Map<string, PageMessage> = new Map();
  readonly out: Map<number, OutExchange> = new Map();
  readonly quarantine: Set<number> = new Set();
  readonly held: Map<number, InExchange> = new Map();
  readonly arrivals: Map<string, Arrival> = new Map();
  readonly handed: Map<string, Handed> = new Map();
  readonly losses: Loss[] = [];
  /** When the page last surely knew that its session is another one. */
  knownLossSeq = -1;
  isEstablished = false;
  /** Surely so: a connection went well for long. */
  isSettled = false;
  /** The highest page that has sent CONNECT. */
  newest = 0;
  /** An older page connected after a newer one: who has the session is for the store alone to say. */
  isMuddled = false;
  /** A clean start may have left a page that had lost the session: what the store knows and the server has differ. */
  isDoubtful = false;
  recOrder = 0;
  rest: { readonly online: boolean; readonly outgoing: readonly string[]; readonly unhandled: number } | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether what this page knows of the session may be old. */
  isStale(connection: PageConnection): boolean {
    return this.isMuddled || this.isDoubtful || connection.tab < this.newest;
  }

  /** Whether a server may have begun another session since, without the client's knowledge. */
  isDoubted(sinceSeq: number): boolean {
    return this.connections.some(({ connectSeq, isConfirmed, connect }) =>
      connect !== undefined && !isConfirmed && connectSeq > sinceSeq
    );
  }
}

/** All that is known, and what was found. */
export class PageKnowledge {
  readonly bounds: PageBounds;
  readonly pages: Map<string, PageState> = new Map();
  readonly connections: Map<number, PageConnection> = new Map();
  readonly violations: Violation[] = [];
  seq = 0;
  at = 0;

  constructor(bounds: PageBounds) {
    this.bounds = bounds;
  }

  report(rule: string, client: string, message: string): void {
    this.violations.push({ rule, at: this.at, client, message });
  }
}
