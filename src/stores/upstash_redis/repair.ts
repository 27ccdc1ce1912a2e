/**
 * Mending the index from a session, after its check has fallen due.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/call.ts";
import { dueMoment } from "./changes.ts";
import { type Check, checkMember, type IndexChange } from "./checks.ts";
import { keysFor, type RedisContext, sendAll } from "./context.ts";
import { named, nameOf } from "./fields.ts";
import { changeIndex } from "./index.ts";
import { type RedisKeys, spreadOf } from "./keys.ts";
import { BESIDE, FORGET } from "./lua/indexing.ts";
import { isRouted, routeText } from "./rows.ts";
import { readableSessions, type ReadSession } from "./session.ts";
import { readReply } from "./text.ts";
import type { Command } from "./transport.ts";

/** What stands beside a session, in a cluster. */
interface Beside {
  /** Its outboxes. */
  readonly outboxes: readonly string[];
  /** Subscriptions that may still be routed: incarnation and filter as they stand in keys. */
  readonly left: readonly (readonly [incarnation: string, filter: string, mark: string])[];
}

/** How often it is read again whether somebody else changed what was mended. */
const ROUNDS = 5;

/**
 * Mends the index from sessions, and takes their checks away.
 *
 * Their owners go on meanwhile, so that what was read may be old by the time it is written. It is read again until it
 * stands still; a check whose session does not is left for later.
 */
export async function repair(
  context: RedisContext,
  checks: readonly Check[],
  now: number,
  call?: StoreCallOptions,
): Promise<void> {
  if (checks.length === 0) return;
  const keys = await keysFor(context, []);
  let pending = checks;
  let before = new Map<Check, string>();
  for (let round = 0; round < ROUNDS && pending.length > 0; round++) {
    const found = await readAll(context, keys, pending, call);
    const moving = found.filter(({ check, session, beside }) => {
      return before.get(check) !== seenOf(changesFor(keys, check, session, beside, 0));
    });
    const changes = moving.flatMap(({ check, session, beside }) => changesFor(keys, check, session, beside, now));
    await changeIndex(context, keys, changes, call);
    const forgotten = moving.flatMap(({ check, beside }) => {
      const left = beside.left.flatMap(([incarnation, filter, mark]) => [`${incarnation}/${filter}`, mark]);
      return left.length === 0 ? [] : [forgetLeft(keys, check.part, left)];
    });
    if (forgotten.length > 0) await sendAll(context, forgotten, "mend the index", true, call);
    before = new Map(
      moving.map(({ check, session, beside }) => {
        // What was forgotten is not seen again.
        return [check, seenOf(changesFor(keys, check, session, { ...beside, left: [] }, 0))];
      }),
    );
    pending = moving.map(({ check }) => check);
  }
  const settled = checks.filter((check) => !pending.includes(check));
  await changeIndex(
    context,
    keys,
    settled.map(({ part, nodeId }): IndexChange => {
      return { key: "due", command: "SETTLE", args: [checkMember(part, nodeId), Math.floor(now)] };
    }),
    call,
  );
}

/** What is compared to tell whether a session stood still. */
function seenOf(changes: readonly IndexChange[]): string {
  return JSON.stringify(changes);
}

/** A session that is mended from, as far as it can be read. */
interface Found {
  readonly check: Check;
  readonly session: ReadSession | undefined;
  readonly beside: Beside;
}

/** Reads sessions: first what is left over beside them, which they say whether to keep. Unreadable ones are passed over. */
async function readAll(
  context: RedisContext,
  keys: RedisKeys,
  checks: readonly Check[],
  call?: StoreCallOptions,
): Promise<Found[]> {
  const parts = checks.map(({ part }) => part);
  const beside = await readBeside(context, keys, parts, call);
  const sessions = await readableSessions(context, keys, parts, call);
  await keys.prepare(
    sessions.flatMap((each) => each === undefined || each === "unreadable" ? [] : [...each.rows.subscriptions.keys()]),
  );
  return checks.flatMap((check, index): Found[] => {
    const session = sessions[index];
    return session === "unreadable" ? [] : [{ check, session, beside: beside[index] ?? NOTHING }];
  });
}

const NOTHING: Beside = { outboxes: [], left: [] };

async function readBeside(
  context: RedisContext,
  keys: RedisKeys,
  parts: readonly string[],
  call?: StoreCallOptions,
): Promise<Beside[]> {
  const doing = "mend the index";
  const commands = parts.map((part) => ({
    script: BESIDE,
    keys: [keys.besideOf(part, "owed"), keys.besideOf(part, "left")],
    args: [],
  }));
  const replies = await sendAll(context, commands, doing, false, call);
  return replies.map((reply) =>
    readReply(reply, doing, (reader) => {
      reader.text();
      const outboxes = reader.list(() => reader.text());
      const left: (readonly [string, string, string])[] = [];
      while (reader.left > 0) {
        const [incarnation = "", filter = ""] = reader.text().split("/");
        left.push([incarnation, filter, reader.text()]);
      }
      return { outboxes, left };
    })
  );
}

function changesFor(
  keys: RedisKeys,
  { part, nodeId }: Check,
  session: ReadSession | undefined,
  { outboxes, left }: Beside = NOTHING,
  now: number,
): IndexChange[] {
  const member = `s/${part}`;
  const owner = session?.head.attached ? session.nodeId : undefined;
  const changes: IndexChange[] = [];
  if (owner !== undefined) {
    changes.push({ key: "owned", command: "ZADD", args: [0, `${named(owner)}/${part}`] });
    // Without a row of its node nobody would notice that the node is gone.
    changes.push({ key: "nodes", command: "ZADD", args: ["NX", 0, named(owner)] });
    // Its doorbell may not have been rung.
    changes.push(ringOf(owner, session?.clientId ?? "", now));
  }
  if (owner !== nodeId) changes.push({ key: "owned", command: "ZREM", args: [`${named(nodeId)}/${part}`] });
  if (session === undefined || owner !== undefined) changes.push({ key: "due", command: "ZREM", args: [member] });
  else changes.push({ key: "due", command: "ZADD", args: [dueMoment(session.head), member] });
  const spread = spreadOf(part);
  const subscriptions = [...session?.rows.subscriptions ?? []].filter(([filter]) => isRouted(filter));
  const holder = `${part}/${named(session?.incarnation ?? "")}`;
  const routed = subscriptions.map(([filter, options]) => [keys.part(filter), spread, holder, routeText(options)]);
  const kept = new Set(routed.map(([field]) => `${named(session?.incarnation ?? "")}/${field}`));
  const gone = left.filter(([incarnation, filter]) => !kept.has(`${incarnation}/${filter}`))
    .map(([incarnation, field]) => [field, spread, `${part}/${incarnation}`, ""]);
  const routes = [...gone, ...routed].flat();
  if (routes.length > 0) changes.push({ key: "routes", command: "CHANGE", args: routes });
  for (const id of outboxes) {
    changes.push({ key: "due", command: "ZADD", args: ["NX", Math.floor(now), `o/${id}`] });
    changes.push({ key: "debtors", command: "HSET", args: [id, `=${part}`] });
  }
  return changes;
}

/** Rings for a client at a node. */
export function ringOf(nodeId: string, clientId: string, now: number): IndexChange {
  return { key: "rings", command: "ZADD", args: [0, `${named(nodeId)}/${named(clientId)}/${Math.floor(now)}`] };
}

/** Forgets subscriptions that are not routed any more: fields, each with the mark that it was found with. */
function forgetLeft(keys: RedisKeys, part: string, fields: readonly string[]): Command {
  return { script: FORGET, keys: [keys.besideOf(part, "left")], args: [String(fields.length / 2), ...fields] };
}

/** The check that stands among what is due. */
export function readCheck(member: string): Check {
  const [, part = "", nodeId = ""] = member.split("/");
  return { part, nodeId: nameOf(nodeId) };
}
