/** Reading one row of the routing index, and mending it from the subscription that it repeats. */
import { SessionError } from "../../errors.ts";
import type { SubscriptionMatch } from "../../routing/resolve.ts";
import { isUnreadable, readable } from "../encoding.ts";
import { isDigest, mayBeDigest } from "../keys.ts";
import { countDrop } from "../records/drops.ts";
import { decodeSubscription } from "../records/subscription.ts";
import { together } from "../call.ts";
import type { StoreContext } from "./context.ts";
import type { Entry } from "./driver.ts";
import { decodeGate, encodeGate } from "./gate.ts";
import { decodeHead } from "./head.ts";
import { type Layout, ROW } from "./layout.ts";
import { clientOfIncarnation } from "./long_text.ts";
import { decodeRoute, encodeRoute } from "./route_row.ts";

/** The subscription that a row names, where the row says it all: nearly always. `part` is the filter's, in keys. */
export function plainRoute(filter: string, part: string, { key, value }: Entry): SubscriptionMatch | undefined {
  const route = readable(() => decodeRoute(key, value));
  if (route === undefined || mayBeDigest(route.clientId)) return undefined;
  if (route.filter === filter) return route;
  return isDigest(route.filter, part) ? { ...route, filter } : undefined;
}

/**
 * The subscription that a row of a filter names; `undefined` when it has ended.
 *
 * A row that cannot be read stops nobody. It repeats what the session's own row says, so that it is set aside and written
 * again. Where that one cannot be read either, what the session misses is counted in its gate.
 */
export async function readRoute(
  context: StoreContext,
  layout: Layout,
  filter: string,
  entry: Entry,
): Promise<SubscriptionMatch | undefined> {
  const { key, value } = entry;
  const part = layout.part(filter);
  const [client = "", incarnation = ""] = key.slice(layout.routes(filter).length).split("/");
  const route = readable(() => decodeRoute(key, value));
  if (route === undefined || (route.filter !== filter && !isDigest(route.filter, part))) {
    return await mended(context, layout, { filter, client, incarnation, entry });
  }
  const clientId = await named(context, layout, client, route);
  return clientId === undefined ? undefined : { ...route, filter, clientId };
}

/** The client of a route; `undefined` if it was swept, or if its text cannot be read, which is counted. */
async function named(
  context: StoreContext,
  layout: Layout,
  client: string,
  { clientId, incarnation }: Pick<SubscriptionMatch, "clientId" | "incarnation">,
): Promise<string | undefined> {
  try {
    return await clientOfIncarnation(context, layout, client, clientId, incarnation);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const [gate] = await context.driver.get([layout.recordsAt(client).gate]);
    await countLost(context, gate);
    return undefined;
  }
}

/** A row that cannot be read: what its key says. */
interface Spoiled {
  readonly filter: string;
  /** Parts of the key. */
  readonly client: string;
  readonly incarnation: string;
  readonly entry: Entry;
}

async function mended(
  context: StoreContext,
  layout: Layout,
  { filter, client, incarnation, entry }: Spoiled,
): Promise<SubscriptionMatch | undefined> {
  const { driver } = context;
  const keys = layout.recordsAt(client);
  const subscriptionKey = ROW.subscriptions(layout.rowsAt(client, incarnation)) + layout.part(filter);
  const [headEntry, subscriptionEntry, gateEntry] = await together(
    [keys.head, subscriptionKey, keys.gate].map(async (key) => (await driver.get([key]))[0]),
  );
  // Whoever unsubscribes deletes both, whoever ends deletes the head: the row is left over.
  if (headEntry === undefined || subscriptionEntry === undefined) return undefined;
  const head = readable(() => decodeHead(keys.head, headEntry.value));
  const row = readable(() => decodeSubscription(subscriptionKey, subscriptionEntry.value));
  if (head !== undefined) {
    await layout.prepare([head.incarnation]);
    if (layout.part(head.incarnation) !== incarnation) return undefined;
  }
  if (head === undefined || row === undefined) {
    await countLost(context, gateEntry);
    return undefined;
  }
  const { clientId: stored } = head;
  const route = { filter, clientId: stored, incarnation: head.incarnation, subscription: row.subscription };
  if (!isFromFuture(entry)) {
    const named = { ...route, filter: layout.inRecord(filter) };
    // When somebody else is faster, they know better.
    await driver.commit(
      [{ key: entry.key, version: entry.version }, { key: subscriptionKey, version: subscriptionEntry.version }],
      [
        { type: "set", key: layout.aside(entry.key), value: entry.value },
        { type: "set", key: entry.key, value: encodeRoute(named) },
      ],
    );
  }
  const clientId = await named(context, layout, client, route);
  return clientId === undefined ? undefined : { ...route, clientId };
}

/** What a later release wrote is right for it: it is not written over. */
function isFromFuture({ key, value }: Entry): boolean {
  try {
    decodeRoute(key, value);
    return false;
  } catch (error) {
    return error instanceof SessionError && error.code === "RECORD_FROM_FUTURE";
  }
}

/** Counts a message that one session does not get, as well as that can be done beside those who do the same. */
async function countLost({ driver }: StoreContext, entry: Entry | undefined): Promise<void> {
  const gate = entry && readable(() => decodeGate(entry.key, entry.value));
  if (entry === undefined || gate === undefined) return;
  const value = encodeGate({ ...gate, drops: countDrop(gate.drops, "unreadable") });
  await driver.commit([{ key: entry.key, version: entry.version }], [{ type: "set", key: entry.key, value }]);
}
