/**
 * All that is done to one session here: in the order in which it was asked for, and together where it waits together.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { detachedHead } from "../../machine/rules/lifecycle.ts";
import type { QueuedMessage } from "../../mqtt/message.ts";
import { persistently } from "../../runtime/within.ts";
import type { CommitResult, Delivery, QueuePage } from "../../store/session_store.ts";
import type { AedesContext } from "./context.ts";
import { KnownLog } from "./known_log.ts";
import type { Need, Plan, Sent } from "./plan.ts";
import { SessionView } from "./session_view.ts";
import { type Holder, PAGE, type Taken, takeSession } from "./taking.ts";

/** How a plan is carried out. */
export interface RunOptions {
  /** Who asks. It is refused to a connection that has ended, or whose session somebody else has. */
  readonly asOwner?: object;
}

interface Hold {
  readonly holder: Holder;
  readonly token: string;
  readonly incarnation: string;
  readonly startedThrough: number;
  /** The beginning of the log, until somebody has asked for it. */
  queue: QueuePage | undefined;
  readonly sent: Sent;
  /** Somebody else has the session, or it has ended. */
  isLost: boolean;
}

interface Job {
  readonly asOwner: object | undefined;
  /** A plan, whose answer and outcomes are handed to `resolve`. */
  readonly plan?: Plan<unknown>;
  /** Work that is done by itself. */
  readonly task?: () => Promise<unknown>;
  /** Whether the session has been read since it was asked for. */
  isCertain: boolean;
  /** The parts of the log that were read for it. */
  readonly read: Set<number>;
  resolve(answer: unknown, result: CommitResult | undefined): void;
  reject(error: unknown): void;
}

/** How often a session is read again when others change it all the time. */
const ATTEMPTS = 32;

/** The line of one client. */
export class SessionLine {
  readonly clientId: string;
  readonly #context: AedesContext;
  readonly #idle: (line: SessionLine) => void;
  readonly #jobs: Job[] = [];
  #view: SessionView | undefined;
  #hold: Hold | undefined;
  #log: { readonly incarnation: string; readonly known: KnownLog } | undefined;
  #isWorking = false;
  #served: Promise<void> | undefined;

  constructor(clientId: string, context: AedesContext, idle: (line: SessionLine) => void) {
    this.clientId = clientId;
    this.#context = context;
    this.#idle = idle;
  }

  /** The connection that has the session here. */
  get holder(): Holder | undefined {
    return this.#hold?.holder;
  }

  /** What this connection was sent; `undefined` where no connection here has the session. */
  get sent(): Sent | undefined {
    return this.#hold?.sent;
  }

  /** Ends when the outbox of the session is empty, as far as it was filled here. */
  get served(): Promise<void> | undefined {
    return this.#served;
  }

  /** Whether nothing is to be done and no connection has the session. */
  get isIdle(): boolean {
    return !this.#isWorking && this.#jobs.length === 0 && this.#hold === undefined;
  }

  /** Carries a plan out, and answers once what it changes is stored. */
  async run<Answer>(plan: Plan<Answer>, options: RunOptions = {}): Promise<Answer> {
    return (await this.deliver(plan, options)).answer;
  }

  /** As `run`, with what became of the deliveries; `undefined` where nothing had to be committed. */
  deliver<Answer>(
    plan: Plan<Answer>,
    { asOwner }: RunOptions = {},
  ): Promise<{ readonly answer: Answer; readonly result: CommitResult | undefined }> {
    return new Promise((resolve, reject) => {
      // The answer of a plan comes from that very plan.
      this.#add({
        asOwner,
        plan,
        isCertain: false,
        read: new Set(),
        resolve: (answer, result) => resolve({ answer: answer as Answer, result }),
        reject,
      });
    });
  }

  /** Takes the session for a connection, from whoever has it. */
  hold(holder: Holder): Promise<void> {
    return this.#task(async () => {
      const taken = await this.#acquire(holder);
      const { startedThrough, token, queue, snapshot: { incarnation } } = taken;
      this.#hold = {
        holder,
        token,
        incarnation,
        startedThrough,
        queue,
        sent: { entries: new Set(), ahead: new Set() },
        isLost: false,
      };
      this.#take(taken);
    });
  }

  /** The session: as it is stored, unless a connection here has it. */
  view(): Promise<SessionView | undefined> {
    return this.run(({ view, isCertain }) => isCertain ? { answer: view } : { need: "reload" });
  }

  /** The beginning of the log as it was when the session was taken; once. */
  takeQueue(): QueuePage | undefined {
    const queue = this.#hold?.queue;
    if (this.#hold !== undefined) this.#hold.queue = undefined;
    return queue;
  }

  /** The connection is gone: the session is nobody's here. */
  letGo(connection: object): void {
    if (this.#hold?.holder.connection !== connection) return;
    this.#context.past.add(connection);
    this.#hold = undefined;
    this.#view = undefined;
    this.#log = undefined;
  }

  /** A message was appended to the log by this process. */
  appended(incarnation: string, message: QueuedMessage): void {
    if (this.#hold?.incarnation === incarnation && this.#log?.incarnation === incarnation) this.#log.known.add(message);
  }

  #task<Value>(task: () => Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      // The answer of a task comes from that very task.
      const resolved = (value: unknown) => resolve(value as Value);
      this.#add({ asOwner: undefined, task, isCertain: true, read: new Set(), resolve: resolved, reject });
    });
  }

  #add(job: Job): void {
    this.#jobs.push(job);
    if (this.#isWorking) return;
    this.#isWorking = true;
    this.#context.tasks.add(this.#work());
  }

  async #work(): Promise<void> {
    // Whoever else asks in this turn leaves with the same commit.
    await undefined;
    while (this.#jobs.length > 0) {
      const [first] = this.#jobs;
      const isTask = first?.task !== undefined;
      const next = this.#jobs.findIndex(({ task }) => task !== undefined);
      const jobs = this.#jobs.splice(0, isTask ? 1 : next === -1 ? this.#jobs.length : next);
      try {
        await (isTask ? this.#doTask(jobs) : this.#doPlans(jobs));
      } catch (error) {
        this.#view = undefined;
        for (const job of jobs) job.reject(error);
      }
    }
    this.#isWorking = false;
    if (this.isIdle) this.#idle(this);
  }

  async #doTask([job]: readonly Job[]): Promise<void> {
    job?.resolve(await job.task?.(), undefined);
  }

  /** Makes the plans in their order and commits what they change, as much at a time as the store takes. */
  async #doPlans(jobs: readonly Job[]): Promise<void> {
    let attempts = 0;
    for (let index = 0; index < jobs.length;) {
      if (this.#view === undefined) await this.#load(jobs.slice(index));
      const made = this.#make(jobs, index);
      if (made.count > 0) {
        const result = await this.#commit(made.deliveries);
        if (result !== undefined && result.outcome !== "committed") {
          if (++attempts >= ATTEMPTS) throw contended(this.clientId);
          continue;
        }
        for (const [offset, { answer, error, from, to }] of made.answers.entries()) {
          const job = jobs[index + offset];
          if (error !== undefined) job?.reject(error.cause);
          else if (result === undefined) job?.resolve(answer, undefined);
          else job?.resolve(answer, { ...result, deliveries: result.deliveries.slice(from, to) });
        }
        index += made.count;
      }
      if (made.need !== undefined) await this.#satisfy(made.need, jobs.slice(index));
    }
  }

  #make(jobs: readonly Job[], start: number): Made {
    const most = this.#context.options.store.capabilities.maxChangesPerBatch;
    const answers: Answered[] = [];
    const deliveries: Delivery[] = [];
    for (let index = start; index < jobs.length; index++) {
      const job = jobs[index];
      const view = this.#view?.hasEnded === true ? undefined : this.#view;
      // What comes after the end is another session's.
      const isFull = (this.#view?.changes.length ?? 0) >= most || this.#view?.hasEnded === true;
      if (job?.plan === undefined || (isFull && answers.length > 0)) break;
      const from = deliveries.length;
      try {
        if (this.#isRefused(job.asOwner)) throw superseded(this.clientId);
        const planned = job.plan({
          view,
          isCertain: job.isCertain || this.#owns,
          hasRead: (after) => job.read.has(after),
        });
        if ("need" in planned) return { answers, deliveries, count: answers.length, need: planned.need };
        deliveries.push(...planned.deliveries ?? []);
        answers.push({ answer: planned.answer, from, to: deliveries.length });
      } catch (error) {
        answers.push({ answer: undefined, error: { cause: error }, from, to: from });
      }
    }
    return { answers, deliveries, count: answers.length };
  }

  #isRefused(asker: object | undefined): boolean {
    if (asker === undefined) return false;
    const isTheirs = this.#hold?.holder.connection === asker || !this.#context.isConnection(asker);
    return (isTheirs && this.#hold?.isLost === true) || this.#context.past.has(asker);
  }

  /** Whether a connection here has the session, so that nobody else changes what is asked for. */
  get #owns(): boolean {
    return this.#hold?.isLost === false;
  }

  async #satisfy(need: Need, jobs: readonly Job[]): Promise<void> {
    if (need === "reload") {
      this.#view = undefined;
    } else if (need === "session" || need === "attached") {
      const view = await this.#begin();
      for (const job of jobs) job.isCertain = true;
      // Nobody is connected: who asks is a program.
      const now = this.#context.options.environment.now();
      if (need === "session") view.change({ type: "putHead", head: detachedHead(view.draft.head, now, 0) });
    } else if (this.#view !== undefined) {
      const page = await this.readQueue(this.#view, need.after, need.messages);
      this.#view.log.learn(page, need.after);
      jobs[0]?.read.add(need.after);
    }
  }

  /** Reads a page of the log. */
  readQueue(view: SessionView, after: number, messages: number = PAGE.messages): Promise<QueuePage> {
    const { store } = this.#context.options;
    const position = { after, messages, bytes: PAGE.bytes };
    return this.#call("read a queue", (signal) => store.readQueue(view.guard, position, { signal }));
  }

  /** Begins a session, or goes on with one that has begun meanwhile. */
  async #begin(): Promise<SessionView> {
    const { sessionExpiryInterval: interval } = this.#context.options;
    return this.#take(await this.#acquire({ connection: this, cleanStart: false, interval, will: undefined }));
  }

  async #load(jobs: readonly Job[]): Promise<void> {
    const { options } = this.#context;
    const stored = await this.#call("read a session", (signal) => options.store.read(this.clientId, { signal }));
    for (const job of jobs) job.isCertain = true;
    const hold = this.#hold;
    if (hold?.isLost === false) {
      const isSame = stored?.snapshot.incarnation === hold.incarnation;
      if (isSame && !stored.snapshot.head.attached) {
        // It was let go by somebody who took its node for dead, or by an administrator.
        const taken = await this.#acquire({ ...hold.holder, cleanStart: false });
        this.#hold = { ...hold, token: taken.token, isLost: taken.snapshot.incarnation !== hold.incarnation };
        this.#take(taken);
        return;
      }
      hold.isLost = !isSame || stored.owner?.token !== hold.token;
    }
    if (stored === undefined) {
      this.#view = undefined;
      this.#log = undefined;
      return;
    }
    const { incarnation } = stored.snapshot;
    this.#view = new SessionView(stored, this.#knownLog(incarnation), this.#startedThrough(incarnation));
  }

  #take({ snapshot, guard, queue, token }: Taken): SessionView {
    const { incarnation } = snapshot;
    const owner = { nodeId: this.#context.lease.nodeId, token };
    const known = this.#knownLog(incarnation);
    known.learn(queue, 0);
    return this.#view = new SessionView({ snapshot, guard, owner }, known, this.#startedThrough(incarnation));
  }

  #startedThrough(incarnation: string): number | undefined {
    return this.#hold?.incarnation === incarnation ? this.#hold.startedThrough : undefined;
  }

  #knownLog(incarnation: string): KnownLog {
    if (this.#log?.incarnation !== incarnation) this.#log = { incarnation, known: new KnownLog() };
    return this.#log.known;
  }

  async #acquire(holder: Holder): Promise<Taken> {
    const taken = await takeSession(this.#context, this.clientId, holder);
    if (taken.outboxPending) this.#serve(taken.snapshot.incarnation);
    return taken;
  }

  /** Commits what the view holds; `undefined` where that is nothing. */
  async #commit(deliveries: readonly Delivery[]): Promise<CommitResult | undefined> {
    const view = this.#view;
    if (view === undefined || (view.changes.length === 0 && deliveries.length === 0)) return undefined;
    const { lane } = this.#context;
    const batch = lane.batch({
      guard: view.guard,
      changes: view.changes,
      deliveries,
      ...(this.#served === undefined ? {} : { behindOutbox: true }),
    });
    const result = await lane.commit(batch);
    if (result.outcome !== "committed") {
      this.#view = undefined;
      return result;
    }
    const { hasEnded } = view;
    view.committed(result.guard);
    if (result.deliveries.some((outcomes) => outcomes.some(({ outcome }) => outcome === "owed"))) {
      this.#serve(view.guard.incarnation);
    }
    if (hasEnded) {
      this.#view = undefined;
      this.#log = undefined;
      if (this.#hold !== undefined) this.#hold.isLost = true;
      this.#context.ended(this.clientId, view.guard.incarnation, deliveries.length > 0, batch.now);
    }
    return result;
  }

  #serve(incarnation: string): void {
    const served = this.#context.workOff(incarnation).finally(() => {
      if (this.#served === served) this.#served = undefined;
    });
    this.#served = served;
  }

  #call<Value>(what: string, call: (signal: AbortSignal) => Promise<Value>): Promise<Value> {
    return persistently(this.#context.options, what, call);
  }
}

interface Answered {
  readonly answer: unknown;
  /** What the plan threw. */
  readonly error?: { readonly cause: unknown };
  /** Which of the deliveries are its own. */
  readonly from: number;
  readonly to: number;
}

interface Made {
  readonly answers: readonly Answered[];
  readonly deliveries: readonly Delivery[];
  readonly count: number;
  readonly need?: Need;
}

function superseded(clientId: string): SessionError {
  return new SessionError("CLOSED", `Cannot change session ${clientId}: another connection has it`);
}

function contended(clientId: string): SessionError {
  return new SessionError("STORE_UNAVAILABLE", `Cannot change session ${clientId}: others change it all the time`);
}
