/**
 * Listing sessions that are of interest, page by page.
 *
 * @module
 */
import type { DirectoryPage, SessionSummary } from "../store/directory.ts";
import type { SessionStore } from "../store/session_store.ts";

/** Which sessions are listed: those of which all that is given is true. */
export interface SessionFilter {
  /** How the Client Identifier begins. */
  readonly clientIdPrefix?: string;
  /** What the whole Client Identifier looks like: `*` stands for any characters, `?` for one. */
  readonly clientIdPattern?: string;
  /** Whether a connection owns it. */
  readonly attached?: boolean;
  /** The version of the latest connection: 4 is MQTT 3.1.1. */
  readonly protocolVersion?: 4 | 5;
  /** It ends before this moment, in epoch milliseconds. */
  readonly endsBefore?: number;
  /** Whether it never ends by time alone; one that a connection owns has no end yet, and counts as such. */
  readonly neverEnds?: boolean;
  /** It holds at least so many messages. */
  readonly minimumQueued?: number;
  /** It has lost at least so many messages. */
  readonly minimumDropped?: number;
}

/** A page of a listing. */
export interface ListQuery extends SessionFilter {
  /** At most so many sessions. Default: 100. */
  readonly limit?: number;
  /** Where the last page ended. */
  readonly cursor?: string;
  /** Checked before each call of the store. */
  readonly signal?: AbortSignal;
}

/** So many pages of the directory are looked through at a time; the next call goes on from there. */
const PAGES_A_CALL = 50;

/** The size of such a page. */
const PAGE = 100;

/** Lists sessions. A page with a cursor may hold few of them, or none: the next one goes on. */
export async function listSessions(store: SessionStore, query: ListQuery): Promise<DirectoryPage> {
  const { limit = 100, signal, ...filter } = query;
  if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`Cannot list sessions: the limit is ${limit}`);
  const isWanted = filterOf(filter);
  const sessions: SessionSummary[] = [];
  let { cursor } = query;
  for (let pages = 0; pages < PAGES_A_CALL; pages++) {
    const page = await store.directory.list({
      // No more than there is room for: a page is taken whole, or its cursor would pass over what is left.
      limit: Math.min(PAGE, limit - sessions.length),
      ...(cursor === undefined ? {} : { cursor }),
      ...(signal === undefined ? {} : { signal }),
    });
    sessions.push(...page.sessions.filter(isWanted));
    cursor = page.cursor;
    if (cursor === undefined || sessions.length >= limit) break;
  }
  return { sessions, ...(cursor === undefined ? {} : { cursor }) };
}

/** Whether a session is of interest. */
export function filterOf(filter: SessionFilter): (summary: SessionSummary) => boolean {
  const { clientIdPrefix = "", clientIdPattern, attached, protocolVersion, endsBefore, neverEnds } = filter;
  const { minimumQueued = 0, minimumDropped = 0 } = filter;
  return (summary) => {
    const endsAt = summary.attached ? undefined : summary.endsAt;
    const { clientId } = summary;
    if (!clientId.startsWith(clientIdPrefix)) return false;
    if (clientIdPattern !== undefined && !looksLike(clientIdPattern, clientId)) return false;
    if (attached !== undefined && summary.attached !== attached) return false;
    if (protocolVersion !== undefined && summary.protocolVersion !== protocolVersion) return false;
    if (endsBefore !== undefined && !(endsAt !== undefined && endsAt < endsBefore)) return false;
    if (neverEnds !== undefined && (endsAt === undefined) !== neverEnds) return false;
    if (summary.queuedMessages < minimumQueued) return false;
    return minimumDropped === 0 || droppedBy(summary) >= minimumDropped;
  };
}

function droppedBy({ dropped }: SessionSummary): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

/** Whether a text is as a pattern says: in one pass, going back to the latest `*` alone, so that no pattern takes long. */
function looksLike(pattern: string, text: string): boolean {
  let place = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < text.length;) {
    const wanted = pattern[place];
    if (wanted === "*") {
      star = place++;
      resume = index;
    } else if (wanted === "?" || wanted === text[index]) {
      place++;
      index++;
    } else if (star >= 0) {
      place = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[place] === "*") place++;
  return place === pattern.length;
}
