/**
 * The shared groups of a broker: who joins and leaves them, and where some of their members are connected.
 *
 * A session joins before its subscription is stored, and leaves after that is gone: so a group lives while it has a member,
 * and what a crash leaves between the two is found when somebody looks at the group. Whoever takes a member out that may
 * subscribe again meanwhile looks at its session for each attempt, and a subscription is answered once its place in the
 * group has been stored after it: so of the two the later one sees the other.
 *
 * @module
 */
import type { SessionChange } from "../../machine/change.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import { isSharedFilter } from "../../mqtt/filter.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { GroupContext } from "./context.ts";
import { persistently } from "../within.ts";
import { Desk } from "./desk.ts";
import { filterOf, type GroupMember, groupOf, memberRow, membersOf, nodeRow, nodesOf, rowOptions } from "./names.ts";
import { passing } from "./passed_over.ts";
import type { ConnectedMember } from "./place.ts";
import { detachedGroupHead, type GroupChange, type GroupView, StoredGroup } from "./store_view.ts";

/** How many sessions are looked at together. */
const LOOKS_AT_ONCE = 32;

/** The shared filters among subscriptions. */
export function sharedFilters({ subscriptions }: Pick<SessionSnapshot, "subscriptions">): string[] {
  return [...subscriptions.keys()].filter(isSharedFilter);
}

/** The groups of one broker. */
export class Groups {
  readonly #context: GroupContext;
  readonly #desks = new Map<string, Desk>();

  constructor(context: GroupContext) {
    this.#context = context;
  }

  /** Makes a session a member, and the group where there is none. Rejects when the store cannot be asked. */
  async join(filter: string, member: GroupMember): Promise<void> {
    const group = new StoredGroup(this.#context, groupOf(filter));
    const row = memberRow(member);
    await group.change((view) => {
      const changes = group.routes(view);
      if (!view.snapshot.subscriptions.has(row)) {
        changes.push({ type: "putSubscription", filter: row, subscription: rowOptions() });
      }
      return changes.length === 0 ? undefined : { changes };
    }, true);
  }

  /**
   * A session is over, and a member no more; the last one takes the group along. What this node is still telling of it is
   * told by the time of `unseated`. It never rejects.
   */
  leave(filters: readonly string[], member: GroupMember, unseated = Promise.resolve()): Promise<void> {
    return this.#each(filters, async (filter) => {
      await unseated;
      await this.#tidy(groupOf(filter), (all) => Promise.resolve(those(all, member)));
    });
  }

  /** A session is a member no more unless it has the subscription, perhaps once more. It never rejects. */
  withdraw(filters: readonly string[], member: GroupMember, unseated = Promise.resolve()): Promise<void> {
    return this.#each(filters, async (filter) => {
      await unseated;
      await this.#withdraw(filter, member);
    });
  }

  /** A connection was over before its subscriptions were stored; by when it had joined their groups. It never rejects. */
  desert(joined: ReadonlyMap<string, Promise<void>>, member: GroupMember): Promise<void> {
    return this.#each([...joined.keys()], async (filter) => {
      await joined.get(filter);
      await this.#withdraw(filter, member);
      await this.#letGo(groupOf(filter));
    });
  }

  /**
   * A member is connected to this node; `isNew` where it has just subscribed. Ends when its place is stored, or cannot be.
   */
  seat(filter: string, member: ConnectedMember, subscription: Subscription, isNew: boolean): Promise<void> {
    const name = groupOf(filter);
    let desk = this.#desks.get(name);
    if (desk === undefined) {
      desk = new Desk(this.#context, new StoredGroup(this.#context, name));
      this.#desks.set(name, desk);
      this.#context.sessions.add(desk);
    }
    return desk.seat(member, subscription, isNew);
  }

  /** A member is connected to this node no more, or has left the group. Ends when nothing more is told of it. */
  unseat(filter: string, member: ConnectedMember): Promise<void> {
    const name = groupOf(filter);
    const desk = this.#desks.get(name);
    if (desk === undefined) return Promise.resolve();
    const unseated = desk.unseat(member);
    if (desk.size > 0) return unseated;
    desk.close();
    this.#desks.delete(name);
    this.#context.sessions.remove(desk);
    return unseated;
  }

  /** A member may have room again. */
  hasRoom(filters: Iterable<string>): void {
    for (const filter of filters) this.#desks.get(groupOf(filter))?.hasRoom();
  }

  /** Looks at every group of this node: whatever waits there is anybody's by now. */
  poll(): void {
    for (const desk of this.#desks.values()) desk.poll();
  }

  /** A node is gone: its members take no more turns. It never rejects. */
  forgetNode(filters: Iterable<string>, nodeId: string): Promise<void> {
    const row = nodeRow(nodeId);
    return this.#each([...new Set(filters)], async (filter) => {
      const group = new StoredGroup(this.#context, groupOf(filter));
      await group.change((view) => {
        const changes = passing(view.snapshot, nodeId, 0);
        if (view.snapshot.subscriptions.has(row)) changes.push({ type: "deleteSubscription", filter: row });
        return changes.length === 0 ? undefined : { changes, rings: this.#nodes(view) };
      });
      const view = await group.read();
      // Some of its members may have had no time to store their subscriptions.
      if (view !== undefined && nodesOf(view.snapshot).size === 0) await this.lookAt(groupOf(filter));
    });
  }

  /** Looks at a group of which no member is connected; returns whether there is one. */
  async lookAt(name: string): Promise<boolean> {
    return await this.#tidy(name, async (members) => {
      const gone: GroupMember[] = [];
      for (let from = 0; from < members.length; from += LOOKS_AT_ONCE) {
        const some = members.slice(from, from + LOOKS_AT_ONCE);
        const stay = await Promise.all(some.map((member) => this.#hasSubscribed(member, filterOf(name) ?? "")));
        gone.push(...some.filter((_, index) => !stay[index]));
      }
      return gone;
    });
  }

  async #withdraw(filter: string, member: GroupMember): Promise<void> {
    await this.#tidy(groupOf(filter), async (all) => {
      const present = those(all, member);
      return present.length > 0 && await this.#hasSubscribed(member, filter) ? [] : present;
    });
  }

  async #hasSubscribed({ clientId, incarnation }: GroupMember, filter: string): Promise<boolean> {
    const { options } = this.#context;
    const stored = await persistently(options, "read a session", (signal) => options.store.read(clientId, { signal }));
    return stored?.guard.incarnation === incarnation && stored.snapshot.subscriptions.has(filter);
  }

  /**
   * Takes members out that are none, and ends the group where none is left; else it is looked at again after a while.
   * Whether there is a group.
   */
  async #tidy(
    name: string,
    judge: (members: readonly GroupMember[]) => Promise<readonly GroupMember[]>,
  ): Promise<boolean> {
    const { options } = this.#context;
    const group = new StoredGroup(this.#context, name);
    // What was judged holds for the group as it was then.
    return await group.decide(async (view) => {
      const all = membersOf(view.snapshot);
      const gone = await judge(all);
      if (gone.length < all.length) return { change: leaving(view, gone, options.environment.now()) };
      // Once it has ended nobody can tell any more.
      const waiting = await persistently(
        options,
        "count",
        (signal) => options.store.directory.inspect(name, { signal }),
      );
      return {
        change: { changes: [{ type: "endSession", reason: "expired" }] },
        done: () => {
          for (let count = waiting?.queuedMessages ?? 0; count > 0; count--) {
            options.observe({ type: "dropped", clientId: name, reason: "groupEnded" });
          }
          options.observe({ type: "ended", clientId: name, reason: "expired" });
        },
      };
    });
  }

  /** Lets go of a group that was made for a member that never came, where nobody else is here for it. */
  async #letGo(name: string): Promise<void> {
    const { nodeId, options } = this.#context;
    // Those that sleep here are yet to be heard of.
    if (options.hibernation !== undefined) return;
    const group = new StoredGroup(this.#context, name);
    await group.change((view) => {
      if (this.#desks.has(name) || view.owner?.nodeId !== nodeId) return undefined;
      const head = detachedGroupHead(view.snapshot.head, options.environment.now());
      return { changes: [{ type: "putHead", head }], rings: this.#nodes(view) };
    });
    // Who came meanwhile takes it again.
    this.#desks.get(name)?.supersede();
  }

  #nodes({ snapshot }: GroupView): readonly { readonly nodeId: string; readonly clientId: string }[] {
    return [...nodesOf(snapshot).keys()].map((nodeId) => ({ nodeId, clientId: snapshot.clientId }));
  }

  /** Does work on groups, and tells where it fails. It never rejects. */
  #each(filters: readonly string[], work: (filter: string) => Promise<unknown>): Promise<void> {
    const told = async (filter: string) => {
      try {
        await work(filter);
      } catch (error) {
        this.#context.options.observe({ type: "workFailed", work: "group", clientId: groupOf(filter), error });
      }
    };
    const all = Promise.all(filters.map(told)).then(() => {});
    this.#context.tasks.add(all);
    return all;
  }
}

function those(members: readonly GroupMember[], { clientId, incarnation }: GroupMember): readonly GroupMember[] {
  return members.filter((each) => each.clientId === clientId && each.incarnation === incarnation);
}

/** What takes members out of a group that goes on; nothing when all is as it should be. */
function leaving(
  { snapshot: { head } }: GroupView,
  gone: readonly GroupMember[],
  now: number,
): GroupChange | undefined {
  const changes = gone.map((each): SessionChange => ({ type: "deleteSubscription", filter: memberRow(each) }));
  const isDue = head.willDueAt !== undefined && head.willDueAt <= now;
  if (isDue) changes.push({ type: "putHead", head: detachedGroupHead(head, now) });
  return changes.length === 0 ? undefined : { changes };
}
