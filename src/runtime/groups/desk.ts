/**
 * A shared group on a node where some of its members are connected: they claim in turn, each as much as it can take at once.
 */
import type { SessionChange } from "../../machine/change.ts";
import { hasExpired, type Message, messageBytes, type QueuedMessage } from "../../mqtt/message.ts";
import { minimumQoS } from "../../mqtt/qos.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { CommitBatch, CommitResult, Delivery } from "../../store/session_store.ts";
import { UNLIMITED } from "../../store/unlimited.ts";
import type { GroupContext } from "./context.ts";
import type { LocalSession } from "../local_sessions.ts";
import { persistently } from "../within.ts";
import type { Claims } from "./claims.ts";
import { memberRow, nodeRow, nodesOf, rowOptions } from "./names.ts";
import { detachedGroupHead, type GroupView, type StoredGroup } from "./store_view.ts";
import { turnOf } from "./turn.ts";

/** A connection whose session is a member. */
export interface ConnectedMember {
  readonly clientId: string;
  readonly incarnation: string;
  readonly token: string;
  /** Whether it takes messages. */
  readonly live: boolean;
  readonly claims: Claims;
  /** How many messages it could send at once. */
  readonly claimRoom: number;
}

/** What a member takes, and how it wants it. */
interface Place {
  readonly member: ConnectedMember;
  readonly subscription: Subscription;
}

/** A member with room for so many messages of so many bytes. */
interface Roomy {
  readonly place: Place;
  room: number;
  bytes: number;
}

/** A message that was dealt to a member. */
interface Dealt {
  readonly entry: QueuedMessage;
  readonly place: Place;
}

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
  /** The most messages of one claim: fewer after one that the store could not hold. */
  #most = Infinity;

  constructor(context: GroupContext, group: StoredGroup) {
    this.#context = context;
    this.#group = group;
    this.clientId = group.name;
    this.token = context.options.environment.randomId();
    this.connectedAt = context.options.environment.now();
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
    if (!this.#group.isOurs) this.run(() => Promise.resolve(this.#group.forget()));
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

  /** A member is connected here, or wants its messages in another way. */
  seat(member: ConnectedMember, subscription: Subscription): void {
    const before = this.#places.get(member.clientId);
    this.#places.set(member.clientId, { member, subscription });
    if (before?.member !== member) this.run(() => this.#announce());
    this.probe();
  }

  /** A member is connected here no more. */
  unseat(member: ConnectedMember): void {
    if (this.#places.get(member.clientId)?.member !== member) return;
    this.#places.delete(member.clientId);
    this.run(() => this.#announce());
  }

  /** A member may have room again. */
  hasRoom(): void {
    if (this.#waits) this.claim();
  }

  /** What others have left so far is anybody's: for hosts without timers, and in case a doorbell was missed. */
  poll(): void {
    this.#freesAll = true;
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
    await this.#group.change((view) => {
      const { subscriptions, head } = view.snapshot;
      const changes = here.length === 0 ? [] : this.#group.routes(view);
      for (const filter of here.map(memberRow)) {
        if (!subscriptions.has(filter)) changes.push({ type: "putSubscription", filter, subscription: rowOptions() });
      }
      const count = subscriptions.get(row)?.subscriptionIdentifier ?? 0;
      if (here.length === 0) {
        if (count > 0) changes.push({ type: "deleteSubscription", filter: row });
        const isOurs = view.owner?.nodeId === nodeId;
        if (isOurs) changes.push({ type: "putHead", head: detachedGroupHead(head, options.environment.now()) });
        // Somebody else is to take it.
        return changes.length === 0 ? undefined : { changes, rings: isOurs ? this.#others(view) : [] };
      }
      if (count !== here.length) {
        changes.push({ type: "putSubscription", filter: row, subscription: rowOptions(here.length) });
      }
      return changes.length === 0 ? undefined : { changes };
    }, here.length > 0);
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
    if (this.#roomy(excluded).length === 0) return false;
    const view = await this.#group.own();
    const { messages, tail } = await this.#read(view);
    // Meanwhile other groups may have filled the room.
    const places = this.#roomy(excluded);
    if (this.#freesAll) this.#freeThrough = tail;
    this.#freesAll = false;
    const now = environment.now();
    const nodes = nodesOf(view.snapshot);
    const expired = messages.filter((entry) => hasExpired(entry, now));
    const waiting = messages.filter((entry) => !expired.includes(entry));
    const ours = waiting.filter(({ sequence }) =>
      sequence <= this.#freeThrough || (turnOf(sequence, nodes) ?? nodeId) === nodeId
    );
    const dealt = this.#deal(ours, places);
    const left = waiting.length - dealt.length;
    const isAll = messages.length === 0 || messages.at(-1)?.sequence === tail;
    this.#waits = !isAll || left > 0;
    if (left > 0) this.#wait(tail);
    const untold = waiting.at(-1)?.sequence ?? 0;
    const rings = left > 0 && untold > this.#toldThrough && view.owner?.nodeId === nodeId ? this.#others(view) : [];
    if (dealt.length + expired.length + rings.length === 0) return false;
    const changes: SessionChange[] = [
      ...expired.map((entry): SessionChange => ({ ...removal(entry), dropped: "expired" })),
      ...dealt.map(({ entry }) => removal(entry)),
    ];
    const deliveries = dealt.map((each) => this.#delivery(view, each));
    const batch = this.#group.batch(view, {
      changes,
      deliveries,
      rings,
      // The members have room.
      limits: UNLIMITED,
      ...(changes.length === 0 ? {} : { isWhole: true }),
    });
    const result = await this.#commit(batch, dealt);
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
    for (const { topic } of expired) {
      options.observe({ type: "dropped", clientId: this.clientId, reason: "expired", topic });
    }
    return dealt.length + expired.length > 0;
  }

  /** The members that can take something, those first whose turn it is. */
  #roomy(excluded: ReadonlySet<ConnectedMember>): Roomy[] {
    const { pageBytes, pageMessages } = this.#context.options.limits;
    const all = [...this.#places.values()];
    const first = all.length === 0 ? 0 : this.#next % all.length;
    return [...all.slice(first), ...all.slice(0, first)].flatMap((place) => {
      const { member } = place;
      if (!member.live || excluded.has(member)) return [];
      const { claims } = member;
      const room = Math.min(member.claimRoom - claims.underWay, pageMessages - claims.size);
      return room > 0 && claims.bytes < pageBytes ? [{ place, room, bytes: pageBytes - claims.bytes }] : [];
    });
  }

  async #read({ guard }: GroupView): Promise<{ readonly messages: readonly QueuedMessage[]; readonly tail: number }> {
    const { options } = this.#context;
    const { limits, store } = options;
    const { maxChangesPerBatch, maxReceiversPerCommit } = store.capabilities;
    const messages = Math.max(1, Math.min(limits.pageMessages, maxChangesPerBatch, maxReceiversPerCommit, this.#most));
    const position = { after: 0, messages, bytes: Math.min(limits.pageBytes, store.capabilities.maxMessageBytes) };
    return await persistently(options, "read a group", (signal) => store.readQueue(guard, position, { signal }));
  }

  /** Deals messages to the members, one each, round after round. */
  #deal(entries: readonly QueuedMessage[], places: readonly Roomy[]): Dealt[] {
    const dealt: Dealt[] = [];
    let left = places;
    let turn = 0;
    for (const entry of entries) {
      const taker = left[turn];
      if (taker === undefined) break;
      dealt.push({ entry, place: taker.place });
      taker.room -= 1;
      taker.bytes -= entry.payload.length;
      const isFull = taker.room === 0 || taker.bytes <= 0;
      if (isFull) left = left.filter((each) => each !== taker);
      else turn += 1;
      if (turn >= left.length) turn = 0;
    }
    this.#next += dealt.length;
    return dealt;
  }

  #delivery({ snapshot }: GroupView, { entry, place: { member, subscription } }: Dealt): Delivery {
    const { sequence: _, subscriptionIdentifiers: _ids, claimed: _claimed, ...rest } = entry;
    const { qos, retain } = entry;
    const { subscriptionIdentifier } = subscription;
    const message: Message = rest;
    return {
      message,
      receivers: [{
        clientId: member.clientId,
        incarnation: member.incarnation,
        ownedBy: member.token,
        qos: minimumQoS(qos, subscription.qos),
        retain: retain && subscription.retainAsPublished,
        subscriptionIdentifiers: subscriptionIdentifier === undefined ? [] : [subscriptionIdentifier],
        claimed: { clientId: this.clientId, incarnation: snapshot.incarnation, qos, retain },
      }],
    };
  }

  /** Commits a claim; whoever it is for hears of it in the same moment. */
  async #commit(batch: CommitBatch, dealt: readonly Dealt[]): Promise<CommitResult> {
    const { lane, sessions } = this.#context;
    for (const { place } of dealt) place.member.claims.begin(1);
    let isKnown = false;
    try {
      return await new Promise<CommitResult>((resolve, reject) =>
        lane.request({
          take: () => batch,
          settled: (result, repeated) => {
            if (result.outcome === "committed") sessions.deliver(batch, result);
            isKnown = !repeated;
            resolve(result);
          },
          failed: reject,
        })
      );
    } finally {
      // What they have been told of takes their room from here on, and no other group's claim comes in between.
      sessions.takeArrivals();
      for (const { place } of dealt) {
        // One that is about to go is told of nothing any more.
        if (!isKnown || !place.member.live) place.member.claims.isUncertain = true;
        place.member.claims.end(1);
      }
    }
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

function removal(entry: QueuedMessage): SessionChange & { readonly type: "deleteQueued" } {
  return { type: "deleteQueued", sequence: entry.sequence, bytes: messageBytes(entry) };
}
