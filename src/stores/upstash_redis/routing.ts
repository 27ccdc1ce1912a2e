/**
 * Finding subscriptions by topic: one hash, read by one HMGET with a field for each shape in use (D7).
 *
 * @module
 */
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import { candidates, shapeOf, type ShapeSet, shapeSet } from "../../routing/shape.ts";
import { readable, unreadable } from "../../store/encoding.ts";
import { escapePart } from "../../store/keys.ts";
import type { StoreCallOptions } from "../../store/call.ts";
import { ask, keysFor, type RedisContext, sendAll } from "./context.ts";
import { nameOf } from "./fields.ts";
import { namesOf } from "./names.ts";
import { type RedisKeys, unescapePart } from "./keys.ts";
import { ADMIT } from "./lua/indexing.ts";
import { fromSessions, type SpoiledMember } from "./route.ts";
import { isRouted, readRouteText } from "./rows.ts";

/** The routing of a store. */
export interface Routing {
  match(topics: readonly string[], call?: StoreCallOptions): Promise<readonly (readonly SubscriptionMatch[])[]>;
  admit(filters: readonly string[], call?: StoreCallOptions): Promise<readonly boolean[]>;
}

/** The field of the shapes; no filter's begins so. */
const SHAPES = "!";

/** No list is spread over more than two to this power fields. */
const DEEPEST = 12;

/** The most lists whose spreading over several fields is remembered. */
const KNOWN_LEVELS = 1_000;

/** A list of subscribers as its field tells it. */
interface List {
  readonly level: number;
  readonly members: string;
}

/** Routing that knows the shapes it saw last, and looks with each match whether there are more. */
export function routing(context: RedisContext, maximumShapes: number): Routing {
  let known: { readonly text: string | null; readonly set: ShapeSet } | undefined;
  /** Field → level, of those above 0: their parts are asked for at once. */
  const levels = new Map<string, number>();

  const learn = (key: string, text: string | null): ShapeSet => {
    if (known?.text === text) return known.set;
    if (text !== null && !/^S(?: =\S*)*$/.test(text)) throw unreadable(`${key}/${SHAPES}`, "it is no list of shapes");
    const shapes = text === null ? [] : text.split(" ").slice(1).map((word) => unescapePart(word.slice(1)) ?? "");
    try {
      known = { text, set: shapeSet(shapes) };
    } catch (cause) {
      if (cause instanceof RangeError) throw unreadable(`${key}/${SHAPES}`, "a shape is none");
      throw cause;
    }
    return known.set;
  };

  const fetch = async (
    keys: RedisKeys,
    fields: readonly string[],
    call?: StoreCallOptions,
  ): Promise<Map<string, string | null>> => {
    const key = keys.shared("routes");
    const [values] = await sendAll(context, [{ hmget: key, fields }], "match subscriptions", false, call);
    return new Map(fields.map((field, index) => [field, Array.isArray(values) ? values[index] ?? null : null]));
  };

  const remember = (field: string, level: number): void => {
    levels.delete(field);
    if (level === 0) return;
    levels.set(field, level);
    const [oldest] = levels.keys();
    if (levels.size > KNOWN_LEVELS && oldest !== undefined) levels.delete(oldest);
  };

  /** The members of lists, with the shapes of the same moment. */
  const read = async (keys: RedisKeys, fields: readonly string[], call?: StoreCallOptions) => {
    const key = keys.shared("routes");
    const first = [SHAPES, ...fields, ...fields.flatMap((field) => partsOf(field, levels.get(field) ?? 0))];
    for (let asked = first;;) {
      const values = await fetch(keys, asked, call);
      const lists = new Map(fields.map((field) => [field, readList(key, field, values.get(field) ?? null)]));
      const missing = fields.flatMap((field) => {
        const { level } = lists.get(field) ?? NO_LIST;
        const hasAll = partsOf(field, level).every((part) => values.has(part));
        remember(field, level);
        return hasAll ? [] : partsOf(field, level);
      });
      if (missing.length === 0) {
        const members = fields.map((field) => {
          const { level, members } = lists.get(field) ?? NO_LIST;
          return level === 0 ? members : partsOf(field, level).map((part) => values.get(part) ?? "").join("");
        });
        return { shapes: values.get(SHAPES) ?? null, members };
      }
      // All of it again: parts that were read at two moments could miss who moved between them.
      asked = [SHAPES, ...fields, ...fields.flatMap((field) => partsOf(field, lists.get(field)?.level ?? 0))];
    }
  };

  return {
    match: async (topics, call) => {
      if (topics.length === 0) return [];
      for (let set = known?.set ?? shapeSet([]);;) {
        const wanted = topics.map((topic) => candidates(topic, set));
        const filters = [...new Set(wanted.flat())];
        const keys = await keysFor(context, filters);
        const fields = filters.map((filter) => keys.part(filter));
        const { shapes, members } = await read(keys, fields, call);
        const latest = learn(keys.shared("routes"), shapes);
        // A shape that came meanwhile may hold subscriptions that were committed before this match began; also when another
        // look-up has learned it by now.
        if (latest !== set) {
          set = latest;
          continue;
        }
        const lists = await resolve(context, keys, filters, members, call);
        const found = new Map(filters.map((filter, index) => [filter, lists[index] ?? []]));
        return wanted.map((each) => each.flatMap((filter) => found.get(filter) ?? []));
      }
    },
    admit: async (filters, call) => {
      const wanted = filters.map((filter) => isRouted(filter) ? shapeOf(filter) : "");
      const isKnown = (): boolean => {
        const has = new Set(known?.set.shapes);
        return known !== undefined && wanted.every((shape) => shape === undefined || shape === "" || has.has(shape));
      };
      if (!isKnown()) {
        const keys = await keysFor(context, []);
        const key = keys.shared("routes");
        const shapes = [...new Set(wanted.filter((shape) => shape !== undefined && shape !== ""))];
        const text = await ask(context, {
          script: ADMIT,
          keys: [key],
          args: [SHAPES, maximumShapes, shapes.length, ...shapes.map((shape) => `=${escapePart(shape ?? "")}`)],
          doing: "admit filters",
          writes: true,
          read: (_, reader) => reader.text(),
        }, call);
        learn(key, text);
      }
      const admitted = new Set(known?.set.shapes);
      return wanted.map((shape) => shape === "" || (shape !== undefined && admitted.has(shape)));
    },
  };
}

const NO_LIST: List = { level: 0, members: "" };

function readList(key: string, field: string, value: string | null): List {
  if (value === null) return NO_LIST;
  const found = /^L(\d{1,2}) \d+;/.exec(value);
  if (found === null || Number(found[1]) > DEEPEST) throw unreadable(`${key}/${field}`, "it is no list");
  return { level: Number(found[1]), members: value.slice(found[0].length) };
}

function partsOf(field: string, level: number): string[] {
  return level === 0 ? [] : Array.from({ length: 2 ** level }, (_, part) => `${field}/${part}`);
}

/** A member as its list holds it. */
interface Member {
  readonly part: string;
  readonly incarnation: string;
  readonly data: string;
}

async function resolve(
  context: RedisContext,
  keys: RedisKeys,
  filters: readonly string[],
  lists: readonly string[],
  call?: StoreCallOptions,
): Promise<SubscriptionMatch[][]> {
  const members = lists.map(membersOf);
  const nameOfPart = await namesOf(context, keys, members.flat().map(({ part }) => part), call);
  const spoiled:
    (SpoiledMember & { readonly place: number; readonly match: Omit<SubscriptionMatch, "subscription"> })[] = [];
  const matches = members.map((list, place) =>
    list.flatMap(({ part, incarnation, data }) => {
      const filter = filters[place] ?? "";
      const clientId = nameOfPart(part);
      // Swept since: its session is no more.
      if (clientId === undefined) return [];
      const field = keys.part(filter);
      const match = { clientId, incarnation: nameOf(incarnation), filter };
      const subscription = readable(() => readRouteText(`${keys.shared("routes")}/${field}`, data));
      if (subscription !== undefined) return [{ ...match, subscription }];
      spoiled.push({ part, incarnation, field, place, match });
      return [];
    })
  );
  if (spoiled.length === 0) return matches;
  for (const [index, subscription] of (await fromSessions(context, keys, spoiled, call)).entries()) {
    const { place, match } = spoiled[index] ?? {};
    if (match !== undefined && subscription !== undefined) matches[place ?? 0]?.push({ ...match, subscription });
  }
  return matches;
}

/** A member is `;<number>/<client>/<incarnation>/<data>`. */
function membersOf(list: string): Member[] {
  return list.split(";").slice(1).map((member) => {
    const [, part = "", incarnation = "", ...data] = member.split("/");
    return { part, incarnation, data: data.join("/") };
  });
}
