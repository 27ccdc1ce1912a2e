/**
 * Taking a session, in one script (D1).
 *
 * @module
 */
import { ACQUIRE_TABLE, type AcquireRow } from "../../machine/rules/lifecycle.ts";
import { unreadable } from "../../store/encoding.ts";
import { digestOf } from "../../store/keys.ts";
import type { Acquired, AcquireRefusal, AcquireRequest, StoreCallOptions } from "../../store/session_store.ts";
import { Arguments, ask, keysFor, type RedisContext } from "./context.ts";
import { headText, named, nameOf, readHead, readLatest } from "./fields.ts";
import { RedisGuard } from "./guard.ts";
import { type RedisKeys, spreadOf, stampOf, unescapePart } from "./keys.ts";
import { ACQUIRE } from "./lua/acquire.ts";
import { pageOf, type RawPage, readRawPage } from "./queue.ts";
import { phasesOf, readRows, snapshotOf, willText } from "./rows.ts";
import type { ReplyReader } from "./text.ts";

const REFUSALS = { b: "principal", e: "exists", o: "owned" } as const;

/** What an acquire answers before its page is read. */
export interface AcquireReply {
  readonly answer: Omit<Acquired, "queue">;
  readonly page: RawPage;
}

/** Takes a session. */
export async function acquire(
  context: RedisContext,
  request: AcquireRequest,
  call?: StoreCallOptions,
): Promise<Acquired | AcquireRefusal> {
  const { clientId } = request.terms;
  const keys = await keysFor(context, [clientId]);
  const principal = request.principal === undefined ? "" : await digestOf(request.principal);
  const taken = await ask(context, {
    script: ACQUIRE,
    ...argumentsOf(keys, request, principal),
    doing: "acquire a session",
    writes: true,
    read: (status, reader) => readAcquired(keys, request, status, reader),
  }, call);
  if ("outcome" in taken) return taken;
  const queue = await pageOf(context, clientId, taken.answer.guard.incarnation, taken.page);
  return { ...taken.answer, queue };
}

function argumentsOf(keys: RedisKeys, request: AcquireRequest, principal: string): Arguments {
  const { terms, page } = request;
  const part = keys.part(terms.clientId);
  const call = new Arguments();
  for (const shared of ["owned", "due", "rings", "owed", "routes", "nodes"] as const) call.key(keys.shared(shared));
  return call.key(undefined).key(keys.rowsOf(part)).key(keys.logOf(part)).add(
    Math.ceil(request.now),
    stampOf(request.token),
  )
    .add(0)
    .add(part, spreadOf(part), named(terms.clientId))
    .add(named(request.token), named(request.nodeId), named(request.incarnation), principal)
    .flag(terms.mustBeNew).flag(request.whenOwned === "refuse").flag(terms.cleanStart)
    .flag(terms.resumeAcrossVersions).flag(terms.releaseWillOnCleanStart)
    .add(DECISIONS, terms.head.protocolVersion, headText({ ...terms.head, attached: true }), terms.sendAhead)
    .add(terms.will === undefined ? "" : willText(terms.will))
    .add(unescapePart(part) === undefined ? named(terms.clientId) : "")
    .add(page.messages, page.bytes);
}

const WILL_RULES = { none: "-", publish: "p", publishIfDue: "d", asOnTakeover: "t" } as const satisfies Record<
  AcquireRow["will"],
  string
>;

/** The table of decisions as the script reads it. */
const DECISIONS = (["absent", "detached", "attached"] as const).map((state) => {
  const rows: Partial<Record<string, AcquireRow>> = ACQUIRE_TABLE[state];
  return (["goesOn", "hasEnded", "cleanStart"] as const).map((condition) => {
    const row = rows[condition] ?? rows["any"];
    if (row === undefined) return "00-";
    return `${Number(row.resumed)}${Number(row.endsStored)}${WILL_RULES[row.will]}`;
  }).join("");
}).join("");

function readAcquired(
  keys: RedisKeys,
  { terms, nodeId }: AcquireRequest,
  status: string,
  reader: ReplyReader,
): AcquireReply | AcquireRefusal {
  const key = keys.log(terms.clientId);
  if (status === "x") throw unreadable(key, "its head is none");
  if (status in REFUSALS) return { outcome: "refused", reason: REFUSALS[status as keyof typeof REFUSALS] };
  const latest = readLatest(key, reader.text());
  const incarnation = nameOf(reader.text());
  const epoch = reader.number();
  const version = reader.number();
  const head = readHead(key, reader.text(), reader.number());
  const fields = Array.from({ length: reader.number() }, () => reader.text());
  const outboxPending = reader.text() === "1";
  const page = readRawPage(reader);
  reader.number();
  const rows = readRows(keys.rowsOf(keys.part(terms.clientId)), fields);
  const snapshot = snapshotOf(terms.clientId, incarnation, head, rows);
  const guard = new RedisGuard({
    clientId: terms.clientId,
    incarnation,
    epoch,
    version,
    nodeId,
    head,
    marks: phasesOf(rows),
  });
  return { answer: { outcome: "acquired", ...latest, snapshot, guard, outboxPending }, page };
}
