import type { ProtocolVersion } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Acquired, Guard } from "../store/session_store.ts";
import { install } from "./acquire.ts";
import type { AttachedSession } from "./attachment.ts";
import type { BrokerContext } from "./context.ts";
import { acquiredNote } from "./flight.ts";
import type { Membership } from "./groups/membership.ts";
import type { LocalSession } from "./local_sessions.ts";
import type { Mailbox } from "./mailbox.ts";
import type { QueueFeed } from "./queue_feed.ts";
import type { Entitlement } from "./requests.ts";
import type { Stepping } from "./stepping.ts";

/** What of a connection a session comes to. */
export interface OwnedSessionParts {
  readonly self: LocalSession;
  readonly steps: Stepping;
  readonly mailbox: Mailbox;
  readonly feed: QueueFeed;
  readonly membership: Membership;
}

/** The session of one connection: how it comes to be its own, and what it is called from then on. */
export class OwnedSession {
  readonly #context: BrokerContext;
  readonly #parts: OwnedSessionParts;
  /** As it was when it came: who owns it is in there. */
  #guard: Guard | undefined;
  #connectedAt = 0;
  #protocolVersion: ProtocolVersion = 5;

  constructor(context: BrokerContext, parts: OwnedSessionParts) {
    this.#context = context;
    this.#parts = parts;
  }

  /** Whether there is one. */
  get isOurs(): boolean {
    return this.#guard !== undefined;
  }

  get clientId(): string {
    return this.#guard?.clientId ?? "";
  }
  get incarnation(): string {
    return this.#guard?.incarnation ?? "";
  }
  get epoch(): number {
    return this.#guard?.epoch ?? 0;
  }
  get connectedAt(): number {
    return this.#connectedAt;
  }
  get protocolVersion(): ProtocolVersion {
    return this.#protocolVersion;
  }

  /** It was acquired. */
  acquired(answer: Acquired, entitlement: Entitlement | undefined): void {
    const { self, steps, feed, membership } = this.#parts;
    const { resumed, snapshot, startedThrough, queue } = answer;
    // A host that cannot tell what its client may have refuses the CONNECT, and nothing else.
    if (entitlement === undefined) self.requestClose(REASON.serverUnavailable);
    steps.flight?.note(acquiredNote(answer));
    this.#connectedAt = snapshot.head.connectedAt;
    this.#protocolVersion = snapshot.head.protocolVersion;
    this.#begin(answer);
    const news = install(this.#context, self, answer);
    const { messages, through, tail } = queue;
    const page = { messages, through, tail };
    steps.answer({ type: "sessionAcquired", snapshot, resumed, startedThrough, ...page, ...entitlement });
    membership.begin(snapshot, entitlement?.revoked);
    feed.grownTo(news.grownTo);
    if (news.rung) this.#context.tasks.add(this.#context.lookAt(this.clientId));
  }

  /** It was this connection's when its process forgot it. */
  resumed(session: AttachedSession): void {
    this.#guard = { ...session, version: 0 };
    this.#connectedAt = session.connectedAt;
    this.#protocolVersion = session.protocolVersion;
    const { sessions } = this.#context;
    const other = sessions.get(session.clientId);
    const isLater = other === undefined ||
      (other.incarnation === session.incarnation
        ? session.epoch > other.epoch
        : session.connectedAt > other.connectedAt);
    if (isLater && !this.#parts.steps.isGivenUp) sessions.add(this.#parts.self);
  }

  /** What was forgotten of it is here again. */
  reloaded(answer: Acquired, withheld: readonly number[]): void {
    const { sessions, outbox, tasks, lookAt } = this.#context;
    const { steps, feed, membership } = this.#parts;
    const { snapshot, queue, outboxPending } = answer;
    this.#begin(answer);
    // In one go: what arrives is told either to the watch or to the session.
    const news = sessions.endAcquire(this.clientId, this.incarnation);
    if (outboxPending) outbox.kick(this.incarnation);
    const { messages, through, tail } = queue;
    steps.tell({ type: "sessionReloaded", snapshot, messages, through, tail, withheld });
    membership.begin(snapshot);
    feed.grownTo(news.grownTo);
    if (news.rung) tasks.add(lookAt(this.clientId));
  }

  #begin({ guard, outboxPending, queue, snapshot }: Acquired): void {
    const { mailbox, feed, membership } = this.#parts;
    this.#guard = guard;
    mailbox.attach(guard, outboxPending);
    feed.begin(queue);
    membership.acquired(snapshot, queue);
  }
}
