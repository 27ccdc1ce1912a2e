/**
 * A broker as its host sees it.
 *
 * @module
 */
import type { Message } from "../mqtt/message.ts";
import type { ConnectedAdministration } from "../store/administration.ts";
import type { StoreCallOptions } from "../store/call.ts";
import type { DirectoryPage, DirectoryQuery, SessionSummary } from "../store/directory.ts";
import type { HibernatingTransport } from "./hibernating_transport.ts";
import type { RetainedAdministration } from "./retention.ts";
import type { BrokerConnection, Transport } from "./transport.ts";

/** A message that the host publishes itself. What is absent gets the plainest value. */
export type BrokerMessage = Pick<Message, "topic" | "payload"> & Partial<Message>;

/** What became of a publish of the host. */
export interface PublishResult {
  /** How many sessions the message reaches. */
  readonly receivers: number;
  /**
   * Whether it was taken: with `whenFull: "reject"`, `false` when every queue was full; one to be retained is not when the
   * limits leave no room for it.
   */
  readonly accepted: boolean;
}

/** What a call that works through due things takes. */
export interface RunDueOptions {
  /** Ends the run early; what is not done stays due. */
  readonly signal?: AbortSignal;
}

/** A broker of MQTT sessions over one store. */
export interface SessionBroker extends AsyncDisposable {
  /** This run of this node: the given name and a random part; with `hibernation` the given name. */
  readonly nodeId: string;
  /** Takes a connection in. Synchronous, so that its packets are in order from the first byte. */
  accept(transport: Transport | HibernatingTransport): BrokerConnection;
  /**
   * Takes a connection back that this process may have forgotten, with what its socket has kept: whenever something comes
   * from a socket whose connection is not at hand. Synchronous; whoever calls it twice gets the same connection. PINGREQ is
   * answered without the store; for all else the session is reloaded, in one round trip. A connection that cannot go on, its
   * session being another's or something having been lost with the memory, is closed.
   *
   * @throws {TypeError} If the broker was made without the option `hibernation`.
   *
   * @example A process that forgets everything between two packets
   * ```ts
   * import { hibernation, type HibernatingTransport, sessionBroker } from "@edge-mqtt/session";
   * import { memoryStore } from "@edge-mqtt/session/memory";
   *
   * // The platform: a socket that stays open, and what it keeps.
   * const sent: string[] = [];
   * const socket: { attachment?: Uint8Array; isOpen: boolean } = { isOpen: true };
   * const transport: HibernatingTransport = {
   *   token: crypto.randomUUID(),
   *   send: (packet) => sent.push(packet.type),
   *   close: () => socket.isOpen = false,
   *   keep: (attachment) => socket.attachment = attachment,
   * };
   * const sleeping = () => {
   *   const { attachment, isOpen } = socket;
   *   return isOpen && attachment !== undefined ? [{ transport, attachment }] : [];
   * };
   *
   * // The process: made anew whenever something comes.
   * const store = memoryStore();
   * const sockets = hibernation({
   *   find: (token) => sleeping().find(() => token === transport.token),
   *   all: sleeping,
   * });
   * const wake = () => sessionBroker({ store, nodeId: "tenant-a", hibernation: sockets });
   *
   * const before = wake();
   * await before.accept(transport).receive([
   *   { type: "connect", protocolVersion: 5, clientId: "c1", cleanStart: true, keepAlive: 60 },
   * ]);
   * await before.settled();
   *
   * const after = wake();
   * await after.resume(transport, socket.attachment ?? new Uint8Array()).receive([{ type: "pingreq" }]);
   * await after.settled();
   * console.assert(sent.join() === "connack,pingresp");
   * ```
   */
  resume(transport: HibernatingTransport, attachment: Uint8Array): BrokerConnection;
  /**
   * Publishes a message that no session sent: at least once.
   *
   * @throws {TypeError} If no packet could carry its topic or one of its properties.
   * @throws {SessionError} `STORE_UNAVAILABLE` or `OUTCOME_UNKNOWN` when the store did not take it in time.
   */
  publish(message: BrokerMessage): Promise<PublishResult>;
  /** What is retained; `undefined` without a store for it. */
  readonly retained: RetainedAdministration | undefined;
  /** One session, as a person would look at it. */
  inspect(clientId: string, options?: StoreCallOptions): Promise<SessionSummary | undefined>;
  /** Sessions, page by page. */
  list(query?: Partial<DirectoryQuery>): Promise<DirectoryPage>;
  /** Changes sessions that connections of this broker own, through them: `sessionAdmin` takes it, for sessions anywhere. */
  readonly connected: ConnectedAdministration;
  /** Ends a session and its connection, wherever that is. Returns whether there was one. */
  end(clientId: string): Promise<boolean>;
  /** Does all that is due, here and in the store: for a cron, an alarm, or the next request. */
  runDue(options?: RunDueOptions): Promise<void>;
  /** When the next call of {@linkcode SessionBroker.runDue} is worth it, in epoch milliseconds. */
  nextWakeAt(): Promise<number | undefined>;
  /** For hosts that live long: from now on the broker wakes itself. Ends with the signal, or at shutdown. */
  start(signal?: AbortSignal): void;
  /** Ends when nothing is under way: no commit, no answer, no outbox. For hosts that may be put to sleep. */
  settled(): Promise<void>;
  /** Closes every connection with 0x8B, stores what they leave, and gives the lease back. May be called again. */
  shutdown(): Promise<void>;
}
