/** Finding subscriptions by topic: one look-up for each shape in use (D7). */
import { SessionError } from "../../errors.ts";
import { parseFilter } from "../../mqtt/filter.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import { candidates, shapeOf, type ShapeSet, shapeSet } from "../../routing/shape.ts";
import { contended, layoutFor, listUpTo, MAX_ATTEMPTS, type StoreContext } from "./context.ts";
import { below, type Layout } from "./layout.ts";
import { isStorable } from "./long_text.ts";
import { decodeShapes, encodeShapes } from "./route_row.ts";
import { plainRoute, readRoute } from "./route.ts";

/** The routing of a store. */
export interface Routing {
  match(topics: readonly string[]): Promise<readonly (readonly SubscriptionMatch[])[]>;
  admit(filters: readonly string[]): Promise<readonly boolean[]>;
}

/** The shapes as they were last read. */
interface KnownShapes {
  readonly version: string | null;
  readonly set: ShapeSet;
}

/** Routing that knows the shapes it saw last, and looks with each match whether there are more. */
export function routing(context: StoreContext, maximumShapes: number): Routing {
  const { driver } = context;
  let known: KnownShapes | undefined;

  const readShapes = async (layout: Layout): Promise<KnownShapes> => {
    const key = layout.shapes();
    const [entry] = await driver.get([key]);
    if (known?.version === (entry?.version ?? null)) return known;
    const shapes = entry === undefined ? [] : decodeShapes(key, entry.value);
    try {
      return { version: entry?.version ?? null, set: shapeSet(shapes) };
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new SessionError("RECORD_UNREADABLE", `Cannot read record ${key}: a shape is none`, { key, cause });
    }
  };

  const lookUp = async (
    layout: Layout,
    filters: readonly string[],
  ): Promise<Map<string, readonly SubscriptionMatch[]>> => {
    const rows = await Promise.all(filters.map(async (filter) => {
      const entries = await listUpTo(driver, below(layout.routes(filter)), Infinity);
      const part = layout.part(filter);
      const plain = entries.map((entry) => plainRoute(filter, part, entry));
      if (!plain.includes(undefined)) return plain;
      return await Promise.all(
        entries.map((entry, index) => plain[index] ?? readRoute(context, layout, filter, entry)),
      );
    }));
    const found = rows.map((routes) => routes.filter((route) => route !== undefined));
    return new Map(filters.map((filter, index) => [filter, found[index] ?? []]));
  };

  return {
    match: async (topics) => {
      let shapes = known ?? (known = await readShapes(await layoutFor(context, [])));
      for (;;) {
        const { set } = shapes;
        const wanted = topics.map((topic) => candidates(topic, set));
        const filters = [...new Set(wanted.flat())];
        const layout = await layoutFor(context, filters);
        const [latest, found] = await Promise.all([readShapes(layout), lookUp(layout, filters)]);
        // A shape that came meanwhile may hold subscriptions that were committed before this match began.
        if (latest.version === shapes.version) {
          return wanted.map((each) => each.flatMap((filter) => found.get(filter) ?? []));
        }
        shapes = known = latest;
      }
    },
    admit: async (filters) => {
      const wanted = filters.map((filter) => isStorable(filter, driver.limits) ? routedShape(filter) : undefined);
      const layout = await layoutFor(context, []);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const has = new Set(known?.set.shapes);
        if (known !== undefined && wanted.every((shape) => shape === undefined || shape === "" || has.has(shape))) {
          return wanted.map((shape) => shape !== undefined);
        }
        const shapes = known = await readShapes(layout);
        const admitted = new Set(shapes.set.shapes);
        for (const shape of wanted) {
          if (shape !== undefined && shape !== "" && admitted.size < maximumShapes) admitted.add(shape);
        }
        if (admitted.size > shapes.set.shapes.length) {
          const key = layout.shapes();
          const written = await driver.commit([{ key, version: shapes.version }], [
            { type: "set", key, value: encodeShapes([...admitted]) },
          ]);
          if (written === undefined) continue;
          known = { version: written.version, set: shapeSet(admitted) };
        }
        return wanted.map((shape) => shape === "" || (shape !== undefined && admitted.has(shape)));
      }
      throw contended("admit filters");
    },
  };
}

/** The shape by which a filter is found; `""` for a shared one, which is not routed by itself. */
function routedShape(filter: string): string | undefined {
  const parsed = parseFilter(filter);
  if (parsed?.kind === "shared") return "";
  return shapeOf(filter);
}
