/**
 * Looking for members of the shared keys that do not fit the sessions, and the other way round.
 *
 * A session has no moment of its own in which all of it could be read with the shared keys. So what looks wrong is wrong
 * only if the session is read again and has not changed, and it is mended only while it still has not.
 *
 * @module
 */
import { afterPlaces, examinePlaces, placeOf } from "./examine_places.ts";
import { clientOf, DOING, type Fault, isSameMoment, mendAll, namesAfter, type Seen } from "./mending.ts";
import type { Examination, ExamineQuery, Finding, FindingKind } from "../../store/maintenance.ts";
import { dueMoment } from "./changes.ts";
import type { IndexChange } from "./checks.ts";
import { Arguments, ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { named } from "./fields.ts";
import { type RedisKeys, type SharedKey, spreadOf } from "./keys.ts";
import { FIELDS_OF, STANDING } from "./lua/examining.ts";
import { isRouted, routeText } from "./rows.ts";
import { readableSessions, type ReadSession } from "./session.ts";

/** What stands in the shared keys by the name of a session. */
interface Named {
  readonly part: string;
  /** A node by whose name it stands among the owned ones. */
  readonly nodeMember?: string;
  /** It was found by its routes: only that it stands nowhere else is told. */
  readonly byRoute?: true;
  /** It was found by its key: nothing is told unless it stands nowhere in the index. */
  readonly byKey?: true;
}

/** The places of the shared keys in the scripts. */
const STANDING_PLACE = { owned: 1, due: 2, nodes: 3, places: 5 } as const;

/**
 * Examines a page: first those that stand among the owned, then those that are due, then the routes, the places under
 * quotas, and, where the client can scan, those that stand nowhere in the index. In a cluster a scan may see the keys of one node alone.
 */
export async function examine(context: RedisContext, query: ExamineQuery): Promise<Examination> {
  const keys = await keysFor(context, []);
  const [phase = "owned", from = ""] = query.cursor?.split(" ", 2) ?? [];
  if (phase === "routes") return await examineRoutes(context, keys, from || "0", query);
  if (phase === "places") return await examinePlaces(context, keys, from, query);
  if (phase === "keys") return await examineKeys(context, keys, from || "0", query);
  const shared = [keys.shared("owned"), keys.shared("due")];
  const members = await namesAfter(context, shared, [phase, phase === "due" ? from || "0" : from], query);
  const wanted = members.flatMap((member): Named[] => {
    const slash = member.indexOf("/");
    const part = member.slice(slash + 1);
    if (phase === "owned") return [{ part, nodeMember: member }];
    return member.startsWith("s/") ? [{ part }] : [];
  });
  const { faults, unreadable } = await faultsOf(context, keys, wanted, query);
  const findings = [...unreadable, ...await mendAll(context, keys, faults, query)];
  // Ranks move down where members were removed.
  const removed = faults.filter(({ mend }) => mend.key === "due" && mend.command === "ZREM").length;
  const next = members.length < query.limit
    ? phase === "owned" ? "due 0" : "routes 0"
    : phase === "owned"
    ? `owned ${members.at(-1)}`
    : `due ${Number(from || "0") + members.length - (query.repair ? removed : 0)}`;
  return { examined: members.length, findings, cursor: next };
}

/** What is wrong with sessions that were named. */
async function faultsOf(
  context: RedisContext,
  keys: RedisKeys,
  wanted: readonly Named[],
  query: ExamineQuery,
): Promise<{ readonly faults: readonly Fault[]; readonly unreadable: readonly Finding[] }> {
  const parts = wanted.map(({ part }) => part);
  const sessions = await readableSessions(context, keys, parts, query);
  await keys.prepare(sessions.flatMap((each) => typeof each === "object" ? [...each.rows.subscriptions.keys()] : []));
  const unreadable: Finding[] = [];
  const suspects: Fault[] = [];
  for (const [index, found] of wanted.entries()) {
    const { part } = found;
    const session = sessions[index];
    if (session === "unreadable") {
      unreadable.push({ kind: "unreadable", key: keys.logOf(part), clientId: clientOf(part), repaired: false });
      continue;
    }
    suspects.push(...await suspectsOf(context, keys, { part, session }, found, query));
  }
  if (suspects.length === 0) return { faults: [], unreadable };
  // Whoever changed meanwhile is not wrong, but was read at two moments.
  const again = await readableSessions(context, keys, suspects.map(({ part }) => part), query);
  const faults = suspects.filter(({ session }, index) => isSameMoment(session, again[index]));
  return { faults, unreadable };
}

/** What looks wrong with one session. */
async function suspectsOf(
  context: RedisContext,
  keys: RedisKeys,
  seen: Seen,
  { nodeMember, byRoute, byKey }: Named,
  query: ExamineQuery,
): Promise<Fault[]> {
  const { part, session } = seen;
  const owner = session?.head.attached ? `${named(session.nodeId)}/${part}` : undefined;
  const routes = session === undefined || byRoute ? [] : routesOf(keys, part, session);
  const counted = session === undefined ? "" : await placeOf(context, keys, part, query);
  const call = new Arguments().add(4).add(STANDING_PLACE.places, counted || "-").add(STANDING_PLACE.due, `s/${part}`)
    .add(STANDING_PLACE.owned, owner ?? "-").add(
      STANDING_PLACE.nodes,
      session === undefined ? "-" : named(session.nodeId),
    )
    .add(routes.length, ...routes.flatMap(({ field, spread, name }) => [field, spread, name]));
  const { place, due, owned, node, data } = await ask(context, {
    script: STANDING,
    keys: (["owned", "due", "nodes", "routes", "places"] as const).map((key) => keys.shared(key)),
    args: call.args,
    doing: DOING,
    writes: false,
    read: (_, reader) => ({
      place: reader.text(),
      due: reader.text(),
      owned: reader.text(),
      node: reader.text(),
      data: routes.map(() => reader.text()),
    }),
  }, query);
  // What stands there was found by that.
  if (byKey && (session === undefined || (owner === undefined ? due : owned) !== "")) return [];
  const faults: Fault[] = [];
  const fault = (kind: FindingKind, key: SharedKey, what: string, mend: IndexChange): void => {
    faults.push({ ...seen, kind, key: `${keys.shared(key)} ${what}`, mend });
  };
  const put = (key: SharedKey, ...args: (string | number)[]): IndexChange => ({ key, command: "ZADD", args });
  const remove = (key: SharedKey, member: string): IndexChange => ({ key, command: "ZREM", args: [member] });
  if (counted !== "" && place === "" && !byRoute) fault("placeMissing", "places", counted, put("places", 0, counted));
  const member = `s/${part}`;
  if (session === undefined || owner !== undefined) {
    if (due !== "" && !byRoute) fault("dueOrphaned", "due", member, remove("due", member));
  } else {
    const moment = dueMoment(session.head);
    const stands = due !== "" && (Number(due) === Number(moment) || (moment === "+inf" && due === "inf"));
    if (byRoute ? due === "" : !stands) fault("dueMissing", "due", member, put("due", moment, member));
  }
  if (nodeMember !== undefined && nodeMember !== owner) {
    fault("ownedOrphaned", "owned", nodeMember, remove("owned", nodeMember));
  }
  if (owner !== undefined && session !== undefined) {
    if (owned === "") fault("ownedMissing", "owned", owner, put("owned", 0, owner));
    if (node === "" && !byRoute) {
      fault("ownedMissing", "nodes", named(session.nodeId), put("nodes", "NX", 0, named(session.nodeId)));
    }
  }
  for (const [index, { field, spread, name, text }] of routes.entries()) {
    if (data[index] === text) continue;
    fault("routeMissing", "routes", `${field} ${name}`, {
      key: "routes",
      command: "CHANGE",
      args: [field, spread, name, text],
    });
  }
  return faults;
}

interface Route {
  readonly field: string;
  readonly spread: number;
  readonly name: string;
  readonly text: string;
}

function routesOf(keys: RedisKeys, part: string, { incarnation, rows }: ReadSession): Route[] {
  return [...rows.subscriptions].filter(([filter]) => isRouted(filter)).map(([filter, subscription]) => ({
    field: keys.part(filter),
    spread: spreadOf(part),
    name: `${part}/${named(incarnation)}`,
    text: routeText(subscription),
  }));
}

/** Routes whose session has ended, or has no such subscription. */
async function examineRoutes(
  context: RedisContext,
  keys: RedisKeys,
  from: string,
  query: ExamineQuery,
): Promise<Examination> {
  const { next, fields } = await ask(context, {
    script: FIELDS_OF,
    keys: [keys.shared("routes")],
    args: [from, query.limit],
    doing: DOING,
    writes: false,
    read: (_, reader) => {
      const next = reader.text();
      const fields: (readonly [string, string])[] = [];
      while (reader.left > 0) fields.push([reader.text(), reader.text()]);
      return { next, fields };
    },
  }, query);
  const members = fields.flatMap(([name, value]) => {
    const [field = ""] = name.split("/");
    return name === "!" ? [] : value.split(";").slice(1).filter((text) => text !== "").map((text) => {
      const [spread = "", part = "", incarnation = ""] = text.split("/");
      return { field, spread, part, incarnation };
    });
  });
  const parts = [...new Set(members.map(({ part }) => part))];
  const sessions = parts.length === 0 ? [] : await readableSessions(context, keys, parts, query);
  await keys.prepare(sessions.flatMap((each) => typeof each === "object" ? [...each.rows.subscriptions.keys()] : []));
  const byPart = new Map(parts.map((part, index) => [part, sessions[index]]));
  const faults = members.flatMap(({ field, spread, part, incarnation }): Fault[] => {
    const session = byPart.get(part);
    if (session === "unreadable") return [];
    const isRight = session !== undefined && named(session.incarnation) === incarnation &&
      [...session.rows.subscriptions.keys()].some((filter) => isRouted(filter) && keys.part(filter) === field);
    if (isRight) return [];
    const name = `${part}/${incarnation}`;
    const mend: IndexChange = { key: "routes", command: "CHANGE", args: [field, spread, name, ""] };
    return [{ part, session, kind: "routeOrphaned", key: `${keys.shared("routes")} ${field} ${name}`, mend }];
  });
  const confirmed = await stillWrong(context, keys, faults, query);
  // Where keys cannot be scanned, those that stand nowhere else are found by their routes alone.
  const mayScan = context.transport.scans && !context.cluster;
  const present = mayScan ? [] : parts.filter((part) => typeof byPart.get(part) === "object");
  const lost = await faultsOf(context, keys, present.map((part): Named => ({ part, byRoute: true })), query);
  const findings = await mendAll(context, keys, [...confirmed, ...lost.faults], query);
  const cursor = next !== "0" ? `routes ${next}` : context.cluster ? afterPlaces(context) : "places ";
  return { examined: members.length, findings, ...(cursor === undefined ? {} : { cursor }) };
}

/** Sessions of which no shared key tells. */
async function examineKeys(
  context: RedisContext,
  keys: RedisKeys,
  from: string,
  query: ExamineQuery,
): Promise<Examination> {
  const [reply] = await sendAll(context, [{ scan: keys.allLogs(), from, about: query.limit }], DOING, false, query);
  const [next = "0", ...found] = Array.isArray(reply) ? reply : [];
  const wanted = found.flatMap((key): Named[] => {
    const part = key === null ? undefined : keys.partOfLog(key);
    return part === undefined ? [] : [{ part, byKey: true }];
  });
  // One that cannot be read and stands in the index was told of there.
  const { faults } = wanted.length === 0 ? { faults: [] } : await faultsOf(context, keys, wanted, query);
  const findings = await mendAll(context, keys, faults, query);
  return { examined: found.length, findings, ...(next === "0" ? {} : { cursor: `keys ${next}` }) };
}

/** A route that is in the list still, while its session has not changed. */
async function stillWrong(
  context: RedisContext,
  keys: RedisKeys,
  faults: readonly Fault[],
  query: ExamineQuery,
): Promise<readonly Fault[]> {
  if (faults.length === 0) return [];
  const call = new Arguments().add(0).add(faults.length, ...faults.flatMap(({ mend }) => mend.args.slice(0, 3)));
  const data = await ask(context, {
    script: STANDING,
    keys: (["owned", "due", "nodes", "routes", "places"] as const).map((key) => keys.shared(key)),
    args: call.args,
    doing: DOING,
    writes: false,
    read: (_, reader) => faults.map(() => reader.text()),
  }, query);
  const again = await readableSessions(context, keys, faults.map(({ part }) => part), query);
  return faults.filter(({ session }, index) => {
    const now = again[index];
    return data[index] !== "" && now !== "unreadable" && now?.incarnation === session?.incarnation &&
      now?.version === session?.version;
  });
}
