/**
 * Changes of the keys that all sessions share, where scripts cannot make them: in a cluster they live in another slot.
 *
 * Before a session changes so that one of these must follow, a check of it is written: should the process die in between,
 * the check falls due, and whoever works off what is due mends the index from the session. So the index may be late and
 * name too much, never too little for good.
 *
 * @module
 */
import { afterwards, type StoreCallOptions } from "../../store/call.ts";
import { Arguments, type RedisContext, sendAll } from "./context.ts";
import type { IndexChange } from "./checks.ts";
import type { RedisKeys, SharedKey } from "./keys.ts";
import { INDEXING } from "./lua/indexing.ts";
import type { ReplyReader } from "./text.ts";
import type { Command } from "./transport.ts";

/** Reads what a script leaves to its caller. */
export function readChanges(reader: ReplyReader): IndexChange[] {
  return reader.list(() => {
    const key = reader.text();
    const command = reader.text();
    const args = reader.list(() => reader.text());
    return { key: KEY_NAMES[key] ?? "due", command, args };
  });
}

/** The keys as scripts call them, which know no MQTT. */
const KEY_NAMES: Partial<Record<string, SharedKey>> = {
  members: "routes",
  owned: "owned",
  due: "due",
  rings: "rings",
  nodes: "nodes",
  owed: "owed",
};

/** The command that makes changes. */
export function indexCommand(keys: RedisKeys, changes: readonly IndexChange[]): Command {
  const call = new Arguments().add(changes.length);
  for (const { key, command, args } of changes) call.key(keys.shared(key)).add(command).list(args);
  return { script: INDEXING, keys: call.keys, args: call.args };
}

/** Makes changes, if there are any. */
export async function changeIndex(
  context: RedisContext,
  keys: RedisKeys,
  changes: readonly IndexChange[],
  call?: StoreCallOptions,
): Promise<void> {
  if (changes.length === 0) return;
  await sendAll(context, [indexCommand(keys, changes)], "change the index", true, call);
}

/** The changes that go with those of a session: whose outbox it is that falls due, or does no more. */
function withDebtors(part: string, changes: readonly IndexChange[]): readonly IndexChange[] {
  const more = changes.flatMap(({ key, command, args }): IndexChange[] => {
    if (key !== "due") return [];
    const ids = args.filter((arg) => String(arg).startsWith("o/")).map((member) => String(member).slice(2));
    if (ids.length === 0) return [];
    return command === "ZADD"
      ? [{ key: "debtors", command: "HSET", args: ids.flatMap((id) => [id, `=${part}`]) }]
      : [{ key: "debtors", command: "HDEL", args: ids }];
  });
  return [...changes, ...more];
}

/** What the scripts of a session left to their caller. */
export interface Left {
  /** The session's part of keys. */
  readonly part: string;
  readonly changes: readonly IndexChange[];
}

/**
 * Makes the changes that scripts left to their caller. The scripts have run: whatever fails now, something happened.
 *
 * @throws {SessionError} `OUTCOME_UNKNOWN`, whatever the request itself proves.
 */
export async function followUps(
  context: RedisContext,
  keys: RedisKeys,
  lefts: readonly Left[],
  call?: StoreCallOptions,
): Promise<void> {
  const changes = lefts.flatMap((left) => withDebtors(left.part, left.changes));
  for (const { key, command, args } of changes) {
    if (key === "debtors") context.debtors.note(command === "HSET", args.map(String));
  }
  await afterwards(() => changeIndex(context, keys, changes, call));
}
