/**
 * The shared groups of a broker: who joins and leaves them, and where some of their members are connected.
 *
 * A session joins before its subscription is stored, and leaves after that is gone: so a group lives while it has a member,
 * and what a crash leaves between the two is found when somebody looks at the group.
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
import { detachedGroupHead, type GroupView, StoredGroup } from "./store_view.ts";

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

  /** A session is a member no more; the last one takes the group along. It never rejects. */
  leave(filters: readonly string[], member: GroupMember): Promise<void> {
    const work = Promise.all(filters.map((filter) =>
      this.#told(filter, async () => {
        await this.#tidy(groupOf(filter), (each) =>
          each.clientId !== member.clientId || each.incarnation !== member.incarnation);
      })
    )).then(() => {});
    this.#context.tasks.add(work);
    return work;
  }

  /** A member is connected to this node. */
  seat(filter: string, member: ConnectedMember, subscription: Subscription): void {
    const name = groupOf(filter);
    let desk = this.#desks.get(name);
    if (desk === undefined) {
      desk = new Desk(this.#context, new StoredGroup(this.#context, name));
      this.#desks.set(name, desk);
      this.#context.sessions.add(desk);
    }
    desk.seat(member, subscription);
  }

  /** A member is connected to this node no more, or has left the group. */
  unseat(filter: string, member: ConnectedMember): void {
    const name = groupOf(filter);
    const desk = this.#desks.get(name);
    if (desk === undefined) return;
    desk.unseat(member);
    if (desk.size > 0) return;
    desk.close();
    this.#desks.delete(name);
    this.#context.sessions.remove(desk);
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
    const work = Promise.all(Array.from(new Set(filters), (filter) =>
      this.#told(filter, async () => {
        const group = new StoredGroup(this.#context, groupOf(filter));
        await group.change((view) => {
          const changes = passing(view.snapshot, nodeId, 0);
          if (view.snapshot.subscriptions.has(row)) changes.push({ type: "deleteSubscription", filter: row });
          return changes.length === 0 ? undefined : { changes, rings: this.#nodes(view) };
        });
      }))).then(() => {});
    this.#context.tasks.add(work);
    return work;
  }

  /** Looks at a group of which no member was connected for long; returns whether something was done. */
  async lookAt(name: string): Promise<boolean> {
    const { options } = this.#context;
    const group = new StoredGroup(this.#context, name);
    const view = await group.read();
    if (view === undefined) return false;
    const lives = new Set<string>();
    for (const member of membersOf(view.snapshot)) {
      const stored = await persistently(
        options,
        "read a session",
        (signal) => options.store.read(member.clientId, { signal }),
      );
      const isTheirs = stored?.guard.incarnation === member.incarnation;
      // A connection may be about to store its subscription.
      const isMember = isTheirs &&
        (stored.owner !== undefined || stored.snapshot.subscriptions.has(filterOf(name) ?? ""));
      if (isMember) lives.add(memberRow(member));
    }
    await this.#tidy(name, (member) => lives.has(memberRow(member)), view);
    return true;
  }

  /** Takes members out, and ends the group where none is left; else it is looked at again after a while. */
  async #tidy(name: string, stays: (member: GroupMember) => boolean, seen?: GroupView): Promise<void> {
    const { options } = this.#context;
    const group = new StoredGroup(this.#context, name);
    const members = seen === undefined ? undefined : new Set(membersOf(seen.snapshot).map(memberRow));
    const before = await group.read();
    const empties = before !== undefined && membersOf(before.snapshot).every((each) => !stays(each));
    // Once it has ended nobody can tell any more.
    const waiting = empties
      ? (await persistently(options, "count", (signal) => options.store.directory.inspect(name, { signal })))
      : undefined;
    let ended: GroupView | undefined;
    await group.change((view) => {
      ended = undefined;
      const all = membersOf(view.snapshot);
      // Whoever came since was not looked at.
      const gone = all.filter((each) => !stays(each) && members?.has(memberRow(each)) !== false);
      if (gone.length === all.length) {
        ended = view;
        return { changes: [{ type: "endSession", reason: "expired" }] };
      }
      const { head } = view.snapshot;
      const changes = gone.map((each): SessionChange => ({ type: "deleteSubscription", filter: memberRow(each) }));
      const isDue = head.willDueAt !== undefined && head.willDueAt <= options.environment.now();
      if (isDue) changes.push({ type: "putHead", head: detachedGroupHead(head, options.environment.now()) });
      return changes.length === 0 ? undefined : { changes };
    });
    if (ended === undefined) return;
    for (let count = waiting?.queuedMessages ?? 0; count > 0; count--) {
      options.observe({ type: "dropped", clientId: name, reason: "groupEnded" });
    }
    options.observe({ type: "ended", clientId: name, reason: "expired" });
  }

  #nodes({ snapshot }: GroupView): readonly { readonly nodeId: string; readonly clientId: string }[] {
    return [...nodesOf(snapshot).keys()].map((nodeId) => ({ nodeId, clientId: snapshot.clientId }));
  }

  /** Does work on a group, and tells where it fails. It never rejects. */
  async #told(filter: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#context.options.observe({ type: "workFailed", work: "group", clientId: groupOf(filter), error });
    }
  }
}
