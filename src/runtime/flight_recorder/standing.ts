/** Where a machine stands, in the words of the diagrams. */
import type { StoredState } from "../../machine/rules/lifecycle.ts";
import type { ClientPhase } from "../../machine/rules/client_lifecycle.ts";
import type { ConnectionPhase } from "../../machine/state/connection.ts";
import { type AnySession, stateOf } from "../../machine/state/session.ts";
import type { OutboundState } from "../../machine/state/window.ts";
import type { QoS } from "../../mqtt/qos.ts";

/** A delivery in flight. */
export interface FlyingMessage {
  /** Its place in the log. */
  readonly sequence: number;
  /** Its Packet Identifier. */
  readonly packetId: number;
  /** Its level. */
  readonly qos: QoS;
  /** The state of the outbound diagram. */
  readonly state: OutboundState;
}

/** Where a machine stands. */
export interface Standing {
  /** The state of the diagram: of a server's session, or of a client. */
  readonly state: StoredState | ClientPhase;
  /** How far its connection has come; absent when it never had one. */
  readonly connection?: ConnectionPhase;
  /** Deliveries in flight, oldest first. */
  readonly window: readonly FlyingMessage[];
  /** Messages that were read from the log and wait to be sent. */
  readonly waiting: number;
  /** The log was read up to here. */
  readonly cursor: number;
  /** The highest sequence of the log, as far as is known. */
  readonly tail: number;
  /** Inbound QoS 2 identifiers that are not released. */
  readonly unreleased: readonly number[];
}

/** Looks at a machine; it changes nothing. */
export function standingOf(session: AnySession): Standing {
  const { role, durable, connection, ofClient } = stateOf(session);
  const phase = connection?.phase;
  const server: StoredState = durable === undefined ? "absent" : durable.head.attached ? "attached" : "detached";
  const client: ClientPhase = phase === "online" ? "online" : phase === "connecting" ? "connecting" : "idle";
  return {
    state: role === "server" ? server : client,
    ...(phase === undefined ? {} : { connection: phase }),
    window: [...connection?.window.entries() ?? []].map(({ sequence, packetId, qos, state }) => {
      return { sequence, packetId, qos, state };
    }),
    waiting: connection === undefined ? 0 : connection.page.length - connection.pageStart + connection.held.length,
    cursor: connection?.cursor ?? 0,
    tail: connection?.tail ?? ofClient?.part.tail ?? 0,
    unreleased: [...durable?.inbound.members ?? []],
  };
}
