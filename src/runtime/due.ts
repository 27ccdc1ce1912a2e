/**
 * Work that falls due without a connection: Wills, the end of sessions, lost owners, outboxes, and the broom (D6).
 *
 * @module
 */
import type { SessionChange } from "../machine/change.ts";
import type { Event } from "../machine/event.ts";
import { openSession } from "../machine/state/session.ts";
import { step } from "../machine/step.ts";
import { isUnreadable } from "../store/encoding.ts";
import type { Delivery, StoredSession } from "../store/session_store.ts";
import type { DueWork } from "../store/due_work.ts";
import type { BrokerContext } from "./context.ts";
import { sharedFilters } from "./groups/groups.ts";
import { filterOf } from "./groups/names.ts";
import { giveBack } from "./groups/unowned.ts";
import { commitNote } from "./flight.ts";
import type { HibernationRules } from "./hibernation_rules.ts";
import { raisedToken } from "./raised_token.ts";
import { persistently, within } from "./within.ts";

/** How moving a session that nobody here owns went. */
export type Moved = "moved" | "unchanged" | "absent" | "superseded";

/** How many things are asked for at a time, and how often in one run. */
const WORK_PER_ROUND = 64;
const ROUNDS = 64;

/** Does what is due, for any session of any node. */
export class Due {
  readonly #context: BrokerContext;
  readonly #hibernation: HibernationRules | undefined;

  constructor(context: BrokerContext, hibernation?: HibernationRules) {
    this.#context = context;
    this.#hibernation = hibernation;
  }

  /** Works until nothing is due that could be done, or the signal aborts. Rejects when the store cannot be asked. */
  async run(signal: AbortSignal | undefined): Promise<void> {
    await this.#adoptOrphans();
    await this.#hibernation?.letGoOfLostRun(this.#context, this, signal);
    this.#context.groups.poll();
    for (let round = 0; round < ROUNDS && !signal?.aborted; round++) {
      const works = await this.#list();
      if (works === undefined) continue;
      let done = 0;
      for (const work of works) {
        if (signal?.aborted) return;
        if (await this.#try(work)) done++;
      }
      // What cannot be done now would only be listed again.
      if (done === 0) return;
    }
  }

  /**
   * Reads a session, steps it, and commits under the guard that was read, raising the epoch. Whoever changes it in
   * between wins, and the work is dropped.
   */
  async move(clientId: string, event: (stored: StoredSession) => Event | undefined): Promise<Moved> {
    const { options, lane, outbox, groups } = this.#context;
    const { environment, store } = options;
    const stored = await persistently(options, "read a session", (signal) => store.read(clientId, { signal }));
    if (stored === undefined) return "absent";
    const what = event(stored);
    if (what === undefined) return "unchanged";
    const session = openSession(stored.snapshot, { role: "server", policy: options.policy, limits: options.limits });
    const now = environment.now();
    const { policy, limits, record } = options;
    const flight = record?.open({ role: "server", policy, limits, snapshot: stored.snapshot });
    const { changes, effects } = flight === undefined
      ? step(session, what, now)
      : flight.step(what, now, () => step(session, what, now));
    if (changes.length === 0) return "unchanged";
    const hasEnded = changes.some(({ type }) => type === "endSession");
    const leaves = hasEnded || changes.some((change) => change.type === "putHead" && !change.head.attached);
    const guard = leaves ? await giveBack(this.#context, stored, hasEnded) : stored.guard;
    if (guard === undefined) return "superseded";
    const batch = lane.batch({
      guard,
      raiseEpoch: { token: raisedToken(environment) },
      changes: changes.filter((change): change is SessionChange => change.type !== "publishMessage"),
      deliveries: changes.flatMap((change): Delivery[] =>
        change.type === "publishMessage" ? [{ message: change.message, receivers: undefined }] : []
      ),
      now,
    });
    const result = await lane.commit(batch);
    flight?.note(commitNote(batch, result.outcome, false));
    if (result.outcome !== "committed") return "superseded";
    for (const change of changes) if (change.type === "putHead") this.#context.noteDue(change.head);
    for (const effect of effects) {
      if (effect.type === "sessionEnded") options.observe({ type: "ended", clientId, reason: effect.reason });
    }
    if (hasEnded) groups.leave(sharedFilters(stored.snapshot), stored.snapshot);
    if (batch.deliveries.length > 0) outbox.kick(stored.guard.incarnation);
    return "moved";
  }

  /** What is due; `undefined` when the store has found something that it cannot read, and has put it aside. */
  async #list(): Promise<readonly DueWork[] | undefined> {
    const { options } = this.#context;
    const { environment, store, lease } = options;
    try {
      return await persistently(
        options,
        "list what is due",
        (signal) => store.listDue(environment.now(), { limit: WORK_PER_ROUND, graceMs: lease.graceMs, signal }),
      );
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      options.observe({ type: "workFailed", work: "due", error });
      return undefined;
    }
  }

  async #try(work: DueWork): Promise<boolean> {
    try {
      return await this.#do(work);
    } catch (error) {
      this.#context.options.observe({ type: "workFailed", work: work.type, error });
      return false;
    }
  }

  /** Returns whether something was done, so that it is worth asking what is due once more. */
  async #do(work: DueWork): Promise<boolean> {
    const { options, outbox, nodeId } = this.#context;
    switch (work.type) {
      case "session":
        if (filterOf(work.clientId) !== undefined) return await this.#context.groups.lookAt(work.clientId);
        return await this.move(work.clientId, () => ({ type: "timePassed" })) === "moved";
      case "node": {
        // This node hears of its own lapse from its lease, and lets go of its sessions itself.
        if (work.nodeId === nodeId) return false;
        // It may have come back since it was listed, as the same run, and taken sessions anew: then its lease is a later one.
        let moved = 0;
        const shared = new Set<string>();
        for (const clientId of work.clientIds) {
          try {
            const how = await this.move(
              clientId,
              ({ owner, ownerUntil = 0, snapshot }) => {
                const isTheirs = owner?.nodeId === work.nodeId && ownerUntil <= work.dueAt;
                if (isTheirs) { for (const filter of sharedFilters(snapshot)) shared.add(filter); }
                return lost(isTheirs, work.dueAt);
              },
            );
            if (how === "moved") moved++;
          } catch (error) {
            if (!isUnreadable(error)) throw error;
            // The others of its node must not wait for it.
            options.observe({ type: "workFailed", work: "node", clientId, error });
          }
        }
        // Groups are sessions too, and others have members of them.
        for (const clientId of work.clientIds) {
          const filter = filterOf(clientId);
          if (filter !== undefined) shared.add(filter);
        }
        if (shared.size > 0) await this.#context.groups.forgetNode(shared, work.nodeId);
        // Once it owns nothing the store forgets it.
        return moved > 0;
      }
      case "outbox":
        return await outbox.workOff(work.outboxId);
      case "sweep":
        await within(
          options.environment,
          options.commit.timeoutMs,
          "sweep",
          (signal) => options.store.sweep(work.work, { signal }),
        );
        return true;
      default:
        return work satisfies never;
    }
  }

  /** Lets go of sessions that connections of this node held when they could commit no more. */
  async #adoptOrphans(): Promise<void> {
    const { orphans, options } = this.#context;
    const at = options.environment.now();
    for (const [clientId, tokens] of orphans.due(at)) {
      try {
        const moved = await this.move(
          clientId,
          ({ owner }) => lost(owner !== undefined && tokens.has(owner.token), at),
        );
        // Superseded: somebody else has it by now, or the next round will tell.
        if (moved !== "superseded") orphans.remove(clientId, tokens);
      } catch (error) {
        options.observe({ type: "workFailed", work: "session", clientId, error });
        // Trying again would not make it readable.
        if (isUnreadable(error)) orphans.remove(clientId, tokens);
      }
    }
  }
}

function lost(isTheirs: boolean, at: number): Event | undefined {
  return isTheirs ? { type: "ownerLost", at } : undefined;
}
