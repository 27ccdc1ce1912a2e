import { hasExpired, messageBytes } from "../../mqtt/message.ts";
import { SessionError } from "../../errors.ts";
import { begun, stepwise, together } from "../call.ts";
import type { StoreCapabilities } from "../capabilities.ts";
import { readable } from "../encoding.ts";
import { escapePart, MAX_PART_BYTES } from "../keys.ts";
import type { RetainedStore, RetainedSweepOptions } from "../retained_store.ts";
import { checkedDriver } from "./checked_driver.ts";
import { deleteAll, getAll, listUpTo } from "./context.ts";
import type { KeyValueDriver } from "./driver.ts";
import { below } from "./layout.ts";
import { Plan } from "./plan.ts";
import { drawerOf, RetainedLayout } from "./retained_layout.ts";
import { planRemoval, putRetained, type RetainedContext } from "./retained_put.ts";
import { matchRetained, readRetained } from "./retained_read.ts";
import { decodeRetained, decodeTotals, encodeTotals } from "./retained_row.ts";
import { randomId } from "../unique.ts";

/** How a {@linkcode keyValueRetained} is set up. */
export interface KeyValueRetainedOptions {
  /** What a committed write outlives. */
  readonly durability: StoreCapabilities["durability"];
  /** In front of all keys; the session store of the same backend may have the same. Default: `mqtt`. */
  readonly prefix?: string;
  /** The largest message that is taken, in bytes. Default: 268 435 455, the largest packet of MQTT. */
  readonly maxMessageBytes?: number;
  /** Gives unique ids, for the parts of large messages. Default: `crypto.randomUUID`. */
  readonly newId?: () => string;
}

/** The largest MQTT packet: no message is larger. */
const MAX_MESSAGE_BYTES = 268_435_455;

/**
 * Keeps retained messages in a backend with ordered keys and atomic commits.
 *
 * A put is one read and one commit, whatever the number of messages that share it. A commit checks what was read before,
 * so that a request which comes late changes nothing; the numbers of `order` are not needed here.
 *
 * @throws {RangeError} If the prefix cannot stand in a key.
 *
 * @example
 * ```ts
 * import { keyValueRetained } from "@edge-mqtt/session/key-value";
 * import { mapDriver } from "@edge-mqtt/session/testing";
 *
 * const retained = keyValueRetained(mapDriver(), { durability: "process" });
 * console.assert((await retained.totals()).messages === 0);
 * ```
 */
export function keyValueRetained(driver: KeyValueDriver, options: KeyValueRetainedOptions): RetainedStore {
  const { durability, prefix = "mqtt", maxMessageBytes = MAX_MESSAGE_BYTES, newId = randomId } = options;
  if (prefix === "" || escapePart(prefix) !== prefix || prefix.length > MAX_PART_BYTES) {
    throw new RangeError("Cannot use the prefix: it must be 1 to 256 letters, digits or _.+#$@:=,-");
  }
  const { watch: _watch, ...checked } = checkedDriver(driver);
  const store: RetainedContext = {
    context: { driver: checked, prefix, newId },
    layout: new RetainedLayout(prefix),
  };
  return {
    capabilities: { durability, maxMessageBytes },
    put: (puts, put) =>
      begun(put, () => {
        const large = puts.find(({ message }) => messageBytes(message) > maxMessageBytes);
        if (large === undefined) return putRetained(store, puts, put);
        throw new SessionError("LIMIT_EXCEEDED", "Cannot retain a message: it is larger than the store takes");
      }),
    match: (queries, read) => begun(read, () => together(queries.map((query) => matchRetained(store, query, read)))),
    read: (topics, read) => begun(read, () => readRetained(store, topics, read)),
    sweep: (sweep) => begun(sweep, () => sweepRetained(store, sweep)),
    totals: (call) =>
      begun(call, async () => {
        const keys = store.layout.allTotals();
        const entries = await getAll(checked, keys);
        const totals = entries.map((entry) => entry && decodeTotals(entry.key, entry.value));
        return {
          messages: totals.reduce((sum, each) => sum + (each?.messages ?? 0), 0),
          bytes: totals.reduce((sum, each) => sum + (each?.bytes ?? 0), 0),
        };
      }),
  };
}

/** Removes what has expired, one message a commit: whoever puts meanwhile is first. Then parts that no row names. */
function sweepRetained(store: RetainedContext, options: RetainedSweepOptions): Promise<number> {
  return stepwise((wrote) => removeExpired(store, options, wrote));
}

async function removeExpired(
  store: RetainedContext,
  { now, limit, signal }: RetainedSweepOptions,
  wrote: () => void,
): Promise<number> {
  const { context: { driver }, layout } = store;
  const [due, staged] = await together([
    listUpTo(driver, layout.dueBy(now), limit),
    listUpTo(driver, layout.stagedBy(now), limit),
  ]);
  let done = 0;
  for (const { key, version } of due) {
    signal?.throwIfAborted();
    const { position } = layout.dueOf(key);
    const totalsKey = layout.totals(drawerOf(position));
    const [entry, totalsEntry] = await getAll(driver, [layout.topic(position), totalsKey]);
    const row = entry && readable(() => decodeRetained(entry.key, entry.value));
    const plan = new Plan();
    plan.check(key, version);
    plan.delete(key);
    if (entry !== undefined && row !== undefined && hasExpired(row, now)) {
      plan.check(entry.key, entry.version);
      plan.delete(entry.key);
      planRemoval(plan, layout, row, position, now);
      const totals = totalsEntry === undefined ? undefined : decodeTotals(totalsKey, totalsEntry.value);
      if (totals !== undefined && totalsEntry !== undefined) {
        plan.check(totalsKey, totalsEntry.version);
        const messages = Math.max(0, totals.messages - 1);
        plan.set(totalsKey, encodeTotals({ messages, bytes: Math.max(0, totals.bytes - row.bytes) }));
      }
    }
    if (await driver.commit(plan.checks(), plan.mutations()) === undefined) continue;
    wrote();
    done++;
  }
  for (const { key, version } of staged) {
    signal?.throwIfAborted();
    // Whoever makes the parts visible deletes this row, and checks it: only one of the two can be first.
    if (await driver.commit([{ key, version }], [{ type: "delete", key }]) === undefined) continue;
    wrote();
    await deleteAll(driver, (await listUpTo(driver, below(layout.partsOf(key)), Infinity)).map((part) => part.key));
    done++;
  }
  return done;
}
