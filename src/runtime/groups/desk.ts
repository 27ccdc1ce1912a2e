/**
 * A shared group on a node where some of its members are connected: they claim in turn, each as much as it can take at once.
 */
import type { DropReason, SessionChange } from "../../machine/change.ts";
import { hasExpired, type QueuedMessage } from "../../mqtt/message.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { CommitBatch } from "../../store/session_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { GroupContext } from "./context.ts";
import type { LocalSession } from "../local_sessions.ts";
import { persistently } from "../within.ts";
import { claimOf, commitClaim, removal } from "./claim.ts";
import { deal, type Dealt, inTurn, roomy } from "./dealing.ts";
import { memberRow, nodeRow, nodesOf, rowOptions } from "./names.ts";
import { isPassedOver, passedByOthers, passing } from "./passed_over.ts";
import type { ConnectedMember, Place } from "./place.ts";
import { detachedGroupHead, type GroupView, type StoredGroup } from "./store_view.ts";
import { turnOf } from "./turn.ts";
import { type Verdict, Verdicts } from "./verdicts.ts";

/** How long a message waits for the node whose turn it is before it is anybody's, in milliseconds. */
const PATIENCE_MS = 1_000;

/** The desk of one group. */
export class Desk implements LocalSession {
  readonly clientId: string;
  readonly token: string;
  readonly epoch = Infinity;
  readonly connectedAt: number;
  readonly live = true;
  readonly leaving = false;
  readonly ended = false;
  readonly done: Promise<void> = Promise.resolve();
  readonly #context: GroupContext;
  readonly #group: StoredGroup;
  readonly #places = new Map<string, Place>();
  /** The rows of members that have subscribed since the last announcement: they are written whatever is there. */
  readonly #new = new Set<string>();
  /** The place after the one that was served last. */
  #next = 0;
  #work: Promise<void> = Promise.resolve();
  #wanted = false;
  /** Whether messages may be waiting: a round found some, or heard of some since. */
  #waits = true;
  /** Messages up to here are anybody's. */
  #freeThrough = 0;
  /** Whether all that waits at the next look is. */
  #freesAll = false;
  /** Other nodes know of messages up to here. */
  #toldThrough = 0;
  #patience: (() => void) | undefined;
  readonly #verdicts: Verdicts;
  /** Of what waits up to here no member here may have anything, and other nodes know. */
  #passed = 0;
  /** Raised when a member comes that has yet to be asked about. */
  #asking = 0;
  /** The most messages of one claim: fewer after one that the store could not hold. */
  #most = Infinity;

  constructor(context: GroupContext, group: StoredGroup) {
    this.#context = context;
    this.#group = group;
    this.clientId = group.name;
    this.token = context.options.environment.randomId();
    this.connectedAt = context.options.environment.now();
    this.#verdicts = new Verdicts(context, () => this.hasRoom());
  }

  get incarnation(): string {
    return this.#group.incarnation;
  }

  /** How many members are connected here. */
  get size(): number {
    return this.#places.size;
  }

  // As a session of this node.

  arrived(): void {
    this.#waits = true;
  }
  takeArrivals(): void {
    this.claim();
  }
  probe(): void {
    this.#waits = true;
    // Whoever has the group may have let it go. This node would know of itself.
    if (!this.#group.isOurs || this.#passed > 0) this.run(() => Promise.resolve(this.#group.forget()));
    this.claim();
  }
  supersede(): void {
    this.run(() => {
      this.#group.forget();
      return this.#announce();
    });
    this.probe();
  }
  offerQos0(): void {}
  requestClose(): void {}
  requestEnd(): void {}
  outboxEmptied(): void {}

  // For its members.

  /**
   * A member is connected here, or wants its messages in another way; `isNew` where it has just subscribed. Ends when its
   * place is stored, or cannot be.
   */
  seat(member: ConnectedMember, subscription: Subscription, isNew: boolean): Promise<void> {
    const before = this.#places.get(member.clientId);
    this.#places.set(member.clientId, { member, subscription });
    // What was passed over may be its after all.
    this.#asking++;
    this.#passed = 0;
    this.#verdicts.forget(member);
    if (isNew) this.#new.add(memberRow(member));
    const announced = before?.member === member && !isNew ? Promise.resolve() : this.run(() => this.#announce());
    this.probe();
    return announced;
  }

  /** A member is connected here no more. Ends when nothing more is told of it. */
  unseat(member: ConnectedMember): Promise<void> {
    if (this.#places.get(member.clientId)?.member !== member) return this.#work;
    this.#places.delete(member.clientId);
    this.#verdicts.forget(member);
    const unseated = this.run(() => this.#announce());
    // What was dealt to it is another's.
    this.hasRoom();
    return unseated;
  }

  /** A member may have room again. */
  hasRoom(): void {
    if (this.#waits) this.claim();
  }

  /** What others have left so far is anybody's: for hosts without timers, and in case a doorbell was missed. */
  poll(): void {
    this.#freesAll = true;
    this.#verdicts.forget();
    this.#group.forget();
    this.run(() => this.#announce());
    this.probe();
  }

  /** Does something with the group when its turn comes; what fails is told and done again with the next poll. */
  run(work: () => Promise<unknown>): Promise<void> {
    this.#work = this.#work.then(work).then(() => {}, (error) => {
      this.#group.forget();
      this.#context.options.observe({ type: "workFailed", work: "group", error });
    });
    this.#context.tasks.add(this.#work);
    return this.#work;
  }

  /** Lets the members claim, once what is under way is done. */
  claim(): void {
    if (this.#wanted || this.#places.size === 0) return;
    this.#wanted = true;
    this.run(() => {
      this.#wanted = false;
      return this.#claimAll();
    });
  }

  /** Says in the store how many members are connected here, and takes the group where nobody has it. */
  async #announce(): Promise<void> {
    const { nodeId, options } = this.#context;
    const row = nodeRow(nodeId);
    const here = [...this.#places.values()].map(({ member }) => member);
    const subscribed = [...this.#new];
    await this.#group.change((view) => {
      const { subscriptions, head } = view.snapshot;
      const changes = [
        ...(here.length === 0 ? [] : this.#group.routes(view)),
        ...passing(view.snapshot, nodeId, here.length === 0 ? 0 : this.#passed),
      ];
      for (const filter of here.map(memberRow)) {
        // Whoever takes this one out for what it was before has to look again.
        const isSettled = subscriptions.has(filter) && !subscribed.includes(filter);
        if (!isSettled) changes.push({ type: "putSubscription", filter, subscription: rowOptions() });
      }
      const count = subscriptions.get(row)?.subscriptionIdentifier ?? 0;
      // Where no other node is, those that sleep here are still to be heard of.
      const isAlone = options.hibernation !== undefined;
      if (here.length === 0 && isAlone) return changes.length === 0 ? undefined : { changes };
      if (here.length === 0) {
        if (count > 0) changes.push({ type: "deleteSubscription", filter: row });
        const isOurs = view.owner?.nodeId === nodeId;
        if (isOurs) changes.push({ type: "putHead", head: detachedGroupHead(head, options.environment.now()) });
        // Somebody else is to take it.
        return changes.length === 0
          ? undefined
          : { changes, rings: isOurs || isPassedOver(view.snapshot) ? this.#others(view) : [] };
      }
      const told = isAlone ? 1 : here.length;
      if (count !== told) changes.push({ type: "putSubscription", filter: row, subscription: rowOptions(told) });
      return changes.length === 0 ? undefined : { changes };
    }, here.length > 0);
    for (const row of subscribed) this.#new.delete(row);
  }

  #others({ snapshot }: GroupView): NonNullable<CommitBatch["rings"]> {
    const { nodeId } = this.#context;
    return [...nodesOf(snapshot).keys()].filter((each) => each !== nodeId).map((each) => ({
      nodeId: each,
      clientId: this.clientId,
    }));
  }

  async #claimAll(): Promise<void> {
    const excluded = new Set<ConnectedMember>();
    while (this.#waits && await this.#claimSome(excluded));
  }

  /** One round: whether another one is worth it. */
  async #claimSome(excluded: Set<ConnectedMember>): Promise<boolean> {
    const { options, nodeId } = this.#context;
    const { environment } = options;
    const hasRoom = this.#roomy(excluded).length > 0;
    if (!hasRoom && this.#context.sleepers === undefined) return false;
    const view = await this.#group.own();
    const asking = this.#asking;
    const passedByAll = passedByOthers(view.snapshot, nodeId);
    // What was passed over is looked at once more when it is to be dropped.
    const { messages, tail } = await this.#read(view, passedByAll < this.#passed ? this.#passed : 0);
    this.#verdicts.forgetBefore(messages[0]?.sequence ?? Infinity);
    // Meanwhile other groups may have filled the room.
    const places = this.#roomy(excluded);
    // One that sleeps may have room.
    if (places.length === 0 && messages.length > 0) this.#context.sleepers?.rouse(this.clientId);
    if (!hasRoom) {
      this.#waits = messages.length > 0;
      return false;
    }
    if (this.#freesAll) this.#freeThrough = tail;
    this.#freesAll = false;
    const now = environment.now();
    const nodes = nodesOf(view.snapshot);
    const expired = messages.filter((entry) => hasExpired(entry, now));
    const waiting = messages.filter((entry) => !expired.includes(entry));
    // What was passed over here stays so, whoever's turn it is by now.
    const oursThrough = Math.max(this.#freeThrough, this.#passed);
    const ours = waiting.filter(({ sequence }) =>
      sequence <= oursThrough || (turnOf(sequence, nodes) ?? nodeId) === nodeId
    );
    const { dealt, refused } = deal(ours, places, [...this.#places.values()], this.#verdictOf);
    const last = dealt.at(-1);
    if (last !== undefined) this.#next = [...this.#places.values()].indexOf(last.place) + 1;
    const dropped = refused.filter(({ sequence }) => sequence <= passedByAll);
    const passed = dropped.length === refused.length ? this.#passed : this.#passedWith(waiting, refused);
    const gone = new Set([...dealt.map(({ entry }) => entry), ...dropped]);
    const left = waiting.filter((entry) => entry.sequence > passed && !gone.has(entry)).length;
    const isAll = messages.length === 0 || messages.at(-1)?.sequence === tail;
    this.#waits = !isAll || left > 0;
    if (left > 0) this.#wait(tail);
    const untold = waiting.at(-1)?.sequence ?? 0;
    const passes = passed > this.#passed ? passing(view.snapshot, nodeId, passed) : [];
    const tells = passes.length > 0 || left > 0 && untold > this.#toldThrough && view.owner?.nodeId === nodeId;
    const rings = tells ? this.#others(view) : [];
    const changes: SessionChange[] = [
      ...expired.map((entry) => removal(entry, "expired")),
      ...dropped.map((entry) => removal(entry, "notAuthorized")),
      ...dealt.map(({ entry }) => removal(entry)),
      ...passes,
    ];
    if (changes.length + rings.length === 0) return false;
    const deliveries = dealt.map((each) => claimOf(view.snapshot, each));
    const batch = this.#group.batch(view, {
      changes,
      deliveries,
      rings,
      // The members have room.
      limits: UNLIMITED,
      ...(changes.length === 0 ? {} : { isWhole: true }),
    });
    const result = await commitClaim(this.#context, batch, dealt);
    this.#group.committed(view, changes, result);
    if (result.outcome === "superseded") {
      // Others have changed the group: the messages may still be there.
      this.#waits = true;
      return true;
    }
    if (result.outcome === "refused") return this.#refused(dealt, excluded);
    this.#toldThrough = Math.max(this.#toldThrough, rings.length > 0 ? untold : 0);
    // What the store could hold it can hold again; a little more is tried with time.
    if (dealt.length >= this.#most) this.#most += 1;
    // A member that came meanwhile is yet to be asked about.
    if (asking === this.#asking) this.#passed = passed;
    this.#lose(expired, "expired");
    this.#lose(dropped, "notAuthorized");
    return changes.length > 0;
  }

  readonly #verdictOf = (place: Place, entry: QueuedMessage): Verdict =>
    entry.sequence <= this.#passed ? "refused" : this.#verdicts.of(place, entry);

  /** Up to where nothing waits that somebody here may have. */
  #passedWith(waiting: readonly QueuedMessage[], refused: readonly QueuedMessage[]): number {
    const known = new Set(refused);
    let passed = this.#passed;
    for (const entry of waiting) {
      if (!known.has(entry)) break;
      passed = Math.max(passed, entry.sequence);
    }
    return passed;
  }

  #lose(entries: readonly QueuedMessage[], reason: DropReason): void {
    const { observe } = this.#context.options;
    for (const { topic } of entries) observe({ type: "dropped", clientId: this.clientId, reason, topic });
  }

  /** The members that can take something, those first whose turn it is. */
  #roomy(excluded: ReadonlySet<ConnectedMember>): ReturnType<typeof roomy> {
    const places = inTurn(this.#places.values(), this.#next).filter(({ member }) => !excluded.has(member));
    return roomy(places, this.#context.options.limits);
  }

  async #read(
    { guard }: GroupView,
    after: number,
  ): Promise<{ readonly messages: readonly QueuedMessage[]; readonly tail: number }> {
    const { options } = this.#context;
    const { limits, store } = options;
    const { maxChangesPerBatch, maxReceiversPerCommit } = store.capabilities;
    // Passing some over takes one change more than it leaves.
    const most = Math.min(limits.pageMessages, maxChangesPerBatch - 1, maxReceiversPerCommit, this.#most);
    const messages = Math.max(1, most);
    const position = { after, messages, bytes: Math.min(limits.pageBytes, store.capabilities.maxMessageBytes) };
    return await persistently(options, "read a group", (signal) => store.readQueue(guard, position, { signal }));
  }

  /** Somebody has gone, or it was too much at once: less is tried, then each member alone. */
  #refused(dealt: readonly Dealt[], excluded: Set<ConnectedMember>): boolean {
    this.#group.forget();
    this.#waits = true;
    const [first] = dealt;
    if (first === undefined) return false;
    if (dealt.length === 1) excluded.add(first.place.member);
    this.#most = Math.max(1, Math.floor(dealt.length / 2));
    return true;
  }

  /** What is left for others is anybody's after a while. */
  #wait(tail: number): void {
    if (this.#patience !== undefined) return;
    const { environment } = this.#context.options;
    this.#patience = environment.wake(environment.now() + PATIENCE_MS, () => {
      this.#patience = undefined;
      this.#freeThrough = Math.max(this.#freeThrough, tail);
      this.hasRoom();
    });
  }

  /** Nobody is here any more. */
  close(): void {
    this.#patience?.();
    this.#patience = undefined;
  }
}
