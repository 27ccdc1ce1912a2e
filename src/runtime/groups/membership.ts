/** What makes a connection a member of shared groups: its shared subscriptions, and what it has claimed. */
import type { SessionChange } from "../../machine/change.ts";
import { claimRoom, type MemberLeft, readThrough, startedThrough } from "../../machine/rules/claiming.ts";
import type { SessionSnapshot } from "../../machine/snapshot.ts";
import type { Session } from "../../machine/state/session.ts";
import { isSharedFilter } from "../../mqtt/filter.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";
import type { Subscription } from "../../mqtt/subscription.ts";
import type { QueuePage } from "../../store/session_store.ts";
import type { BrokerContext } from "../context.ts";
import type { Letter, Mailbox } from "../mailbox.ts";
import { Claims } from "./claims.ts";
import type { GroupMember } from "./names.ts";
import type { ConnectedMember } from "./place.ts";
import { givenBack } from "./give_back.ts";
import { readLog } from "./read_log.ts";

/** The connection, as its membership sees it. */
export interface MembershipOwner {
  readonly clientId: string;
  readonly incarnation: string;
  readonly principal: string | undefined;
  readonly token: string;
  readonly live: boolean;
  /** The connection cannot go on. */
  troubled(error: unknown): void;
  /** What the connection has yet to commit, and the right to read the log, also while it ends. */
  readonly mailbox: Pick<Mailbox, "guard" | "drained">;
}

/** The membership of one connection. */
export class Membership implements ConnectedMember {
  readonly claims: Claims = new Claims();
  readonly #context: BrokerContext;
  readonly #owner: MembershipOwner;
  readonly #session: Session;
  readonly #shared = new Map<string, Subscription>();
  /** Filters of which no subscription is stored yet, and when their groups have been joined, or could not be. */
  readonly #joining = new Map<string, Promise<void>>();
  #isOver = false;
  /** Whether the connection has let go of its session itself. */
  #hasLetGo = false;
  /** Ends when every group that was left or entered knows of it. */
  #told: Promise<unknown> = Promise.resolve();

  constructor(context: BrokerContext, owner: MembershipOwner, session: Session) {
    this.#context = context;
    this.#owner = owner;
    this.#session = session;
  }

  get clientId(): string {
    return this.#owner.clientId;
  }
  get incarnation(): string {
    return this.#owner.incarnation;
  }
  get principal(): string | undefined {
    return this.#owner.principal;
  }
  get token(): string {
    return this.#owner.token;
  }
  get live(): boolean {
    return this.#owner.live;
  }
  get claimRoom(): number {
    return claimRoom(this.#session);
  }

  troubled(error: unknown): void {
    this.#owner.troubled(error);
  }

  /** The session was acquired: what an earlier connection claimed may stand in its log. */
  acquired({ head }: SessionSnapshot, { messages, through, tail }: QueuePage): void {
    if (head.borrows !== true) return;
    this.claims.take(messages);
    if (through < tail) this.claims.isUncertain = true;
  }

  /** The connection takes messages from now on, if it lives; of the filters that it may have no more it takes none. */
  begin({ subscriptions }: SessionSnapshot, revoked: readonly string[] = []): void {
    for (const [filter, subscription] of subscriptions) {
      if (!isSharedFilter(filter)) continue;
      if (!this.live || revoked.includes(filter)) this.#shared.set(filter, subscription);
      else this.#seat(filter, subscription, false);
    }
  }

  /** The client is about to subscribe. Rejects when the store cannot be asked. */
  async join(filter: string): Promise<void> {
    // Nobody hears the answer any more.
    if (this.#isOver) return;
    const joined = this.#context.groups.join(filter, this.#member);
    if (!this.#shared.has(filter)) this.#joining.set(filter, joined.catch(() => {}));
    await joined;
  }

  /** Changes are stored: perhaps it has become a member, or is one no more. */
  committed(changes: readonly SessionChange[]): void {
    this.#hasLetGo ||= this.#leftBy(changes) !== undefined;
    for (const change of changes) {
      if (change.type === "putSubscription" && isSharedFilter(change.filter)) {
        this.#joining.delete(change.filter);
        this.#tells(this.#seat(change.filter, change.subscription, true));
      } else if (change.type === "deleteSubscription" && this.#shared.delete(change.filter)) {
        const { groups } = this.#context;
        this.#tells(groups.withdraw([change.filter], this.#member, groups.unseat(change.filter, this)));
      }
    }
  }

  /** A step is over: there may be room for more. */
  stepped(): void {
    if (this.#shared.size > 0 && this.live && this.claimRoom > this.claims.underWay) {
      this.#context.groups.hasRoom(this.#shared.keys());
    }
  }

  /** Entries of the log came by: some late, when the client may have acknowledged them and they are no more. */
  saw(messages: readonly QueuedMessage[]): void {
    const known = readThrough(this.#session);
    this.claims.take(messages.filter(({ sequence }) => sequence > known));
  }

  /** What has to be stored before a letter: what the session gives back, when that ends its connection. */
  before({ changes }: Pick<Letter, "changes">): readonly Letter[] | Promise<readonly Letter[]> {
    this.claims.forget(changes);
    const left = this.#leftBy(changes);
    if (left === undefined) return [];
    if (this.claims.underWay === 0 && !this.claims.isUncertain) return this.#givenBack(left);
    return this.#settle().then(() => this.#givenBack(left));
  }

  /**
   * A letter, whose effects wait for the groups that it leaves and enters: what is published after an UNSUBACK is not for
   * them, and what is published after a SUBACK is.
   */
  after(letter: Letter): Letter {
    const moves = letter.changes.some((each) =>
      each.type === "deleteSubscription" && this.#shared.has(each.filter) ||
      each.type === "putSubscription" && isSharedFilter(each.filter)
    );
    return moves ? { ...letter, until: async () => void await this.#told } : letter;
  }

  /** The connection is over, and perhaps the session. */
  end(hasEnded: boolean): void {
    this.#isOver = true;
    const filters = [...this.#shared.keys()];
    this.#shared.clear();
    const { groups } = this.#context;
    const unseated = Promise.all(filters.map((filter) => groups.unseat(filter, this))).then(() => {});
    if (hasEnded && filters.length > 0) groups.leave(filters, this.#member, unseated);
    // Somebody else has the session, or has ended it: a group that this node has told of it since does not know.
    else if (!this.#hasLetGo && filters.length > 0) groups.withdraw(filters, this.#member, unseated);
    if (this.#joining.size > 0) groups.desert(this.#joining, this.#member);
  }

  /** As which it is named, also when this is over. */
  get #member(): GroupMember {
    return { clientId: this.clientId, incarnation: this.incarnation };
  }

  #seat(filter: string, subscription: Subscription, isNew: boolean): Promise<void> {
    this.#shared.set(filter, subscription);
    return this.#context.groups.seat(filter, this, subscription, isNew);
  }

  #tells(told: Promise<void>): void {
    this.#told = Promise.all([this.#told, told]);
  }

  #leftBy(changes: readonly SessionChange[]): MemberLeft | undefined {
    const hasEnded = changes.some(({ type }) => type === "endSession");
    const isDetached = changes.some((change) => change.type === "putHead" && !change.head.attached);
    if (!hasEnded && !isDetached) return undefined;
    const { sharedNeverStarted } = this.#context.options.policy;
    return { startedThrough: startedThrough(this.#session), hasEnded, sharedNeverStarted };
  }

  /** One letter each, so that every commit holds both parts of what it holds. */
  #givenBack(left: MemberLeft): Letter[] {
    return givenBack(this.claims.entries(), left).map(({ change, delivery }) => ({
      changes: [change],
      deliveries: [delivery],
      effects: [],
    }));
  }

  /** Waits for claims that are under way, and looks for those of which nobody heard. */
  async #settle(): Promise<void> {
    await this.claims.settled();
    if (!this.claims.isUncertain) return;
    // What was done with and is not yet stored as such would be found again.
    const { mailbox } = this.#owner;
    await mailbox.drained();
    if (mailbox.guard === undefined) return;
    this.claims.take(await readLog(this.#context, mailbox.guard));
    this.claims.isUncertain = false;
  }
}
