/** All that the oracle knows, and where it writes what it finds. */
import { Client } from "./client.ts";
import { Connection } from "./connection.ts";
import type { Message } from "./message.ts";
import type { Violation, WorldBounds } from "./observation.ts";
import type { Group, Handed } from "./shared.ts";
import type { Overtaken } from "./shared_order.ts";

/** A copy of a message that nobody was seen to publish, yet. */
export interface Unexplained {
  readonly at: number;
  readonly client: string;
}

/** What is known. */
export class Knowledge {
  readonly bounds: WorldBounds;
  readonly violations: Violation[] = [];
  /** The number of the observation, and its time. Numbers order what times cannot. */
  seq = 0;
  at = 0;
  readonly clients: Map<string, Client> = new Map();
  readonly connections: Map<number, Connection> = new Map();
  readonly messages: Map<string, Message> = new Map();
  readonly unexplained: Map<string, Unexplained> = new Map();
  /** Shared groups by their filters. */
  readonly groups: Map<string, Group> = new Map();
  /** Who got which message of a group. */
  readonly handed: Map<Message, Handed[]> = new Map();
  /** What came from groups the wrong way round. */
  readonly overtaken: Overtaken[] = [];
  /** How often rare things were seen. */
  readonly counts: Map<string, number> = new Map();
  readonly #orderKeys: Map<string, number> = new Map();

  constructor(bounds: WorldBounds) {
    this.bounds = bounds;
  }

  /** A promise was broken. */
  report(rule: string, client: string, message: string, at: number = this.at): void {
    this.violations.push({ rule, at, client, message });
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  client(name: string): Client {
    let client = this.clients.get(name);
    if (client === undefined) this.clients.set(name, client = new Client(name));
    return client;
  }

  open(number: number, name: string): void {
    const client = this.client(name);
    const connection = new Connection(number, client);
    client.connections.push(connection);
    this.connections.set(number, connection);
  }

  /** A small number for a key of an order. */
  orderKey(text: string): number {
    let key = this.#orderKeys.get(text);
    if (key === undefined) this.#orderKeys.set(text, key = this.#orderKeys.size + 1);
    return key;
  }
}
