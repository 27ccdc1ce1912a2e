/**
 * Listing sessions, for people: first those that somebody owns, then the others.
 *
 * @module
 */
import { digestOf } from "../../store/keys.ts";
import { readJournal } from "../../store/records/journal.ts";
import type { DirectoryPage, DirectoryQuery, PrincipalUsage, SessionDirectory } from "../../store/directory.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { COUNTED, NAMES } from "./lua/indexing.ts";
import { readableSessions, readSessions, summaryOf } from "./session.ts";

/** The most pages of the index that one call reads, of which each may name no session: the next call goes on from there. */
const MAX_PAGES = 20;

/** The directory of a store. */
export function directory(context: RedisContext): SessionDirectory {
  return {
    list: (query) => list(context, query),
    ...(context.cluster ? {} : { usage: (principal, call) => usage(context, principal, call) }),
    inspect: async (clientId, call) => {
      call?.signal?.throwIfAborted();
      const keys = await keysFor(context, [clientId]);
      const [found] = await readSessions(context, keys, [keys.part(clientId)], call);
      return found && summaryOf(found);
    },
    journal: async (clientId, call) => {
      call?.signal?.throwIfAborted();
      const keys = await keysFor(context, [clientId]);
      const [reply] = await sendAll(
        context,
        [{ hmget: keys.log(clientId), fields: ["j"] }],
        "read a journal",
        false,
        call,
      );
      return readJournal(Array.isArray(reply) ? reply[0] ?? "" : "");
    },
  };
}

/** What the sessions of a principal hold that have a place. */
async function usage(context: RedisContext, principal: string, call?: StoreCallOptions): Promise<PrincipalUsage> {
  call?.signal?.throwIfAborted();
  const keys = await keysFor(context, []);
  const parts = await ask(context, {
    script: COUNTED,
    keys: [keys.shared("places")],
    args: [await digestOf(principal)],
    doing: "count sessions",
    writes: false,
    read: (_, reader) => {
      const names: string[] = [];
      while (reader.left > 0) names.push(reader.text());
      return names;
    },
  }, call);
  const found = parts.length === 0 ? [] : await readSessions(context, keys, parts, call);
  return { sessions: parts.length, queuedBytes: found.reduce((sum, each) => sum + (each?.bytes ?? 0), 0) };
}

/** A cursor is `o` and the last owned member, or `d` and how many of the others were seen. */
async function list(context: RedisContext, query: DirectoryQuery): Promise<DirectoryPage> {
  const { limit, cursor = "o" } = query;
  query.signal?.throwIfAborted();
  const keys = await keysFor(context, []);
  const names = async (which: "owned" | "due", from: string, most: number): Promise<string[]> =>
    await ask(context, {
      script: NAMES,
      keys: [keys.shared("owned"), keys.shared("due")],
      args: [which, from, most],
      doing: "list sessions",
      writes: false,
      read: (_, reader) => {
        const members: string[] = [];
        while (reader.left > 0) members.push(reader.text());
        return members;
      },
    }, query);
  const parts: string[] = [];
  let next: string | undefined = cursor;
  if (next.startsWith("o")) {
    const members = await names("owned", next.slice(1), limit);
    parts.push(...members.map((member) => member.slice(member.indexOf("/") + 1)));
    next = members.length < limit ? "d0" : `o${members.at(-1)}`;
  }
  for (let pages = 0; next?.startsWith("d") && parts.length < limit && pages < MAX_PAGES; pages++) {
    const seen: number = Number(next.slice(1));
    const most = limit - parts.length;
    const members = await names("due", String(seen), most);
    parts.push(...members.filter((member) => member.startsWith("s/")).map((member) => member.slice(2)));
    next = members.length < most ? undefined : `d${seen + members.length}`;
  }
  const found = parts.length === 0 ? [] : await readableSessions(context, keys, parts, query);
  const sessions = found.filter((each) => each !== undefined && each !== "unreadable").map(summaryOf);
  return { sessions, ...(next === undefined ? {} : { cursor: next }) };
}
