/**
 * Taking a session, in one script (D1).
 *
 * @module
 */
import { ACQUIRE_TABLE, type AcquireRow } from "../../machine/rules/lifecycle.ts";
import { unreadable } from "../../store/encoding.ts";
import { digestOf } from "../../store/keys.ts";
import type { Acquired, AcquireRefusal, AcquireRequest } from "../../store/session_store.ts";
import { afterwards, type StoreCallOptions } from "../../store/call.ts";
import { JOURNAL_NODE, journalNode, momentText } from "../../store/records/journal.ts";
import { shortToken } from "../../store/tokens.ts";
import type { IndexChange } from "./checks.ts";
import { Arguments, ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { headText, named, nameOf, readHead, readLatest } from "./fields.ts";
import { RedisGuard } from "./guard.ts";
import { changeIndex, followUps, indexCommand, readChanges } from "./index.ts";
import { type RedisKeys, spreadOf, stampOf, unescapePart } from "./keys.ts";
import { ACQUIRE } from "./lua/acquire.ts";
import { pageOf, type RawPage, readRawPage } from "./queue.ts";
import { phasesOf, readRows, snapshotOf, willText } from "./rows.ts";
import { repair, ringOf } from "./repair.ts";
import { leasesCommand, readLeases } from "./session.ts";
import { type ReplyReader, toText } from "./text.ts";

const REFUSALS = { s: "stale", b: "principal", e: "exists", o: "owned", u: "unsettled", q: "quota" } as const;

const DOING = "acquire a session";

/** What an acquire answers before its page is read. */
interface AcquireReply {
  /** Whether this token had it already. */
  readonly isRepeated: boolean;
  readonly changes: readonly IndexChange[];
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
  const short = toText(shortToken(request.token));
  const leases = context.cluster ? await announce(context, keys, request, call) : undefined;
  const taken = await ask(context, {
    script: ACQUIRE,
    ...argumentsOf(keys, request, { principal, short }, leases),
    doing: DOING,
    writes: true,
    read: (status, reader) => readAcquired(keys, request, status, reader),
  }, call);
  if ("outcome" in taken) return taken;
  if (context.cluster) await follow(context, keys, request, taken, call);
  const queue = await pageOf(context, clientId, taken.answer.guard.incarnation, taken.page);
  return { ...taken.answer, queue };
}

/** Writes, in a cluster, that the session is about to be taken, and reads until when nodes live. */
async function announce(
  context: RedisContext,
  keys: RedisKeys,
  { terms, nodeId, now }: AcquireRequest,
  call?: StoreCallOptions,
): Promise<ReadonlyMap<string, number>> {
  const checks = [{ part: keys.part(terms.clientId), nodeId }];
  const changes = context.checks.begin(checks, now);
  const replies = await sendAll(
    context,
    [...(changes.length === 0 ? [] : [indexCommand(keys, changes)]), leasesCommand(keys)],
    DOING,
    true,
    call,
  );
  context.checks.begun(checks, changes, now);
  return readLeases(replies.at(-1) ?? "", DOING);
}

/** Does, in a cluster, what was left to the caller; all of it anew if it comes again, for nobody knows how far it came. */
async function follow(
  context: RedisContext,
  keys: RedisKeys,
  { terms, nodeId, now }: AcquireRequest,
  { changes, isRepeated, answer }: AcquireReply,
  call?: StoreCallOptions,
): Promise<void> {
  const part = keys.part(terms.clientId);
  await followUps(context, keys, [{ part, changes }], call);
  if (!isRepeated) return;
  const { superseded } = answer;
  const rings = superseded === undefined || superseded.nodeId === nodeId
    ? []
    : [ringOf(superseded.nodeId, terms.clientId, now)];
  await afterwards(async () => {
    await changeIndex(context, keys, rings, call);
    await repair(context, [{ part, nodeId }], now, call);
  });
}

function argumentsOf(
  keys: RedisKeys,
  request: AcquireRequest,
  { principal, short }: { readonly principal: string; readonly short: string },
  leases: ReadonlyMap<string, number> | undefined,
): Arguments {
  const { terms, page } = request;
  const part = keys.part(terms.clientId);
  const call = new Arguments();
  for (const shared of ["owned", "due", "rings", "owed", "routes", "nodes", "places"] as const) {
    if (leases === undefined) call.key(keys.shared(shared));
    else call.key(shared === "owed" ? keys.besideOf(part, "owed") : undefined);
  }
  return call.key(leases && keys.besideOf(part, "left")).key(keys.rowsOf(part)).key(keys.logOf(part))
    .add(Math.ceil(request.now), stampOf(request.token))
    .add(leases?.size ?? 0, ...[...leases ?? []].flatMap(([nodeId, until]) => [named(nodeId), until]))
    .add(part, spreadOf(part), named(terms.clientId))
    .add(named(request.token), short, named(request.nodeId), named(request.incarnation), principal)
    .flag(terms.mustBeNew).flag(request.whenOwned === "refuse").flag(terms.cleanStart)
    .flag(terms.resumeAcrossVersions).flag(terms.releaseWillOnCleanStart).flag(request.isReload === true)
    .add(DECISIONS, terms.head.protocolVersion, headText({ ...terms.head, attached: true }), terms.sendAhead)
    .add(terms.will === undefined ? "" : willText(terms.will))
    .add(unescapePart(part) === undefined ? named(terms.clientId) : "")
    .add(page.messages, page.bytes)
    .add(momentText(request.now), journalNode(request.nodeId), JOURNAL_NODE)
    .add(leases === undefined ? request.quota ?? "" : "");
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
  if (Object.hasOwn(REFUSALS, status)) return { outcome: "refused", reason: REFUSALS[status as keyof typeof REFUSALS] };
  const latest = readLatest(key, reader.text());
  const incarnation = nameOf(reader.text());
  const epoch = reader.number();
  const version = reader.number();
  const head = readHead(key, reader.text(), reader.number());
  const fields = reader.list(() => reader.text());
  const pending = reader.text() === "1";
  const page = readRawPage(reader);
  const changes = readChanges(reader);
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
  const { ended, ...told } = latest;
  const isRepeated = status === "A";
  return {
    isRepeated,
    changes,
    answer: {
      outcome: "acquired",
      ...told,
      snapshot,
      guard,
      outboxPending: latest.resumed || isRepeated ? pending : false,
      // Who asks again is told to look: what was owed then is not kept.
      ...(ended === undefined ? {} : { ended: { ...ended, owes: isRepeated || pending } }),
    },
    page,
  };
}
