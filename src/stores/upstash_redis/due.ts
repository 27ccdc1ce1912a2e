/**
 * What is due, and the leases of nodes.
 *
 * @module
 */
import { dueAtOf, type DueOptions, type DueWork } from "../../store/due_work.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { BROOM_MS, dueMoment } from "./changes.ts";
import type { Check } from "./checks.ts";
import { ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { named, nameOf } from "./fields.ts";
import type { RedisKeys } from "./keys.ts";
import { changeIndex } from "./index.ts";
import { DUE, NEXT_DUE, RENEW } from "./lua/time.ts";
import { readCheck, repair } from "./repair.ts";
import { namesOf } from "./names.ts";
import { readableSessions } from "./session.ts";
import { scoreOf } from "./text.ts";

interface FoundMoment {
  readonly member: string;
  readonly dueAt: number;
}

interface FoundNode {
  readonly node: string;
  readonly dueAt: number;
  readonly parts: readonly string[];
}

/** Lists what is due, earliest first. */
export async function listDue(context: RedisContext, now: number, options: DueOptions): Promise<readonly DueWork[]> {
  const { limit, graceMs } = options;
  const keys = await keysFor(context, []);
  const found = await ask(context, {
    script: DUE,
    keys: [keys.shared("due"), keys.shared("nodes"), keys.shared("owned"), keys.shared("rings")],
    args: [Math.floor(now), Math.ceil(graceMs), limit],
    doing: "list what is due",
    writes: true,
    read: (_, reader) => {
      const moments: FoundMoment[] = [];
      // Each is two texts of the list.
      for (let left = reader.number(); left > 0; left -= 2) {
        moments.push({ member: reader.text(), dueAt: reader.score() });
      }
      const nodes = reader.list((): FoundNode => {
        const node = reader.text();
        const dueAt = reader.score();
        const owned = reader.list(() => reader.text());
        return { node, dueAt, parts: owned.map((member) => member.slice(node.length + 1)) };
      });
      return { moments, nodes };
    },
  }, options);
  if (context.cluster) return await verified(context, keys, found, now, options);
  const { nodes } = found;
  const moments = await withoutGone(context, keys, found.moments, now, options);
  const sessions = moments.filter(({ member }) => member.startsWith("s/")).map(({ member }) => member.slice(2));
  const nameOfPart = await namesOf(context, keys, [...sessions, ...nodes.flatMap(({ parts }) => parts)], options);
  const work = moments.flatMap(({ member, dueAt }): DueWork[] => {
    const name = member.slice(2);
    if (member.startsWith("o/")) return [{ type: "outbox", outboxId: nameOf(name), dueAt }];
    const clientId = nameOfPart(name);
    return clientId === undefined ? [] : [{ type: "session", clientId, dueAt }];
  });
  const lapsed = nodes.flatMap(({ node, dueAt, parts }): DueWork[] => {
    const clientIds = parts.map(nameOfPart).filter((clientId) => clientId !== undefined);
    return clientIds.length === 0 ? [] : [{ type: "node", nodeId: nameOf(node), dueAt, clientIds }];
  });
  return earliest([...work, ...lapsed], limit);
}

/** Without sessions whose keys have ended by themselves since they were due: nobody else would take them off the index. */
async function withoutGone(
  context: RedisContext,
  keys: RedisKeys,
  moments: readonly FoundMoment[],
  now: number,
  call: StoreCallOptions,
): Promise<readonly FoundMoment[]> {
  const old = moments.filter(({ member, dueAt }) => member.startsWith("s/") && dueAt + BROOM_MS <= now);
  if (old.length === 0) return moments;
  const commands = old.map(({ member }) => ({ hmget: keys.logOf(member.slice(2)), fields: ["i", "n"] }));
  const replies = await sendAll(context, commands, "list what is due", false, call);
  // Nor is one due that somebody owns: it began anew.
  const gone = old.filter((_, index) => replies[index]?.[0] === null || replies[index]?.[1] !== "");
  const settled = gone.map(({ member, dueAt }) => ({ key: "due" as const, command: "SETTLE", args: [member, dueAt] }));
  await changeIndex(context, keys, settled, call);
  return moments.filter((moment) => !gone.includes(moment));
}

/**
 * What of it is so: in a cluster the index may be late, and name too much. Sessions are read, and where the index is wrong,
 * or a check has come due, it is mended.
 */
async function verified(
  context: RedisContext,
  keys: RedisKeys,
  { moments, nodes }: { readonly moments: readonly FoundMoment[]; readonly nodes: readonly FoundNode[] },
  now: number,
  options: DueOptions,
): Promise<readonly DueWork[]> {
  const checks: Check[] = moments.flatMap(({ member }) => member.startsWith("c/") ? [readCheck(member)] : []);
  const named = moments.flatMap(({ member }) => member.startsWith("s/") ? [member.slice(2)] : []);
  const parts = [...new Set([...named, ...nodes.flatMap((node) => node.parts)])];
  const sessions = parts.length === 0 ? [] : await readableSessions(context, keys, parts, options);
  const found = new Map(parts.map((part, index) => [part, sessions[index]]));
  const work = moments.flatMap(({ member, dueAt }): DueWork[] => {
    const name = member.slice(2);
    if (member.startsWith("o/")) return [{ type: "outbox", outboxId: nameOf(name), dueAt }];
    if (!member.startsWith("s/")) return [];
    const session = found.get(name);
    if (session === "unreadable") return [];
    if (session !== undefined && !session.head.attached && dueMoment(session.head) === String(dueAt)) {
      return [{ type: "session", clientId: session.clientId, dueAt }];
    }
    checks.push({ part: name, nodeId: "" });
    return [];
  });
  const lapsed = nodes.flatMap(({ node, dueAt, parts }): DueWork[] => {
    const nodeId = nameOf(node);
    const clientIds = parts.flatMap((part) => {
      const session = found.get(part);
      if (session === "unreadable") return [];
      if (session?.head.attached && session.nodeId === nodeId) return [session.clientId];
      checks.push({ part, nodeId });
      return [];
    });
    return clientIds.length === 0 ? [] : [{ type: "node", nodeId, dueAt, clientIds }];
  });
  await repair(context, checks, now, options);
  return earliest([...work, ...lapsed], options.limit);
}

/** When the first work falls due. A lease counts from its end, without any grace. */
export async function nextDueAt(context: RedisContext, call?: StoreCallOptions): Promise<number | undefined> {
  const keys = await keysFor(context, []);
  return await ask(context, {
    script: NEXT_DUE,
    keys: [keys.shared("due"), keys.shared("nodes"), keys.shared("owned")],
    args: [],
    doing: "look when something is due",
    writes: false,
    read: (_, reader) => {
      const moment = reader.optional();
      return moment === undefined ? undefined : scoreOf(moment) ?? reader.refuse("a score is none");
    },
  }, call);
}

/** Says until when a node is alive. A released one stays, as not alive, while sessions hang on it. */
export async function renewNode(
  context: RedisContext,
  nodeId: string,
  until: number,
  call?: StoreCallOptions,
): Promise<void> {
  const keys = await keysFor(context, []);
  await ask(context, {
    script: RENEW,
    keys: [keys.shared("nodes"), keys.shared("owned"), keys.shared("rings")],
    args: [named(nodeId), Math.floor(until)],
    doing: "renew a node",
    writes: true,
    read: () => {},
  }, call);
}

function earliest(work: readonly DueWork[], limit: number): readonly DueWork[] {
  return work.toSorted((a, b) => dueAtOf(a) - dueAtOf(b)).slice(0, limit);
}
