/**
 * Where records stand. Nothing but prefix, client and incarnation is part of a session's keys (G1).
 *
 * `head/{client}`, `gate/{client}`: one of each for a client; `ended/{client}`: the journal of one whose session has ended. `row/{client}/{incarnation}/own/…`: what else the owner
 * writes; `…/queue/{sequence}`: the log, after it so that one page begins with all of the former; `…/staged/…`: parts of
 * large messages; `…/text/…`: the Client Identifier, when it is too long for the records that name it. The rest are indices: `route`, `place`, `due`, `node`, `owned`, `ring`, `bell`, `outbox`; and `unreadable`, for rows of
 * `due` that were set aside.
 */
import { SCHEMA_VERSION } from "../encoding.ts";
import { KeyParts, numberPart, timePart } from "../keys.ts";

/** The first and the last key of what stands below a key. */
export interface KeySpan {
  readonly start: string;
  readonly end: string;
}

/** The keys of one store, for names that were prepared. */
export class Layout {
  readonly #root: string;
  readonly #parts = new KeyParts();

  constructor(prefix: string) {
    this.#root = `${prefix}/${SCHEMA_VERSION}`;
  }

  /** Prepares names to stand in keys. */
  prepare(names: Iterable<string>): Promise<void> {
    return this.#parts.prepare(names);
  }

  shapes(): string {
    return `${this.#root}/shapes`;
  }

  heads(): string {
    return `${this.#root}/head/`;
  }

  head(clientId: string): string {
    return this.heads() + this.#parts.of(clientId);
  }

  gate(clientId: string): string {
    return `${this.#root}/gate/${this.#parts.of(clientId)}`;
  }

  /** Where the journal of a client stands whose session has ended. */
  ended(clientId: string): string {
    return `${this.#root}/ended/${this.#parts.of(clientId)}`;
  }

  /** All rows of all sessions. */
  allRows(): string {
    return `${this.#root}/row/`;
  }

  rowsOfClient(clientId: string): string {
    return `${this.#root}/row/${this.#parts.of(clientId)}/`;
  }

  rows(clientId: string, incarnation: string): string {
    return `${this.rowsOfClient(clientId)}${this.#parts.of(incarnation)}/`;
  }

  /** The rows of a session, by parts of keys. */
  rowsAt(client: string, incarnation: string): string {
    return `${this.#root}/row/${client}/${incarnation}/`;
  }

  /** The head and the gate of a client that is known by its part of a key. */
  recordsAt(client: string): { readonly head: string; readonly gate: string } {
    return { head: this.heads() + client, gate: `${this.#root}/gate/${client}` };
  }

  /** A text as records hold it: itself, or its part of a key when it is too long for them. */
  inRecord(text: string): string {
    return this.#parts.inRecord(text);
  }

  /** A text as a part of a key. */
  part(text: string): string {
    return this.#parts.of(text);
  }

  subscription(clientId: string, incarnation: string, filter: string): string {
    return ROW.subscriptions(this.rows(clientId, incarnation)) + this.#parts.of(filter);
  }

  routes(filter: string): string {
    return this.#routesAt(this.#parts.of(filter));
  }

  route(filter: string, clientId: string, incarnation: string): string {
    return this.routeAt(this.#parts.of(filter), clientId, incarnation);
  }

  /** The route of a filter that is known by its part of a key. */
  routeAt(filterPart: string, clientId: string, incarnation: string): string {
    return `${this.#routesAt(filterPart)}${this.#parts.of(clientId)}/${this.#parts.of(incarnation)}`;
  }

  allRoutes(): string {
    return `${this.#root}/route/`;
  }

  /** A route, by parts of keys. */
  routeOf(filterPart: string, client: string, incarnation: string): string {
    return `${this.#routesAt(filterPart)}${client}/${incarnation}`;
  }

  allPlaces(): string {
    return `${this.#root}/place/`;
  }

  places(principal: string): string {
    return `${this.#root}/place/${principal}/`;
  }

  /** One of the places that a principal has under a quota, which a session takes; by the principal's digest. */
  place(principal: string, number: number): string {
    return this.places(principal) + numberPart(number);
  }

  nodes(): string {
    return `${this.#root}/node/`;
  }

  node(nodeId: string): string {
    return this.nodes() + this.#parts.of(nodeId);
  }

  allOwned(): string {
    return `${this.#root}/owned/`;
  }

  ownedBy(nodeId: string): string {
    return `${this.#root}/owned/${this.#parts.of(nodeId)}/`;
  }

  owned(nodeId: string, clientId: string): string {
    return this.ownedBy(nodeId) + this.#parts.of(clientId);
  }

  allRings(): string {
    return `${this.#root}/ring/`;
  }

  rings(nodeId: string): string {
    return this.ringsAt(this.#parts.of(nodeId));
  }

  /** The doorbells of a node that is known by its part of a key. */
  ringsAt(nodePart: string): string {
    return `${this.allRings()}${nodePart}/`;
  }

  ring(nodeId: string, clientId: string): string {
    return this.rings(nodeId) + this.#parts.of(clientId);
  }

  /** Written with every doorbell of a node, so that the node has one key to watch. */
  bell(nodeId: string): string {
    return this.bellAt(this.#parts.of(nodeId));
  }

  /** The bell of a node that is known by its part of a key. */
  bellAt(nodePart: string): string {
    return `${this.#root}/bell/${nodePart}`;
  }

  allOutboxes(): string {
    return `${this.#root}/outbox/`;
  }

  /** An entry of an outbox, by parts of keys. */
  outboxEntryAt(outbox: string, number: string): string {
    return `${this.allOutboxes()}${outbox}/entry/${number}`;
  }

  outbox(outboxId: string): string {
    return `${this.#root}/outbox/${this.#parts.of(outboxId)}/`;
  }

  outboxEntry(outboxId: string, number: number): string {
    return `${this.outbox(outboxId)}entry/${numberPart(number)}`;
  }

  due(): string {
    return `${this.#root}/due/`;
  }

  /** All that is due at a moment, and before it. */
  dueBy(at: number): KeySpan {
    return { start: this.due(), end: `${this.due()}${timePart(at)}0` };
  }

  dueSession(at: number, clientId: string): string {
    return this.dueSessionAt(at, this.#parts.of(clientId));
  }

  /** The moment of a session of a client that is known by its part of a key. */
  dueSessionAt(at: number, client: string): string {
    return `${this.due()}${timePart(at)}/session/${client}`;
  }

  dueOutbox(at: number, outboxId: string, number: number): string {
    return this.dueOutboxAt(at, this.#parts.of(outboxId), numberPart(number));
  }

  /** The moment of an entry of an outbox, by parts of keys. */
  dueOutboxAt(at: number, outbox: string, number: string): string {
    return `${this.due()}${timePart(at)}/outbox/${outbox}/${number}`;
  }

  dueSweep(at: number, clientId: string, incarnation: string): string {
    return this.dueSweepAt(at, this.#parts.of(clientId), this.#parts.of(incarnation));
  }

  /** The moment from which an incarnation is swept, by parts of keys. */
  dueSweepAt(at: number, client: string, incarnation: string): string {
    return `${this.due()}${timePart(at)}/sweep/${client}/${incarnation}`;
  }

  /** Where a row goes that cannot be read and is in the way. */
  aside(key: string): string {
    return `${this.#root}/unreadable${key.slice(this.#root.length)}`;
  }

  #routesAt(filterPart: string): string {
    return `${this.#root}/route/${filterPart}/`;
  }

  /** `owner`: the incarnation, or the outbox, that the parts belong to. */
  stagedAt(at: number, owner: string): string {
    return `${this.due()}${timePart(at)}/staged/${this.#parts.of(owner)}/`;
  }
}

/** Keys below one of {@linkcode Layout.rows}. */
export const ROW = {
  own: (rows: string): string => `${rows}own/`,
  packetIds: (rows: string): string => `${rows}own/ids`,
  mark: (rows: string, sequence: number): string => `${rows}own/mark/${numberPart(sequence)}`,
  owed: (rows: string, number: number): string => `${rows}own/owed/${numberPart(number)}`,
  revision: (rows: string): string => `${rows}own/rev`,
  subscriptions: (rows: string): string => `${rows}own/sub/`,
  filter: (rows: string, filterPart: string): string => `${rows}own/text/${filterPart}/`,
  will: (rows: string): string => `${rows}own/will`,
  client: (rows: string): string => `${rows}text/`,
  queue: (rows: string): string => `${rows}queue/`,
  queued: (rows: string, sequence: number): string => `${rows}queue/${numberPart(sequence)}`,
  unreadable: (rows: string, sequence: number): string => `${rows}unreadable/${numberPart(sequence)}`,
} as const;

/** Everything below a key that ends in `/`. */
export function below(prefix: string): KeySpan {
  return { start: prefix, end: `${prefix.slice(0, -1)}0` };
}

/** The first key that can come after a key: no key holds a space, and every character is above it. */
export function after(key: string): string {
  return `${key} `;
}

/** The last part of a key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}
