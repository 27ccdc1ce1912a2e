/**
 * One connection: its packets go through the machine one by one, what the machine asks is answered before the next one,
 * and what it changes and causes goes to the mailbox.
 *
 * @module
 */
import type { SessionError } from "../errors.ts";
import type { SessionChange } from "../machine/change.ts";
import type { Effect } from "../machine/effect.ts";
import type { Event } from "../machine/event.ts";
import type {
  AcquireTerms,
  AuthorizeSubscribeRequest,
  LoadQueueRequest,
  Request,
  RoutePublishRequest,
} from "../machine/request.ts";
import { nextDeadline } from "../machine/state/deadlines.ts";
import { openSession, type Session } from "../machine/state/session.ts";
import { step, type StepResult } from "../machine/step.ts";
import { type Message, messageBytes, type QueuedMessage } from "../mqtt/message.ts";
import type { ClientPacket, ConnectPacket } from "../mqtt/packet.ts";
import { REASON } from "../mqtt/reason_code.ts";
import type { Receiver, SubscriptionMatch } from "../routing/resolve.ts";
import type { CommitBatch, CommitResult, Delivery, Guard, QueuePage } from "../store/session_store.ts";
import { acquire, authenticate } from "./acquire.ts";
import { Arrivals } from "./arrivals.ts";
import type { BrokerContext } from "./context.ts";
import type { Timed } from "./deadlines.ts";
import { Inbox } from "./inbox.ts";
import type { LocalSession } from "./local_sessions.ts";
import { type Letter, Mailbox, type MailboxOwner } from "./mailbox.ts";
import { isAllowed } from "./permission.ts";
import { SlowReader } from "./slow_reader.ts";
import { judgeFilters } from "./subscribe.ts";
import type { BrokerConnection, CloseCause, Transport } from "./transport.ts";
import { persistently } from "./within.ts";

/** What a connection waits for before it takes the next packet. */
type Awaited = "authenticate" | "acquire" | "route" | "subscribe" | "refusable";

const NO_CHANGES: readonly SessionChange[] = [];
const NO_DELIVERIES: readonly Delivery[] = [];
const RESOLVED: Promise<void> = Promise.resolve();

/** One connection of one client. */
export class Connection implements BrokerConnection, LocalSession, MailboxOwner, Timed {
  readonly token: string;
  readonly done: Promise<void>;
  readonly #context: BrokerContext;
  readonly #transport: Transport;
  readonly #session: Session;
  readonly #mailbox: Mailbox;
  readonly #inbox = new Inbox();
  readonly #signals: Event[] = [];
  readonly #arrivals = new Arrivals();
  readonly #slow: SlowReader;
  readonly #aborts = new AbortController();
  #resolveDone: () => void = () => {};
  #room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;
  #awaited: Awaited | undefined;
  #route: { readonly ref: number; readonly receivers: readonly Receiver[] } | undefined;
  #postponedRoute: RoutePublishRequest | undefined;
  #heldLoad: LoadQueueRequest | undefined;
  #principal: string | undefined;
  #clientId: string | undefined;
  #guard: Guard | undefined;
  /** What the packet in hand weighs, until a letter takes it over. */
  #carried = 0;
  #stepping = false;
  /** The machine has closed the connection; only what it left is still to be done. */
  #closing = false;
  #transportGone = false;
  #finished = false;
  #closeReason: number = REASON.unspecifiedError;

  constructor(context: BrokerContext, transport: Transport) {
    const { options } = context;
    const { capabilities } = options.store;
    this.#context = context;
    this.#transport = transport;
    this.token = options.environment.randomId();
    this.#session = openSession(undefined, { role: "server", policy: options.policy, limits: options.limits });
    this.#mailbox = new Mailbox({
      owner: this,
      lane: context.lane,
      queue: options.queue,
      limits: {
        maxChanges: capabilities.maxChangesPerBatch,
        maxReceivers: capabilities.maxReceiversPerCommit,
        maxBytes: capabilities.maxMessageBytes,
      },
      now: () => options.environment.now(),
      batchId: context.batchId,
    });
    this.#slow = new SlowReader(transport, options, {
      stalled: (bufferedBytes) => options.observe({ type: "stalled", clientId: this.clientId, bufferedBytes }),
      readsAgain: () => this.#feedAgain(),
      gaveUp: () => this.requestClose(REASON.quotaExceeded),
    });
    this.done = new Promise((resolve) => this.#resolveDone = resolve);
    this.#signals.push({ type: "connectionOpened" });
    this.#work();
  }

  get clientId(): string {
    return this.#clientId ?? "";
  }
  get incarnation(): string {
    return this.#guard?.incarnation ?? "";
  }
  get epoch(): number {
    return this.#guard?.epoch ?? 0;
  }
  get live(): boolean {
    return this.#session.online && !this.#closing;
  }
  get leaving(): boolean {
    return this.#closing || this.#transportGone || this.#inbox.hasFarewell;
  }
  get deadline(): number | undefined {
    return this.#closing ? undefined : nextDeadline(this.#session);
  }

  // The host's side.

  receive(packets: readonly ClientPacket[]): Promise<void> {
    if (this.#closing || this.#finished || this.#transportGone) return RESOLVED;
    for (const packet of packets) this.#inbox.push(packet);
    this.#work();
    if (!this.#isFull()) return RESOLVED;
    if (this.#room === undefined) {
      let open = () => {};
      const promise = new Promise<void>((resolve) => open = resolve);
      this.#room = { promise, open };
    }
    return this.#room.promise;
  }

  malformed(reasonCode: number): void {
    if (this.#closing || this.#transportGone) return;
    this.#inbox.pushEvent({ type: "packetMalformed", reasonCode });
    this.#work();
  }

  closed(_cause: CloseCause = "transport"): void {
    if (this.#transportGone) return;
    this.#transportGone = true;
    this.#slow.stop();
    const event: Event = { type: "connectionClosed" };
    // What the client sent before it went still counts, if there is any.
    const connects = this.#awaited === "authenticate" || this.#awaited === "acquire";
    if (connects && this.#inbox.empty) this.#signals.push(event);
    else this.#inbox.pushEvent(event);
    this.#work();
  }

  drained(): void {
    this.#slow.look();
  }

  // The broker's side.

  arrived(message: QueuedMessage): void {
    this.#arrivals.add(message);
  }

  takeArrivals(): void {
    const event = this.#arrivals.take(!this.#slow.isSlow());
    if (event !== undefined) this.#signal(event);
  }

  grownTo(tail: number): void {
    const event = this.#arrivals.grow(tail);
    if (event !== undefined) this.#signal(event);
  }

  offerQos0(message: Message, receiver: Receiver): void {
    const { retain, subscriptionIdentifiers } = receiver;
    if (!this.#slow.isSlow()) return this.#signal({ type: "qos0Offered", message, retain, subscriptionIdentifiers });
    const { topic } = message;
    this.#context.options.observe({ type: "dropped", clientId: this.clientId, reason: "atMostOnce", topic });
  }

  supersede(): void {
    if (this.#finished) return;
    this.#mailbox.drop();
    this.#inbox.clear();
    this.#signals.length = 0;
    this.#context.options.observe({ type: "superseded", clientId: this.clientId });
    // A connection that was closing has said its last word to the machine already.
    if (this.#closing) this.#closeTransport();
    else this.#signals.push({ type: "superseded" });
    this.#work();
  }

  requestClose(reasonCode: number): void {
    this.#signal({ type: "closeRequested", reasonCode });
  }

  cut(reasonCode: number): void {
    this.#closeTransport();
    this.requestClose(reasonCode);
  }

  requestEnd(): void {
    this.#signal({ type: "endRequested" });
  }

  probe(): void {
    const guard = this.#mailbox.guard;
    if (guard === undefined || this.#closing) return;
    const { options, tasks } = this.#context;
    const { pageMessages: messages, pageBytes: bytes } = options.limits;
    const position = this.#slow.isSlow() ? { messages: 1, bytes: 1 } : { messages, bytes };
    const after = this.#arrivals.tail;
    tasks.add(
      persistently(
        options.environment,
        options.commit,
        "read a queue",
        (signal) => options.store.readQueue(guard, { after, ...position }, { signal }),
      ).then((page) => {
        this.#countUnreadable(page);
        const isWhole = page.through === page.tail && page.messages.length === page.tail - after;
        if (!isWhole || this.#slow.isSlow()) return this.grownTo(page.tail);
        for (const message of page.messages) this.#arrivals.add(message);
        this.takeArrivals();
      }).catch((error) => this.#storeTrouble(error)),
    );
  }

  outboxEmptied(): void {
    this.#mailbox.behindOutbox = false;
  }

  timePassed(): void {
    this.#signal({ type: "timePassed" });
  }

  // The mailbox's side.

  runEffect(effect: Effect): void {
    const { observe } = this.#context.options;
    switch (effect.type) {
      case "sendPacket":
        return this.#send(effect.packet);
      case "closeConnection":
        this.#closeReason = effect.reasonCode;
        return this.#closeTransport();
      case "messageDropped":
        return observe({ type: "dropped", clientId: this.clientId, reason: effect.reason, topic: effect.topic });
      case "deliveryCompleted": {
        const { sequence, reasonCode } = effect;
        return observe({ type: "delivered", clientId: this.clientId, sequence, reasonCode });
      }
      case "sessionEnded":
        return observe({ type: "ended", clientId: this.clientId, reason: effect.reason });
      case "diagnosed": {
        const { type: _type, ...diagnosed } = effect;
        return observe({ type: "diagnosed", clientId: this.clientId, ...diagnosed });
      }
      default:
        effect satisfies never;
    }
  }

  batchCommitted(batch: CommitBatch, result: Extract<CommitResult, { outcome: "committed" }>): boolean {
    if (batch.deliveries.length === 0) return false;
    const owed = this.#context.sessions.deliver(batch, result);
    if (owed && batch.guard !== undefined) this.#context.outbox.kick(batch.guard.incarnation);
    return owed;
  }

  publishRefused(ref: number): Letter {
    try {
      const event: Event = { type: "publishRefused", ref, reasonCode: REASON.quotaExceeded };
      const result = step(this.#session, event, this.#now());
      if (closes(result)) this.#closing = true;
      return this.#letterOf(result);
    } catch (error) {
      this.#fault(error);
      return { changes: NO_CHANGES, deliveries: NO_DELIVERIES, effects: [] };
    }
  }

  storeFailed(error: SessionError | undefined): void {
    if (error === undefined) return this.requestClose(REASON.implementationSpecificError);
    this.#abandon();
  }

  mailboxMoved(): void {
    if (this.#awaited === "refusable" && !this.#mailbox.holdsRefusable) this.#awaited = undefined;
    const postponed = this.#postponedRoute;
    if (postponed !== undefined && !this.#mailbox.movesSubscriptions) {
      this.#postponedRoute = undefined;
      this.#lookUp(postponed);
    }
    this.#work();
  }

  // Stepping.

  #signal(event: Event): void {
    if (this.#finished) return;
    this.#signals.push(event);
    this.#work();
  }

  #answer(event: Event): void {
    this.#awaited = undefined;
    this.#signal(event);
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

  #next(): Event | undefined {
    if (this.#finished) return undefined;
    const signal = this.#signals.shift();
    if (signal !== undefined) return signal;
    if (this.#awaited !== undefined || this.#closing) return undefined;
    const item = this.#inbox.shift();
    if (item === undefined) return undefined;
    this.#carried = item.cost;
    const { event } = item;
    if (event.type !== "packetReceived") return event;
    const unsentAcknowledgements = this.#mailbox.unsentAcknowledgements;
    return unsentAcknowledgements === 0 ? event : { ...event, unsentAcknowledgements };
  }

  #step(event: Event): void {
    const result = step(this.#session, event, this.#now());
    if (closes(result)) this.#closing = true;
    if (event.type === "superseded") this.#mailbox.runNow(result.effects);
    else if (result.changes.length > 0 || result.effects.length > 0) {
      this.#mailbox.post(this.#letterOf(result), this.#carried);
      this.#carried = 0;
    }
    for (const request of result.requests) this.#ask(request);
  }

  #afterSteps(): void {
    if (this.#awaited === undefined) this.#carried = 0;
    this.#mailbox.flush();
    if (this.#finished) return;
    if (this.#closing) {
      this.#aborts.abort();
      this.#inbox.clear();
      if (this.#awaited !== "acquire" && this.#mailbox.empty) this.#finish();
    } else if (this.#context.deadlines.watch(this)) this.#context.deadlineMoved();
    if (this.#room !== undefined && !this.#isFull()) this.#openRoom();
  }

  /** What a step left, with its messages turned into deliveries. */
  #letterOf(result: StepResult): Letter {
    const { effects } = result;
    if (result.changes.length === 0) return { changes: NO_CHANGES, deliveries: NO_DELIVERIES, effects };
    const changes: SessionChange[] = [];
    const deliveries: Delivery[] = [];
    let offers: readonly (() => void)[] | undefined;
    let refusableRef: number | undefined;
    for (const change of result.changes) {
      if (change.type !== "publishMessage") {
        changes.push(change);
        if (change.type === "putHead") this.#noteDue(change.head);
        continue;
      }
      const { ref, message } = change;
      if (ref === undefined) {
        deliveries.push({ message, receivers: undefined });
        continue;
      }
      const dispatch = this.#context.router.dispatch(message, this.#route?.receivers ?? []);
      this.#route = undefined;
      if (dispatch.delivery !== undefined) {
        deliveries.push(dispatch.delivery);
        if (this.#context.options.queue.whenFull === "reject") refusableRef = ref;
      }
      if (dispatch.offers.length > 0) offers = dispatch.offers;
    }
    if (refusableRef !== undefined) this.#awaited = "refusable";
    if (offers !== undefined && changes.length === 0 && deliveries.length === 0) {
      // Nothing has to be durable first.
      for (const offer of offers) offer();
      offers = undefined;
    }
    return {
      changes,
      deliveries,
      effects,
      ...(offers === undefined ? {} : { offers }),
      ...(refusableRef === undefined ? {} : { refusableRef }),
    };
  }

  #noteDue(head: { readonly endsAt?: number; readonly willDueAt?: number }): void {
    if (head.endsAt !== undefined && head.endsAt > 0) this.#context.storeDueAt(head.endsAt);
    if (head.willDueAt !== undefined) this.#context.storeDueAt(head.willDueAt);
  }

  // Answering what the machine asks.

  #ask(request: Request): void {
    switch (request.type) {
      case "authenticate":
        this.#awaited = "authenticate";
        return this.#context.tasks.add(this.#authenticate(request.connect));
      case "acquire":
        this.#awaited = "acquire";
        return this.#context.tasks.add(
          this.#context.acquires.take(request.terms.clientId, () => this.#acquire(request.terms)),
        );
      case "routePublish":
        return this.#routePublish(request);
      case "authorizeSubscribe":
        this.#awaited = "subscribe";
        return this.#context.tasks.add(this.#authorizeSubscribe(request));
      case "loadQueue":
        return this.#loadQueue(request);
      default:
        request satisfies never;
    }
  }

  async #authenticate(connect: ConnectPacket): Promise<void> {
    const { event, principal } = await authenticate(this.#context, connect, this.#aborts.signal);
    this.#principal = principal;
    this.#answer(event);
  }

  async #acquire(terms: AcquireTerms): Promise<void> {
    const { options, sessions, outbox } = this.#context;
    const answer = await acquire(this.#context, terms, this.token, this.#principal);
    if (!("acquired" in answer)) return this.#answer(answer);
    const { resumed, snapshot, startedThrough, guard, queue, outboxPending, superseded, ended } = answer.acquired;
    this.#clientId = snapshot.clientId;
    this.#guard = guard;
    const previous = sessions.get(snapshot.clientId);
    if (superseded !== undefined) {
      options.observe({ type: "takeover", clientId: snapshot.clientId, nodeId: superseded.nodeId });
    }
    // Whatever the store found, nobody but this connection holds the session now.
    previous?.supersede();
    sessions.add(this);
    this.#mailbox.attach(guard, outboxPending);
    this.#arrivals.tail = queue.tail;
    if (ended !== undefined) {
      options.observe({ type: "ended", clientId: snapshot.clientId, reason: ended.reason });
      outbox.kick(ended.incarnation);
    }
    if (outboxPending) outbox.kick(guard.incarnation);
    this.#countUnreadable(queue);
    const { messages, through, tail } = queue;
    this.#answer({ type: "sessionAcquired", snapshot, resumed, startedThrough, messages, through, tail });
    this.grownTo(answer.grownTo);
  }

  async #authorizeSubscribe(request: AuthorizeSubscribeRequest): Promise<void> {
    const who = { clientId: this.clientId, ...(this.#principal === undefined ? {} : { principal: this.#principal }) };
    try {
      const verdicts = await judgeFilters(this.#context.options, who, request.subscriptions);
      this.#answer({ type: "subscribeAuthorized", ref: request.ref, verdicts });
    } catch (error) {
      this.#storeTrouble(error);
    }
  }

  #routePublish(request: RoutePublishRequest): void {
    const { options } = this.#context;
    const { ref, message } = request;
    if (messageBytes(message) > options.store.capabilities.maxMessageBytes) {
      return this.#answer({ type: "publishRefused", ref, reasonCode: REASON.quotaExceeded });
    }
    const allowed = options.authorize === undefined || isAllowed(options, {
      clientId: this.clientId,
      ...(this.#principal === undefined ? {} : { principal: this.#principal }),
      action: "publish",
      topic: message.topic,
      qos: message.qos,
    });
    if (typeof allowed === "boolean") return this.#routeIfAllowed(request, allowed);
    this.#awaited = "route";
    this.#context.tasks.add(allowed.then((verdict) => this.#routeIfAllowed(request, verdict)));
  }

  #routeIfAllowed(request: RoutePublishRequest, allowed: boolean): void {
    const { ref } = request;
    if (!allowed) return this.#answer({ type: "publishRefused", ref, reasonCode: REASON.notAuthorized });
    const known = this.#inbox.matchesOfCurrent;
    if (known !== undefined) return this.#routed(request, known);
    this.#awaited = "route";
    // A look-up would not see a subscription of this client that is still on its way to the store.
    if (this.#mailbox.movesSubscriptions) this.#postponedRoute = request;
    else this.#lookUp(request);
  }

  #lookUp(request: RoutePublishRequest): void {
    const { topic } = request.message;
    const { router, tasks } = this.#context;
    const others = this.#inbox.publishesAhead();
    tasks.add(
      router.match([topic, ...others.map((item) => item.topic)]).then((found) => {
        for (const item of others) item.matches = found.get(item.topic);
        this.#routed(request, found.get(topic) ?? []);
      }).catch((error) => this.#storeTrouble(error)),
    );
  }

  #routed(request: RoutePublishRequest, matches: readonly SubscriptionMatch[]): void {
    const receivers = this.#context.router.receivers(request.message, matches);
    this.#route = { ref: request.ref, receivers };
    this.#answer({ type: "publishRouted", ref: request.ref, receivers: receivers.length });
  }

  #loadQueue(request: LoadQueueRequest): void {
    if (this.#slow.isSlow()) {
      this.#heldLoad = request;
      return;
    }
    const { options, tasks } = this.#context;
    const guard = this.#mailbox.guard;
    if (guard === undefined) return;
    tasks.add(
      persistently(
        options.environment,
        options.commit,
        "read a queue",
        (signal) => options.store.readQueue(guard, request, { signal }),
      ).then((page) => {
        this.#countUnreadable(page);
        this.grownTo(page.tail);
        this.#signal({ type: "queueLoaded", messages: page.messages, through: page.through });
      }).catch((error) => this.#storeTrouble(error)),
    );
  }

  #feedAgain(): void {
    const held = this.#heldLoad;
    this.#heldLoad = undefined;
    if (held !== undefined) this.#loadQueue(held);
    this.#work();
  }

  #countUnreadable(page: QueuePage): void {
    for (let count = 0; count < page.unreadable; count++) {
      this.#context.options.observe({ type: "dropped", clientId: this.clientId, reason: "unreadable" });
    }
  }

  // The transport, and the end.

  #send(packet: Parameters<Transport["send"]>[0]): void {
    if (this.#transportGone) return;
    try {
      this.#transport.send(packet);
    } catch {
      this.closed("error");
      return;
    }
    if (packet.type === "connack" && packet.reasonCode === 0) {
      const { sessionPresent } = packet;
      this.#context.options.observe({ type: "connected", clientId: this.clientId, resumed: sessionPresent });
    }
  }

  #closeTransport(): void {
    if (this.#transportGone) return;
    this.#transportGone = true;
    this.#slow.stop();
    try {
      this.#transport.close();
    } catch {
      // It is gone either way.
    }
  }

  /** The store could not be read for long: the connection cannot go on. */
  #storeTrouble(error: unknown): void {
    if (this.#finished) return;
    this.#context.options.observe({ type: "workFailed", work: "queue", clientId: this.clientId, error });
    this.requestClose(REASON.implementationSpecificError);
  }

  /** The machine threw: this side is at fault, and the connection cannot go on. */
  #fault(error: unknown): void {
    this.#context.options.observe({ type: "workFailed", work: "session", clientId: this.clientId, error });
    this.#abandon();
  }

  /** Nothing more can be stored for this connection; its session is let go of later, by work that is due (D8). */
  #abandon(): void {
    if (this.#finished) return;
    this.#mailbox.drop();
    if (this.#guard !== undefined) this.#context.orphans.set(this.clientId, this.token);
    this.#closing = true;
    this.#finish();
  }

  #finish(): void {
    this.#finished = true;
    this.#aborts.abort();
    this.#closeTransport();
    this.#inbox.clear();
    this.#signals.length = 0;
    this.#arrivals.clear();
    const { sessions, deadlines, options } = this.#context;
    sessions.remove(this);
    deadlines.forget(this);
    this.#openRoom();
    const reasonCode = this.#closeReason;
    const clientId = this.#clientId;
    options.observe({ type: "disconnected", reasonCode, ...(clientId === undefined ? {} : { clientId }) });
    this.#context.connectionEnded(this);
    this.#resolveDone();
  }

  #isFull(): boolean {
    const { maxPendingBytes, maxPendingPackets } = this.#context.options.bounds;
    return this.#inbox.length >= maxPendingPackets ||
      this.#inbox.cost + this.#carried + this.#mailbox.cost > maxPendingBytes || this.#slow.isSlow();
  }

  #openRoom(): void {
    this.#room?.open();
    this.#room = undefined;
  }

  #now(): number {
    return this.#context.options.environment.now();
  }
}

function closes(result: StepResult): boolean {
  return result.effects.at(-1)?.type === "closeConnection";
}
