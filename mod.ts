/**
 * MQTT sessions that outlive the process: a broker over a store, on any runtime, for 3.1.1 and 5.0.
 *
 * {@linkcode sessionBroker} takes connections, asks the session state machine what each packet means, stores what must
 * be durable, and only then answers. What it needs of the world it is given: a {@linkcode SessionStore}, a
 * {@linkcode Transport} for each client, and, where the platform's own will not do, a {@linkcode BrokerEnvironment}.
 *
 * @example A broker in memory, and one client
 * ```ts
 * import { sessionBroker } from "@edge-mqtt/session";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const broker = sessionBroker({ store: memoryStore() });
 * const sent: string[] = [];
 * const connection = broker.accept({ send: (packet) => sent.push(packet.type), close: () => sent.push("closed") });
 * await connection.receive([
 *   { type: "connect", protocolVersion: 5, clientId: "c1", cleanStart: true, keepAlive: 60 },
 *   { type: "pingreq" },
 *   { type: "disconnect", reasonCode: 0 },
 * ]);
 * await broker.settled();
 * console.assert(sent.join() === "connack,pingresp,closed");
 * await broker.shutdown();
 * ```
 *
 * @module
 */
export { sessionBroker } from "./src/runtime/broker.ts";
export type { BrokerMessage, PublishResult, RunDueOptions, SessionBroker } from "./src/runtime/session_broker.ts";
export type {
  AdminSubscription,
  ChangeOutcome,
  ConnectedAdministration,
  PurgeResult,
} from "./src/store/administration.ts";
export { hibernation } from "./src/runtime/hibernate.ts";
export type {
  Hibernating,
  HibernatingTransport,
  HibernationOptions,
  SleepingConnection,
} from "./src/runtime/hibernating_transport.ts";
export type { BrokerConnection, CloseCause, CloseTexts, Transport } from "./src/runtime/transport.ts";
export { systemEnvironment } from "./src/runtime/environment.ts";
export type { BrokerEnvironment } from "./src/runtime/environment.ts";
export type {
  Authentication,
  AuthenticationAccepted,
  AuthenticationContinues,
  AuthenticationDenied,
  AuthenticationStep,
  AuthorizeQuestion,
  BrokerOptions,
  CallbackContext,
  CommitOptions,
  ConnectionBounds,
  LeaseOptions,
  PrincipalQuota,
  ReauthenticationContext,
  RetainedOptions,
} from "./src/runtime/options.ts";
export type {
  BatchesCommitted,
  BrokerEvent,
  ClientConnected,
  ClientDisconnected,
  CommitFailed,
  ConnectionStalled,
  ConnectionSuperseded,
  LeaseLost,
  MessageDelivered,
  MessageLost,
  Observe,
  PeerDiagnosed,
  RetainedRefused,
  RevokedSubscription,
  SessionOver,
  SessionTakenOver,
  WorkFailed,
} from "./src/runtime/observe.ts";
export type { QueueRule } from "./src/runtime/queue_rules.ts";
export { SessionError } from "./src/errors.ts";
export type { SessionErrorCode, SessionErrorOptions } from "./src/errors.ts";
export type {
  Examination,
  ExamineQuery,
  Finding,
  FindingKind,
  MaintenanceCall,
  RestoredMessage,
  RestoreRequest,
  RestoreResult,
  SessionImage,
  StoreMaintenance,
} from "./src/store/maintenance.ts";
export type { StoreCapabilities, StoreRequirements } from "./src/store/capabilities.ts";
export type {
  Acquired,
  AcquireRefusal,
  AcquireRequest,
  CommitBatch,
  CommitResult,
  Delivery,
  DeliveryReceiver,
  Guard,
  OutboxEntry,
  OutboxMove,
  PageLimit,
  QueueLimits,
  QueuePage,
  QueuePosition,
  ReceiverOutcome,
  SessionStore,
  StoredSession,
} from "./src/store/session_store.ts";
export type { LoggedTerms, WaitingGroup, WaitingTerms } from "./src/store/waiting_terms.ts";
export type {
  DirectoryPage,
  DirectoryQuery,
  JournalEntry,
  PrincipalUsage,
  SessionDirectory,
  SessionSummary,
} from "./src/store/directory.ts";
export type { DueOptions, DueWork, SweepWork } from "./src/store/due_work.ts";
export type { StoreCallOptions } from "./src/store/call.ts";
export type {
  RetainedCapabilities,
  RetainedEntry,
  RetainedLimits,
  RetainedOrder,
  RetainedOutcome,
  RetainedPage,
  RetainedPut,
  RetainedPutOptions,
  RetainedQuery,
  RetainedReadOptions,
  RetainedStore,
  RetainedSweepOptions,
  RetainedTotals,
} from "./src/store/retained_store.ts";
export type { RetainedAdministration, RetainedList, RetainedListQuery } from "./src/runtime/retention.ts";
export type { Receiver, SubscriptionMatch } from "./src/routing/resolve.ts";
export { DEFAULT_LIMITS, DEFAULT_POLICY } from "./src/machine/policy.ts";
export type { ConnectionLimits, ServerLimits, SessionPolicy } from "./src/machine/policy.ts";
export type {
  Change,
  DeleteInboundId,
  DeleteOutboundMark,
  DeleteQueued,
  DeleteSubscription,
  DeleteWill,
  DropReason,
  EndReason,
  EndSession,
  PublishMessage,
  PutHead,
  PutInboundId,
  PutOutboundMark,
  PutQuarantine,
  PutSentLimit,
  PutSubscription,
  PutWill,
  RetainedCopy,
  SessionChange,
} from "./src/machine/change.ts";
export type { Diagnosis } from "./src/machine/effect.ts";
export type { AcquireTerms } from "./src/machine/request.ts";
export type { OutboundMark, SessionHead, SessionSnapshot } from "./src/machine/snapshot.ts";
export { matches } from "./src/mqtt/filter.ts";
export { messageBytes } from "./src/mqtt/message.ts";
export type { Claim, Message, MessageProperties, QueuedMessage, UserProperty } from "./src/mqtt/message.ts";
export { NEVER_EXPIRES } from "./src/mqtt/packet.ts";
export type {
  AuthPacket,
  ClientPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  PingreqPacket,
  PingrespPacket,
  ProblemProperties,
  ProtocolVersion,
  PubackPacket,
  PubcompPacket,
  PublishPacket,
  PublishResponse,
  PubrecPacket,
  PubrelPacket,
  ServerPacket,
  SubackPacket,
  SubscribePacket,
  SubscriptionRequest,
  UnsubackPacket,
  UnsubscribePacket,
} from "./src/mqtt/packet.ts";
export type { QoS } from "./src/mqtt/qos.ts";
export { REASON } from "./src/mqtt/reason_code.ts";
export type { ReasonCode, ReasonName } from "./src/mqtt/reason_code.ts";
export type { RetainHandling, Subscription } from "./src/mqtt/subscription.ts";
export type { Will } from "./src/mqtt/will.ts";
