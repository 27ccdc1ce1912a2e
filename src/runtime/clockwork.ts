/**
 * When the broker does what nobody asks for: by its own timer, or when the host says so.
 *
 * @module
 */
import type { BrokerContext } from "./context.ts";
import type { Doorbell } from "./doorbell.ts";
import type { Due } from "./due.ts";
import { NEVER } from "./endless_lease.ts";
import { persistently } from "./within.ts";

/** The timer of a broker. */
export interface Clockwork {
  /** From now on it wakes itself. */
  start(): void;
  /** It wakes itself no more. */
  stop(): void;
  /** A deadline of this node may be earlier now. */
  look(): void;
  /** The store will have something due. */
  storeDueAt(at: number): void;
  /** Does all that is due now. */
  runAll(signal: AbortSignal | undefined): Promise<void>;
  /** When there is next something to do. */
  nextWakeAt(): Promise<number | undefined>;
}

/** What the store lists as due may wait for others; it is not asked again before this. */
const IDLE_MS = 1_000;

/** Makes the timer of a broker. */
export function clockwork(context: BrokerContext, doorbell: Doorbell, due: Due): Clockwork {
  const { options, deadlines, lease, sessions, sleepers } = context;
  const { environment, observe, store } = options;
  let isRunning = false;
  let armedAt = Infinity;
  let cancel = () => {};
  /** When the store is next asked; kept only while running. */
  let askAt = Infinity;
  let asking: Promise<void> | undefined;

  /** What is due in this process alone: no store is asked, so it is done at once. */
  const runLocal = () => {
    lease.check();
    sleepers?.lookAtAll();
    deadlines.fire(environment.now());
  };

  const renewLease = async () => {
    const at = lease.renewAt;
    if (at === undefined || environment.now() < at || sessions.size === 0) return;
    try {
      await lease.renew();
    } catch (error) {
      observe({ type: "workFailed", work: "lease", error });
      lease.check();
    }
  };

  const askStore = async (signal: AbortSignal | undefined) => {
    askAt = environment.now() + options.duePollMs;
    await due.run(signal);
    await context.retention?.sweepSometimes(signal).catch((error) => {
      observe({ type: "workFailed", work: "retained", error });
    });
    const next = await nextStoreDue();
    if (next !== undefined) askAt = Math.min(askAt, Math.max(next, environment.now() + IDLE_MS));
  };

  const nextStoreDue = () => persistently(options, "ask what is due next", (signal) => store.nextDueAt({ signal }));

  const nextLocal = () =>
    Math.min(
      deadlines.next ?? Infinity,
      sessions.size === 0 ? Infinity : lease.wakeAt ?? Infinity,
      doorbell.pollAt ?? Infinity,
      Math.max(context.orphans.nextAt, environment.now() + IDLE_MS),
    );

  const arm = () => {
    if (!isRunning) return;
    // While the store is being asked it is not asked again; afterwards this is looked at once more.
    const at = Math.min(nextLocal(), asking === undefined ? askAt : Infinity);
    if (at >= armedAt || at === Infinity) return;
    cancel();
    armedAt = at;
    cancel = environment.wake(at, wake);
  };

  const wake = () => {
    armedAt = Infinity;
    cancel = () => {};
    const now = environment.now();
    runLocal();
    context.tasks.add(renewLease().then(arm));
    const { pollAt } = doorbell;
    if (pollAt !== undefined && pollAt <= now) context.tasks.add(doorbell.answer().then(arm));
    if (asking === undefined && (askAt <= now || context.orphans.nextAt <= now)) {
      asking = askStore(undefined).catch((error) => observe({ type: "workFailed", work: "due", error })).then(() => {
        asking = undefined;
        arm();
      });
      context.tasks.add(asking);
    }
    arm();
  };

  return {
    start: () => {
      if (isRunning) return;
      isRunning = true;
      askAt = environment.now();
      doorbell.start();
      arm();
    },
    stop: () => {
      isRunning = false;
      cancel();
      armedAt = Infinity;
      doorbell.stop();
    },
    look: arm,
    storeDueAt: (at) => {
      if (at >= askAt) return;
      askAt = at;
      arm();
    },
    runAll: async (signal) => {
      runLocal();
      await renewLease();
      await doorbell.answer();
      await askStore(signal);
      // Not for a verdict that the host has yet to give: a cron must not hang on it.
      await context.tasks.done(signal);
    },
    nextWakeAt: async () => {
      sleepers?.lookAtAll();
      if (sleepers?.isUnchecked) return environment.now();
      const at = Math.min(nextLocal(), await nextStoreDue() ?? Infinity);
      return at < NEVER ? at : undefined;
    },
  };
}
