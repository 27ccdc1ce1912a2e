/**
 * Putting exported sessions into a store, one after the other.
 *
 * @module
 */
import { SessionError } from "../errors.ts";
import { detachedHead } from "../machine/rules/lifecycle.ts";
import type { Message } from "../mqtt/message.ts";
import type { Subscription } from "../mqtt/subscription.ts";
import type { RestoredMessage, SessionImage } from "../store/maintenance.ts";
import type { RetainedStore } from "../store/retained_store.ts";
import type { SessionStore } from "../store/session_store.ts";
import { differencesOf } from "./difference.ts";
import { type AdminEnvironment, systemAdminEnvironment } from "./environment.ts";
import { type ExportLine, LineReader } from "./export_line.ts";
import { linesOf } from "./lines.ts";
import { maintenanceOf } from "./maintenance.ts";
import { commitOnce } from "./session_change.ts";

/** How sessions are imported. */
export interface ImportOptions {
  /**
   * What happens to a session that the client has in the store. `refuse`, the default, leaves it; `replace` ends it without its
   * Will and puts the imported one in its place. One of the same incarnation was imported before, and is left in any case.
   */
  readonly whenExists?: "refuse" | "replace";
  /** Whether nothing is changed, and what would be is told. */
  readonly dryRun?: boolean;
  /**
   * Where retained messages go; one that was published later for the same topic stays. Without it those of the file are passed
   * over.
   */
  readonly retained?: RetainedStore;
  /** Goes on after this line of the file, as an event told it; the lines up to it are read and not carried out. */
  readonly afterLine?: number;
  /** Where time and unique ids come from. Default: the platform. */
  readonly environment?: AdminEnvironment;
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/** What became of something in the file. */
export type ImportEvent =
  | {
    readonly type: "session";
    readonly clientId: string;
    /**
     * `restored`; `replaced`: in place of another; `present`: it was imported before; `exists`: the client has another, which
     * was left; `notWhole`: it changed while it was exported, and another attempt follows or none was whole.
     */
    readonly outcome: "restored" | "replaced" | "present" | "exists" | "notWhole";
    /** How the session of the file differs from that of the store, where there is one; a dry run tells. */
    readonly differences?: readonly string[];
    /** How many messages of its log the file holds. */
    readonly messages: number;
    /** Where the import goes on when it is broken off after this. */
    readonly line: number;
  }
  /** A message of an outbox was handed on; a file that is imported twice hands it on twice. */
  | { readonly type: "owed"; readonly outboxId: string; readonly line: number }
  /** Some retained messages were put; `left` counts those that were not, since a later one stands or there is no store. */
  | { readonly type: "retained"; readonly stored: number; readonly left: number; readonly line: number }
  /** The file is whole, and has been read to its end. */
  | {
    readonly type: "end";
    readonly sessions: number;
    readonly messages: number;
    readonly owed: number;
    readonly retained: number;
    readonly line: number;
  };

/** Thrown into a restore whose session turns out not to be whole: nothing of it is kept. */
class NotWhole extends Error {}

/** Messages travel to the store in pages of so many. */
const PAGE = 100;

/**
 * Imports sessions from an export, and tells what becomes of each.
 *
 * A session arrives with all that it was: exchanges in their phases, Packet Identifiers, order, inbound identifiers,
 * quarantine, Will, subscriptions, counts. One that a connection owned when it was exported arrives as one whose connection
 * was lost then. Importing the same file again carries on where it was broken off: sessions that are there are left.
 *
 * @throws {SessionError} `RECORD_UNREADABLE` if a line is not as it was written, or the file has no end;
 * `RECORD_FROM_FUTURE` if a later release wrote it; `CAPABILITY_MISSING` if the store offers no maintenance.
 */
export async function* importSessions(
  store: SessionStore,
  chunks: AsyncIterable<string | Uint8Array>,
  options: ImportOptions = {},
): AsyncGenerator<ImportEvent, void, void> {
  const { afterLine = 0, dryRun = false, signal, environment = systemAdminEnvironment() } = options;
  const maintenance = maintenanceOf(store, "import sessions");
  const work: Importing = {
    store,
    maintenance,
    environment,
    dryRun,
    replaces: options.whenExists === "replace",
    signal,
  };
  const reader = new LineReader();
  const lines = decoded(chunks, reader);
  const next = async (): Promise<ExportLine | undefined> => {
    signal?.throwIfAborted();
    const { value, done } = await lines.next();
    return done === true ? undefined : value;
  };
  const kept = new RetainedLines(work, options.retained);
  const first = await next();
  if (first?.type !== "export") throw unreadable("it does not begin as an export does");
  for (let line = await next(); line !== undefined; line = await next()) {
    const isNew = reader.number > afterLine;
    if (line.type === "retained") {
      if (isNew && kept.add(line.message, reader.number)) yield await kept.put();
      continue;
    }
    if (kept.holdsSome) yield await kept.put();
    switch (line.type) {
      case "session": {
        const event = await importOne({ ...work, next, isNew }, line);
        if (isNew) yield { ...event, line: reader.number };
        break;
      }
      case "owed":
        if (!isNew) break;
        if (!dryRun) await handOn(work, line);
        yield { type: "owed", outboxId: line.outboxId, line: reader.number };
        break;
      case "page":
        break;
      case "end":
        yield { retained: 0, ...line, line: reader.number };
        return;
      default:
        throw unreadable(`line ${reader.number} is out of place`);
    }
  }
  throw unreadable("it has no end, and is not whole");
}

interface Importing {
  readonly store: SessionStore;
  readonly maintenance: NonNullable<SessionStore["maintenance"]>;
  readonly environment: AdminEnvironment;
  readonly dryRun: boolean;
  readonly replaces: boolean;
  readonly signal: AbortSignal | undefined;
}

interface ImportingOne extends Importing {
  readonly next: () => Promise<ExportLine | undefined>;
  /** Whether it is carried out, and not read alone. */
  readonly isNew: boolean;
}

type SessionEvent = Omit<Extract<ImportEvent, { readonly type: "session" }>, "line">;

/** Imports one session, its messages as they come. */
async function importOne(
  work: ImportingOne,
  { image: exported, readAt }: Extract<ExportLine, { readonly type: "session" }>,
): Promise<SessionEvent> {
  const { maintenance, environment, dryRun, signal } = work;
  const call = signal === undefined ? {} : { signal };
  const image = leftBehind(exported, readAt);
  const { clientId, incarnation } = image.snapshot;
  const log = new MessageLines(work.next, clientId);
  const told = (outcome: SessionEvent["outcome"], differences?: readonly string[]): SessionEvent => ({
    type: "session",
    clientId,
    outcome: log.isWhole ? outcome : "notWhole",
    messages: log.count,
    ...(differences === undefined ? {} : { differences }),
  });
  if (!work.isNew) {
    await log.skip();
    return told("present");
  }
  const present = await maintenance.readImage(clientId, call);
  // What it holds of shared groups would be lost.
  const mayReplace = work.replaces && present?.snapshot.head.borrows !== true;
  const isSame = present?.snapshot.incarnation === incarnation;
  if (dryRun || isSame || (present !== undefined && !mayReplace)) {
    await log.skip();
    const differences = present && differencesOf(present, image);
    if (present === undefined) return told("restored");
    return told(isSame ? "present" : mayReplace ? "replaced" : "exists", differences);
  }
  try {
    // Ended before it is known whether the file's is whole, or both would have to be there at once.
    if (present !== undefined) await endPresent(work, clientId, log);
    const result = await maintenance.restore(
      { image: owingAnew(image), messages: log.pages(), now: environment.now() },
      call,
    );
    if (result.outcome === "restored") return told(present === undefined ? "restored" : "replaced");
    await log.skip();
    return told(result.incarnation === incarnation ? "present" : "exists");
  } catch (error) {
    if (!(error instanceof NotWhole)) throw error;
    return told("notWhole");
  }
}

/** Ends the session that the client has, without its Will; whoever owns it is superseded. */
async function endPresent(work: ImportingOne, clientId: string, log: MessageLines): Promise<void> {
  const { store, environment, signal } = work;
  await log.readAhead();
  if (!log.mayBeWhole) throw new NotWhole();
  const stored = await store.read(clientId, signal === undefined ? {} : { signal });
  if (stored === undefined) return;
  const changes = [{ type: "endSession", reason: "administrative" } as const];
  await commitOnce({ store, environment }, stored.guard, { changes, raises: true }, signal);
}

/** Retained messages, which are put some at a time. */
class RetainedLines {
  readonly #work: Importing;
  readonly #retained: RetainedStore | undefined;
  /** Puts of one import are no others'. */
  readonly #writer: string;
  #number = 0;
  #messages: Message[] = [];
  #line = 0;

  constructor(work: Importing, retained: RetainedStore | undefined) {
    this.#work = work;
    this.#retained = retained;
    this.#writer = work.environment.randomId();
  }

  get holdsSome(): boolean {
    return this.#messages.length > 0;
  }

  /** Takes one; whether there are as many as are put at a time. */
  add(message: Message, line: number): boolean {
    this.#line = line;
    return this.#messages.push(message) >= PAGE;
  }

  /** Puts those that it holds. */
  async put(): Promise<Extract<ImportEvent, { readonly type: "retained" }>> {
    const { dryRun, environment, signal } = this.#work;
    const messages = this.#messages;
    this.#messages = [];
    const told = { type: "retained", line: this.#line } as const;
    if (this.#retained === undefined) return { ...told, stored: 0, left: messages.length };
    if (dryRun) return { ...told, stored: messages.length, left: 0 };
    const outcomes = await this.#retained.put(messages.map((message) => ({ message, unlessLater: true })), {
      limits: { maximumMessages: Infinity, maximumBytes: Infinity },
      order: { writer: this.#writer, number: ++this.#number },
      now: environment.now(),
      ...(signal === undefined ? {} : { signal }),
    });
    const stored = outcomes.filter((outcome) => outcome === "stored").length;
    return { ...told, stored, left: outcomes.length - stored };
  }
}

/** The messages of one session, up to its last line. */
class MessageLines {
  /** How many there were. */
  count = 0;
  /** Whether its last line has been read, and says that they are all of one moment. */
  isWhole = false;
  #isOver = false;
  readonly #ahead: RestoredMessage[] = [];
  readonly #next: () => Promise<ExportLine | undefined>;
  readonly #clientId: string;

  constructor(next: () => Promise<ExportLine | undefined>, clientId: string) {
    this.#next = next;
    this.#clientId = clientId;
  }

  /** Whether nothing was read yet that says otherwise. */
  get mayBeWhole(): boolean {
    return !this.#isOver || this.isWhole;
  }

  /** Reads a first page, which for most sessions is all there is. */
  async readAhead(): Promise<void> {
    while (!this.#isOver && this.#ahead.length < PAGE) {
      const message = await this.#read();
      if (message !== undefined) this.#ahead.push(message);
    }
  }

  /** Reads the rest without a use for it. */
  async skip(): Promise<void> {
    while (!this.#isOver) await this.#read();
  }

  /** All of them, page by page. Throws in the end if they are not all of one moment. */
  async *pages(): AsyncGenerator<readonly RestoredMessage[], void, void> {
    for (;;) {
      await this.readAhead();
      const page = this.#ahead.splice(0);
      if (page.length > 0) yield page;
      if (this.#isOver) break;
    }
    if (!this.isWhole) throw new NotWhole();
  }

  async #read(): Promise<RestoredMessage | undefined> {
    const line = await this.#next();
    if (line?.type === "message") {
      this.count++;
      return line.message;
    }
    this.#isOver = true;
    if (line?.type !== "sessionEnd" || line.clientId !== this.#clientId || line.messages !== this.count) {
      throw unreadable("a session has no end");
    }
    this.isWhole = line.whole;
    return undefined;
  }
}

/** What a session is once its connection is lost: the import cannot bring that along. */
function leftBehind(image: SessionImage, readAt: number): SessionImage {
  const { snapshot, ownerUntil = 0, ...rest } = image;
  if (!snapshot.head.attached) return image;
  const head = detachedHead(snapshot.head, Math.min(ownerUntil, readAt), 0x80);
  return { ...rest, snapshot: { ...snapshot, head } };
}

/** Retained messages are owed from the first on: how far a subscription had come says nothing of another store. */
function owingAnew({ snapshot, ...rest }: SessionImage): SessionImage {
  const subscriptions = Array.from(snapshot.subscriptions, ([filter, subscription]): [string, Subscription] => [
    filter,
    subscription.retainedAfter === undefined ? subscription : { ...subscription, retainedAfter: "" },
  ]);
  return { ...rest, snapshot: { ...snapshot, subscriptions: new Map(subscriptions) } };
}

/** Hands a message of an outbox on: to its receivers that are still the same sessions, or to be routed by a broker. */
async function handOn(
  { store, environment, signal }: Importing,
  { message, receivers }: Extract<ExportLine, { readonly type: "owed" }>,
): Promise<void> {
  const batch = {
    id: environment.randomId(),
    changes: [],
    deliveries: [{ message, receivers }],
    limits: { maximumMessages: Infinity, maximumBytes: Infinity, whenFull: "dropNewest" },
    now: environment.now(),
  } as const;
  await store.commit([batch], signal === undefined ? {} : { signal });
}

async function* decoded(
  chunks: AsyncIterable<string | Uint8Array>,
  reader: LineReader,
): AsyncGenerator<ExportLine, void, void> {
  for await (const { text } of linesOf(chunks)) yield await reader.read(text);
}

function unreadable(found: string): SessionError {
  return new SessionError("RECORD_UNREADABLE", `Cannot import sessions: ${found}`);
}
