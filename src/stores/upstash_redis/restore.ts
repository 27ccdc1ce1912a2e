/**
 * Reading a session whole, and putting one in place: its fields are staged under keys of their own, which end by themselves
 * and nobody looks at; one script makes them the session.
 *
 * @module
 */
import { SessionError } from "../../errors.ts";
import { messageBytes } from "../../mqtt/message.ts";
import { unreadable } from "../../store/encoding.ts";
import {
  checkImage,
  type RestoredMessage,
  type RestoreRequest,
  type RestoreResult,
  type SessionImage,
} from "../../store/maintenance.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import { type StoreCallOptions, together } from "../../store/call.ts";
import { dueMoment, expiryOf } from "./changes.ts";
import { Arguments, ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { headText, named, nameOf } from "./fields.ts";
import { changeIndex, followUps, readChanges } from "./index.ts";
import { type RedisKeys, spreadOf, stampOf, unescapePart } from "./keys.ts";
import { STATE } from "./lua/log.ts";
import { RESTORE, STAGE } from "./lua/restoring.ts";
import { bodyText, headerText, termsText } from "./queue.ts";
import { isRouted, markText, routeText, ROW, subscriptionText, willText } from "./rows.ts";
import type { Routing } from "./routing.ts";
import { readSessions } from "./session.ts";
import { wholeNumber } from "./text.ts";

const READING = "read a session whole";
const RESTORING = "restore a session";

/** For how long what is staged is kept while nothing is added, in milliseconds. */
const STAGED_FOR_MS = 3_600_000;

/** About so many characters travel at a time. */
const STAGED_AT_ONCE = 500_000;

/** Reads a session whole, but for its log and outbox. */
export async function readImage(
  context: RedisContext,
  clientId: string,
  call?: StoreCallOptions,
): Promise<SessionImage | undefined> {
  const keys = await keysFor(context, [clientId]);
  const key = keys.log(clientId);
  for (;;) {
    const [[found], [fields]] = await together([
      readSessions(context, keys, [keys.part(clientId)], call),
      sendAll(context, [{ hmget: key, fields: ["s", "p", "j", "y"] }], READING, false, call),
    ]);
    if (found === undefined) return undefined;
    const [state = null, principal = null, journal = null, place = null] = Array.isArray(fields) ? fields : [];
    const numbers = (state ?? "").split(" ").map((word: string) => wholeNumber(word) ?? Number.NaN);
    const of = (name: typeof STATE[number]): number => numbers[STATE.indexOf(name)] ?? Number.NaN;
    // The two were read at two moments.
    if (of("epoch") !== found.epoch || of("version") !== found.version) continue;
    const [tail, outboxTail] = [of("tail"), of("owed")];
    if (!Number.isSafeInteger(tail) || !Number.isSafeInteger(outboxTail)) throw unreadable(key, "its state is none");
    const { incarnation, head, rows, epoch, version, drops, lease } = found;
    return {
      snapshot: { clientId, incarnation, head, ...rows },
      epoch,
      version,
      ...(head.attached ? { ownerUntil: lease } : {}),
      ...(principal === null || principal === "" ? {} : { principal }),
      ...(place === null ? {} : { counts: true }),
      tail,
      outboxTail,
      dropped: drops,
      journal: journal ?? "",
    };
  }
}

/** Fields on their way to a staged hash. */
class StagedHash {
  readonly key: string;
  /** How many fields it gets. */
  count = 0;
  readonly #context: RedisContext;
  readonly #call: StoreCallOptions | undefined;
  #fields: string[] = [];
  #size = 0;

  constructor(context: RedisContext, key: string, call: StoreCallOptions | undefined) {
    this.#context = context;
    this.key = key;
    this.#call = call;
  }

  async put(field: string, value: string): Promise<void> {
    this.#fields.push(field, value);
    this.#size += field.length + value.length;
    this.count++;
    if (this.#size >= STAGED_AT_ONCE) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#fields.length === 0) return;
    const args = [String(STAGED_FOR_MS), String(this.#fields.length / 2), ...this.#fields];
    await sendAll(this.#context, [{ script: STAGE, keys: [this.key], args }], RESTORING, true, this.#call);
    this.#fields = [];
    this.#size = 0;
  }
}

/** What a restore needs of its store. */
export interface Restoring {
  readonly context: RedisContext;
  readonly routing: Routing;
  /** A unique id. */
  readonly newId: () => string;
}

/** Puts a session in place of none. */
export async function restore(
  { context, routing, newId }: Restoring,
  { image, messages, now }: RestoreRequest,
  call?: StoreCallOptions,
): Promise<RestoreResult> {
  checkImage(image);
  const { snapshot } = image;
  const { clientId, subscriptions, outbound } = snapshot;
  const filters = [...subscriptions.keys()];
  if (filters.length > 0 && (await routing.admit(filters, call)).includes(false)) {
    throw new RangeError("Cannot restore a session: a Topic Filter was not admitted");
  }
  const keys = await keysFor(context, [clientId, ...filters]);
  const part = keys.part(clientId);
  const [present] = await readSessions(context, keys, [part], call);
  if (present !== undefined) return { outcome: "exists", incarnation: present.incarnation };
  // Apart from what another attempt, or one that died, has staged.
  const attempt = keys.staged(part, newId());
  const log = new StagedHash(context, attempt.log, call);
  const rows = new StagedHash(context, attempt.rows, call);
  await putRows(rows, keys, image);
  for (const [sequence, mark] of outbound) await log.put(ROW.mark(sequence), markText(mark));
  const size = { held: 0, bytes: 0, light: 0, terms: 0 };
  for await (const page of messages) {
    for (const message of page) {
      await log.put(String(message.sequence), entryText(message));
      size.held++;
      size.bytes += messageBytes(message);
      if (message.qos === 0) size.light = message.sequence;
      if (message.terms !== undefined) size.terms = message.sequence;
    }
  }
  await together([log.flush(), rows.flush()]);
  return await take(context, keys, image, now, { log, rows, size }, call);
}

async function putRows(rows: StagedHash, keys: RedisKeys, { snapshot }: SessionImage): Promise<void> {
  const { will, subscriptions, inbound, quarantine } = snapshot;
  if (will !== undefined) await rows.put(ROW.will, willText(will));
  for (const [filter, subscription] of subscriptions) {
    await rows.put(ROW.subscription(filter, keys.part(filter)), subscriptionText(filter, subscription));
  }
  for (const packetId of inbound) await rows.put(ROW.inbound(packetId), "1");
  for (const packetId of quarantine) await rows.put(ROW.quarantine(packetId), "1");
}

/** An entry as it stands in a log. */
function entryText(message: RestoredMessage): string {
  const light = message.qos === 0 ? 1 : 0;
  return `${messageBytes(message)} ${light}${termsText(message.terms)};${headerText(message)};${bodyText(message)}`;
}

interface Staged {
  readonly log: StagedHash;
  readonly rows: StagedHash;
  readonly size: { readonly held: number; readonly bytes: number; readonly light: number; readonly terms: number };
}

/** Makes what was staged the session. */
async function take(
  context: RedisContext,
  keys: RedisKeys,
  image: SessionImage,
  now: number,
  { log, rows, size }: Staged,
  call?: StoreCallOptions,
): Promise<RestoreResult> {
  const { snapshot } = image;
  const { clientId, incarnation, head, subscriptions } = snapshot;
  const part = keys.part(clientId);
  const { cluster } = context;
  if (cluster) {
    const checks = [{ part, nodeId: "" }];
    const announced = context.checks.begin(checks, now);
    await changeIndex(context, keys, announced, call);
    context.checks.begun(checks, announced, now);
  }
  const holder = `${part}/${named(incarnation)}`;
  const routes = [...subscriptions].filter(([filter]) => isRouted(filter)).flatMap(([filter, subscription]) => [
    keys.part(filter),
    spreadOf(part),
    holder,
    routeText(subscription),
  ]);
  const fields = lastFields(image, part, size);
  const counted = !cluster && image.counts && image.principal !== undefined ? `${image.principal}/${part}` : "";
  const request = new Arguments()
    .key(cluster ? undefined : keys.shared("places"))
    .key(cluster ? undefined : keys.shared("due")).key(cluster ? undefined : keys.shared("routes"))
    .key(cluster ? keys.besideOf(part, "left") : undefined)
    .key(log.key).key(rows.key).key(keys.logOf(part)).key(keys.rowsOf(part))
    .add(stampOf(`${incarnation}/${now}`), log.count, rows.count)
    .list(fields).list([dueMoment(head), `s/${part}`])
    .add(named(incarnation), routes.length / 4, ...routes)
    .add(head.endsAt === undefined ? "" : expiryOf(head, now), counted);
  const answer = await ask(context, {
    script: RESTORE,
    keys: request.keys,
    args: request.args,
    doing: RESTORING,
    writes: true,
    read: (status, reader) => {
      if (status === "e") return { found: nameOf(reader.text()) };
      return status === "c" ? { changes: readChanges(reader) } : {};
    },
  }, call);
  if (answer.found !== undefined) return { outcome: "exists", incarnation: answer.found };
  if (answer.changes === undefined) {
    throw new SessionError("STORE_UNAVAILABLE", "Cannot restore a session: what was staged of it has ended");
  }
  if (cluster) await followUps(context, keys, [{ part, changes: answer.changes }], call);
  return { outcome: "restored" };
}

function lastFields(image: SessionImage, part: string, { held, bytes, light, terms }: Staged["size"]): string[] {
  const { snapshot, epoch, version, tail, outboxTail, dropped, journal, principal = "" } = image;
  const { clientId, incarnation, head, outbound } = snapshot;
  const marks = [...outbound.keys()];
  const state: Partial<Record<typeof STATE[number], number>> = {
    epoch: epoch + 1,
    version: version + 1,
    limit: head.sentLimit,
    tail,
    held,
    bytes,
    light,
    owed: outboxTail,
    markLow: marks.length === 0 ? 0 : marks.reduce((low, sequence) => Math.min(low, sequence)),
    markHigh: marks.length === 0 ? 0 : marks.reduce((high, sequence) => Math.max(high, sequence)),
  };
  const counts = DROP_REASONS.map((reason) => dropped[reason] ?? 0);
  return [
    ...["i", named(incarnation), "s", STATE.map((name) => state[name] ?? 0).join(" ")],
    ...["h", headText(head), "n", "", "t", "", "u", "", "k", named(""), "w", "0 0 -"],
    ...(counts.some((count) => count > 0) ? ["d", counts.join(" ")] : []),
    ...(principal === "" ? [] : ["p", principal]),
    ...(unescapePart(part) === undefined ? ["c", named(clientId)] : []),
    ...(journal === "" ? [] : ["j", journal]),
    ...(terms === 0 ? [] : ["q", String(terms)]),
  ];
}
