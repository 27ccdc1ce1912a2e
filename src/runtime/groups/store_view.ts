/** A group as this node last saw it in the store, and changing it against others who do. */
import { applyChanges, type SessionChange } from "../../machine/change.ts";
import type { SessionHead, SessionSnapshot } from "../../machine/snapshot.ts";
import { NEVER_EXPIRES } from "../../mqtt/packet.ts";
import type { CommitBatch, CommitResult, Guard } from "../../store/session_store.ts";
import { SessionError } from "../../errors.ts";
import type { GroupContext } from "./context.ts";
import { persistently } from "../within.ts";
import { filterOf, innerFilterOf, WHOLE } from "./names.ts";

/** A group as it is stored. */
export interface GroupView {
  readonly snapshot: SessionSnapshot;
  readonly guard: Guard;
  /** The node that appenders tell, and until when it is known to live. */
  readonly owner: { readonly nodeId: string; readonly until: number } | undefined;
}

/** What is to be changed; nothing when all is as it should be. */
export type GroupChange = Pick<CommitBatch, "changes"> & Partial<CommitBatch>;

/** What is to become of a group. */
export interface Decision {
  /** Absent: nothing. */
  readonly change: GroupChange | undefined;
  /** Called once it is stored. */
  readonly done?: () => void;
}

/** How often in a row others may get ahead. */
const ATTEMPTS = 64;

/** How long nobody looks at a group of which no member is connected, in milliseconds. */
export const LOOK_EVERY_MS = 3_600_000;

/** One group in the store. Calls must not overlap. */
export class StoredGroup {
  readonly name: string;
  readonly #context: GroupContext;
  #view: GroupView | undefined;
  #incarnation = "";

  constructor(context: GroupContext, name: string) {
    this.#context = context;
    this.name = name;
  }

  /** The incarnation that was last seen; `""` before the first look. */
  get incarnation(): string {
    return this.#incarnation;
  }

  /** Whether this node was last seen to have it. */
  get isOurs(): boolean {
    return this.#view?.owner?.nodeId === this.#context.nodeId;
  }

  /** Others have changed it. */
  forget(): void {
    this.#view = undefined;
  }

  /** The group; `undefined` when there is none. */
  async read(): Promise<GroupView | undefined> {
    if (this.#view !== undefined) return this.#view;
    const { options } = this.#context;
    const stored = await persistently(options, "read a group", (signal) => options.store.read(this.name, { signal }));
    if (stored === undefined) return undefined;
    const { snapshot, guard, owner, ownerUntil = 0 } = stored;
    this.#incarnation = snapshot.incarnation;
    return this.#view = { snapshot, guard, owner: owner && { nodeId: owner.nodeId, until: ownerUntil } };
  }

  /** The group, made if there is none, and taken if nobody who lives has it. */
  async own(): Promise<GroupView> {
    const { options, nodeId, lease } = this.#context;
    const { environment, store } = options;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.read();
      if (found?.owner?.nodeId === nodeId) return found;
      if (found?.owner !== undefined && found.owner.until > environment.now()) return found;
      await lease.ensure();
      const token = environment.randomId();
      const answer = await persistently(options, "take a group", (signal) =>
        store.acquire({
          terms: {
            clientId: this.name,
            mustBeNew: false,
            cleanStart: false,
            head: attachedHead(environment.now()),
            sendAhead: 0,
            releaseWillOnCleanStart: false,
            resumeAcrossVersions: true,
          },
          token,
          nodeId,
          incarnation: environment.randomId(),
          whenOwned: "refuse",
          page: { messages: 1, bytes: 1 },
          now: environment.now(),
        }, { signal }));
      this.#view = undefined;
      if (answer.outcome !== "acquired") continue;
      const { snapshot, guard } = answer;
      this.#incarnation = snapshot.incarnation;
      return this.#view = { snapshot, guard, owner: { nodeId, until: Infinity } };
    }
    throw contended(this.name);
  }

  /** Changes the group as often as it takes, if there is one. */
  async change(decide: (view: GroupView) => GroupChange | undefined, owns = false): Promise<void> {
    await this.decide((view) => ({ change: decide(view) }), owns);
  }

  /**
   * The same, where deciding takes time: what is decided by one view of the group is done while that holds, or decided
   * anew. Whether there is a group.
   */
  async decide(decide: (view: GroupView) => Decision | Promise<Decision>, owns = false): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const view = owns ? await this.own() : await this.read();
      if (view === undefined) return false;
      const { change, done } = await decide(view);
      if (change === undefined) return true;
      const result = await this.#context.lane.commit(this.batch(view, change));
      this.committed(view, change.changes, result);
      if (result.outcome !== "committed") continue;
      done?.();
      return true;
    }
    throw contended(this.name);
  }

  /** A batch of the group. */
  batch({ guard }: GroupView, change: GroupChange): CommitBatch {
    return this.#context.lane.batch({ guard, ...change });
  }

  /** Takes note of what became of a batch. */
  committed(view: GroupView, changes: readonly SessionChange[], result: CommitResult): void {
    this.#view = undefined;
    if (result.outcome === "refused") this.#view = view;
    if (result.outcome !== "committed" || result.guard === undefined) return;
    const snapshot = applyChanges(view.snapshot, changes);
    if (snapshot === undefined) return;
    this.#view = { snapshot, guard: result.guard, owner: snapshot.head.attached ? view.owner : undefined };
  }

  /** The changes by which the group gets its messages, where it does not. */
  routes({ snapshot }: GroupView): SessionChange[] {
    const filter = innerFilterOf(filterOf(this.name) ?? "");
    return snapshot.subscriptions.has(filter) ? [] : [{ type: "putSubscription", filter, subscription: WHOLE }];
  }
}

function attachedHead(now: number): SessionHead {
  return {
    protocolVersion: 5,
    attached: true,
    connectedAt: now,
    sessionExpiryInterval: NEVER_EXPIRES,
    // It has no Will: what falls due is a look at its members.
    willAfterMs: LOOK_EVERY_MS,
    onTakeover: "discard",
    sentLimit: 0,
  };
}

/** The head of a group that no node has, and that is to be looked at again. */
export function detachedGroupHead(head: SessionHead, now: number): SessionHead {
  return { ...head, attached: false, disconnectedAt: now, disconnectReason: 0, willDueAt: now + LOOK_EVERY_MS };
}

function contended(name: string): SessionError {
  return new SessionError("STORE_UNAVAILABLE", `Cannot change group ${filterOf(name) ?? ""}: others keep changing it`);
}
