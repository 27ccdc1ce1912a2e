import type { Message } from "../mqtt/message.ts";
import type { AuthPacket, ConnectPacket, SubscriptionRequest } from "../mqtt/packet.ts";
import type { Will } from "../mqtt/will.ts";
import type { SessionHead } from "./snapshot.ts";

/**
 * Who is this, and may it connect? Answered by `authenticated` or `authenticationRefused`, and by
 * `authenticationContinued` where CONNECT named a method.
 */
export interface AuthenticateRequest {
  /** Tells this request from the others. */
  readonly type: "authenticate";
  /** The CONNECT with its credentials, which the machine does not keep. */
  readonly connect: ConnectPacket;
}

/** What the client answers to `authenticationContinued`. Answered as the request that began the exchange. */
export interface AuthenticateStepRequest {
  /** Tells this request from the others. */
  readonly type: "authenticateStep";
  /** The AUTH 0x18 with its data, which the machine does not keep. */
  readonly auth: AuthPacket;
}

/**
 * The client authenticates again. Answered by `reauthenticated`, `authenticationContinued` or `authenticationRefused`, at
 * any time: all else goes on meanwhile.
 */
export interface ReauthenticateRequest {
  /** Tells this request from the others. */
  readonly type: "reauthenticate";
  /** The AUTH 0x19 with its data, which the machine does not keep. */
  readonly auth: AuthPacket;
}

/** The terms on which a connection takes a session: data that a store compares and adds without knowing MQTT. */
export interface AcquireTerms {
  /** The Client Identifier under which the session is kept. */
  readonly clientId: string;
  /** Refuse when a session of this id exists: the id was made for this client ([MQTT-3.1.3-7] of 5.0, CI-04). */
  readonly mustBeNew: boolean;
  /** Begin a new session whatever is stored ([MQTT-3.1.2-4]). */
  readonly cleanStart: boolean;
  /**
   * The head once attached. Its `sentLimit` is the store's to set: the stored one, plus `sendAhead` if the session was
   * detached (an owner that was lost left it ahead already), and `sendAhead` for a new session.
   */
  readonly head: SessionHead;
  /** The Will of this connection; it replaces a stored one, and so does its absence (WL-15). */
  readonly will?: Will;
  /** How many log entries beyond the stored `sentLimit` may be sent before the next commit. */
  readonly sendAhead: number;
  /** Policy P2: whether the pending Will of a session that ends by Clean Start is published. */
  readonly releaseWillOnCleanStart: boolean;
  /** Policy P13: whether a session of the other protocol version is resumed. */
  readonly resumeAcrossVersions: boolean;
}

/** Take the session, in one atomic step of the store. Answered by `sessionAcquired` or `acquireRefused`. */
export interface AcquireRequested {
  /** Tells this request from the others. */
  readonly type: "acquire";
  /** The terms on which the store decides. */
  readonly terms: AcquireTerms;
}

/** May it publish, and whom does it reach? Answered by `publishRouted` or `publishRefused`. */
export interface RoutePublishRequest {
  /** Tells this request from the others. */
  readonly type: "routePublish";
  /** Names this request in its answer; unique on the connection. */
  readonly ref: number;
  /** The message with its full topic and absolute expiry. */
  readonly message: Message;
}

/** Which of these filters may it have, at which level? Answered by `subscribeAuthorized`. */
export interface AuthorizeSubscribeRequest {
  /** Tells this request from the others. */
  readonly type: "authorizeSubscribe";
  /** Names this request in its answer; unique on the connection. */
  readonly ref: number;
  /** The filters to judge, in the order of the SUBSCRIBE; those refused already are left out. */
  readonly subscriptions: readonly SubscriptionRequest[];
}

/** The next page of the log. Answered by `queueLoaded`. */
export interface LoadQueueRequest {
  /** Tells this request from the others. */
  readonly type: "loadQueue";
  /** Entries with a higher sequence. */
  readonly after: number;
  /** At most this many messages. */
  readonly messages: number;
  /** At most this many bytes, though always one message. */
  readonly bytes: number;
}

/** The next page of retained messages for a subscription. Answered by `retainedLoaded`. */
export interface LoadRetainedRequest {
  /** Tells this request from the others. */
  readonly type: "loadRetained";
  /** Names this request in its answers; unique on the connection. */
  readonly ref: number;
  /** The Topic Filter of the subscription, which has to be stored before anything is read. */
  readonly filter: string;
  /** Messages behind this position of the retained store. */
  readonly after: string;
  /** At most this many messages. */
  readonly messages: number;
  /** At most this many bytes, though always one message. */
  readonly bytes: number;
}

/**
 * A fact that a step needs from outside. Each is answered by an event before any later packet of the connection is
 * stepped, except for these. `loadQueue`, `loadRetained` and what authenticates again may be answered at any time while the
 * connection is open, and at most one of each is awaited. While a CONNECT with an Authentication Method is being
 * authenticated, what comes is stepped at once: it may be nothing but AUTH and DISCONNECT.
 */
export type Request =
  | AuthenticateRequest
  | AuthenticateStepRequest
  | ReauthenticateRequest
  | AcquireRequested
  | RoutePublishRequest
  | AuthorizeSubscribeRequest
  | LoadQueueRequest
  | LoadRetainedRequest;
