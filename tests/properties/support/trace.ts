/**
 * What a run has shown to the outside: packets, commits of others, times. The invariants are judged from this alone.
 *
 * @module
 */
import type { ClientPacket, ConnectPacket, QoS, ServerPacket, SessionSnapshot } from "../../../src/machine/mod.ts";

/** What one event led to, once it was committed. What a crash took away never stands in a trace. */
export interface Exchange {
  readonly type: "exchange";
  readonly connection: number;
  readonly clientId: string;
  readonly at: number;
  /** The type of the event that began it. */
  readonly event: string;
  readonly received?: ClientPacket;
  readonly sent: readonly ServerPacket[];
  /** How many messages of the client were handed on to receivers. */
  readonly handedOn: number;
  /** How the host answered a PUBLISH of the client. */
  readonly verdict?: Verdict;
  readonly lost: readonly LostCopy[];
  /** The connection is over with this exchange. */
  readonly closes: boolean;
}

/** What the host says to a PUBLISH: `refusedByCommit` is one that was routed first. */
export type Verdict = "routed" | "nobody" | "refused" | "refusedByCommit";

export interface LostCopy {
  readonly copy: number;
  readonly reason: string;
}

/** A copy of a message entered the log of a client, or was offered to its connection. */
export interface Appended {
  readonly type: "appended";
  readonly clientId: string;
  readonly copy: number;
  readonly publisher: string;
  readonly topic: string;
  readonly qos: QoS;
  readonly expiresAt?: number;
}

/** The store gave the session to a connection. */
export interface Acquired {
  readonly type: "acquired";
  readonly clientId: string;
  readonly connection: number;
  readonly connect: ConnectPacket;
  readonly at: number;
}

/** Nobody holds the session since `at`: its owner's lease ran out. */
export interface Lapsed {
  readonly type: "lapsed";
  readonly clientId: string;
  readonly at: number;
}

/** An administrator ended the session. */
export interface EndedByHost {
  readonly type: "endedByHost";
  readonly clientId: string;
}

/** A Will was published. Its payload names the CONNECT that carried it. */
export interface WillPublished {
  readonly type: "willPublished";
  readonly clientId: string;
  readonly will: number;
  readonly at: number;
}

/** What a session looks like after a step. */
export interface Observed {
  readonly type: "observed";
  readonly clientId: string;
  readonly connection: number;
  readonly at: number;
  readonly online: boolean;
  readonly nextDeadline: number | undefined;
  readonly snapshot: SessionSnapshot | undefined;
}

/** Both a detached session and the same one read from the store were asked the same. */
export interface Restored {
  readonly type: "restored";
  readonly kept: unknown;
  readonly restored: unknown;
}

/** A connection was told that it is superseded; what it then put out. */
export interface SupersededOutput {
  readonly type: "supersededOutput";
  readonly changes: number;
  readonly sent: readonly ServerPacket[];
}

export type TraceRecord =
  | Exchange
  | Appended
  | Acquired
  | Lapsed
  | EndedByHost
  | WillPublished
  | Observed
  | Restored
  | SupersededOutput;

/** The number that a payload of this test carries. */
export function numberIn(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}

/** A payload that carries a number, of at least 4 bytes. */
export function payloadWith(number: number, length = 4): Uint8Array {
  const payload = new Uint8Array(Math.max(4, length));
  new DataView(payload.buffer).setUint32(0, number);
  return payload;
}
