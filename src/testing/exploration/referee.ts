/**
 * Watches a run: what each step changes must be what the call in progress means, all of it and once; what a call answers
 * must be what it means in a state that was there while it went on.
 */
import type {
  Acquired,
  AcquireRefusal,
  AcquireRequest,
  CommitBatch,
  CommitResult,
  Guard,
  OutboxEntry,
  QueuePage,
  QueuePosition,
  StoredSession,
} from "../../store/session_store.ts";
import type { DueOptions, DueWork } from "../../store/due_work.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import type { InterceptedCall } from "../intercept.ts";
import {
  acquireDiffers,
  commitDiffers,
  type Difference,
  dueDiffers,
  matchesDiffer,
  outboxDiffers,
  pageDiffers,
  readDiffers,
} from "./answers.ts";
import {
  EMPTY_LEDGER,
  forgetful,
  type Ledger,
  type Meant,
  type MeantAcquire,
  meantByAcquire,
  meantByCommit,
  type MeantCommit,
} from "./model.ts";
import { type Look, type Shown, textOfShown } from "./shown.ts";

/** The state at a moment. */
interface Moment {
  readonly look: Look;
  readonly ledger: Ledger;
}

/** What a call did. */
export interface Effect {
  /** What that can have meant: more than one thing where a store may go by an owner that has just gone. */
  readonly meant: readonly Meaning[];
  /** What it should answer, for each of them. */
  readonly answers: readonly unknown[];
  readonly after: Shown;
  /** How many moments there were before it. */
  readonly at: number;
}

/** What a call means; `undefined` for one that changes nothing that is shown. */
type Meaning = Meant<MeantAcquire | MeantCommit> | undefined;

/** A call of the port that goes on. */
export interface OpenCall {
  readonly call: InterceptedCall;
  /** The states since its first step; empty before it. */
  readonly moments: readonly Moment[];
  /** What it has done. */
  readonly effect?: Effect;
}

/** All that the referee knows at a moment: never changed in place, so that a run can go on from any of them. */
export interface Judgement {
  readonly now: Moment;
  /** By actor. */
  readonly open: ReadonlyMap<string, OpenCall>;
}

/** Something that must not be. */
export class Violation extends Error {
  /** What happened before, where the run that it ended cannot be asked. */
  readonly lines: readonly string[] | undefined;

  constructor(message: string, lines?: readonly string[]) {
    super(message);
    this.lines = lines;
  }
}

/** The first judgement. */
export function begin(look: Look): Judgement {
  return check({ now: { look, ledger: EMPTY_LEDGER }, open: new Map() });
}

/** An actor calls the port. */
export function called(judgement: Judgement, actor: string, call: InterceptedCall): Judgement {
  return { ...judgement, open: new Map(judgement.open).set(actor, { call, moments: [] }) };
}

/** An actor crashed. */
export function crashed(judgement: Judgement, actor: string): Judgement {
  const open = new Map(judgement.open);
  open.delete(actor);
  return { ...judgement, open };
}

/** A step of an actor was carried out, and left this. */
export function stepped(judgement: Judgement, actor: string, look: Look): Judgement {
  const { now } = judgement;
  const own = judgement.open.get(actor);
  let ledger = now.ledger;
  let next = own;
  if (own?.call.name === "sweep") ledger = forgetful(ledger);
  if (look.text !== now.look.text || hasMoved(now.look.shown, look.shown)) {
    if (own === undefined) throw new Violation("the store changes though no call of this actor goes on");
    if (own.effect !== undefined) throw new Violation(`${own.call.name} changes the store a second time`);
    const possible = [now, ...own.moments].map((owners) => meantBy(now, own.call, owners.look.shown));
    const meant = possible.filter((each) => textAfter(now, each) === look.text);
    if (meant.length === 0) {
      const expected = textAfter(now, possible[0]);
      throw new Violation(`${own.call.name} changes what it should not, or not all:\n${apart(expected, look.text)}`);
    }
    checkNumbers(now.look.shown, look.shown, own.call);
    ledger = meant[0]?.ledger ?? ledger;
    next = {
      ...own,
      effect: {
        meant,
        answers: meant.map((each) => each?.answer),
        after: look.shown,
        at: Math.max(1, own.moments.length),
      },
    };
  }
  const moment: Moment = { look, ledger };
  const open = new Map<string, OpenCall>();
  for (const [name, each] of judgement.open) {
    if (name === actor && next !== undefined) {
      const before = each.moments.length === 0 ? [now] : each.moments;
      open.set(name, { ...next, moments: [...before, moment] });
    } else open.set(name, each.moments.length === 0 ? each : { ...each, moments: [...each.moments, moment] });
  }
  return check({ now: moment, open });
}

/** An actor's call of the port was answered. */
export function answered(judgement: Judgement, actor: string, outcome: PromiseSettledResult<unknown>): Judgement {
  const own = judgement.open.get(actor);
  if (own === undefined) throw new Violation("an answer came to no call");
  const open = new Map(judgement.open);
  open.delete(actor);
  const next = { ...judgement, open };
  // A call that failed may have done what it should, or nothing: that it did no other is known already.
  if (outcome.status === "rejected") return next;
  if (own.effect !== undefined) {
    const { meant, after, at } = own.effect;
    const since = own.moments.slice(at).map(({ look }) => look.shown);
    const differences = meant.map((each) => answerDiffers(own.call, each, after, since, outcome.value));
    if (differences.includes(undefined)) return next;
    throw new Violation(`${own.call.name} answers wrongly: ${differences[0]}`);
  }
  let first: Difference;
  const moments = own.moments.length === 0 ? [judgement.now] : own.moments.toReversed();
  if (own.call.name === "listDue") {
    const [now, options] = own.call.args as [number, DueOptions];
    const difference = dueDiffers(moments.map(({ look }) => look), now, options, outcome.value as readonly DueWork[]);
    if (difference !== undefined) throw new Violation(`listDue answers wrongly: ${difference}`);
    return next;
  }
  const since = moments.map(({ look }) => look.shown);
  for (const moment of moments) {
    const meant = meantBy(moment, own.call);
    const difference = textAfter(moment, meant) !== moment.look.text
      ? "it should have changed something"
      : answerDiffers(own.call, meant, moment.look.shown, since, outcome.value);
    if (difference === undefined) return next;
    first ??= difference;
  }
  if (isOvertaken(judgement, own.call, outcome.value)) return next;
  throw new Violation(`${own.call.name} answers what was never so: ${first}`);
}

/**
 * Whether a look at a session was overtaken. It may then be of several moments, since its guard is good for nothing any
 * more: whoever commits under it is superseded.
 */
function isOvertaken({ now }: Judgement, { name }: InterceptedCall, found: unknown): boolean {
  if (name !== "read" && name !== "acquire") return false;
  // What was found is the answer of the call of this name.
  const guard = (found as { readonly guard?: Guard } | undefined)?.guard;
  const session = guard && now.look.shown.sessions.get(guard.clientId);
  return guard !== undefined && (session?.snapshot.incarnation !== guard.incarnation ||
    session.epoch !== guard.epoch || session.version !== guard.version);
}

/** The text of the state that should be there after a call. */
function textAfter(before: Moment, meant: Meaning): string {
  return meant === undefined ? before.look.text : textOfShown(meant.shown);
}

function check(judgement: Judgement): Judgement {
  const { wrong } = judgement.now.look;
  if (wrong !== undefined) throw new Violation(wrong);
  return judgement;
}

/** Whether guards that were valid are so no more, or a lease is another, though the state shows nothing else. */
function hasMoved(before: Shown, after: Shown): boolean {
  for (const [clientId, session] of after.sessions) {
    const earlier = before.sessions.get(clientId);
    if (earlier?.epoch !== session.epoch || earlier.version !== session.version) return true;
  }
  return false;
}

/** Numbers of owner and commits only rise, and rise when they have to. */
function checkNumbers(before: Shown, after: Shown, { name, args }: InterceptedCall): void {
  for (const [clientId, session] of after.sessions) {
    const earlier = before.sessions.get(clientId);
    if (earlier === undefined || earlier.snapshot.incarnation !== session.snapshot.incarnation) continue;
    const own = ownOf(name, args);
    const isOwn = own?.clientId === clientId;
    const epochRises = session.epoch > earlier.epoch;
    const versionRises = session.version > earlier.version;
    if (session.epoch < earlier.epoch || session.version < earlier.version) {
      throw new Violation(`${name} lowers the epoch or version of ${clientId}`);
    }
    if (epochRises !== (isOwn && own.raises)) throw new Violation(`${name} leaves the epoch ${session.epoch}`);
    if (versionRises !== isOwn) throw new Violation(`${name} leaves the version ${session.version}`);
  }
}

/** Whose session a call changes as its owner or in its owner's place, and whether the owner changes. */
function ownOf(
  name: string,
  args: readonly unknown[],
): { readonly clientId: string; readonly raises: boolean } | undefined {
  if (name === "acquire") return { clientId: (args[0] as AcquireRequest).terms.clientId, raises: true };
  if (name !== "commit") return undefined;
  const [batch] = args[0] as readonly CommitBatch[];
  if (batch?.guard === undefined) return undefined;
  return { clientId: batch.guard.clientId, raises: batch.raiseEpoch !== undefined };
}

/** What a call means in a state. */
function meantBy({ look, ledger }: Moment, { name, args }: InterceptedCall, owners = look.shown): Meaning {
  // The names are those of the port, so the arguments are too.
  if (name === "acquire") return meantByAcquire(look.shown, ledger, args[0] as AcquireRequest);
  if (name !== "commit") return undefined;
  const [batch, ...others] = args[0] as readonly CommitBatch[];
  if (batch === undefined || others.length > 0) throw new Error("Cannot explore: a commit holds one batch here");
  return meantByCommit(look.shown, ledger, batch, owners);
}

/** What is wrong with an answer. */
function answerDiffers(
  { name, args }: InterceptedCall,
  meant: Meaning,
  after: Shown,
  since: readonly Shown[],
  found: unknown,
): Difference {
  // What is meant was made for the call of this name, and what was found is its answer.
  switch (name) {
    case "acquire":
      return acquireDiffers(meant as Meant<MeantAcquire>, after, since, found as Acquired | AcquireRefusal);
    case "commit": {
      const [result] = found as readonly CommitResult[];
      return result === undefined ? "there is none" : commitDiffers(meant as Meant<MeantCommit>, after, result);
    }
    case "read":
      return readDiffers(after, args[0] as string, found as StoredSession | undefined);
    case "readQueue":
      return pageDiffers(since, args[0] as Guard, (args[1] as QueuePosition).after, found as QueuePage);
    case "readOutbox":
      return outboxDiffers(after, args[0] as string, args[1] as number, found as readonly OutboxEntry[]);
    case "matchSubscriptions":
      return matchesDiffer(after, args[0] as readonly string[], found as readonly (readonly SubscriptionMatch[])[]);
    default:
      return undefined;
  }
}

/** The lines of two texts that differ. */
function apart(expected: string, found: string): string {
  const [some, others] = [expected.split("\n"), found.split("\n")];
  const lines = [
    ...some.filter((line) => !others.includes(line)).map((line) => `  expected ${line}`),
    ...others.filter((line) => !some.includes(line)).map((line) => `  found    ${line}`),
  ];
  return lines.join("\n") || "  the guards of the session";
}
