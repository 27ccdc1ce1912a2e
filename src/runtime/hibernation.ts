/**
 * Connections that outlive the memory of their process: what their sockets keep of them, and how they go on.
 *
 * @module
 */
import { isSameBytes } from "../mqtt/same_message.ts";
import type { AcquireTerms } from "../machine/request.ts";
import { restingConnection } from "../machine/rules/resting.ts";
import type { RestingConnection } from "../machine/state/resting.ts";
import type { StepResult } from "../machine/step.ts";
import type { ProtocolVersion } from "../mqtt/packet.ts";
import * as REASON from "../mqtt/reason.ts";
import type { Acquired, AcquireRefusal } from "../store/session_store.ts";
import {
  type AttachedSession,
  type Attachment,
  ATTACHMENT_BYTES,
  encodeAttachment,
  fitsAttachment,
  type Resumed,
} from "./attachment.ts";
import type { BrokerContext } from "./context.ts";
import { type Entitled, withheldMessages } from "./entitlement.ts";
import type { HibernatingTransport } from "./hibernating_transport.ts";
import type { Line } from "./line.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Outgoing } from "./outgoing.ts";
import type { QueueFeed } from "./queue_feed.ts";
import type { Stepping } from "./stepping.ts";
import { persistently } from "./within.ts";

/** The connection, as its hibernation sees it. */
export interface HibernationOwner extends Entitled {
  readonly token: string;
  readonly incarnation: string;
  readonly epoch: number;
  readonly connectedAt: number;
  readonly protocolVersion: ProtocolVersion;
  /** It owned this session when its process forgot it. */
  resumed(session: AttachedSession): void;
  /** The session is here. */
  reloaded(answer: Acquired, withheld: readonly number[]): void;
  /** The session is somebody else's, or nobody's. */
  commitSuperseded(): void;
  requestClose(reasonCode: number): void;
  closed(cause: "error"): void;
}

/** What tells whether something is under way. */
export interface HibernationParts {
  readonly self: HibernationOwner;
  readonly steps: Stepping;
  readonly mailbox: Mailbox;
  readonly outgoing: Outgoing;
  readonly feed: QueueFeed;
  readonly line: Line;
}

/** What one connection leaves with its socket, and how it comes back from there. */
export class Hibernation {
  readonly #context: BrokerContext;
  readonly #parts: HibernationParts;
  readonly #transport: HibernatingTransport;
  readonly #resumed: Attachment | undefined;
  #state: Attachment["state"] | undefined;
  #bytes: Uint8Array | undefined;
  #isWaking = false;

  constructor(
    context: BrokerContext,
    parts: HibernationParts,
    { transport, resumed }: { readonly transport: HibernatingTransport; readonly resumed: Resumed | undefined },
  ) {
    this.#context = context;
    this.#parts = parts;
    this.#transport = transport;
    this.#resumed = resumed?.attachment;
    this.#state = resumed?.attachment.state;
    this.#bytes = resumed?.bytes;
  }

  /** Whether the session is being reloaded. */
  get isWaking(): boolean {
    return this.#isWaking && this.#parts.steps.session.asleep;
  }

  /** The connection begins, or goes on. */
  open(): void {
    const { self, steps } = this.#parts;
    const attachment = this.#resumed;
    if (attachment === undefined || attachment.state === "opened") {
      const { openedAt = this.#context.options.environment.now() } = attachment ?? {};
      steps.tell({ type: "connectionOpened", sleeps: true, openedAt });
      if (attachment === undefined) this.#keep({ ...this.#kept(), state: "opened", openedAt });
      return;
    }
    const { session } = attachment;
    steps.isGivenUp = attachment.state === "underWay";
    self.resumed(session);
    if (attachment.state === "resting") {
      return steps.tell({ type: "connectionResumed", connection: attachment.connection });
    }
    steps.tell({ type: "connectionResumed", connection: unknownConnection(session) });
    // Not before the caller has the connection in its hands.
    Promise.resolve().then(() => this.#giveUp());
  }

  /** From now on a session may be this connection's; `false` where the names of its client are too long to be kept. */
  admits(clientId: string): boolean {
    const fits = fitsAttachment(this.#parts.self.token, clientId, this.#parts.self.principal);
    if (fits) this.#disturb(clientId);
    return fits;
  }

  /** What a step has left is about to be put in line. */
  stepped({ requests, changes, effects }: StepResult): void {
    const isFelt = requests.length + changes.length > 0 ||
      effects.some((effect) => effect.type !== "sendPacket" || effect.packet.type !== "pingresp");
    if (isFelt) this.#disturb();
  }

  /** Nothing can be stepped now. */
  rested(): void {
    const { self, steps, line } = this.#parts;
    if (self.clientId === "" || line.gone || steps.isGivenUp) return;
    // Otherwise nothing has happened that counts: only the client was heard.
    if (this.#state === "underWay") this.#context.sleepers?.settles(this);
    else this.#rest();
  }

  /** Nothing is under way in this broker: lets the socket keep where the connection stands. */
  settle(): void {
    const { steps, mailbox, outgoing, feed, line } = this.#parts;
    const isQuiet = steps.isQuiet && mailbox.empty && outgoing.empty && !feed.isJudging;
    if (isQuiet && !line.gone && !steps.isGivenUp) this.#rest();
  }

  #rest(): void {
    const connection = restingConnection(this.#parts.steps.session);
    const version = this.#parts.mailbox.guard?.version ??
      (this.#resumed?.state === "resting" ? this.#resumed.version : undefined);
    if (connection === undefined || version === undefined) return;
    this.#keep({ ...this.#kept(), state: "resting", session: this.#session(), version, connection });
  }

  /** Reloads the session: once, whoever wants it. */
  wake(): void {
    const { self, steps } = this.#parts;
    if (this.#isWaking || steps.isGivenUp) return;
    this.#isWaking = true;
    // What it is woken for is not told twice.
    this.#disturb();
    const { tasks, acquires } = this.#context;
    tasks.add(acquires.take(self.clientId, () => this.#reload()));
  }

  async #reload(): Promise<void> {
    const { options, sessions } = this.#context;
    const { self, steps } = this.#parts;
    const { clientId } = self;
    const resumed = this.#resumed;
    const isOver = () => steps.finished || steps.closing || !steps.session.asleep;
    if (resumed?.state !== "resting" || isOver()) return;
    sessions.beginAcquire(clientId);
    let answer: Acquired | AcquireRefusal;
    let withheld: readonly number[] = [];
    try {
      answer = await this.#ask();
      if (answer.outcome === "acquired") {
        const { sentThrough } = resumed.connection;
        const unsent = answer.queue.messages.filter(({ sequence }) => sequence > sentThrough);
        withheld = await withheldMessages(options, self, unsent);
      }
    } catch (error) {
      sessions.giveUpAcquire(clientId);
      options.observe({ type: "workFailed", work: "session", clientId, error });
      return this.#giveUp();
    }
    if (!isOver() && answer.outcome === "acquired" && answer.guard.version === resumed.version) {
      return self.reloaded(answer, withheld);
    }
    sessions.giveUpAcquire(clientId);
    if (isOver()) return;
    if (answer.outcome === "acquired") this.#giveUp();
    else self.commitSuperseded();
  }

  #ask(): Promise<Acquired | AcquireRefusal> {
    const { options, nodeId } = this.#context;
    const { environment, store, limits } = options;
    const { clientId, token } = this.#parts.self;
    return persistently(options, "reload a session", (signal) =>
      store.acquire({
        terms: anyTerms(clientId),
        token,
        isReload: true,
        nodeId,
        incarnation: environment.randomId(),
        whenOwned: "refuse",
        page: { messages: limits.pageMessages, bytes: limits.pageBytes },
        now: environment.now(),
      }, { signal }));
  }

  /** Something was lost, or nobody knows: the client is told, and its session let go of by work that is due (D8). */
  #giveUp(): void {
    const { self, steps } = this.#parts;
    if (steps.finished || steps.closing) return;
    steps.isGivenUp = true;
    steps.forget();
    const { orphans, sleepers, deadlineMoved } = this.#context;
    orphans.add(self.clientId, self.token);
    sleepers?.lookEverywhere();
    deadlineMoved();
    self.requestClose(REASON.implementationSpecificError);
  }

  #disturb(clientId = this.#parts.self.clientId): void {
    if (clientId === "" || this.#state === "underWay" || this.#parts.line.gone) return;
    this.#keep({ ...this.#kept(), state: "underWay", session: { ...this.#session(), clientId } });
  }

  #session(): AttachedSession {
    const { clientId, incarnation, epoch, connectedAt, protocolVersion, principal } = this.#parts.self;
    const session = { clientId, incarnation, epoch, connectedAt, protocolVersion };
    return principal === undefined ? session : { ...session, principal };
  }

  #kept(): Pick<Attachment, "token" | "isUnchecked"> {
    return { token: this.#parts.self.token, isUnchecked: this.#context.sleepers?.isUnchecked === true };
  }

  #keep(attachment: Attachment): void {
    const bytes = encodeAttachment(attachment);
    this.#state = attachment.state;
    if (this.#bytes !== undefined && isSameBytes(bytes, this.#bytes)) return;
    this.#bytes = bytes;
    try {
      if (bytes.length > ATTACHMENT_BYTES) throw new RangeError("Cannot keep an attachment: it is too long");
      this.#transport.keep(bytes);
    } catch {
      this.#parts.self.closed("error");
    }
  }
}

/** A connection of which nothing is known but that it is open: it can be told that it ends. */
function unknownConnection({ protocolVersion, connectedAt }: AttachedSession): RestingConnection {
  return {
    version: protocolVersion,
    silenceMs: 0,
    lastReceivedAt: connectedAt,
    requestedExpiryInterval: 0,
    longestExpiryInterval: 0,
    sendQuota: 1,
    sentThrough: 0,
    startedThrough: 0,
    lastStarted: 0,
    firstPubrecOrder: 0,
    unseenInbound: "all",
  };
}

/** A reload looks at the Client Identifier alone. */
function anyTerms(clientId: string): AcquireTerms {
  return {
    clientId,
    mustBeNew: false,
    cleanStart: false,
    head: {
      protocolVersion: 5,
      attached: true,
      connectedAt: 0,
      sessionExpiryInterval: 0,
      onTakeover: "discard",
      sentLimit: 0,
    },
    sendAhead: 0,
    releaseWillOnCleanStart: false,
    resumeAcrossVersions: false,
  };
}
