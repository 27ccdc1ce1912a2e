import type { ConnectRequest } from "../../machine/client_event.ts";
import type { DropReason } from "../../machine/change.ts";
import type { SessionPolicy } from "../../machine/policy.ts";
import type { ClientState } from "../../machine/state/client_inspection.ts";
import type { ClientLimits } from "../../machine/client_session.ts";
import type { MessageProperties } from "../../mqtt/message.ts";
import type { AuthPacket, ClientPacket, ConnackPacket, DisconnectPacket, ServerPacket } from "../../mqtt/packet.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { RetainHandling } from "../../mqtt/subscription.ts";
import type { StoreRequirements } from "../../store/capabilities.ts";
import type { ClientStore } from "../../store/client_store.ts";
import type { BrokerEnvironment } from "../environment.ts";
import type { FlightRecorder } from "../flight.ts";
import type { BatchesCommitted, CommitFailed, PeerDiagnosed, WorkFailed } from "../observe.ts";
import type { CommitOptions } from "../options.ts";
import type { LockManagerLike, WhenOwned } from "../sole_owner.ts";

/** The way to the server, as the host offers it. All of it is synchronous. What it throws counts as a lost connection. */
export interface ClientTransport {
  /** Sends a packet, or puts it in line. */
  send(packet: ClientPacket): void;
  /** Closes after what was sent. */
  close(): void;
}

/** One connection to a server, as its host sees it. */
export interface ClientConnection {
  /**
   * Takes packets, in the order in which they came. It never rejects; while it has not ended, read no more from the
   * server.
   */
  receive(packets: readonly ServerPacket[]): Promise<void>;
  /** What came could not be read; the reason code says why: 0x81, 0x82 or 0x95. */
  malformed(reasonCode: number): void;
  /** The transport is gone. */
  closed(): void;
  /** Ends once the connection is over, here and at the transport. */
  readonly done: Promise<void>;
}

/** A message to publish. */
export interface ClientMessage {
  /** The Topic Name. */
  readonly topic: string;
  /** The payload; a text is sent as UTF-8. The bytes must not change until they are stored. */
  readonly payload: Uint8Array | string;
  /** Default: 0. */
  readonly qos?: QoS;
  /** Default: false. */
  readonly retain?: boolean;
  /** What is sent along; 5.0 only. */
  readonly properties?: MessageProperties;
  /** After so many seconds nobody wants it any more, here or at the server; 3.1.1 servers are not told. */
  readonly messageExpiryInterval?: number;
}

/** What became of a message. */
export type PublishOutcome =
  /** QoS 0: it was sent. */
  | { readonly outcome: "sent" }
  /** The server has it; 0x10 when nobody wanted it. */
  | { readonly outcome: "acknowledged"; readonly reasonCode: number }
  /** The server refused it with a code of 0x80 and above; or it takes no such message, and nothing was sent. */
  | { readonly outcome: "refused"; readonly reasonCode: number }
  /** It is lost: its interval has passed, or the server has the session no more, and so on. */
  | { readonly outcome: "lost"; readonly reason: DropReason }
  /** The queue is full: nothing was stored. */
  | { readonly outcome: "queueFull" }
  /** Another page has the session now, and goes on with it. */
  | { readonly outcome: "takenOver" };

/** A message on its way. Neither promise needs to be looked at. */
export interface Published {
  /** Kept once the message would survive the end of this page; at QoS 0, and where it is not taken, at once. */
  readonly stored: Promise<void>;
  /** Kept once its delivery is over, however long that takes. */
  readonly done: Promise<PublishOutcome>;
}

/** A subscription to ask for. */
export interface ClientSubscription {
  /** The Topic Filter. */
  readonly filter: string;
  /** The highest level to get. Default: 2. */
  readonly qos?: QoS;
  /** Default: false. */
  readonly noLocal?: boolean;
  /** Default: false. */
  readonly retainAsPublished?: boolean;
  /** Default: 0. */
  readonly retainHandling?: RetainHandling;
}

/** What the server said of a SUBSCRIBE or UNSUBSCRIBE. */
export type RequestOutcome =
  /** One code for each filter, in order; none of a 3.1.1 UNSUBACK. */
  | { readonly outcome: "answered"; readonly reasonCodes: readonly number[] }
  /** It came to nothing: the connection ended first (0x80), or the server takes no such request. */
  | { readonly outcome: "failed"; readonly reasonCode: number };

/** A message that came. */
export interface ReceivedMessage {
  /** The Topic Name. */
  readonly topic: string;
  /** The payload. */
  readonly payload: Uint8Array;
  /** The level at which it came. */
  readonly qos: QoS;
  /** Whether it had been retained. */
  readonly retain: boolean;
  /** What came along. */
  readonly properties: MessageProperties;
  /** Of the subscriptions for which it came. */
  readonly subscriptionIdentifiers: readonly number[];
  /** When it came, in epoch milliseconds. */
  readonly receivedAt: number;
  /**
   * The same whenever this very message is handed over again, and of no other: store it with what the message causes, and
   * nothing is caused twice. Absent at QoS 0.
   */
  readonly key?: string;
}

/** What a client tells. */
export type ClientNews =
  | BatchesCommitted
  | CommitFailed
  | PeerDiagnosed
  | WorkFailed
  /** The server accepted the connection. */
  | { readonly type: "accepted"; readonly sessionPresent: boolean; readonly connack: ConnackPacket }
  /** The server refused it. */
  | { readonly type: "refused"; readonly connack: ConnackPacket }
  /** The server made a Client Identifier: the session can be resumed with it alone. */
  | { readonly type: "identifierAssigned"; readonly clientId: string }
  /** The server took its leave. */
  | { readonly type: "serverDisconnected"; readonly packet: DisconnectPacket; readonly mayReconnect: boolean }
  /** The connection is over, with a 5.0 reason code, 0 for a normal end. */
  | { readonly type: "closed"; readonly reasonCode: number }
  /** A message of the log is lost. */
  | { readonly type: "messageLost"; readonly reason: DropReason; readonly topic: string; readonly sequence?: number }
  /** Another page has the session now. */
  | { readonly type: "takenOver" }
  /** The server's part of an enhanced authentication; answer it with `authenticate`. */
  | { readonly type: "authentication"; readonly packet: AuthPacket };

/** What CONNECT is to say, where it differs from the plainest. */
export type ClientConnectOptions = Partial<ConnectRequest>;

/** What a client is made of. */
export interface SessionClientOptions {
  /** Where its session lives. The client never closes it. */
  readonly store: ClientStore;
  /** The Client Identifier, under which the session is kept. `""` lets the server make one, for as long as this object lives. */
  readonly clientId: string;
  /** What CONNECT says each time. Default: 5.0, no clean start, Keep Alive of 60 s, a session that lasts an hour. */
  readonly connect?: ClientConnectOptions;
  /**
   * Takes a message. One at a time, in order of each level; a message of QoS 1 or 2 is done with once it ends well, and is
   * handed over again when it does not, also by the page that comes after this one.
   */
  readonly onMessage: (message: ReceivedMessage) => void | Promise<void>;
  /** Is told what happens. What it throws is ignored. */
  readonly observe?: (news: ClientNews) => void;
  /** Takes down what the session's machine is given and answers, as `flightRecorder` does; costs nothing when absent. */
  readonly record?: FlightRecorder;
  /** What is done when another page has the session. Default: `take`. */
  readonly whenOwned?: WhenOwned;
  /** Where the locks of pages are. Default: `navigator.locks`, where there is one. */
  readonly locks?: LockManagerLike;
  /** What this side allows. */
  readonly limits?: Partial<ClientLimits>;
  /** Choices that MQTT leaves open. */
  readonly policy?: Partial<SessionPolicy>;
  /** How much the application may have published without an answer. Default: 100 000 messages, 256 MiB. */
  readonly queue?: Partial<ClientQueue>;
  /** What the store must promise; strict fencing and strong consistency when absent. */
  readonly require?: StoreRequirements;
  /** Time, randomness and timers; those of the platform when absent. */
  readonly environment?: BrokerEnvironment;
  /** How long the store is waited for. */
  readonly commit?: Partial<CommitOptions>;
}

/** How much may wait. */
export interface ClientQueue {
  /** Messages that were published and are not acknowledged. */
  readonly maximumMessages: number;
  /** Their bytes. */
  readonly maximumBytes: number;
  /** Messages that came and were not taken by the application: above it the server is read no more. Default: 1 000. */
  readonly maximumUnhandled: number;
}

/** What a client is doing, for people. */
export interface ClientInspection extends Omit<ClientState, "state"> {
  /** Where it stands. `closed`: by its host, or since another page has the session. */
  readonly state: ClientState["state"] | "closed";
  /** Messages that wait for the application. */
  readonly unhandled: number;
}

/** A client that keeps its session. All of its calls may be made without a connection. */
export interface SessionClient extends AsyncDisposable {
  /** Under which identifier the session is kept. */
  readonly clientId: string;
  /** Whether CONNACK has come and the connection has not ended since. */
  readonly online: boolean;
  /**
   * Takes the session. Every other call does so when it is needed; this one tells how it went.
   *
   * @throws {SessionError} `CLOSED` when another page has it and `whenOwned` is `refuse`, or this client is closed; what
   * the store says when it fails.
   */
  open(): Promise<void>;
  /**
   * Connects over a transport that is open: CONNECT leaves once the session is this page's.
   *
   * @throws {TypeError} If another connection is open.
   */
  connect(transport: ClientTransport, options?: ClientConnectOptions): ClientConnection;
  /**
   * Publishes. At QoS 1 and 2 a message that is stored is delivered, with this connection or a later one, of this page or
   * the next.
   *
   * @throws {RangeError} If the topic is no Topic Name, or the message larger than the store holds.
   */
  publish(message: ClientMessage): Published;
  /** Subscribes. Without a connection that waits for one. */
  subscribe(
    filters: readonly ClientSubscription[],
    options?: { readonly subscriptionIdentifier?: number },
  ): Promise<RequestOutcome>;
  /** Unsubscribes. Without a connection that waits for one. */
  unsubscribe(filters: readonly string[]): Promise<RequestOutcome>;
  /**
   * Says good-bye to the server, and ends once that is done. The session goes on for its interval.
   *
   * @throws {RangeError} If the interval would be raised from 0 (SE-10), or the code is not a client's.
   */
  disconnect(options?: { readonly reasonCode?: number; readonly sessionExpiryInterval?: number }): Promise<void>;
  /** Answers the server's part of an enhanced authentication, or begins one once more (0x19). */
  authenticate(authenticationData: Uint8Array | undefined, reasonCode?: 0x18 | 0x19): void;
  /** What it is doing, for people. */
  inspect(): Promise<ClientInspection>;
  /** Lets go of the session, after the application has taken what it is taking. A connection is closed without a word. */
  [Symbol.asyncDispose](): Promise<void>;
}
