/**
 * What a broker in a Durable Object is billed for, step by step, and how long its object takes to wake: in `workerd`, by
 * clients over WebSockets.
 *
 * Run it: `deno run -A tests/bench/durable_object/bench.ts`
 *
 * @module
 */
import { bundleWorker, dataFolder, Workerd } from "../../support/workerd.ts";
import { keptFor, WireClient } from "../../e2e/support/wire_client.ts";
import { median } from "../row.ts";
import type { Bill } from "./program.ts";

/** A step and what it took. */
export interface BillRow extends Bill {
  readonly step: string;
}

/** How long a packet takes, there and back, in milliseconds. */
export interface WakeRow {
  readonly sessions: number;
  readonly awake: number;
  /** The first packet after the object has lost its memory. */
  readonly pingAfterSleep: number;
  /** The same, for a QoS 1 message that nobody is subscribed to. */
  readonly publishAfterSleep: number;
}

const SIZES = [1, 100, 1_000] as const;
const ROUNDS = 40;

/** A worker and what it is billed for. */
export class Rig {
  readonly #workerd: Workerd;

  constructor(workerd: Workerd) {
    this.#workerd = workerd;
  }

  async connect(clientId: string): Promise<WireClient> {
    const url = `${this.#workerd.url.replace("http:", "ws:")}/mqtt/main?client=${clientId}`;
    return (await WireClient.connect(url, 5, { clientId, ...keptFor(5, 3_600) })).client;
  }

  async bill(object = "main"): Promise<Bill> {
    for (;;) {
      const bill: Bill | null = await (await fetch(`${this.#workerd.url}/bill?object=${object}`)).json();
      if (bill !== null) return bill;
    }
  }

  async forget(): Promise<void> {
    await (await fetch(`${this.#workerd.url}/forget`)).text();
  }
}

/** Bills of the steps, each by itself. */
export async function benchBills(): Promise<readonly BillRow[]> {
  const rows: BillRow[] = [];
  await inWorkerd(async (rig) => {
    // The first alarm looks for what an earlier run has left: it is none of the steps.
    const settled = async () => {
      for (let bill = await rig.bill(); bill.events > 0;) {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        bill = await rig.bill();
      }
    };
    const measure = async (step: string, run: () => Promise<unknown>) => {
      await run();
      rows.push({ step, ...await rig.bill() });
    };
    const other = await rig.connect("other");
    await settled();
    let client = await rig.connect("client");
    rows.push({ step: "CONNECT, a new session", ...await rig.bill() });
    await measure("SUBSCRIBE", async () => {
      client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "a/b", qos: 2 }] });
      await client.expect("suback");
    });
    await measure("PINGREQ", () => ping(client));
    await measure("PINGREQ, the object asleep", async () => {
      await rig.forget();
      await ping(client);
    });
    const publish = { cmd: "publish", dup: false, retain: false, payload: "x".repeat(64) } as const;
    await measure("PUBLISH QoS 0, one receiver here", async () => {
      other.send({ ...publish, topic: "a/b", qos: 0 });
      await client.expect("publish");
    });
    await measure("PUBLISH QoS 1 to its PUBACK, no receiver", async () => {
      other.send({ ...publish, topic: "c", qos: 1, messageId: 1 });
      await other.expect("puback");
    });
    await measure("PUBLISH QoS 1 through one receiver, both PUBACKs", async () => {
      other.send({ ...publish, topic: "a/b", qos: 1, messageId: 1 });
      const { messageId = 0 } = await client.expect("publish");
      client.send({ cmd: "puback", messageId });
      await other.expect("puback");
    });
    await measure("PUBLISH QoS 2 through one receiver, both PUBCOMPs", async () => {
      other.send({ ...publish, topic: "a/b", qos: 2, messageId: 2 });
      await other.expect("pubrec");
      other.send({ cmd: "pubrel", messageId: 2 });
      const { messageId = 0 } = await client.expect("publish");
      client.send({ cmd: "pubrec", messageId });
      await client.expect("pubrel");
      client.send({ cmd: "pubcomp", messageId });
      await other.expect("pubcomp");
    });
    await measure("DISCONNECT", () => client.disconnect());
    for (let messageId = 1; messageId <= 100; messageId++) {
      other.send({ ...publish, topic: "a/b", qos: 1, messageId });
      await other.expect("puback");
    }
    const { events: _, ...hundred } = await rig.bill();
    rows.push({ step: "100 PUBLISH QoS 1 into the queue of one who is away", events: 100, ...hundred });
    await measure("CONNECT, resume with 100 queued, and 100 PUBACKs", async () => {
      client = await rig.connect("client");
      for (let count = 0; count < 100; count++) {
        const { messageId = 0 } = await client.expect("publish");
        client.send({ cmd: "puback", messageId });
      }
      await ping(client);
    });
    await measure("connection lost", () => client.vanish());
    await other.disconnect();
  });
  return rows;
}

/** How long a first packet takes, by how many sessions are connected to the object. */
export async function benchWakes(): Promise<readonly WakeRow[]> {
  const rows: WakeRow[] = [];
  for (const sessions of SIZES) {
    await inWorkerd(async (rig) => {
      const clients: WireClient[] = [];
      while (clients.length < sessions) {
        const from = clients.length;
        const next = Math.min(50, sessions - from);
        clients.push(...await Promise.all(Array.from({ length: next }, (_, each) => rig.connect(`c${from + each}`))));
      }
      const [client] = clients;
      if (client === undefined) return;
      const time = async (isAsleep: boolean, run: () => Promise<unknown>): Promise<number> => {
        const times: number[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          await rig.bill();
          if (isAsleep) await rig.forget();
          const startedAt = performance.now();
          await run();
          times.push(performance.now() - startedAt);
        }
        return median(times);
      };
      const publish = async () => {
        client.send({ cmd: "publish", topic: "c", qos: 1, messageId: 1, dup: false, retain: false, payload: "" });
        await client.expect("puback");
      };
      await time(true, () => ping(client));
      rows.push({
        sessions,
        awake: await time(false, () => ping(client)),
        pingAfterSleep: await time(true, () => ping(client)),
        publishAfterSleep: await time(true, publish),
      });
      await Promise.all(clients.map((each) => each.disconnect()));
    });
  }
  return rows;
}

async function ping(client: WireClient): Promise<void> {
  client.send({ cmd: "pingreq" });
  await client.expect("pingresp");
}

export async function inWorkerd(run: (rig: Rig) => Promise<void>, shards = 1): Promise<void> {
  const script = await bundleWorker("tests/bench/durable_object/program.ts", "Counted");
  const data = await dataFolder({ isOnDisk: true });
  try {
    await using workerd = await Workerd.start(script, {
      data,
      bindings: { ALLOW_ANYONE: "true", SHARDS: String(shards) },
    });
    await run(new Rig(workerd));
  } finally {
    await Deno.remove(data, { recursive: true });
  }
}

/** Prints both. */
export function printDurableObject(bills: readonly BillRow[], wakes: readonly WakeRow[]): void {
  console.log(
    "a broker in a Durable Object: step                     events  statements  rows read  written  alarms  syncs",
  );
  for (const { step, events, statements, rowsRead, rowsWritten, alarmsSet, syncs } of bills) {
    const columns: readonly (readonly [number, number])[] = [
      [events, 8],
      [statements, 12],
      [rowsRead, 11],
      [rowsWritten, 9],
      [alarmsSet, 8],
      [syncs, 7],
    ];
    console.log(step.padEnd(53) + columns.map(([value, width]) => String(value).padStart(width)).join(""));
  }
  console.log("\nconnected sessions   PINGREQ, awake   PINGREQ, asleep   PUBLISH QoS 1, asleep   (ms, there and back)");
  for (const { sessions, awake, pingAfterSleep, publishAfterSleep } of wakes) {
    const times = [[awake, 17], [pingAfterSleep, 18], [publishAfterSleep, 24]] as const;
    console.log(
      String(sessions).padStart(18) + times.map(([value, width]) => value.toFixed(2).padStart(width)).join(""),
    );
  }
}

if (import.meta.main) printDurableObject(await benchBills(), await benchWakes());
