/**
 * The Wills of clients: stored with their sessions, published by aedes.
 *
 * @module
 */
import type { SessionHead } from "../../machine/snapshot.ts";
import type { AedesContext } from "./context.ts";
import type { AedesClientLike, AedesPacket } from "./packets.ts";
import type { SessionLines } from "./session_lines.ts";
import type { Plan } from "./plan.ts";
import type { SessionView } from "./session_view.ts";
import { willOf, willPacket } from "./translation.ts";

/** How long aedes has for publishing the Will of a connection that it has seen end, before others do, in milliseconds. */
export const WILL_GRACE_MS = 60_000;

/** Stores Wills. */
export class AedesWills {
  readonly #context: AedesContext;
  readonly #lines: SessionLines;
  readonly #brokerId: () => string;
  /** Wills that a program put here, not a connection. */
  readonly #put = new Map<string, AedesPacket>();
  /** How many connections of a client had a Will that aedes has not told to delete. */
  readonly #undeleted = new Map<string, number>();

  constructor(context: AedesContext, lines: SessionLines, brokerId: () => string) {
    this.#context = context;
    this.#lines = lines;
    this.#brokerId = brokerId;
  }

  /** Those that a program put here. */
  get own(): Iterable<AedesPacket> {
    return this.#put.values();
  }

  /** A connection has stored its Will with its session. */
  held(clientId: string): void {
    this.#undeleted.set(clientId, (this.#undeleted.get(clientId) ?? 0) + 1);
  }

  /** Stores a Will for a client that is not connected here. */
  async put(clientId: string, packet: AedesPacket): Promise<void> {
    const will = willOf(packet);
    await this.#lines.of(clientId).run(({ view }) => {
      if (view === undefined) return { need: "attached" };
      view.change({ type: "putWill", will });
      const { head } = view.draft;
      const due = this.#context.options.environment.now() + WILL_GRACE_MS;
      const willDueAt = head.attached ? {} : { willDueAt: due };
      view.change({ type: "putHead", head: { ...head, willAfterMs: 0, ...willDueAt } });
      return { answer: undefined };
    });
    this.#put.set(clientId, packet);
  }

  /** The Will of a client. */
  get(clientId: string): Promise<AedesPacket | undefined> {
    return this.#lines.of(clientId).run(({ view, isCertain }) => {
      if (!isCertain) return { need: "reload" };
      return { answer: view === undefined ? undefined : this.#packetOf(clientId, view) };
    });
  }

  /**
   * Deletes the Will of a connection that has ended; with the session, if that was to last no longer. A later connection, here or
   * at another broker, keeps its own: aedes names but the client and the broker.
   */
  async delete({ id, brokerId }: AedesClientLike): Promise<AedesPacket | undefined> {
    this.#put.delete(id);
    if (brokerId === this.#brokerId()) {
      const undeleted = this.#undeleted.get(id) ?? 0;
      if (undeleted > 1) this.#undeleted.set(id, undeleted - 1);
      else this.#undeleted.delete(id);
      if (undeleted > 1) return undefined;
    }
    return await this.#lines.of(id).run(this.#deleting(id, brokerId));
  }

  #deleting(clientId: string, brokerId: string | undefined): Plan<AedesPacket | undefined> {
    const { environment } = this.#context.options;
    return ({ view, isCertain }) => {
      if (view?.draft.will === undefined) return isCertain ? { answer: undefined } : { need: "reload" };
      const { owner, draft: { head } } = view;
      const isTheirs = owner === undefined || !head.attached || brokerId === undefined ||
        this.#context.lease.brokerOf(owner.nodeId) === brokerId;
      if (!isTheirs) return isCertain ? { answer: undefined } : { need: "reload" };
      const answer = this.#packetOf(clientId, view);
      view.change({ type: "deleteWill" });
      const isOver = !head.attached && (head.endsAfterMs === 0 || (head.endsAt ?? Infinity) <= environment.now());
      if (isOver) view.change({ type: "endSession", reason: head.endsAfterMs === 0 ? "disconnected" : "expired" });
      else view.change({ type: "putHead", head: withoutWill(head) });
      return { answer };
    };
  }

  #packetOf(clientId: string, { draft, owner }: SessionView): AedesPacket | undefined {
    const brokerId = owner === undefined ? this.#brokerId() : this.#context.lease.brokerOf(owner.nodeId);
    const { asBuffer } = this.#context.options;
    return draft.will && willPacket(draft.will, { clientId, brokerId }, asBuffer);
  }
}

/** A head that owes no Will. */
function withoutWill(head: SessionHead): SessionHead {
  const { willAfterMs: _after, willDueAt: _due, ...rest } = head;
  return rest;
}
