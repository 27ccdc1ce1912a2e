/**
 * Looking for places under quotas that no session has, and for those that are missing. In a cluster nothing is counted.
 *
 * @module
 */
import type { Examination, ExamineQuery } from "../../store/maintenance.ts";
import type { IndexChange } from "./checks.ts";
import { type RedisContext, sendAll } from "./context.ts";
import type { RedisKeys } from "./keys.ts";
import { DOING, type Fault, isSameMoment, mendAll, namesAfter } from "./mending.ts";
import { readableSessions } from "./session.ts";

/** The member of the places under quotas that a session has by its own word; `""` where it counts for none. */
export async function placeOf(
  context: RedisContext,
  keys: RedisKeys,
  part: string,
  query: ExamineQuery,
): Promise<string> {
  if (context.cluster) return "";
  const [reply] = await sendAll(context, [{ hmget: keys.logOf(part), fields: ["y"] }], DOING, false, query);
  return Array.isArray(reply) ? reply[0] ?? "" : "";
}

/** Places under quotas that no session has. */
export async function examinePlaces(
  context: RedisContext,
  keys: RedisKeys,
  from: string,
  query: ExamineQuery,
): Promise<Examination> {
  const members = await namesAfter(context, [keys.shared("places"), keys.shared("due")], ["owned", from], query);
  const parts = members.map((member) => member.slice(member.indexOf("/") + 1));
  const sessions = members.length === 0 ? [] : await readableSessions(context, keys, parts, query);
  const faults: Fault[] = [];
  for (const [index, member] of members.entries()) {
    const session = sessions[index];
    const part = parts[index] ?? "";
    if (session === "unreadable" || await placeOf(context, keys, part, query) === member) continue;
    const mend: IndexChange = { key: "places", command: "ZREM", args: [member] };
    faults.push({ part, session, kind: "placeOrphaned", key: `${keys.shared("places")} ${member}`, mend });
  }
  const again = faults.length === 0 ? [] : await readableSessions(context, keys, faults.map(({ part }) => part), query);
  const confirmed = faults.filter(({ session }, index) => isSameMoment(session, again[index]));
  const findings = await mendAll(context, keys, confirmed, query);
  const last = members.at(-1);
  const cursor = members.length === query.limit && last !== undefined ? `places ${last}` : afterPlaces(context);
  return { examined: members.length, findings, ...(cursor === undefined ? {} : { cursor }) };
}

export function afterPlaces({ transport }: RedisContext): string | undefined {
  return transport.scans ? "keys 0" : undefined;
}
