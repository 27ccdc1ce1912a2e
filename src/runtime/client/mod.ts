/**
 * A client that keeps its session: what it publishes and what comes to it outlives the page, at QoS 1 and 2.
 *
 * {@linkcode sessionClient} works over any codec and any transport, and over any {@linkcode SessionStore}: IndexedDB in a
 * browser, memory in a test.
 *
 * @module
 */
export { sessionClient } from "./session_client.ts";
export type {
  ClientConnection,
  ClientConnectOptions,
  ClientInspection,
  ClientMessage,
  ClientNews,
  ClientQueue,
  ClientSubscription,
  ClientTransport,
  Published,
  PublishOutcome,
  ReceivedMessage,
  RequestOutcome,
  SessionClient,
  SessionClientOptions,
} from "./options.ts";
export { inboxOf } from "./inbox_of.ts";
export type { ClientState, OutgoingLine } from "../../machine/state/client_inspection.ts";
export type { LockManagerLike, WhenOwned } from "../sole_owner.ts";
export { systemEnvironment } from "../environment.ts";
export type { BrokerEnvironment } from "../environment.ts";
export { SessionError } from "../../errors.ts";
export type { SessionErrorCode, SessionErrorOptions } from "../../errors.ts";
export type { ClientStore } from "../../store/client_store.ts";
export type { SessionStore } from "../../store/session_store.ts";
