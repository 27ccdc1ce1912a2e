/**
 * What must hold between sessions and the index that lives in another slot, read from the keys themselves.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SessionStore } from "../../../src/store/session_store.ts";
import { dueMoment } from "../../../src/stores/upstash_redis/changes.ts";
import { named } from "../../../src/stores/upstash_redis/fields.ts";
import { unescapePart } from "../../../src/stores/upstash_redis/keys.ts";
import type { Contents } from "./cluster_world.ts";

/** What the index says, in comparable form. */
interface Index {
  /** Node and client of each owned session. */
  readonly owned: readonly string[];
  /** Client and moment of each left one. */
  readonly left: readonly string[];
  /** Filter, client and incarnation of each subscription. */
  readonly routes: readonly string[];
  /** Outboxes that are due. */
  readonly outboxes: readonly string[];
  /** Outbox and client of each that stands beside a session. */
  readonly debtors: readonly string[];
  /** Owners without a row of their lease: nobody would notice that they are gone. */
  readonly unknownNodes: readonly string[];
  /** Subscriptions that are still to be taken off the lists. */
  readonly leftOver: readonly string[];
  /** Checks that still stand. */
  readonly checks: readonly string[];
  /** Fields of outboxes that belong to no entry. */
  readonly strays: readonly string[];
}

/** Fails unless the index names all that sessions need, though it may be about to be mended: nothing of theirs is missing. */
export async function assertNothingMissing(contents: Contents, store: SessionStore, what: string): Promise<void> {
  const [found, needed] = [indexOf(contents), await wanted(contents, store)];
  for (const name of ["owned", "left", "routes", "outboxes", "debtors"] as const) {
    const missing = needed[name].filter((each) => !found[name].includes(each));
    assert.deepEqual(missing, [], `${what}: missing in ${name}`);
  }
}

/** Fails unless the index says of all sessions what they say themselves, and nothing is left over. */
export async function assertIndexed(contents: Contents, store: SessionStore, what: string): Promise<void> {
  assert.deepEqual(indexOf(contents), await wanted(contents, store), what);
}

function indexOf(contents: Contents): Index {
  const shared = (key: string): [string, string][] => [...contents.get(`{shared}/${key}`) ?? []];
  const due = shared("due");
  const owned = shared("owned").map(([member]) => member);
  const nodes = new Set(shared("nodes").map(([node]) => node));
  return {
    owned: owned.toSorted(),
    left: due.filter(([member]) => member.startsWith("s/")).map(([member, at]) => `${member} ${at}`).sort(),
    routes: shared("routes").flatMap(([field, list]) => field === "!" ? [] : membersOf(field, list)).sort(),
    outboxes: due.filter(([member]) => member.startsWith("o/")).map(([member]) => member.slice(2)).sort(),
    debtors: shared("debtors").map(([id, part]) => `${id} ${part}`).sort(),
    unknownNodes: [...new Set(owned.map((member) => member.slice(0, member.indexOf("/"))))].filter((node) =>
      !nodes.has(node)
    ),
    leftOver: keysThatEnd(contents, "}/left").flatMap(([key, held]) => [...held.keys()].map((field) => key + field)),
    checks: due.filter(([member]) => member.startsWith("c/")).map(([member]) => member),
    strays: keysThatEnd(contents, "}/owed").flatMap(([, held]) =>
      [...held.keys()].filter((field) => field.includes("/") && !held.has(field.split("/").slice(0, 2).join("/")))
    ),
  };
}

/** What a client's key holds for a day once its session has ended: its journal, and nothing else. */
export function isJournal(held: ReadonlyMap<string, string>): boolean {
  return held.size === 1 && held.has("j");
}

async function wanted(contents: Contents, store: SessionStore): Promise<Index> {
  const owned: string[] = [];
  const left: string[] = [];
  const routes: string[] = [];
  for (const [key, held] of keysThatEnd(contents, "}/log")) {
    if (isJournal(held)) continue;
    const part = partOf(key);
    const clientId = unescapePart(part) ?? assert.fail("a test's names are short");
    const stored = await store.read(clientId) ?? assert.fail(`${clientId} has a log and is not there`);
    const { head, subscriptions, incarnation } = stored.snapshot;
    if (head.attached) owned.push(`${named(stored.owner?.nodeId ?? "")}/${part}`);
    else left.push(`s/${part} ${dueMoment(head).replace("+inf", "inf")}`);
    for (const filter of subscriptions.keys()) {
      routes.push(`${named(filter).slice(1)} ${part} ${named(incarnation)}`);
    }
  }
  const beside = keysThatEnd(contents, "}/owed").flatMap(([key, held]) =>
    [...held.keys()].filter((field) => !field.includes("/")).map((id) => ({ id, part: partOf(key) }))
  );
  return {
    owned: owned.sort(),
    left: left.sort(),
    routes: routes.sort(),
    outboxes: beside.map(({ id }) => id).sort(),
    debtors: beside.filter(({ part }) => part !== "hared").map(({ id, part }) => `${id} =${part}`).sort(),
    unknownNodes: [],
    leftOver: [],
    checks: [],
    strays: [],
  };
}

function keysThatEnd(contents: Contents, end: string): readonly [string, ReadonlyMap<string, string>][] {
  return [...contents].filter(([key]) => key.endsWith(end));
}

/** `{c` stands before a client's part; what belongs to no session stands under `{shared}`. */
function partOf(key: string): string {
  return key.slice(2, key.indexOf("}"));
}

/** Members of a short list: `;<number>/<client>/<incarnation>/<data>`. */
function membersOf(field: string, list: string): string[] {
  assert.match(list, /^L0 /, "a test's lists are short");
  return list.split(";").slice(1).filter((member) => member !== "").map((member) => {
    const [, part, incarnation] = member.split("/");
    return `${field} ${part} ${incarnation}`;
  });
}
