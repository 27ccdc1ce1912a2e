/**
 * One connection: its packets go through the machine one by one, what the machine asks is answered before the next one,
 * and what it changes and causes goes to the mailbox.
 *
 * @module
 */
import type { SessionError } from "../errors.ts";
import type { Effect } from "../machine/effect.ts";
import type { Event } from "../machine/event.ts";
import type { Request } from "../machine/request.ts";
import { nextDeadline } from "../machine/state/deadlines.ts";
import type { StepResult } from "../machine/step.ts";
import type { Message, QueuedMessage } from "../mqtt/message.ts";
import type { ClientPacket, ProtocolVersion } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { Acquired, CommitBatch, CommitResult, Guard } from "../store/session_store.ts";
import { type AuthenticationOwner, HostAuthentication } from "./authentication.ts";
import type { BrokerContext } from "./context.ts";
import { Outlet, type OutletOwner } from "./effects.ts";
import type { AttachedSession, Resumed } from "./attachment.ts";
import { Membership, type MembershipOwner } from "./groups/membership.ts";
import { isHibernating } from "./hibernating_transport.ts";
import type { Hibernation, HibernationOwner } from "./hibernation.ts";
import type { HibernationRules } from "./hibernation_rules.ts";
import type { Inbox } from "./inbox.ts";
import { Intake } from "./intake.ts";
import { Line } from "./line.ts";
import type { LocalSession } from "./local_sessions.ts";
import { type Letter, Mailbox, type MailboxOwner } from "./mailbox.ts";
import type { PrincipalQuota } from "./options.ts";
import { Orders, type OrdersOwner } from "./orders.ts";
import { Outgoing } from "./outgoing.ts";
import { OwnedSession } from "./owned_session.ts";
import { type PublishOwner, PublishRoute } from "./publish_route.ts";
import { type FeedOwner, QueueFeed } from "./queue_feed.ts";
import { RetainedFeed, type RetainedOwner } from "./retained_feed.ts";
import { type Entitlement, Requests, type RequestsOwner } from "./requests.ts";
import type { Rousable } from "./sleepers.ts";
import { Stepping, type SteppingOwner } from "./stepping.ts";
import { askWhySuperseded } from "./superseded.ts";
import { type BrokerConnection, checkClose, type CloseCause, type CloseTexts, type Transport } from "./transport.ts";

/** One connection of one client. */
export class Connection
  implements
    BrokerConnection,
    LocalSession,
    SteppingOwner,
    MailboxOwner,
    OutletOwner,
    AuthenticationOwner,
    PublishOwner,
    FeedOwner,
    RetainedOwner,
    MembershipOwner,
    RequestsOwner,
    OrdersOwner,
    HibernationOwner,
    Rousable {
  readonly token: string;
  readonly done: Promise<void>;
  readonly mailbox: Mailbox;
  /** What an administrator wants of its session. */
  readonly orders: Orders;
  /** Whom the session belongs to, as the host said. */
  principal: string | undefined;
  quota: PrincipalQuota | undefined;
  readonly #context: BrokerContext;
  readonly #steps: Stepping;
  readonly #outgoing: Outgoing;
  readonly #line: Line;
  readonly #outlet: Outlet;
  readonly #authentication: HostAuthentication;
  readonly #feed: QueueFeed;
  readonly #retained: RetainedFeed;
  readonly #route: PublishRoute;
  readonly #membership: Membership;
  readonly #requests: Requests;
  readonly #intake: Intake;
  readonly #owned: OwnedSession;
  /** Only where the transport outlives the memory of this process. */
  readonly #hibernation: Hibernation | undefined;
  #resolveDone: () => void = () => {};

  constructor(context: BrokerContext, transport: Transport, hibernation?: HibernationRules, resumed?: Resumed) {
    const { options } = context;
    this.#context = context;
    const lasting = isHibernating(transport) ? transport : undefined;
    this.token = resumed?.attachment.token ?? lasting?.token ?? options.environment.randomId();
    this.#steps = new Stepping(context, this);
    this.mailbox = new Mailbox({
      owner: this,
      lane: context.lane,
      queue: options.queue,
      capabilities: options.store.capabilities,
      flight: this.#steps.flight,
    });
    const isAccepted = resumed !== undefined && resumed.attachment.state !== "opened";
    this.#line = new Line(transport, options.environment, isAccepted);
    this.#outlet = new Outlet(options.observe, this.#line, this);
    this.#authentication = new HostAuthentication(context, this);
    this.#feed = new QueueFeed(context, transport, this);
    this.#retained = new RetainedFeed(context, this);
    this.#route = new PublishRoute(context, this);
    this.#membership = new Membership(context, this, this.#steps.session);
    const parts = {
      self: this,
      steps: this.#steps,
      mailbox: this.mailbox,
      line: this.#line,
      authentication: this.#authentication,
      feed: this.#feed,
      retained: this.#retained,
      route: this.#route,
      membership: this.#membership,
    };
    this.orders = new Orders(context, this, this.#steps.session);
    this.#owned = new OwnedSession(context, parts);
    this.#intake = new Intake(options, parts);
    this.#outgoing = new Outgoing(context, parts);
    this.#requests = new Requests(context, this, parts);
    const remembered = { ...parts, outgoing: this.#outgoing };
    this.#hibernation = lasting && hibernation?.remember(context, remembered, { transport: lasting, resumed });
    this.done = new Promise((resolve) => this.#resolveDone = resolve);
    if (this.#hibernation === undefined) this.tell({ type: "connectionOpened" });
    else this.#hibernation.open();
  }

  get clientId(): string {
    return this.#owned.clientId;
  }
  get incarnation(): string {
    return this.#owned.incarnation;
  }
  get epoch(): number {
    return this.#owned.epoch;
  }
  get connectedAt(): number {
    return this.#owned.connectedAt;
  }
  get protocolVersion(): ProtocolVersion {
    return this.#owned.protocolVersion;
  }
  get inbox(): Inbox {
    return this.#steps.inbox;
  }
  get guard(): Guard | undefined {
    return this.#steps.closing ? undefined : this.mailbox.guard;
  }
  get knownTail(): number {
    return this.#feed.tail;
  }
  get live(): boolean {
    const { session, closing, isDeaf, isGivenUp } = this.#steps;
    return (session.online || session.asleep) && !closing && !isDeaf && !isGivenUp;
  }
  get isAsleep(): boolean {
    return this.#steps.session.asleep;
  }
  get leaving(): boolean {
    return this.#steps.closing || this.#line.gone || this.inbox.hasFarewell;
  }
  get deadline(): number | undefined {
    // Once the session is here it is looked at again.
    const isJudged = !this.#steps.closing && this.#hibernation?.isWaking !== true;
    return isJudged ? nextDeadline(this.#steps.session) : undefined;
  }
  /** Its session is over, by what happened here. */
  get ended(): boolean {
    return this.#outlet.ended;
  }
  get finished(): boolean {
    return this.#steps.finished;
  }

  // For the host.

  receive(packets: readonly ClientPacket[]): Promise<void> {
    return this.#intake.receive(packets);
  }
  malformed(reasonCode: number): void {
    this.#intake.malformed(reasonCode);
  }
  closed(_cause: CloseCause = "transport"): void {
    this.#intake.closed();
  }
  close(reasonCode: number, texts: CloseTexts = {}): void {
    checkClose(reasonCode, texts);
    this.tell({ type: "closeRequested", reasonCode, ...texts });
  }

  drained(): void {
    this.#feed.look();
  }

  // For the broker.

  arrived(message: QueuedMessage): void {
    // It stands in the log that is reloaded.
    if (this.#steps.session.asleep) return this.wantsSession();
    this.#membership.saw([message]);
    this.#feed.arrived(message);
  }
  takeArrivals(): void {
    this.#feed.takeArrivals();
  }
  offerQos0(message: Message, receiver: Receiver): void {
    this.#feed.offerQos0(message, receiver);
  }
  probe(): void {
    if (this.#steps.session.asleep) this.wantsSession();
    else this.#feed.probe();
  }
  outboxEmptied(): void {
    this.mailbox.behindOutbox = false;
    this.#retained.look();
  }
  requestClose(reasonCode: number): void {
    this.tell({ type: "closeRequested", reasonCode });
  }
  requestEnd(): void {
    this.tell({ type: "endRequested" });
  }
  timePassed(): void {
    // A client whose packets wait here has not been silent.
    if (this.#steps.session.online && !this.inbox.empty) return;
    this.tell({ type: "timePassed" });
  }

  /** Closes the transport at once; the session is let go of as far as the store lets it. */
  cut(reasonCode: number): void {
    this.closeLine();
    this.requestClose(reasonCode);
  }

  supersede(reasonCode: number = REASON.sessionTakenOver): void {
    if (this.finished) return;
    this.#context.options.observe({ type: "superseded", clientId: this.clientId });
    this.#forget();
    // A connection that was closing has said its last word to the machine already.
    if (!this.#steps.closing) return this.tell({ type: "superseded", reasonCode });
    this.closeLine();
    this.#steps.work();
  }

  // For its hibernation.

  resumed(session: AttachedSession): void {
    this.principal = session.principal;
    this.#owned.resumed(session);
  }
  reloaded(answer: Acquired, withheld: readonly number[]): void {
    this.#owned.reloaded(answer, withheld);
  }
  wantsSession(): void {
    this.#hibernation?.wake();
  }

  // For acquiring.

  /** What came from a client before it went counts, and is tried once; it may be elsewhere by the next time. */
  wants(isRepeated: boolean): boolean {
    return !this.#steps.closing && !(isRepeated && this.leaving);
  }

  // For the mailbox.

  runEffect(effect: Effect): void {
    this.#outlet.run(effect);
  }

  batchCommitted(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): boolean {
    this.#membership.committed(batch.changes);
    if (batch.deliveries.length === 0) return false;
    const owed = this.#context.sessions.deliver(batch, result);
    if (owed) {
      this.mailbox.behindOutbox = true;
      this.#context.outbox.kick(this.incarnation);
    }
    this.#retained.committed(batch, result);
    return owed;
  }

  publishRefused(ref: number): Letter {
    return this.#outgoing.publishRefused(ref);
  }

  storeFailed(error: SessionError | undefined): void {
    if (error === undefined) this.requestClose(REASON.implementationSpecificError);
    else this.#abandon();
  }

  commitSuperseded(): void {
    this.#forget();
    if (this.#steps.closing) return this.supersede();
    // Nothing leaves any more; what the client is told depends on who has its session.
    this.#steps.isDeaf = true;
    const { tasks } = this.#context;
    tasks.add(askWhySuperseded(this.#context, this).then((reasonCode) => this.supersede(reasonCode)));
  }

  mailboxMoved(): void {
    if (this.#steps.awaited === "refusable" && !this.mailbox.holdsRefusable) this.#steps.awaited = undefined;
    this.#route.mailboxMoved();
    this.#retained.look();
    this.#steps.work();
  }

  // For its own parts.

  saw(messages: readonly QueuedMessage[]): void {
    this.#membership.saw(messages);
  }
  tell(event: Event): void {
    this.#steps.tell(event);
  }
  answer(event: Event): void {
    this.#steps.answer(event);
  }
  waitForVerdict(): void {
    this.#steps.awaited = "authenticate";
  }
  waitForRoute(): void {
    this.#steps.awaited = "route";
  }
  readsAgain(): void {
    this.#steps.work();
  }

  /** The store could not be read for long: the connection cannot go on. */
  troubled(error: unknown): void {
    if (this.finished) return;
    this.#context.options.observe({ type: "workFailed", work: "session", clientId: this.clientId, error });
    this.#steps.awaited = undefined;
    this.requestClose(REASON.implementationSpecificError);
  }

  /** Nothing that waits here counts any more. */
  #forget(): void {
    this.mailbox.drop();
    this.#steps.forget();
  }

  // For its machine.

  machineClosed(): void {
    this.#line.closeSoon();
  }

  stepped(event: Event, result: StepResult): void {
    this.#hibernation?.stepped(result);
    this.#outgoing.stepped(event, result, this.orders.stepped(event, result));
  }

  rested(): void {
    this.mailbox.flush();
    if (this.finished) return;
    if (this.#steps.closing) {
      this.#authentication.stop();
      this.inbox.clear();
      if (this.#steps.awaited !== "acquire" && this.mailbox.empty && this.#outgoing.empty) this.#finish();
    } else {
      if (this.#context.deadlines.watch(this)) this.#context.deadlineMoved();
      this.#membership.stepped();
      this.#hibernation?.rested();
    }
    this.#intake.look();
  }

  ask(request: Request): void {
    if (request.type === "acquire" && this.#hibernation?.admits(request.terms.clientId) === false) {
      return this.answer({ type: "acquireRefused", reasonCode: REASON.clientIdentifierNotValid });
    }
    this.#requests.ask(request);
  }

  acquired(answer: Acquired, entitlement: Entitlement | undefined): void {
    this.#owned.acquired(answer, entitlement);
  }

  closeLine(): void {
    this.#line.close();
    this.#feed.stop();
  }

  /** The machine threw: this side is at fault, and the connection cannot go on. */
  fault(error: unknown): void {
    this.#context.options.observe({ type: "workFailed", work: "session", clientId: this.clientId, error });
    this.#abandon();
  }

  /** Nothing more can be stored for this connection; its session is let go of later, by work that is due (D8). */
  #abandon(): void {
    if (this.finished) return;
    this.mailbox.drop();
    if (this.#owned.isOurs) this.#context.orphans.add(this.clientId, this.token);
    this.#steps.closing = true;
    this.#finish();
  }

  #finish(): void {
    this.#steps.finish();
    this.#authentication.stop();
    this.closeLine();
    this.#feed.clear();
    this.#retained.clear();
    const { sessions, deadlines, options } = this.#context;
    sessions.remove(this);
    deadlines.forget(this);
    this.#membership.end(this.ended);
    this.#intake.finish();
    const who = this.#owned.isOurs ? { clientId: this.clientId } : {};
    options.observe({ type: "disconnected", reasonCode: this.#outlet.closeReason, ...who });
    this.#context.connectionEnded(this);
    this.#resolveDone();
  }
}
