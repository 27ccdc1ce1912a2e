/**
 * The session state machine alone: no storage, no clock, no I/O.
 *
 * {@linkcode openSession} opens a session, {@linkcode step} moves it, {@linkcode applyChanges} says what its changes
 * mean, {@linkcode nextDeadline} tells when time matters next. The host answers the requests, makes the changes durable,
 * and only then carries the effects out.
 *
 * @example Every step: answer, write, act
 * ```ts
 * import { openSession, step } from "@edge-mqtt/session/machine";
 *
 * const session = openSession(undefined, { role: "server" });
 * const { requests, changes, effects } = step(session, { type: "connectionOpened" }, Date.now());
 * console.assert(requests.length + changes.length + effects.length === 0);
 * ```
 *
 * @module
 */
export { stepClient } from "./client_step.ts";
export type { ClientStepResult } from "./client_step.ts";
export { openClientSession, releasedHead } from "./client_session.ts";
export { clientAcquireTerms } from "./client_terms.ts";
export type { AcquiredClientSession, ClientLimits, ClientSession, ClientSessionOptions } from "./client_session.ts";
export type {
  AuthRequested,
  ClientEvent,
  ConnectRequest,
  ConnectRequested,
  DisconnectRequested,
  PublishRequested,
  ServerPacketMalformed,
  ServerPacketReceived,
  SubscribeRequested,
  UnsubscribeRequested,
} from "./client_event.ts";
export type {
  AuthReceived,
  ClientEffect,
  ClientIdentifierAssigned,
  Connected,
  ConnectRefused,
  MessageReceived,
  PublishRejected,
  RequestAnswered,
  RequestFailed,
  SendClientPacket,
  ServerDisconnected,
} from "./client_effect.ts";
export { CLIENT_TABLE } from "./rules/client_lifecycle.ts";
export type { ClientLifecycleEvent, ClientPhase, ClientRow } from "./rules/client_lifecycle.ts";
export { step } from "./step.ts";
export type { StepResult } from "./step.ts";
export { openSession, snapshot } from "./state/session.ts";
export type { AnySession, Session, SessionOptions } from "./state/session.ts";
export { restingConnection } from "./rules/resting.ts";
export type { RestingConnection } from "./state/resting.ts";
export { nextDeadline } from "./state/deadlines.ts";
export { applyChanges } from "./change.ts";
export type {
  Change,
  DeleteInboundId,
  DeleteOutboundMark,
  DeleteQuarantine,
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
} from "./change.ts";
export type {
  CloseConnection,
  DeliveryCompleted,
  Diagnosed,
  Diagnosis,
  Effect,
  MessageDropped,
  SendPacket,
  SessionEnded,
  SubscriptionRevoked,
} from "./effect.ts";
export type {
  AcquireRefused,
  Authenticated,
  AuthenticationContinued,
  AuthenticationRefused,
  CloseRequested,
  ConnectionClosed,
  ConnectionOpened,
  ConnectionResumed,
  EndRequested,
  Event,
  ExpirySet,
  MessagesAppended,
  MessagesPurged,
  OwnerLost,
  PacketMalformed,
  PacketReceived,
  PublishRefused,
  PublishRouted,
  Qos0Offered,
  QueueLoaded,
  Reauthenticated,
  RetainedLoaded,
  RetainedSettled,
  SessionAcquired,
  SessionReloaded,
  SubscribeAuthorized,
  SubscriptionRemoved,
  SubscriptionSet,
  Superseded,
  TimePassed,
} from "./event.ts";
export type {
  AcquireRequested,
  AcquireTerms,
  AuthenticateRequest,
  AuthenticateStepRequest,
  AuthorizeSubscribeRequest,
  LoadQueueRequest,
  LoadRetainedRequest,
  ReauthenticateRequest,
  Request,
  RoutePublishRequest,
} from "./request.ts";
export { DEFAULT_LIMITS, DEFAULT_POLICY } from "./policy.ts";
export type { ConnectionLimits, ServerLimits, SessionPolicy } from "./policy.ts";
export type { OutboundMark, SessionHead, SessionSnapshot } from "./snapshot.ts";
export { decideAcquire } from "./rules/lifecycle.ts";
export type { AcquireDecision, StoredForAcquire } from "./rules/lifecycle.ts";
export { ACQUIRE_TABLE, ENDING_TABLE } from "./rules/lifecycle.ts";
export type { AcquireCondition, AcquireRow, EndingEvent, EndingRow, StoredState } from "./rules/lifecycle.ts";
export { OUTBOUND_TABLE } from "./rules/outbound.ts";
export type { OutboundEvent, OutboundRow } from "./rules/outbound.ts";
export { INBOUND_TABLE } from "./rules/inbound.ts";
export type { InboundEvent, InboundRow, InboundState } from "./rules/inbound.ts";
export type { OutboundState } from "./state/window.ts";
export { willMessage } from "./rules/will.ts";
export type { Message, MessageProperties, QueuedMessage, UserProperty } from "../mqtt/message.ts";
export { messageBytes } from "../mqtt/message.ts";
export { NEVER_EXPIRES } from "../mqtt/packet.ts";
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
} from "../mqtt/packet.ts";
export type { QoS } from "../mqtt/qos.ts";
export { isFailure, REASON } from "../mqtt/reason_code.ts";
export type { RetainHandling, Subscription } from "../mqtt/subscription.ts";
export type { Will } from "../mqtt/will.ts";
