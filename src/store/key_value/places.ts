/**
 * The sessions of a principal, where their number is bounded: each takes one of its numbered places, and gives it back when
 * it ends. A new one takes the first that is free, and its commit checks that it still is: so no two take the same, and
 * there are never more of them than places.
 */
import { digestOf } from "../keys.ts";
import type { PrincipalUsage } from "../directory.ts";
import { getAll, layoutFor, listUpTo, type StoreContext } from "./context.ts";
import { decodeGate, queueSize } from "./gate.ts";
import { decodeHead } from "./head.ts";
import { below, lastPart, type Layout } from "./layout.ts";
import { decodeClient } from "./rows.ts";

/** The first free place of a principal that has so many of them; `undefined` when all are taken. */
export async function freePlace(
  { driver }: StoreContext,
  layout: Layout,
  principal: string,
  quota: number,
): Promise<number | undefined> {
  const taken = await listUpTo(driver, below(layout.places(principal)), quota);
  if (taken.length >= quota) return undefined;
  const numbers = new Set(taken.map(({ key }) => Number(lastPart(key))));
  let number = 1;
  while (numbers.has(number)) number++;
  return number;
}

/** What the sessions of a principal hold that have a place. */
export async function usageOf(context: StoreContext, principal: string): Promise<PrincipalUsage> {
  const layout = await layoutFor(context, []);
  const places = await listUpTo(context.driver, below(layout.places(await digestOf(principal))), Infinity);
  const keys = places.map(({ key, value }) => layout.recordsAt(decodeClient(key, value)));
  const entries = await getAll(context.driver, keys.flatMap(({ head, gate }) => [head, gate]));
  let queuedBytes = 0;
  for (const [index, { head: headKey, gate: gateKey }] of keys.entries()) {
    const head = entries[2 * index];
    const gate = entries[2 * index + 1];
    if (head === undefined || gate === undefined) continue;
    queuedBytes += queueSize(decodeGate(gateKey, gate.value), decodeHead(headKey, head.value)).bytes;
  }
  return { sessions: places.length, queuedBytes };
}
