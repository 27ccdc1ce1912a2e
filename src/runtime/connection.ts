/**
 * One connection: its packets go through the machine one by one, what the machine asks is answered before the next one,
 * and what it changes and causes goes to the mailbox.
 *
 * @module
 */
import type { SessionError } from "../errors.ts";
import type { Effect } from "../machine/effect.ts";
import type { Event, SessionAcquired } from "../machine/event.ts";
import type { AcquireTerms, AuthorizeSubscribeRequest, Request } from "../machine/request.ts";
import { nextDeadline } from "../machine/state/deadlines.ts";
import { openSession, type Session } from "../machine/state/session.ts";
import { step, type StepResult } from "../machine/step.ts";
import type { Message, QueuedMessage } from "../mqtt/message.ts";
import type { ClientPacket, ProtocolVersion, ServerPacket } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Receiver } from "../routing/resolve.ts";
import type { Acquired, CommitBatch, CommitResult, Guard } from "../store/session_store.ts";
import { acquire, type Asker, install } from "./acquire.ts";
import { type AuthenticationOwner, HostAuthentication } from "./authentication.ts";
import type { BrokerContext } from "./context.ts";
import { acquiredNote, type Flight } from "./flight.ts";
import type { Timed } from "./deadlines.ts";
import { newsOf } from "./effects.ts";
import { Membership, type MembershipOwner } from "./groups/membership.ts";
import { revokedFilters, withheldMessages } from "./entitlement.ts";
import { Inbox } from "./inbox.ts";
import { letterOf } from "./letter.ts";
import { Line } from "./line.ts";
import type { LocalSession } from "./local_sessions.ts";
import { EMPTY_LETTER, type Letter, Mailbox, type MailboxOwner } from "./mailbox.ts";
import type { PrincipalQuota } from "./options.ts";
import { type PublishOwner, PublishRoute } from "./publish_route.ts";
import { type FeedOwner, QueueFeed } from "./queue_feed.ts";
import { RetainedFeed, type RetainedOwner } from "./retained_feed.ts";
import { Room } from "./room.ts";
import { judgeFilters } from "./subscribe.ts";
import { askWhySuperseded } from "./superseded.ts";
import { type BrokerConnection, checkClose, type CloseCause, type CloseTexts, type Transport } from "./transport.ts";

type Entitlement = Pick<SessionAcquired, "revoked" | "withheld">;

/** What a connection waits for before it takes the next packet. */
type Awaited = "authenticate" | "acquire" | "route" | "subscribe" | "refusable";

/** One connection of one client. */
export class Connection
  implements
    BrokerConnection,
    LocalSession,
    MailboxOwner,
    AuthenticationOwner,
    PublishOwner,
    FeedOwner,
    RetainedOwner,
    MembershipOwner,
    Asker,
    Timed {
  readonly token: string;
  readonly done: Promise<void>;
  readonly inbox: Inbox = new Inbox();
  readonly mailbox: Mailbox;
  /** Its session is over, by what happened here. */
  ended = false;
  /** Whom the session belongs to, as the host said. */
  principal: string | undefined;
  quota: PrincipalQuota | undefined;
  connectedAt = 0;
  protocolVersion: ProtocolVersion = 5;
  readonly #context: BrokerContext;
  readonly #session: Session;
  readonly #flight: Flight | undefined;
  readonly #line: Line;
  readonly #authentication: HostAuthentication;
  readonly #feed: QueueFeed;
  readonly #retained: RetainedFeed;
  readonly #route: PublishRoute;
  readonly #membership: Membership;
  readonly #signals: Event[] = [];
  readonly #room = new Room();
  #resolveDone: () => void = () => {};
  #awaited: Awaited | undefined;
  /** As it was when the session was acquired: who owns it is in there. */
  #acquired: Guard | undefined;
  /** What the packet in hand weighs, until a letter takes it over. */
  #carried = 0;
  #stepping = false;
  /** Its session is somebody else's, or nobody's; only what the client is told is still being asked for. */
  #isLost = false;
  /** The machine has closed the connection; only what it left is still to be done. */
  #closing = false;
  #finished = false;
  /** What is stored once it is known what the session gives back to its groups; absent while nothing waits for that. */
  #parting: Letter[] | undefined;
  #onDrained: (() => void)[] = [];
  #closeReason: number = REASON.unspecifiedError;

  constructor(context: BrokerContext, transport: Transport) {
    const { options } = context;
    this.#context = context;
    this.token = options.environment.randomId();
    this.#session = openSession(undefined, { role: "server", policy: options.policy, limits: options.limits });
    this.#flight = options.record?.open({ role: "server", policy: options.policy, limits: options.limits });
    this.mailbox = new Mailbox({
      owner: this,
      lane: context.lane,
      queue: options.queue,
      capabilities: options.store.capabilities,
      now: () => options.environment.now(),
      batchId: context.batchId,
      flight: this.#flight,
    });
    this.#line = new Line(transport, options.environment);
    this.#authentication = new HostAuthentication(context, this);
    this.#feed = new QueueFeed(context, transport, this);
    this.#retained = new RetainedFeed(context, this);
    this.#route = new PublishRoute(context, this);
    this.#membership = new Membership(context, this, this.#session);
    this.done = new Promise((resolve) => this.#resolveDone = resolve);
    this.tell({ type: "connectionOpened" });
  }

  get clientId(): string {
    return this.#acquired?.clientId ?? "";
  }
  get incarnation(): string {
    return this.#acquired?.incarnation ?? "";
  }
  get epoch(): number {
    return this.#acquired?.epoch ?? 0;
  }
  get guard(): Guard | undefined {
    return this.#closing ? undefined : this.mailbox.guard;
  }
  get knownTail(): number {
    return this.#feed.tail;
  }
  get lastGuard(): Guard | undefined {
    return this.mailbox.guard;
  }
  get live(): boolean {
    return this.#session.online && !this.#closing && !this.#isLost;
  }
  get leaving(): boolean {
    return this.#closing || this.#line.gone || this.inbox.hasFarewell;
  }
  get deadline(): number | undefined {
    return this.#closing ? undefined : nextDeadline(this.#session);
  }

  // For the host.

  receive(packets: readonly ClientPacket[]): Promise<void> {
    if (this.#closing || this.#line.gone) return this.#room.wait(false);
    for (const packet of packets) this.inbox.push(packet);
    this.#work();
    return this.#room.wait(!this.#finished && this.#isFull());
  }

  malformed(reasonCode: number): void {
    if (this.#closing || this.#line.gone) return;
    this.inbox.pushEvent({ type: "packetMalformed", reasonCode });
    this.#work();
  }

  closed(_cause: CloseCause = "transport"): void {
    if (!this.#line.lose()) return;
    this.#feed.stop();
    const event: Event = { type: "connectionClosed" };
    const connects = this.#awaited === "authenticate" || this.#awaited === "acquire";
    // What the client sent before it went still counts, if there is any.
    if (connects && this.inbox.empty) return this.tell(event);
    this.inbox.pushEvent(event);
    this.#work();
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
    this.#feed.probe();
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
    if (this.#session.online && !this.inbox.empty) return;
    this.tell({ type: "timePassed" });
  }

  /** Closes the transport at once; the session is let go of as far as the store lets it. */
  cut(reasonCode: number): void {
    this.#closeLine();
    this.requestClose(reasonCode);
  }

  supersede(reasonCode: number = REASON.sessionTakenOver): void {
    if (this.#finished) return;
    this.#context.options.observe({ type: "superseded", clientId: this.clientId });
    this.#forget();
    // A connection that was closing has said its last word to the machine already.
    if (!this.#closing) return this.tell({ type: "superseded", reasonCode });
    this.#closeLine();
    this.#work();
  }

  // For acquiring.

  /** What came from a client before it went counts, and is tried once; it may be elsewhere by the next time. */
  wants(isRepeated: boolean): boolean {
    return !this.#closing && !(isRepeated && this.leaving);
  }

  // For the mailbox.

  runEffect(effect: Effect): void {
    switch (effect.type) {
      case "sendPacket":
        return this.#send(effect.packet);
      case "closeConnection":
        this.#closeReason = effect.reasonCode;
        return this.#closeLine();
      case "sessionEnded":
        this.ended = true;
        return this.#context.options.observe(newsOf(effect, this.clientId));
      default:
        return this.#context.options.observe(newsOf(effect, this.clientId));
    }
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
    try {
      return this.#stepTo({ type: "publishRefused", ref, reasonCode: REASON.quotaExceeded }).letter;
    } catch (error) {
      this.#fault(error);
      return EMPTY_LETTER;
    }
  }

  storeFailed(error: SessionError | undefined): void {
    if (error === undefined) this.requestClose(REASON.implementationSpecificError);
    else this.#abandon();
  }

  commitSuperseded(): void {
    this.#forget();
    if (this.#closing) return this.supersede();
    // Nothing leaves any more; what the client is told depends on who has its session.
    this.#isLost = true;
    const { tasks } = this.#context;
    tasks.add(askWhySuperseded(this.#context, this).then((reasonCode) => this.supersede(reasonCode)));
  }

  mailboxMoved(): void {
    if (this.mailbox.empty) { for (const resolve of this.#onDrained.splice(0)) resolve(); }
    if (this.#awaited === "refusable" && !this.mailbox.holdsRefusable) this.#awaited = undefined;
    this.#route.mailboxMoved();
    this.#retained.look();
    this.#work();
  }

  // For its own parts.

  saw(messages: readonly QueuedMessage[]): void {
    this.#membership.saw(messages);
  }

  drainedMailbox(): Promise<void> {
    return this.mailbox.empty ? Promise.resolve() : new Promise((resolve) => this.#onDrained.push(resolve));
  }

  tell(event: Event): void {
    if (this.#finished) return;
    this.#signals.push(event);
    this.#work();
  }

  answer(event: Event): void {
    this.#awaited = undefined;
    this.tell(event);
  }

  waitForVerdict(): void {
    this.#awaited = "authenticate";
  }

  waitForRoute(): void {
    this.#awaited = "route";
  }

  readsAgain(): void {
    this.#work();
  }

  /** The store could not be read for long: the connection cannot go on. */
  troubled(error: unknown): void {
    if (this.#finished) return;
    this.#context.options.observe({ type: "workFailed", work: "session", clientId: this.clientId, error });
    this.#awaited = undefined;
    this.requestClose(REASON.implementationSpecificError);
  }

  /** Nothing that waits here counts any more. */
  #forget(): void {
    this.mailbox.drop();
    this.inbox.clear();
    this.#signals.length = 0;
  }

  /** Steps all that can be stepped now, then lets go of what has gathered. */
  #work(): void {
    if (this.#stepping) return;
    this.#stepping = true;
    try {
      for (let event = this.#next(); event !== undefined; event = this.#next()) this.#step(event);
    } catch (error) {
      this.#fault(error);
    }
    this.#stepping = false;
    this.#afterSteps();
  }

  /** What is stepped next: what was answered or told, before what came from the client. */
  #next(): Event | undefined {
    if (this.#finished) return undefined;
    const signal = this.#signals.shift();
    if (signal !== undefined) return signal;
    if (this.#awaited !== undefined || this.#closing || this.#isLost) return undefined;
    const item = this.inbox.shift();
    if (item === undefined) return undefined;
    this.#carried = item.cost;
    const { event } = item;
    const { unsentAcknowledgements } = this.mailbox;
    if (event.type !== "packetReceived" || unsentAcknowledgements === 0) return event;
    return { ...event, unsentAcknowledgements };
  }

  #step(event: Event): void {
    const { result, letter } = this.#stepTo(event);
    if (event.type === "superseded") this.mailbox.runNow(result.effects);
    else if (result.changes.length > 0 || result.effects.length > 0) this.#post(letter);
    for (const request of result.requests) this.#ask(request);
  }

  /** Puts a letter in line; before one that ends the connection goes what the session gives back. */
  #post(letter: Letter): void {
    if (this.#parting !== undefined) {
      this.#parting.push(letter);
      return;
    }
    const before = this.#membership.before(letter);
    if (before instanceof Promise) {
      this.#parting = [letter];
      this.#context.tasks.add(before.then((letters) => this.#part(letters), (error) => this.#fault(error)));
      return;
    }
    for (const each of before) this.mailbox.post(each, 0);
    this.mailbox.post(letter, this.#carried);
    this.#carried = 0;
  }

  #part(before: readonly Letter[]): void {
    const held = this.#parting ?? [];
    this.#parting = undefined;
    if (this.#finished) return;
    for (const each of [...before, ...held]) this.mailbox.post(each, 0);
    this.#work();
  }

  #stepTo(event: Event): { readonly result: StepResult; readonly letter: Letter } {
    const now = this.#context.options.environment.now();
    const result = this.#flight === undefined
      ? step(this.#session, event, now)
      : this.#flight.step(event, now, () => step(this.#session, event, now));
    // A close is always the last effect of its step.
    if (result.effects.at(-1)?.type === "closeConnection") {
      this.#closing = true;
      this.#line.closeSoon();
    }
    const letter = letterOf(this.#context, result, this.#route.receivers, this);
    if (letter.refusableRef !== undefined) this.#awaited = "refusable";
    return { result, letter };
  }

  #afterSteps(): void {
    if (this.#awaited === undefined) this.#carried = 0;
    this.mailbox.flush();
    if (this.#finished) return;
    if (this.#closing) {
      this.#authentication.stop();
      this.inbox.clear();
      if (this.#awaited !== "acquire" && this.mailbox.empty && this.#parting === undefined) this.#finish();
    } else {
      if (this.#context.deadlines.watch(this)) this.#context.deadlineMoved();
      this.#membership.stepped();
    }
    if (this.#room.awaited && !this.#isFull()) this.#room.open();
  }

  #ask(request: Request): void {
    const { tasks, acquires } = this.#context;
    switch (request.type) {
      case "authenticate":
      case "authenticateStep":
      case "reauthenticate":
        return this.#authentication.ask(request);
      case "acquire":
        this.#awaited = "acquire";
        return tasks.add(acquires.take(request.terms.clientId, () => this.#acquire(request.terms)));
      case "routePublish":
        return this.#route.ask(request);
      case "authorizeSubscribe":
        this.#awaited = "subscribe";
        return tasks.add(this.#authorizeSubscribe(request));
      case "loadQueue":
        return this.#feed.load(request);
      case "loadRetained":
        return this.#retained.load(request);
      default:
        request satisfies never;
    }
  }

  async #acquire(terms: AcquireTerms): Promise<void> {
    const answer = await acquire(this.#context, terms, this);
    if ("type" in answer) return this.answer(answer);
    const { resumed, snapshot, startedThrough, guard, queue, outboxPending } = answer;
    const isAsked = resumed && this.#context.options.authorize !== undefined;
    const entitlement = isAsked ? await this.#entitlementOf(terms.clientId, answer) : {};
    this.#flight?.note(acquiredNote(answer));
    this.#acquired = guard;
    this.connectedAt = snapshot.head.connectedAt;
    this.protocolVersion = snapshot.head.protocolVersion;
    this.mailbox.attach(guard, outboxPending);
    this.#feed.begin(queue);
    this.#membership.acquired(snapshot, queue);
    const news = install(this.#context, this, answer);
    const { messages, through, tail } = queue;
    this.answer({
      type: "sessionAcquired",
      snapshot,
      resumed,
      startedThrough,
      messages,
      through,
      tail,
      ...entitlement,
    });
    this.#membership.begin(snapshot, entitlement.revoked);
    this.#feed.grownTo(news.grownTo);
    if (news.rung) this.#context.tasks.add(this.#context.lookAt(this.clientId));
  }

  /** What its client may have no more. A host that cannot tell refuses the CONNECT, and nothing else. */
  async #entitlementOf(clientId: string, { snapshot, queue }: Acquired): Promise<Entitlement> {
    const { options } = this.#context;
    const entitled = { clientId, principal: this.principal };
    try {
      const [revoked, withheld] = await Promise.all([
        revokedFilters(options, entitled, snapshot.subscriptions),
        withheldMessages(options, entitled, queue.messages),
      ]);
      return { revoked, withheld };
    } catch (error) {
      options.observe({ type: "workFailed", work: "callback", clientId, error });
      this.tell({ type: "closeRequested", reasonCode: REASON.serverUnavailable });
      return {};
    }
  }

  #authorizeSubscribe({ ref, subscriptions }: AuthorizeSubscribeRequest): Promise<void> {
    return judgeFilters(this.#context, this, subscriptions).then(
      (verdicts) => this.answer({ type: "subscribeAuthorized", ref, verdicts }),
      (error) => this.troubled(error),
    );
  }

  #send(packet: ServerPacket): void {
    const outcome = this.#line.send(packet);
    if (outcome === "lost") return this.closed("error");
    if (outcome === "gone" || packet.type !== "connack" || packet.reasonCode !== 0) return;
    const { sessionPresent } = packet;
    this.#context.options.observe({ type: "connected", clientId: this.clientId, resumed: sessionPresent });
  }

  #closeLine(): void {
    this.#line.close();
    this.#feed.stop();
  }

  /** The machine threw: this side is at fault, and the connection cannot go on. */
  #fault(error: unknown): void {
    this.#context.options.observe({ type: "workFailed", work: "session", clientId: this.clientId, error });
    this.#abandon();
  }

  /** Nothing more can be stored for this connection; its session is let go of later, by work that is due (D8). */
  #abandon(): void {
    if (this.#finished) return;
    this.mailbox.drop();
    if (this.#acquired !== undefined) this.#context.orphans.add(this.clientId, this.token);
    this.#closing = true;
    this.#finish();
  }

  #finish(): void {
    this.#finished = true;
    this.#authentication.stop();
    this.#closeLine();
    this.#feed.clear();
    this.#retained.clear();
    this.inbox.clear();
    this.#signals.length = 0;
    const { sessions, deadlines, options } = this.#context;
    sessions.remove(this);
    deadlines.forget(this);
    this.#membership.end(this.ended);
    for (const resolve of this.#onDrained.splice(0)) resolve();
    this.#room.open();
    const who = this.#acquired === undefined ? {} : { clientId: this.clientId };
    options.observe({ type: "disconnected", reasonCode: this.#closeReason, ...who });
    this.#context.connectionEnded(this);
    this.#resolveDone();
  }

  #isFull(): boolean {
    const { maxPendingBytes, maxPendingPackets } = this.#context.options.bounds;
    return this.inbox.length >= maxPendingPackets ||
      this.inbox.cost + this.#carried + this.mailbox.cost > maxPendingBytes || this.#feed.isSlow;
  }
}
