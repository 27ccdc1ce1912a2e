import { isUnreadable } from "../store/encoding.ts";
import { type Attachment, decodeAttachment, type Resumed } from "./attachment.ts";
import type { Deadlines, Timed } from "./deadlines.ts";
import { filterOf, membersOf } from "./groups/names.ts";
import type { HibernatingTransport, HibernationOptions, SleepingConnection } from "./hibernating_transport.ts";
import type { CommitLane } from "./lane.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Tasks } from "./tasks.ts";
import { persistently } from "./within.ts";

/** A connection of this node that may sleep. */
export interface Rousable extends Timed {
  readonly token: string;
  readonly clientId: string;
  /** Whether its session is still to be reloaded. */
  readonly isAsleep: boolean;
  /** Its log may have grown: looks. */
  probe(): void;
  /** Another connection owns the session. */
  supersede(): void;
}

/** Somebody who waits until nothing is under way. */
export interface Settling {
  settle(): void;
}

/** What they work with. */
export interface SleepersOptions {
  readonly options: ResolvedOptions;
  readonly nodeId: string;
  readonly deadlines: Deadlines;
  readonly tasks: Tasks;
  readonly lane: Pick<CommitLane, "idle">;
  /** Makes a connection of what was kept of it. */
  readonly resume: (transport: HibernatingTransport, resumed: Resumed) => Rousable;
}

/** The connections whose sockets outlive the memory of this process: those that it knows, and those that sleep. */
export class Sleepers {
  readonly #sleepers: SleepersOptions;
  readonly #sockets: HibernationOptions;
  readonly #awake = new Map<string, Rousable>();
  /** Deadlines of those that sleep, by token; of all of them once somebody has looked. */
  readonly #asleep = new Map<string, Timed & { readonly clientId: string }>();
  /** Being roused, and whether more has come meanwhile. */
  readonly #rousing = new Map<string, boolean>();
  /** To be told once nothing is under way in this broker. */
  readonly #unsettled = new Set<Settling>();
  #settling: Promise<void> | undefined;
  #hasLooked = false;
  #looksEverywhere = false;
  /** Whether what an earlier run has left is still to be looked for. */
  isUnchecked: boolean;

  constructor(sleepers: SleepersOptions, sockets: HibernationOptions) {
    this.#sleepers = sleepers;
    this.#sockets = sockets;
    // Where a socket has outlived it, the run before this one was put to sleep, and had lost nobody.
    this.isUnchecked = !hasAny(sockets.all());
  }

  /** A connection is here. */
  add(connection: Rousable): void {
    this.#forget(connection.token);
    this.#awake.set(connection.token, connection);
  }

  /** A connection has ended. */
  remove(connection: Rousable): void {
    if (this.#awake.get(connection.token) === connection) this.#awake.delete(connection.token);
  }

  /** What was kept, as it is read; `undefined` where it cannot be. */
  read(bytes: Uint8Array): Resumed | undefined {
    try {
      const attachment = decodeAttachment("attachment", bytes);
      this.isUnchecked ||= attachment.isUnchecked;
      return { attachment, bytes };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.#sleepers.options.observe({ type: "workFailed", work: "session", error });
      return undefined;
    }
  }

  /** The connection of this token, if it is here. */
  awake(token: string): Rousable | undefined {
    return this.#awake.get(token);
  }

  /** The connection of this token, here from now on; `undefined` when its socket is gone. */
  find(token: string): Rousable | undefined {
    const found = this.#awake.get(token);
    if (found !== undefined) return found;
    const sleeping = this.#sockets.find(token);
    return sleeping && this.#resumed(sleeping);
  }

  /** Whether the socket of this token is open. */
  isOpen(token: string): boolean {
    return this.#awake.has(token) || this.#sockets.find(token) !== undefined;
  }

  /** Something has come for a client whose connection is not here: wakes it. It never rejects. */
  rouse(clientId: string): void {
    const { options, tasks } = this.#sleepers;
    if (this.#rousing.has(clientId)) {
      this.#rousing.set(clientId, true);
      return;
    }
    tasks.add(
      this.#rouse(clientId).catch((error) => {
        options.observe({ type: "workFailed", work: "session", clientId, error });
      }).finally(() => this.#rousing.delete(clientId)),
    );
  }

  /** Wakes the connection of a client, if it sleeps, and answers it; `undefined` when it is not connected here. */
  async seek(clientId: string): Promise<Rousable | undefined> {
    const { options, nodeId } = this.#sleepers;
    const stored = await persistently(options, "read a session", (signal) => options.store.read(clientId, { signal }));
    const owner = stored?.owner;
    return owner?.nodeId === nodeId ? this.find(owner.token) : undefined;
  }

  /** Wakes the connection of a client, if it sleeps; ends once its session is here. */
  async wake(clientId: string): Promise<void> {
    for (const connection of this.#awake.values()) {
      if (connection.clientId === clientId && !connection.isAsleep) return;
    }
    const connection = await this.seek(clientId);
    if (connection?.isAsleep !== true) return;
    connection.probe();
    await this.#sleepers.tasks.done(undefined);
  }

  /**
   * Tells somebody once nothing is under way in this broker. Work of one connection is for another often enough: what was
   * stored for one that sleeps is told to it later, and until then its publisher must not be taken for at rest.
   */
  settles(settling: Settling): void {
    this.#unsettled.add(settling);
    this.#settling ??= this.#settle();
  }

  /** Ends when all have been told; `undefined` when none waits. */
  get settling(): Promise<void> | undefined {
    return this.#settling;
  }

  async #settle(): Promise<void> {
    const { tasks, lane } = this.#sleepers;
    do {
      await lane.idle;
      await tasks.done(undefined);
    } while (tasks.running || lane.idle !== undefined);
    this.#settling = undefined;
    const all = [...this.#unsettled];
    this.#unsettled.clear();
    for (const each of all) each.settle();
  }

  /** Something was lost with the memory of a process: whoever sleeps may have news that nobody has told. */
  lookEverywhere(): void {
    if (this.#looksEverywhere) return;
    this.#looksEverywhere = true;
    this.wakeAll();
    for (const connection of this.#awake.values()) connection.probe();
  }

  /** Looks at all that sleep: from now on their deadlines are among those of this node. */
  lookAtAll(): void {
    const { options, deadlines } = this.#sleepers;
    if (this.#hasLooked) return;
    this.#hasLooked = true;
    for (const sleeping of this.#sockets.all()) {
      const resumed = this.read(sleeping.attachment);
      const token = resumed?.attachment.token;
      if (resumed === undefined || token === undefined || this.#awake.has(token)) continue;
      const timed = {
        clientId: clientOf(resumed.attachment),
        deadline: deadlineOf(resumed.attachment, options.limits.connectTimeoutMs),
        timePassed: () => this.find(token)?.timePassed(),
      };
      this.#asleep.set(token, timed);
      deadlines.watch(timed);
    }
  }

  /** All that sleep are here from now on. */
  wakeAll(): void {
    for (const sleeping of this.#sockets.all()) this.#resumed(sleeping);
  }

  async #rouse(clientId: string): Promise<void> {
    do {
      this.#rousing.set(clientId, false);
      if (filterOf(clientId) === undefined) (await this.seek(clientId))?.probe();
      else await this.#rouseMember(clientId);
    } while (this.#rousing.get(clientId) === true);
  }

  /** Wakes the next member of a group that sleeps, or all of them where not every one may have every message. */
  async #rouseMember(name: string): Promise<void> {
    const { options } = this.#sleepers;
    const group = await persistently(options, "read a group", (signal) => options.store.read(name, { signal }));
    const members = group === undefined ? [] : membersOf(group.snapshot);
    const here = new Set<string>();
    for (const { isAsleep, clientId } of this.#awake.values()) if (!isAsleep) here.add(clientId);
    // Each is as likely to be the first.
    const first = Math.floor(options.environment.now()) % Math.max(1, members.length);
    for (const { clientId } of [...members.slice(first), ...members.slice(0, first)]) {
      const member = here.has(clientId) ? undefined : await this.seek(clientId);
      member?.probe();
      if (member !== undefined && !options.authorizeDeliveries) return;
    }
  }

  #resumed({ transport, attachment }: SleepingConnection): Rousable | undefined {
    const resumed = this.read(attachment);
    return resumed && (this.#awake.get(resumed.attachment.token) ?? this.#sleepers.resume(transport, resumed));
  }

  #forget(token: string): void {
    const timed = this.#asleep.get(token);
    if (timed === undefined) return;
    this.#asleep.delete(token);
    this.#sleepers.deadlines.forget(timed);
  }
}

function clientOf(attachment: Attachment): string {
  return attachment.state === "opened" ? "" : attachment.session.clientId;
}

/** When a connection is to be looked at; what was lost on the way, at once. */
function deadlineOf(attachment: Attachment, connectTimeoutMs: number): number | undefined {
  switch (attachment.state) {
    case "opened":
      return attachment.openedAt + connectTimeoutMs;
    case "underWay":
      return 0;
    case "resting": {
      const { silenceMs, lastReceivedAt } = attachment.connection;
      return silenceMs === 0 ? undefined : lastReceivedAt + silenceMs;
    }
    default:
      return attachment satisfies never;
  }
}

function hasAny(items: Iterable<unknown>): boolean {
  for (const _ of items) return true;
  return false;
}
