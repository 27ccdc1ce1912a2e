/**
 * Writing sessions out, one line after the other, while brokers go on.
 *
 * @module
 */
import type { RetainedPage, RetainedQuery, RetainedStore } from "../store/retained_store.ts";
import type { OutboxEntry, SessionStore } from "../store/session_store.ts";
import { type AdminEnvironment, systemAdminEnvironment } from "./environment.ts";
import { EXPORT_VERSION, type ExportLine, LineReader, LineWriter } from "./export_line.ts";
import { linesOf } from "./lines.ts";
import { filterOf, type SessionFilter } from "./listing.ts";
import { maintenanceOf } from "./maintenance.ts";

/** Where an export goes on that was broken off. */
export interface ExportResumePoint {
  /** The cursor of its last `page`. */
  readonly cursor: string;
  /** The sum of that line. */
  readonly sum: string;
  /** How many bytes of the file stand up to its end; what follows is to be cut off. */
  readonly bytes: number;
  /** What was written until then. */
  readonly counts: ExportCounts;
}

/** How much an export holds. */
export interface ExportCounts {
  /** Whole sessions. */
  readonly sessions: number;
  /** Messages of their logs. */
  readonly messages: number;
  /** Messages of outboxes. */
  readonly owed: number;
  /** Retained messages. */
  readonly retained: number;
}

/** How sessions are exported. */
export interface ExportOptions {
  /** Which of them. Default: all. What outboxes owe, and what is retained, is exported with all of them alone. */
  readonly filter?: SessionFilter;
  /** Where messages are retained, to be exported behind the sessions. Default: none are. */
  readonly retained?: RetainedStore;
  /** Goes on where an export was broken off; its first line follows the line of the point. */
  readonly resume?: ExportResumePoint;
  /** Where time comes from. Default: the platform. */
  readonly environment?: AdminEnvironment;
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/** How many sessions stand between two lines `page`. */
const PAGE = 50;

/** How often a session is read that changes meanwhile. */
const ATTEMPTS = 5;

/** A page of a log. */
const LOG_PAGE = { messages: 100, bytes: 1_048_576 } as const;

const encoder = new TextEncoder();

/** More entries of one outbox than anybody lets come together. */
const MOST_OWED = 100_000;

/**
 * Exports the sessions of a store, line by line, each with its line feed; they are UTF-8 and may be joined as they come.
 *
 * A session is exported as of one moment; one that changes all the time while it is read is left out in the end, and its last
 * line says so. The lines hold payloads, topics, Client Identifiers, User Properties and Wills, as the store does, and the
 * SHA-256 of principals: keep the file as you keep the store. There are no passwords and no tokens in it.
 *
 * @throws {SessionError} `CAPABILITY_MISSING` if the store offers no maintenance.
 *
 * @example
 * ```ts
 * import { exportSessions, importSessions } from "@edge-mqtt/session/admin";
 * import { memoryStore } from "@edge-mqtt/session/memory";
 *
 * const from = memoryStore();
 * const to = memoryStore();
 * for await (const event of importSessions(to, exportSessions(from))) console.assert(event.type === "end");
 * ```
 */
export async function* exportSessions(
  store: SessionStore,
  options: ExportOptions = {},
): AsyncGenerator<string, void, void> {
  const { resume, filter, retained, signal, environment = systemAdminEnvironment() } = options;
  const maintenance = maintenanceOf(store, "export sessions");
  const call = signal === undefined ? {} : { signal };
  const writer = new LineWriter(resume?.sum);
  const counts = { ...resume?.counts ?? { sessions: 0, messages: 0, owed: 0, retained: 0 } };
  const isWanted = filterOf(filter ?? {});
  let place = resume?.cursor ?? "sessions ";
  if (resume === undefined) {
    yield await writer.write({ type: "export", version: EXPORT_VERSION, exportedAt: environment.now() });
  }

  const page = async (cursor: string) =>
    await store.directory.list({ limit: PAGE, ...(cursor === "" ? {} : { cursor }), ...call });

  async function* oneSession(clientId: string): AsyncGenerator<ExportLine, boolean, void> {
    const image = await maintenance.readImage(clientId, call);
    // It has ended since it was listed.
    if (image === undefined) return true;
    yield { type: "session", readAt: environment.now(), image };
    const { incarnation } = image.snapshot;
    const guard = { clientId, incarnation, epoch: image.epoch, version: image.version };
    let messages = 0;
    for (let after = 0; after < image.tail;) {
      const read = await store.readQueue(guard, { after, ...LOG_PAGE }, call);
      for (const message of read.messages) {
        // What came after the image is not of its moment.
        if (message.sequence > image.tail) break;
        const terms = read.terms?.get(message.sequence);
        yield { type: "message", message: terms === undefined ? message : { ...message, terms } };
        messages++;
      }
      if (read.through >= read.tail || read.through <= after) break;
      after = read.through;
    }
    const now = await maintenance.readImage(clientId, call);
    const isWhole = now?.snapshot.incarnation === incarnation && now.epoch === image.epoch &&
      now.version === image.version;
    yield { type: "sessionEnd", clientId, messages, whole: isWhole };
    if (isWhole) {
      counts.sessions++;
      counts.messages += messages;
    }
    return isWhole;
  }

  while (place.startsWith("sessions ")) {
    const { sessions, cursor } = await page(place.slice("sessions ".length));
    for (const summary of sessions.filter(isWanted)) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const lines = oneSession(summary.clientId);
        let next = await lines.next();
        for (; next.done !== true; next = await lines.next()) yield await writer.write(next.value);
        if (next.value) break;
      }
    }
    place = cursor === undefined ? "owed " : `sessions ${cursor}`;
    yield await writer.write({ type: "page", cursor: place });
  }
  // Receivers come before what is owed to them.
  const owesMore = filter === undefined && place === "owed ";
  for (const outboxId of owesMore ? await outboxes(store, environment.now(), signal) : []) {
    for (const entry of await store.readOutbox(outboxId, MOST_OWED, call)) {
      yield await writer.write(owedLine(entry));
      counts.owed++;
    }
  }
  if (retained !== undefined && filter === undefined) {
    let after: string | undefined = place.startsWith("retained ") ? place.slice("retained ".length) : "";
    if (place === "owed ") yield await writer.write({ type: "page", cursor: "retained " });
    while (after !== undefined) {
      signal?.throwIfAborted();
      const query: RetainedQuery = { after, ...LOG_PAGE };
      const [page]: readonly RetainedPage[] = await retained.match([query], { now: environment.now(), ...call });
      for (const { message } of page?.entries ?? []) yield await writer.write({ type: "retained", message });
      counts.retained += page?.entries.length ?? 0;
      after = page?.after;
      if (after !== undefined) yield await writer.write({ type: "page", cursor: `retained ${after}` });
    }
  }
  yield await writer.write({ type: "end", ...counts });
}

/** Outboxes that hold something, as far as one look tells. */
async function outboxes(store: SessionStore, now: number, signal: AbortSignal | undefined): Promise<readonly string[]> {
  // So long a grace that no node is forgotten for it.
  const due = await store.listDue(now, {
    limit: MOST_OWED,
    graceMs: 1e12,
    ...(signal === undefined ? {} : { signal }),
  });
  return due.flatMap((work) => work.type === "outbox" ? [work.outboxId] : []);
}

function owedLine({ outboxId, message, receivers, cursor }: OutboxEntry): ExportLine {
  return {
    type: "owed",
    outboxId,
    message,
    ...(receivers === undefined ? {} : { receivers: receivers.slice(cursor) }),
  };
}

/**
 * Where an export goes on that was broken off; `undefined` when it has to begin anew, or is whole.
 *
 * @throws {SessionError} `RECORD_UNREADABLE` if a line before that point is not as it was written.
 */
export async function exportResumePoint(
  chunks: AsyncIterable<string | Uint8Array>,
): Promise<ExportResumePoint | undefined> {
  const reader = new LineReader();
  let bytes = 0;
  const counts = { sessions: 0, messages: 0, owed: 0, retained: 0 };
  let point: ExportResumePoint | undefined;
  for await (const { text, isWhole } of linesOf(chunks)) {
    if (!isWhole) break;
    const line = await reader.read(text);
    bytes += encoder.encode(text).length + 1;
    if (line.type === "sessionEnd" && line.whole) {
      counts.sessions++;
      counts.messages += line.messages;
    }
    if (line.type === "owed" || line.type === "retained") counts[line.type]++;
    if (line.type === "end") return undefined;
    if (line.type === "page") point = { cursor: line.cursor, sum: reader.sum, bytes, counts: { ...counts } };
  }
  return point;
}
