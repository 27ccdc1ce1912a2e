/**
 * What the changes of an owner's batch put and remove, folded: the later over the earlier.
 *
 * @module
 */
import type { SessionHead } from "../../machine/snapshot.ts";
import { DROP_REASONS } from "../../store/records/drops.ts";
import type { CommitBatch } from "../../store/session_store.ts";
import { headText, named } from "./fields.ts";
import type { GuardState } from "./guard.ts";
import { type RedisKeys, spreadOf } from "./keys.ts";
import { isRouted, markText, routeText, ROW, subscriptionText, willText } from "./rows.ts";

/** How long after a session's end its keys stay for those who work off what was due. Then they vanish by themselves. */
export const BROOM_MS: number = 30 * 24 * 3_600_000;

/** No interval is longer; Redis takes no end beyond its own range. */
const LONGEST_MS = 0xffff_ffff * 1_000;

/** A member of a routing list that comes or goes. */
export interface RouteChange {
  /** The filter as it stands in keys. */
  readonly field: string;
  readonly spread: number;
  /** Client and incarnation. */
  readonly name: string;
  /** `""` for one that goes. */
  readonly data: string;
}

/** The changes of a batch, as the script takes them. */
export interface FoldedChanges {
  /** Sequence and, of one that was lost, the number of its reason: else 0. */
  readonly removals: readonly (readonly [sequence: number, reason: number])[];
  readonly sentLimit: number | undefined;
  /** Fields of the log's key. */
  readonly fields: readonly string[];
  readonly fieldsGone: readonly string[];
  /** Between which sequences marks were put; `-` when there are none any more, `""` when nothing is new. */
  readonly marks: string;
  readonly ends: boolean;
  /** Fields of the rows that are put, each with its value. */
  readonly rowPuts: readonly string[];
  readonly rowGone: readonly string[];
  readonly routes: readonly RouteChange[];
  /** Members of the shared keys; those that are put follow their score. */
  readonly ownedGone: readonly string[];
  readonly duePuts: readonly string[];
  readonly dueGone: readonly string[];
  /** `""` leaves the keys' end as it is, `-` takes it away, else in how many milliseconds they end. */
  readonly expiry: string;
  /** What the owner knows afterwards, save epoch and version; `undefined` once the session has ended. */
  readonly after: GuardState | undefined;
}

/** Folds the changes of a batch. */
export function foldChanges(keys: RedisKeys, state: GuardState, { changes, now }: CommitBatch): FoldedChanges {
  const part = keys.part(state.clientId);
  const holder = `${part}/${named(state.incarnation)}`;
  const spread = spreadOf(part);
  const rows = new Map<string, string | undefined>();
  const routes = new Map<string, string>();
  const removals = new Map<number, number>();
  const marks = new Map(state.marks);
  const markRows = new Map<number, string | undefined>();
  let head: SessionHead = state.head;
  let isHeadPut = false;
  let sentLimit: number | undefined;
  let ends = false;
  fold: for (const change of changes) {
    switch (change.type) {
      case "putHead":
        head = change.head;
        ({ sentLimit } = change.head);
        isHeadPut = true;
        break;
      case "putSentLimit":
        head = { ...head, sentLimit: change.sentLimit };
        ({ sentLimit } = change);
        break;
      case "putWill":
        rows.set(ROW.will, willText(change.will));
        break;
      case "deleteWill":
        rows.set(ROW.will, undefined);
        break;
      case "putSubscription": {
        const { filter, subscription } = change;
        const field = keys.part(filter);
        rows.set(ROW.subscription(filter, field), subscriptionText(filter, subscription));
        if (isRouted(filter)) routes.set(field, routeText(subscription));
        break;
      }
      case "deleteSubscription": {
        const field = keys.part(change.filter);
        rows.set(ROW.subscription(change.filter, field), undefined);
        if (isRouted(change.filter)) routes.set(field, "");
        break;
      }
      case "putOutboundMark":
        markRows.set(change.sequence, markText(change.mark));
        marks.set(change.sequence, change.mark.phase);
        break;
      case "deleteOutboundMark":
        markRows.set(change.sequence, undefined);
        marks.delete(change.sequence);
        break;
      case "deleteQueued":
        if (marks.get(change.sequence) === "sent") {
          markRows.set(change.sequence, undefined);
          marks.delete(change.sequence);
        }
        if (!removals.has(change.sequence)) {
          removals.set(change.sequence, change.dropped === undefined ? 0 : DROP_REASONS.indexOf(change.dropped) + 1);
        }
        break;
      case "putInboundId":
        rows.set(ROW.inbound(change.packetId), "1");
        break;
      case "deleteInboundId":
        rows.set(ROW.inbound(change.packetId), undefined);
        break;
      case "putQuarantine":
        rows.set(ROW.quarantine(change.packetId), "1");
        break;
      case "deleteQuarantine":
        rows.set(ROW.quarantine(change.packetId), undefined);
        break;
      case "endSession":
        ends = true;
        break fold;
      default:
        change satisfies never;
    }
  }
  const puts = [...rows].flatMap(([field, value]) => value === undefined ? [] : [field, value]);
  return {
    removals: [...removals],
    sentLimit,
    fields: [
      ...(isHeadPut ? ["h", headText(head), ...(head.attached ? [] : ["n", ""])] : []),
      ...[...markRows].flatMap(([sequence, text]) => text === undefined ? [] : [ROW.mark(sequence), text]),
    ],
    fieldsGone: [...markRows].flatMap(([sequence, text]) => text === undefined ? [ROW.mark(sequence)] : []),
    marks: spanOf(marks, markRows),
    ends,
    rowPuts: puts,
    rowGone: [...rows].flatMap(([field, value]) => value === undefined ? [field] : []),
    routes: Array.from(routes, ([field, data]) => ({ field, spread, name: holder, data })),
    ...indexChanges(state, part, ends ? undefined : head, isHeadPut || ends),
    expiry: head.attached || ends || !(isHeadPut || puts.length > 0) ? "" : expiryOf(head, now),
    after: ends ? undefined : { ...state, head, marks },
  };
}

function spanOf(marks: ReadonlyMap<number, unknown>, changed: ReadonlyMap<number, string | undefined>): string {
  if (changed.size === 0) return "";
  if (marks.size === 0) return "-";
  let low = Infinity;
  let high = 0;
  for (const [sequence, text] of changed) {
    if (text === undefined) continue;
    low = Math.min(low, sequence);
    high = Math.max(high, sequence);
  }
  return high === 0 ? "" : `${low} ${high}`;
}

/** When somebody has to look at a session that nobody owns, as a score: infinite when never. */
export function dueMoment({ endsAt = Infinity, willDueAt = Infinity }: SessionHead): string {
  const moment = Math.min(endsAt, willDueAt);
  return moment === Infinity ? "+inf" : String(Math.ceil(moment));
}

/** Counted from the caller's clock, which need not be the server's. */
export function expiryOf({ endsAt }: SessionHead, now: number): string {
  if (endsAt === undefined) return "-";
  return String(Math.min(Math.max(0, Math.ceil(endsAt - now)), LONGEST_MS) + BROOM_MS);
}

/** A session stands in `owned` while somebody owns it, and in `due` while nobody does, also when it never ends. */
function indexChanges(
  { head: before, nodeId }: GuardState,
  part: string,
  head: SessionHead | undefined,
  changes: boolean,
): Pick<FoldedChanges, "ownedGone" | "duePuts" | "dueGone"> {
  if (!changes) return { ownedGone: [], duePuts: [], dueGone: [] };
  const due = `s/${part}`;
  const isLeft = before.attached && !head?.attached;
  return {
    ownedGone: isLeft ? [`${named(nodeId)}/${part}`] : [],
    duePuts: head === undefined || head.attached ? [] : [dueMoment(head), due],
    dueGone: head === undefined && !before.attached ? [due] : [],
  };
}
