/** What is known of a Client Identifier over all its connections. */
import type { Connection } from "./connection.ts";
import type { Generation } from "./generation.ts";

/** An administrator ends the session: in this time, if at all. */
export interface AdministrativeEnd {
  readonly fromSeq: number;
  readonly fromAt: number;
  untilSeq: number;
  isAnswered: boolean;
}

/** A client. */
export class Client {
  readonly name: string;
  readonly connections: Connection[] = [];
  /** The session as it was known last. */
  generation: Generation | undefined;
  /** The CONNECTs that still matter to what comes: any may be the last that was carried out. */
  attempts: Connection[] = [];
  readonly ends: AdministrativeEnd[] = [];
  /** Broke the protocol, and has not begun a session since. */
  isRude = false;
  /** Told a Maximum Packet Size at least once. */
  limitsPackets = false;

  constructor(name: string) {
    this.name = name;
  }
}

/** The connection that holds the session. */
export function liveConnection(client: Client): Connection | undefined {
  let live: Connection | undefined;
  for (const connection of client.connections) {
    if (!connection.isOpen || !connection.isAccepted || connection.isLate) continue;
    if (live === undefined || connection.connackSeq > live.connackSeq) live = connection;
  }
  return live;
}
