/**
 * One message to 10 000 stored sessions: how long its publisher waits for PUBACK, how long until all have it, and what that
 * asks of Deno KV on a file and of Redis; beside it aedes-persistence-redis on the same Redis.
 *
 * Run it: `deno run -A --unstable-kv tests/bench/fan_out.ts`
 *
 * @module
 */
import { type BrokerEvent, type SessionBroker, sessionBroker } from "@edge-mqtt/session";
import { denoKvDriver } from "@edge-mqtt/session/deno-kv";
import { type KeyValueDriver, keyValueStore } from "@edge-mqtt/session/key-value";
import type { ServerPacket } from "../../src/mqtt/packet.ts";
import { connectPacket, publishPacket, subscribePacket } from "./upstash/ours.ts";
import { Rig } from "./upstash/rig.ts";

const RECEIVERS = 10_000;
/** Sessions that are prepared at the same time. */
const AT_ONCE = 250;
const TOPIC = "news";

/** What one message took. */
export interface FanOutRow {
  readonly name: string;
  readonly receivers: number;
  /** Milliseconds until PUBACK. */
  readonly ackMs: number;
  /** Milliseconds until it stands in every log. */
  readonly storedMs: number;
  /** What was asked of the backend. */
  readonly asked: string;
}

/** Measures the three. */
export async function benchFanOut(receivers = RECEIVERS): Promise<readonly FanOutRow[]> {
  return [await onDenoKv(receivers), ...await onRedis(receivers)];
}

/** Prints a table of them. */
export function printFanOut(rows: readonly FanOutRow[]): void {
  console.log(
    "one message to stored sessions".padEnd(38) + "sessions   until PUBACK    until stored   asked of the backend",
  );
  for (const { name, receivers, ackMs, storedMs, asked } of rows) {
    const ms = (value: number) => `${value.toFixed(0)} ms`.padStart(13);
    console.log(`${name.padEnd(38)}${String(receivers).padStart(8)}  ${ms(ackMs)}   ${ms(storedMs)}   ${asked}`);
  }
}

async function onDenoKv(receivers: number): Promise<FanOutRow> {
  const folder = await Deno.makeTempDir();
  const kv = await Deno.openKv(`${folder}/sessions.db`);
  try {
    const { driver, counts } = counted(denoKvDriver(kv));
    const capabilities = { fencing: "strict", durability: "host", consistency: "strong", watch: "process" } as const;
    const store = keyValueStore(driver, { capabilities });
    const troubles = new Troubles();
    const broker = sessionBroker({ store, observe: troubles.observe });
    await storedSessions(broker, receivers, troubles);
    const before = { ...counts };
    const times = await publishOnce(broker);
    await check(broker, receivers, troubles);
    const [reads, commits] = [counts.reads - before.reads, counts.commits - before.commits];
    await broker.shutdown();
    return { name: "Deno KV on a file", receivers, ...times, asked: `${reads} reads, ${commits} commits` };
  } finally {
    kv.close();
    await Deno.remove(folder, { recursive: true });
  }
}

async function onRedis(receivers: number): Promise<FanOutRow[]> {
  await using rig = await Rig.start();
  const troubles = new Troubles();
  const ours = rig.ours("node", { observe: troubles.observe });
  await storedSessions(ours.broker, receivers, troubles);
  let times = { ackMs: 0, storedMs: 0 };
  const { meter } = rig.upstash;
  const { requests, billed } = await meter.measure(async () => {
    times = await publishOnce(ours.broker);
  });
  await check(ours.broker, receivers, troubles);
  await ours.close();
  await rig.flush();
  const peer = await rig.peer();
  const names = Array.from({ length: receivers }, (_, index) => `meter-${index}`);
  await peer.storedSessions(names, () => [TOPIC]);
  await peer.usage();
  const before = performance.now();
  const reached = await peer.publish(TOPIC);
  const storedMs = performance.now() - before;
  const { commands } = await peer.usage();
  await peer.close();
  if (reached !== receivers) throw new Error(`Cannot compare: the peer reached ${reached} sessions`);
  return [
    { name: "Redis over REST", receivers, ...times, asked: `${requests} requests, ${billed} commands billed` },
    // It acknowledges once all have it.
    { name: "aedes-persistence-redis over RESP", receivers, ackMs: storedMs, storedMs, asked: `${commands} commands` },
  ];
}

/** What went wrong on the way. A time that repetitions are part of is not one of the store. */
class Troubles {
  readonly #seen: string[] = [];

  readonly observe = (event: BrokerEvent): void => {
    if (event.type === "leaseLost") this.#seen.push("the lease was lost");
    if (event.type === "workFailed") this.#seen.push(`${event.work}: ${String(event.error)}`);
    if (event.type === "commitFailed") this.#seen.push(`commit, attempt ${event.attempt}: ${event.error.message}`);
  };

  /** Fails with what was found, and with what went wrong before. */
  refuse(found: string): never {
    throw new Error(`Cannot measure a fan-out: ${found}; what went wrong: ${this.#seen.join("; ") || "nothing"}`);
  }

  /** Fails if anything went wrong. */
  check(doing: string): void {
    if (this.#seen.length > 0) this.refuse(doing);
  }
}

/** The first page of sessions tells whether all got it; the publisher's has ended. */
async function check(broker: SessionBroker, receivers: number, troubles: Troubles): Promise<void> {
  const { sessions } = await broker.list({ limit: 100 });
  const without = sessions.filter(({ queuedMessages }) => queuedMessages !== 1).length;
  if (without > 0) troubles.refuse(`of ${sessions.length} of ${receivers} sessions ${without} do not hold one message`);
  troubles.check("it was sent");
}

/** Prepares sessions that are subscribed and away. */
async function storedSessions(broker: SessionBroker, count: number, troubles: Troubles): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - from);
    let subscribed = 0;
    await Promise.all(Array.from({ length: size }, (_, index) => {
      const send = (packet: ServerPacket): void => {
        if (packet.type === "suback" && packet.reasonCodes[0] === 1) subscribed++;
      };
      const connection = broker.accept({ send, close: () => {} });
      void connection.receive([
        connectPacket(`meter-${from + index}`),
        subscribePacket([TOPIC], 1),
        { type: "disconnect", reasonCode: 0 },
      ]);
      return connection.done;
    }));
    if (subscribed < size) troubles.refuse(`${subscribed} of ${size} sessions were subscribed`);
  }
  troubles.check("the sessions were prepared");
}

/** Milliseconds until the publisher has its PUBACK, and until nothing is under way any more. */
async function publishOnce(broker: SessionBroker): Promise<{ readonly ackMs: number; readonly storedMs: number }> {
  const { promise: acknowledged, resolve } = Promise.withResolvers<number>();
  const send = (packet: ServerPacket): void => {
    if (packet.type === "puback") resolve(performance.now());
  };
  const publisher = broker.accept({ send, close: () => {} });
  await publisher.receive([connectPacket("publisher", { cleanStart: true, sessionExpiryInterval: 0 })]);
  await broker.settled();
  const before = performance.now();
  void publisher.receive([publishPacket(TOPIC, 1, 1)]);
  const ackMs = await acknowledged - before;
  await broker.settled();
  const storedMs = performance.now() - before;
  publisher.closed();
  await publisher.done;
  return { ackMs, storedMs };
}

interface Counts {
  reads: number;
  commits: number;
}

/** Counts every call of a driver. */
function counted(inner: KeyValueDriver): { readonly driver: KeyValueDriver; readonly counts: Counts } {
  const counts: Counts = { reads: 0, commits: 0 };
  const driver: KeyValueDriver = {
    limits: inner.limits,
    get: (keys) => {
      counts.reads++;
      return inner.get(keys);
    },
    list: (range) => {
      counts.reads++;
      return inner.list(range);
    },
    commit: (checks, mutations) => {
      counts.commits++;
      return inner.commit(checks, mutations);
    },
  };
  return { driver, counts };
}

if (import.meta.main) printFanOut(await benchFanOut(Number(Deno.args[0] ?? RECEIVERS)));
