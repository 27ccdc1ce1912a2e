import type { Subscription } from "../../mqtt/subscription.ts";
import type { Will } from "../../mqtt/will.ts";
import { DEFAULT_LIMITS, DEFAULT_POLICY, type ServerLimits, type SessionPolicy } from "../policy.ts";
import type { OutboundMark, SessionHead, SessionSnapshot } from "../snapshot.ts";
import type { PacketSender } from "../../mqtt/reason_code.ts";
import type { ClientPart } from "./client_part.ts";
import type { ConnectionState } from "./connection.ts";
import type { Output } from "../output.ts";
import type { Ending } from "../rules/lifecycle.ts";
import { SparseMap, SparseSet } from "./sparse.ts";

/** How a session is opened. */
export interface SessionOptions {
  /** Which side of the connection this is. */
  readonly role: "server";
  /** Choices that differ from `DEFAULT_POLICY`. */
  readonly policy?: Partial<SessionPolicy>;
  /** Limits that differ from `DEFAULT_LIMITS`. */
  readonly limits?: Partial<ServerLimits>;
}

/**
 * A session in memory, with at most one connection. Only `step` moves it; {@linkcode snapshot} tells its durable part.
 */
export interface Session {
  /** Which side of the connection this is. */
  readonly role: "server";
  /** The choices in force where MQTT leaves one open. */
  readonly policy: SessionPolicy;
  /** The limits in force on its connections. */
  readonly limits: ServerLimits;
  /** The Client Identifier, once it is known. */
  readonly clientId: string | undefined;
  /** Whether CONNACK has been sent and the connection has not ended since. */
  readonly online: boolean;
  /** Whether its connection was resumed, and its session is still to be reloaded. */
  readonly asleep: boolean;
}

/** A session of either role. */
export type AnySession = Pick<Session, "policy" | "clientId" | "online"> & { readonly role: "client" | "server" };

/** The durable part of a session, which `step` updates in place (D9). */
export interface DurableState {
  readonly clientId: string;
  readonly incarnation: string;
  head: SessionHead;
  will: Will | undefined;
  readonly subscriptions: Map<string, Subscription>;
  readonly outbound: SparseMap<OutboundMark>;
  readonly quarantine: SparseSet;
  readonly inbound: SparseSet;
}

/** What makes a session a client's. A broker is not to carry the rules of a client along, so they come with it. */
export interface ClientRole {
  readonly part: ClientPart;
  /** How its connection ends; a server's ends as `rules/ending` says. */
  readonly end: (state: SessionState, connection: ConnectionState, out: Output, ending: Ending) => void;
  /** When its Keep Alive is next to be looked at, while it is online. */
  readonly deadline: (connection: ConnectionState, part: ClientPart) => number | undefined;
}

/** What the rules see of a session. */
export class SessionState {
  /** Which side of the connection this is. */
  readonly role: PacketSender;
  /** Only of a client. */
  readonly ofClient: ClientRole | undefined;
  readonly policy: SessionPolicy;
  limits: ServerLimits;
  /** Absent until a session is acquired, and once it has ended or was taken over. */
  durable: DurableState | undefined;
  /** Absent until `connectionOpened`; kept, closed, after the connection ended. */
  connection: ConnectionState | undefined;
  /** The latest `now` (policy P15). */
  latestNow = -Infinity;

  constructor(
    policy: SessionPolicy,
    limits: ServerLimits,
    durable: DurableState | undefined,
    ofClient?: ClientRole,
  ) {
    this.role = ofClient === undefined ? "server" : "client";
    this.ofClient = ofClient;
    this.policy = policy;
    this.limits = limits;
    this.durable = durable;
  }

  get clientId(): string | undefined {
    return this.durable?.clientId;
  }

  get online(): boolean {
    return this.connection?.phase === "online";
  }

  get asleep(): boolean {
    return this.connection?.phase === "asleep";
  }
}

/** Opens a session: of a stored snapshot, or of a connection whose CONNECT has yet to come. */
export function openSession(stored: SessionSnapshot | undefined, options: SessionOptions): Session {
  return new SessionState(
    completed(DEFAULT_POLICY, options.policy),
    completed(DEFAULT_LIMITS, options.limits),
    stored === undefined ? undefined : durableOf(stored),
    // Without a client's part it is a server's.
  ) as SessionState & Session;
}

/** What was chosen over the defaults; a complete choice is shared, since a host may open a session for every connection. */
export function completed<Choices extends object>(defaults: Choices, chosen: Partial<Choices> | undefined): Choices {
  if (chosen === undefined) return defaults;
  for (const name in defaults) if (chosen[name] === undefined) return { ...defaults, ...chosen };
  // The loop has found every member.
  return chosen as Choices;
}

/** The other side of the connection. */
export function peerOf(state: SessionState): PacketSender {
  return state.role === "server" ? "client" : "server";
}

/** The durable part in a form that can be moved: its own copy. */
export function durableOf(stored: SessionSnapshot): DurableState {
  return {
    clientId: stored.clientId,
    incarnation: stored.incarnation,
    head: stored.head,
    will: stored.will,
    subscriptions: new Map(stored.subscriptions),
    outbound: new SparseMap(stored.outbound),
    quarantine: new SparseSet(stored.quarantine),
    inbound: new SparseSet(stored.inbound),
  };
}

/** The Session State as it stands, as a copy; `undefined` before a session is acquired and after it ended. */
export function snapshot(session: AnySession): SessionSnapshot | undefined {
  const durable = stateOf(session).durable;
  if (durable === undefined) return undefined;
  const { will, ...rest } = durable;
  return {
    ...rest,
    ...(will === undefined ? {} : { will }),
    subscriptions: new Map(durable.subscriptions),
    outbound: new Map(durable.outbound.entries),
    quarantine: new Set(durable.quarantine.members),
    inbound: new Set(durable.inbound.members),
  };
}

/** The inside of a session. Throws a `TypeError` when it was not made by `openSession` or `openClientSession`. */
export function stateOf(session: AnySession): SessionState {
  if (session instanceof SessionState) return session;
  throw new TypeError("Cannot use the session: this library did not open it");
}
