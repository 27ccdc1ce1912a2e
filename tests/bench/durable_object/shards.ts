/**
 * What it costs that the clients of a tenant are spread over several Durable Objects: the bills of all of them together.
 *
 * Run it: `deno run -A tests/bench/durable_object/shards.ts`
 *
 * @module
 */
import { shardOf } from "../../../examples/cloudflare/sharded/place.ts";
import type { WireClient } from "../../e2e/support/wire_client.ts";
import { type BillRow, inWorkerd, type Rig } from "./bench.ts";
import type { Bill } from "./program.ts";

/** A step, by all objects of a tenant of so many shards. */
export interface ShardRow extends BillRow {
  readonly shards: number;
}

const PUBLISH = { cmd: "publish", dup: false, retain: false, payload: "x".repeat(64) } as const;

/** Bills of the same steps with few shards and with more. */
export async function benchShards(): Promise<readonly ShardRow[]> {
  const rows: ShardRow[] = [];
  for (const shards of [2, 4]) await inWorkerd((rig) => benchSteps(rig, shards, rows), shards);
  return rows;
}

async function benchSteps(rig: Rig, shards: number, rows: ShardRow[]): Promise<void> {
  const objects = ["main", ...Array.from({ length: shards }, (_, shard) => `main/${shard}`)];
  const whole = async (): Promise<Bill> => {
    const others = await Promise.all(objects.slice(1).map((object) => rig.bill(object)));
    return others.reduce(sumOf, await rig.bill(objects[0]));
  };
  const idIn = (shard: number, name: string): string => {
    for (let number = 0;; number++) if (shardOf(`${name}${number}`, shards) === shard) return `${name}${number}`;
  };
  const measure = async (step: string, run: () => Promise<unknown>) => {
    await whole();
    await run();
    rows.push({ ...await whole(), step, shards });
  };
  const sender = await rig.connect(idIn(0, "sender"));
  const near = await rig.connect(idIn(0, "near"));
  const far = await rig.connect(idIn(1, "far"));
  const farther = await rig.connect(idIn(1, "farther"));
  const subscribe = async (client: WireClient, topic: string) => {
    client.send({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic, qos: 2 }] });
    await client.expect("suback");
  };
  const acknowledge = async (client: WireClient) => {
    const { messageId = 0 } = await client.expect("publish");
    client.send({ cmd: "puback", messageId });
  };
  await subscribe(near, "first/of/its/shape");
  await subscribe(far, "first/of/its/shape");
  await measure("SUBSCRIBE, the first of its filter in the shard", () => subscribe(far, "far/away/topic"));
  await measure("SUBSCRIBE, one more of that filter", () => subscribe(farther, "far/away/topic"));
  farther.send({ cmd: "unsubscribe", messageId: 1, unsubscriptions: ["far/away/topic"] });
  await farther.expect("unsuback");
  await subscribe(near, "near/by/topic");
  const publish = async (topic: string, receiver: WireClient, messageId: number) => {
    sender.send({ ...PUBLISH, topic, qos: 1, messageId });
    // A receiver in the same object may be sent its copy before its publisher hears.
    await Promise.all([sender.expect("puback"), acknowledge(receiver)]);
  };
  // The first one that crosses sets the alarm that guards it, for all of some seconds.
  await publish("far/away/topic", far, 1);
  await measure("PUBLISH QoS 1 within the shard, both PUBACKs", () => publish("near/by/topic", near, 2));
  await measure("PUBLISH QoS 1 to another shard, both PUBACKs", () => publish("far/away/topic", far, 3));
  await measure("100 PUBLISH QoS 1 to another shard at once", async () => {
    for (let messageId = 1; messageId <= 100; messageId++) {
      sender.send({ ...PUBLISH, topic: "far/away/topic", qos: 1, messageId });
    }
    for (let count = 0; count < 100; count++) await acknowledge(far);
    for (let count = 0; count < 100; count++) await sender.expect("puback");
  });
  for (const client of [sender, near, far, farther]) await client.disconnect();
}

function sumOf(one: Bill, other: Bill): Bill {
  return {
    events: one.events + other.events,
    calls: one.calls + other.calls,
    statements: one.statements + other.statements,
    rowsRead: one.rowsRead + other.rowsRead,
    rowsWritten: one.rowsWritten + other.rowsWritten,
    syncs: one.syncs + other.syncs,
    alarmsSet: one.alarmsSet + other.alarmsSet,
  };
}

/** Prints them. */
export function printShards(rows: readonly ShardRow[]): void {
  console.log(
    "\na tenant in shards: step                               shards   calls  rows read  written  alarms  syncs",
  );
  for (const { step, shards, calls, rowsRead, rowsWritten, alarmsSet, syncs } of rows) {
    const columns = [[shards, 8], [calls, 8], [rowsRead, 11], [rowsWritten, 9], [alarmsSet, 8], [syncs, 7]] as const;
    console.log(step.padEnd(53) + columns.map(([value, width]) => String(value).padStart(width)).join(""));
  }
}

if (import.meta.main) printShards(await benchShards());
