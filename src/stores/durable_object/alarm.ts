import type { AlarmStorageLike } from "./platform.ts";

/** Who knows when there is next something to do; a `SessionBroker` is one. */
export interface Waker {
  /** In epoch milliseconds; `undefined` for never. */
  nextWakeAt(): Promise<number | undefined>;
}

/** No alarm is sooner than this: what is due may wait for something, and would only be found due again. */
const SOONEST_MS = 1_000;

/**
 * Has a Durable Object woken when its broker next has something to do; call it after each event that the object has taken
 * in, and at the end of `alarm()`, after `runDue()`.
 *
 * An alarm that is set already and comes no later is left as it is: whoever wakes too early sets the next one, and that is
 * cheaper than a row written for each deadline that moves. Nor is one taken back that is needed no more.
 *
 * @param now The time, in epoch milliseconds.
 *
 * @example
 * ```ts
 * import { setWakeAlarm } from "@edge-mqtt/session/durable-object";
 *
 * let alarm: number | null = null;
 * const storage = { getAlarm: async () => alarm, setAlarm: async (at: number) => void (alarm = at) };
 * await setWakeAlarm(storage, { nextWakeAt: async () => 5_000 }, 1_000);
 * console.assert(alarm === 5_000);
 * ```
 */
export async function setWakeAlarm(storage: AlarmStorageLike, broker: Waker, now: number): Promise<void> {
  const wanted = await broker.nextWakeAt();
  if (wanted === undefined) return;
  const at = Math.max(wanted, now + SOONEST_MS);
  const set = await storage.getAlarm();
  if (set === null || set > at) await storage.setAlarm(at);
}
