/**
 * Mending what an examination has found, one session at a time, while it stands as it was read.
 *
 * @module
 */
import type { ExamineQuery, Finding, FindingKind } from "../../store/maintenance.ts";
import type { IndexChange } from "./checks.ts";
import { Arguments, ask, type RedisContext } from "./context.ts";
import { named, nameOf } from "./fields.ts";
import { changeIndex } from "./index.ts";
import { type RedisKeys, type SharedKey, unescapePart } from "./keys.ts";
import { MEND } from "./lua/examining.ts";
import { NAMES } from "./lua/indexing.ts";
import { repair } from "./repair.ts";
import type { ReadSession } from "./session.ts";

/** What it is all for, in messages. */
export const DOING = "examine the store";

/** The places of the shared keys in the script that mends. */
const MEND_PLACE: Partial<Record<SharedKey, number>> = { owned: 2, due: 3, nodes: 4, places: 6 };

/** A session by its part of keys, as it was read. */
export interface Seen {
  readonly part: string;
  readonly session: ReadSession | undefined;
}

/** What is wrong with a session, and what would mend it. */
export interface Fault extends Seen {
  readonly kind: FindingKind;
  readonly key: string;
  readonly mend: IndexChange;
}

/** Whether a session was not changed between two looks at it. */
export function isSameMoment(before: ReadSession | undefined, now: ReadSession | "unreadable" | undefined): boolean {
  return now !== "unreadable" && now?.incarnation === before?.incarnation && now?.epoch === before?.epoch &&
    now?.version === before?.version;
}

/** Names out of shared keys, in order. */
export function namesAfter(
  context: RedisContext,
  keys: readonly string[],
  [which, from]: readonly [which: string, from: string],
  query: ExamineQuery,
): Promise<string[]> {
  return ask(context, {
    script: NAMES,
    keys,
    args: [which, from, query.limit],
    doing: DOING,
    writes: false,
    read: (_, reader) => {
      const found: string[] = [];
      while (reader.left > 0) found.push(reader.text());
      return found;
    },
  }, query);
}

/** Mends what was found, where that is asked for, one session at a time. */
export async function mendAll(
  context: RedisContext,
  keys: RedisKeys,
  faults: readonly Fault[],
  query: ExamineQuery,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { kind, key, part, session, mend } of faults) {
    query.signal?.throwIfAborted();
    const repaired = query.repair && await mendOne(context, keys, { part, session }, mend, query);
    findings.push({ kind, key, clientId: session?.clientId ?? clientOf(part), repaired });
  }
  return findings;
}

async function mendOne(
  context: RedisContext,
  keys: RedisKeys,
  { part, session }: Seen,
  mend: IndexChange,
  query: ExamineQuery,
): Promise<boolean> {
  if (context.cluster) {
    // No script can look at both. What was put right too late is put right again from the session.
    await changeIndex(context, keys, [mend], query);
    const nodeId = mend.key === "owned" ? nameOf(String(mend.args.at(-1)).split("/")[0] ?? "") : session?.nodeId ?? "";
    await repair(context, [{ part, nodeId }], query.now, query);
    return true;
  }
  const call = new Arguments().add(session === undefined ? "" : named(session.incarnation))
    .add(session?.epoch ?? 0, session?.version ?? 0);
  const place = MEND_PLACE[mend.key];
  if (place === undefined) call.add(0, 1, ...mend.args);
  else call.add(1, place, mend.command).list(mend.args).add(0);
  return await ask(context, {
    script: MEND,
    keys: [
      keys.logOf(part),
      ...(["owned", "due", "nodes", "routes", "places"] as const).map((key) => keys.shared(key)),
    ],
    args: call.args,
    doing: DOING,
    writes: true,
    read: (status) => status === "c",
  }, query);
}

/** The Client Identifier of a part; of a long one its digest. */
export function clientOf(part: string): string {
  return unescapePart(part) ?? part;
}
