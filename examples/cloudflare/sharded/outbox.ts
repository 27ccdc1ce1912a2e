/**
 * What of one shard is for the clients of others: the log of a session that nobody connects to. Its subscriptions mirror what
 * the others want, so a message for them is stored in the same commit as all its other copies, before it is acknowledged.
 *
 * @module
 */
import {
  type BrokerMessage,
  type ConnectPacket,
  type Guard,
  messageBytes,
  NEVER_EXPIRES,
  type QueuedMessage,
  type SessionBroker,
  type SessionStore,
} from "@edge-mqtt/session";
import { sessionAdmin } from "@edge-mqtt/session/admin";
import type { Take } from "./call.ts";

/** The client whose session it is; nobody from outside may have this id. */
export const OUTBOX = "$shards";

/** As much as goes to another shard at once. */
const PAGE = { messages: 100, bytes: 1_048_576 } as const;

/** Sends messages to another shard; ends once it has published them. */
export type Send = (shard: number, batch: Pick<Take, "log" | "messages">) => Promise<void>;

/** The outbox of a shard. */
export class Outbox {
  readonly #store: SessionStore;
  readonly #broker: () => SessionBroker;
  readonly #send: Send;
  /** Known to this object alone, and to no other life of it: who brings it is the object itself. */
  readonly #secret = crypto.getRandomValues(new Uint8Array(16));
  /** The right to delete from the log, as far as this memory knows. */
  #guard: Guard | undefined;

  constructor(store: SessionStore, broker: () => SessionBroker, send: Send) {
    this.#store = store;
    this.#broker = broker;
    this.#send = send;
  }

  /** Whether a CONNECT is the outbox's own. */
  isOwn({ clientId, password }: ConnectPacket): boolean {
    return clientId === OUTBOX && password !== undefined && String(password) === String(this.#secret);
  }

  /** From now on the shards with these bits get what matches a filter. */
  async mirror(filter: string, shards: number): Promise<void> {
    const admin = sessionAdmin(this.#store);
    if (await this.#store.read(OUTBOX) === undefined) await this.#make();
    // Whatever the longest interval of clients is, this session never ends.
    await admin.setExpiry(OUTBOX, NEVER_EXPIRES);
    // What came from another shard is published under the name of the outbox: No Local keeps it from going on to a third.
    const outcome = shards === 0
      ? await admin.unsubscribe(OUTBOX, filter)
      : await admin.subscribe(OUTBOX, filter, { qos: 2, noLocal: true, subscriptionIdentifier: shards });
    if (outcome !== "changed" && outcome !== "unchanged") throw new Error(`Cannot mirror a filter: ${outcome}`);
  }

  /** Sends all that waits, in order. What it rejects with leaves what was not taken where it was. */
  async drain(): Promise<void> {
    for (;;) {
      const guard = this.#guard ??= (await this.#store.read(OUTBOX))?.guard;
      if (guard === undefined) return;
      const { messages } = await this.#store.readQueue(guard, { after: 0, ...PAGE });
      if (messages.length === 0) return;
      const sent = await Promise.allSettled(
        [...batchesOf(messages)].map(([shard, batch]) =>
          this.#send(shard, { log: guard.incarnation, messages: batch })
        ),
      );
      const failed = sent.find((result) => result.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await this.#remove(guard, messages);
    }
  }

  /** Where filters have come or gone meanwhile the guard is an old one: then all is sent again, and taken only once. */
  async #remove(guard: Guard, messages: readonly QueuedMessage[]): Promise<void> {
    const [result] = await this.#store.commit([{
      id: crypto.randomUUID(),
      guard,
      raiseEpoch: { token: crypto.randomUUID() },
      changes: messages.map((message) => (
        { type: "deleteQueued", sequence: message.sequence, bytes: messageBytes(message) }
      )),
      deliveries: [],
      limits: { maximumMessages: Infinity, maximumBytes: Infinity, whenFull: "dropNewest" },
      now: Date.now(),
    }]);
    this.#guard = result?.outcome === "committed" ? result.guard : undefined;
  }

  /** The session is made once. */
  async #make(): Promise<void> {
    const connection = this.#broker().accept({ send: () => {}, close: () => {} });
    const connect = { type: "connect", protocolVersion: 5, clientId: OUTBOX, cleanStart: false, keepAlive: 0 } as const;
    await connection.receive([
      { ...connect, password: this.#secret, sessionExpiryInterval: NEVER_EXPIRES },
      { type: "disconnect", reasonCode: 0 },
    ]);
    connection.closed();
    await connection.done;
  }
}

/** What each shard gets: of several subscriptions that match, the bits of all. */
function batchesOf(messages: readonly QueuedMessage[]): ReadonlyMap<number, Take["messages"]> {
  const batches = new Map<number, (BrokerMessage & { readonly sequence: number })[]>();
  for (const { subscriptionIdentifiers, claimed: _, ...message } of messages) {
    const shards = subscriptionIdentifiers.reduce((all, bits) => all | bits, 0);
    for (let shard = 0; shards >> shard > 0; shard++) {
      if ((shards >> shard & 1) === 0) continue;
      const batch = batches.get(shard) ?? [];
      batches.set(shard, batch);
      batch.push({ ...message, publisher: OUTBOX });
    }
  }
  return batches;
}
