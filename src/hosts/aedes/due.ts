/**
 * What falls due of sessions that no living broker has (D6): Wills, which aedes publishes, ends, and rows that are left.
 *
 * @module
 */
import type { SessionChange } from "../../machine/change.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import { persistently } from "../../runtime/within.ts";
import type { DueWork, SweepWork } from "../../store/due_work.ts";
import type { StoredSession } from "../../store/session_store.ts";
import type { AedesContext } from "./context.ts";
import type { AedesPacket } from "./packets.ts";
import { willPacket } from "./translation.ts";

const WORK_PER_ROUND = 64;
/** How long past its lease a broker is still waited for, in milliseconds: skew between clocks. */
const GRACE_MS = 30_000;

/** Does what is due. */
export class AedesDue {
  readonly #context: AedesContext;

  constructor(context: AedesContext) {
    this.#context = context;
  }

  /**
   * Does what is due, and hands out the Wills that are: whoever publishes one deletes it, so that what is behind it comes
   * into view.
   */
  async *run(): AsyncGenerator<AedesPacket> {
    const handed = new Set<string>();
    for (;;) {
      let done = 0;
      for (const work of await this.#list()) {
        try {
          const result = await this.#do(work);
          if (result === true) done++;
          if (typeof result !== "object" || handed.has(result.clientId ?? "")) continue;
          handed.add(result.clientId ?? "");
          done++;
          yield result;
        } catch (error) {
          this.#context.options.onError(error);
        }
      }
      if (done === 0) return;
    }
  }

  /** Removes what an ended session left. It never rejects: what fails is found again when it is due. */
  async sweep(work: SweepWork): Promise<void> {
    const { store, onError } = this.#context.options;
    await this.#call("sweep", (signal) => store.sweep(work, { signal })).catch(onError);
  }

  #list(): Promise<readonly DueWork[]> {
    const { store, environment } = this.#context.options;
    return this.#call(
      "list what is due",
      (signal) => store.listDue(environment.now(), { limit: WORK_PER_ROUND, graceMs: GRACE_MS, signal }),
    );
  }

  /** Whether something was done, or a Will that is to be published. */
  async #do(work: DueWork): Promise<boolean | AedesPacket> {
    const { store } = this.#context.options;
    switch (work.type) {
      case "outbox":
        await this.#context.workOff(work.outboxId);
        return (await this.#call("read an outbox", (signal) => store.readOutbox(work.outboxId, 1, { signal })))
          .length === 0;
      case "sweep":
        await this.#call("sweep", (signal) => store.sweep(work.work, { signal }));
        return true;
      case "session":
        return await this.#settle(work.clientId);
      case "node": {
        if (this.#context.lease.isOwn(work.nodeId)) return false;
        let moved = false;
        for (const clientId of work.clientIds) moved = await this.#letGo(clientId, work.nodeId, work.dueAt) || moved;
        return moved;
      }
      default:
        return work satisfies never;
    }
  }

  /** A session whose broker is dead was left when its lease ended. */
  async #letGo(clientId: string, nodeId: string, dueAt: number): Promise<boolean> {
    const stored = await this.#read(clientId);
    if (stored?.owner?.nodeId !== nodeId || (stored.ownerUntil ?? 0) > dueAt || !isOurs(stored)) return false;
    const { head, will } = stored.snapshot;
    const left = detachedHead(head, stored.ownerUntil ?? 0, 0x80);
    const ends = will === undefined && left.endsAt !== undefined &&
      left.endsAt <= this.#context.options.environment.now();
    return await this.#commit(stored, [ends ? endOf(head.endsAfterMs) : { type: "putHead", head: left }]);
  }

  async #settle(clientId: string): Promise<boolean | AedesPacket> {
    const stored = await this.#read(clientId);
    if (stored === undefined || stored.snapshot.head.attached || !isOurs(stored)) return false;
    const { head: { endsAt = Infinity, willDueAt = Infinity, endsAfterMs }, will } = stored.snapshot;
    const now = this.#context.options.environment.now();
    // A Will that has a delay of its own, from a broker of this library, is due no later than its session ends.
    if (will !== undefined && Math.min(willDueAt, endsAt) <= now) {
      return willPacket(will, { clientId, brokerId: "" }, this.#context.options.asBuffer);
    }
    return endsAt <= now && await this.#commit(stored, [endOf(endsAfterMs)]);
  }

  async #commit(stored: StoredSession, changes: readonly SessionChange[]): Promise<boolean> {
    const { lane, options: { environment } } = this.#context;
    const { guard } = stored;
    const batch = lane.batch({ guard, raiseEpoch: { token: environment.randomId() }, changes });
    if ((await lane.commit(batch)).outcome !== "committed") return false;
    const hasEnded = changes.some(({ type }) => type === "endSession");
    if (hasEnded) this.#context.ended(guard.clientId, guard.incarnation, false, batch.now);
    return true;
  }

  #read(clientId: string): Promise<StoredSession | undefined> {
    return this.#call("read a session", (signal) => this.#context.options.store.read(clientId, { signal }));
  }

  #call<Value>(what: string, call: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    return persistently(this.#context.options, what, call);
  }
}

/** Shared groups, and members that hold messages of them, are left to brokers that know how to give those back. */
function isOurs({ snapshot: { clientId, head } }: StoredSession): boolean {
  return head.borrows !== true && !clientId.startsWith("\u0000");
}

function endOf(endsAfterMs: number | undefined): SessionChange {
  return { type: "endSession", reason: endsAfterMs === 0 ? "disconnected" : "expired" };
}
