/**
 * Mending the index from a session, after its check has fallen due.
 *
 * @module
 */
import type { StoreCallOptions } from "../../store/session_store.ts";
import { dueMoment } from "./changes.ts";
import { type Check, checkMember, type IndexChange } from "./checks.ts";
import { keysFor, type RedisContext, sendAll } from "./context.ts";
import { named, nameOf } from "./fields.ts";
import { changeIndex, forgetLeft } from "./index.ts";
import { type RedisKeys, spreadOf } from "./keys.ts";
import { BESIDE } from "./lua/indexing.ts";
import { isRouted, routeText } from "./rows.ts";
import { type ReadSession, readSessions } from "./session.ts";
import { readReply } from "./text.ts";

/** What stands beside a session, in a cluster. */
interface Beside {
  /** Its outboxes. */
  readonly outboxes: readonly string[];
  /** Subscriptions that may still be routed: incarnation and filter as they stand in keys. */
  readonly left: readonly (readonly [incarnation: string, filter: string])[];
}

/** Mends the index from sessions, and takes their checks away. */
export async function repair(
  context: RedisContext,
  checks: readonly Check[],
  now: number,
  call?: StoreCallOptions,
): Promise<void> {
  if (checks.length === 0) return;
  const keys = await keysFor(context, []);
  const parts = checks.map(({ part }) => part);
  const [sessions, beside] = await Promise.all([
    readSessions(context, keys, parts, call),
    readBeside(context, keys, parts, call),
  ]);
  const filters = sessions.flatMap((session) => [...session?.rows.subscriptions.keys() ?? []]);
  await keys.prepare(filters);
  const changes = checks.flatMap((check, index) => changesFor(keys, check, sessions[index], beside[index], now));
  await changeIndex(context, keys, changes, call);
  const forgotten = parts.flatMap((part, index) => {
    const { left } = beside[index] ?? NOTHING;
    return left.length === 0 ? [] : [forgetLeft(keys, part, left.map((each) => each.join("/")))];
  });
  if (forgotten.length > 0) await sendAll(context, forgotten, "mend the index", true, call);
  await changeIndex(
    context,
    keys,
    checks.map(({ part, nodeId }): IndexChange => {
      return { key: "due", command: "SETTLE", args: [checkMember(part, nodeId), Math.floor(now)] };
    }),
    call,
  );
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
      const outboxes = Array.from({ length: reader.number() }, () => reader.text());
      const left: (readonly [string, string])[] = [];
      while (reader.left > 0) {
        const [incarnation = "", filter = ""] = reader.text().split("/");
        reader.text();
        left.push([incarnation, filter]);
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
    const full = named(session?.clientId ?? "");
    changes.push({ key: "rings", command: "ZADD", args: [0, `${named(owner)}/${full}/${Math.floor(now)}`] });
  }
  if (owner !== nodeId) changes.push({ key: "owned", command: "ZREM", args: [`${named(nodeId)}/${part}`] });
  if (session === undefined || owner !== undefined) changes.push({ key: "due", command: "ZREM", args: [member] });
  else changes.push({ key: "due", command: "ZADD", args: [dueMoment(session.head), member] });
  const spread = spreadOf(part);
  const subscriptions = [...session?.rows.subscriptions ?? []].filter(([filter]) => isRouted(filter));
  const holder = `${part}/${named(session?.incarnation ?? "")}`;
  const routed = subscriptions.map(([filter, options]) => [keys.part(filter), spread, holder, routeText(options)]);
  const kept = new Set(routed.map(([field]) => `${named(session?.incarnation ?? "")}/${field}`));
  const gone = left.filter((each) => !kept.has(each.join("/")))
    .map(([incarnation, field]) => [field, spread, `${part}/${incarnation}`, ""]);
  const routes = [...gone, ...routed].flat();
  if (routes.length > 0) changes.push({ key: "routes", command: "CHANGE", args: routes });
  for (const id of outboxes) {
    changes.push({ key: "due", command: "ZADD", args: ["NX", Math.floor(now), `o/${id}`] });
    changes.push({ key: "debtors", command: "HSET", args: [id, `=${part}`] });
  }
  return changes;
}

/** The check that stands among what is due. */
export function readCheck(member: string): Check {
  const [, part = "", nodeId = ""] = member.split("/");
  return { part, nodeId: nameOf(nodeId) };
}
