import type { QueuedMessage } from "../../mqtt/message.ts";
import type { QoS } from "../../mqtt/qos.ts";
import type { ClientSession } from "../client_session.ts";
import { intervalEndsAt } from "../rules/lifecycle.ts";
import { connectionDeadline } from "./deadlines.ts";
import { stateOf } from "./session.ts";
import type { OutboundState } from "./window.ts";

/** A message on its way, for people. */
export interface OutgoingLine {
  /** Its place in the log. */
  readonly sequence: number;
  /** Its Topic Name; empty once only its identifier is kept. */
  readonly topic: string;
  /** Its level. */
  readonly qos: QoS;
  /** How far it has come. What may have been sent awaits its answer, though the connection is gone. */
  readonly phase: "waiting" | OutboundState;
  /** Once it is in flight on this connection. */
  readonly packetId?: number;
  /** When nobody wants it any more, in epoch milliseconds. */
  readonly expiresAt?: number;
}

/** What a client's session is doing, for people. */
export interface ClientState {
  /** Where it stands. */
  readonly state: "offline" | "connecting" | "online";
  /** Whether a server has accepted this session. */
  readonly established: boolean;
  /** Messages that are not acknowledged, the oldest first. */
  readonly outgoing: readonly OutgoingLine[];
  /** Identifiers of QoS 2 messages that the server has to release. */
  readonly inboundIds: readonly number[];
  /** When its interval is over, in epoch milliseconds; absent while connected, and where it never is. */
  readonly endsAt?: number;
  /** When the connection does something by itself. */
  readonly nextDeadlineAt?: number;
}

/** Looks at a session, given the beginning of its log. It changes nothing. */
export function inspectClient(session: ClientSession, log: readonly QueuedMessage[]): ClientState {
  const state = stateOf(session);
  const { connection, durable } = state;
  const phase = connection?.phase ?? "closed";
  const lines = new Map<number, OutgoingLine>();
  const startedThrough = Math.max(state.ofClient?.part.startedThrough ?? 0, connection?.lastStarted ?? 0);
  for (const { sequence, topic, qos, expiresAt } of log) {
    const started = qos === 1 ? "awaitPuback" : "awaitPubrec";
    const phase = sequence <= startedThrough && qos > 0 ? started : "waiting";
    // What is under way is past its interval's reach.
    const expiry = expiresAt === undefined || phase !== "waiting" ? {} : { expiresAt };
    lines.set(sequence, { sequence, topic, qos, phase, ...expiry });
  }
  for (const [sequence, { packetId, phase: marked }] of durable?.outbound.entries ?? []) {
    if (marked === "released") lines.set(sequence, { sequence, topic: "", qos: 2, phase: "awaitPubcomp", packetId });
  }
  if (phase === "online") {
    for (const { sequence, packetId, qos, state: far } of connection?.window.entries() ?? []) {
      const line = lines.get(sequence) ?? { sequence, topic: "", qos };
      lines.set(sequence, { ...line, phase: far, packetId });
    }
  }
  const head = durable?.head;
  const endsAt = head === undefined ? undefined : intervalEndsAt(head);
  const nextDeadlineAt = connectionDeadline(state);
  return {
    state: phase === "online" ? "online" : phase === "closed" ? "offline" : "connecting",
    established: (head?.connectedAt ?? 0) > 0,
    outgoing: [...lines.values()].sort((a, b) => a.sequence - b.sequence),
    inboundIds: [...durable?.inbound.members ?? []],
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(nextDeadlineAt === undefined ? {} : { nextDeadlineAt }),
  };
}
