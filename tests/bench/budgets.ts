/**
 * The budget of round trips: what each step of a session asks of an ordered key-value driver, as the longest chain of
 * awaits, through the whole broker. The engine below is Deno KV with its real limits.
 *
 * Run it: `deno run -A --unstable-kv tests/bench/budgets.ts`
 *
 * @module
 */
import { type BrokerConnection, type SessionBroker, sessionBroker, systemEnvironment } from "@edge-mqtt/session";
import { denoKvDriver } from "@edge-mqtt/session/deno-kv";
import { keyValueStore } from "@edge-mqtt/session/key-value";
import type { ClientPacket, ServerPacket } from "../../src/mqtt/packet.ts";
import { type CountedDriver, countedDriver, type Rounds } from "./rounds.ts";

/** One step beside its budget. */
export interface BudgetRow {
  readonly step: string;
  readonly rounds: Rounds;
  /** The most reads and commits in a chain. */
  readonly budget: { readonly reads: number; readonly commits: number };
}

const PAYLOAD = new Uint8Array(64);

interface Client {
  readonly connection: BrokerConnection;
  readonly received: ServerPacket[];
}

/** A broker over counted rounds. */
class World {
  readonly broker: SessionBroker;
  readonly counted: CountedDriver;
  /** How far the broker's clocks are ahead, so that an idle minute need not be waited for. */
  aheadMs = 0;

  constructor(kv: Deno.Kv) {
    this.counted = countedDriver(denoKvDriver(kv));
    const store = keyValueStore(this.counted.driver, {
      capabilities: { fencing: "strict", durability: "host", consistency: "strong", watch: "none" },
    });
    const system = systemEnvironment();
    this.broker = sessionBroker({
      store,
      environment: {
        ...system,
        now: () => system.now() + this.aheadMs,
        monotonic: () => system.monotonic() + this.aheadMs,
      },
      queue: { maximumMessages: 1_000_000, maximumBytes: 2 ** 40 },
      limits: { receiveMaximum: 1_000, pageMessages: 128 },
    });
  }

  open(): Client {
    const received: ServerPacket[] = [];
    const connection = this.broker.accept({ send: (packet) => received.push(packet), close: () => {} });
    return { connection, received };
  }

  run(client: Client, ...packets: readonly ClientPacket[]): Promise<Rounds> {
    return this.counted.count(async () => {
      await client.connection.receive(packets);
      await this.broker.settled();
    });
  }

  async connected(clientId: string, filters: readonly string[] = []): Promise<Client> {
    const client = this.open();
    await this.run(client, connect(clientId));
    if (filters.length > 0) await this.run(client, subscribe(filters));
    return client;
  }
}

function connect(clientId: string, receiveMaximum = 1_000): ClientPacket {
  return {
    type: "connect",
    protocolVersion: 5,
    clientId,
    cleanStart: false,
    keepAlive: 0,
    sessionExpiryInterval: 3_600,
    receiveMaximum,
  };
}

function subscribe(filters: readonly string[], qos: 0 | 1 | 2 = 2): ClientPacket {
  const options = { noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
  return { type: "subscribe", packetId: 1, subscriptions: filters.map((filter) => ({ filter, qos, ...options })) };
}

function publish(topic: string, qos: 1 | 2, packetId: number, payload: Uint8Array = PAYLOAD): ClientPacket {
  return { type: "publish", topic, payload, qos, retain: false, dup: false, packetId, properties: {} };
}

/** Measures every step of the budget table. */
export async function measureBudgets(): Promise<readonly BudgetRow[]> {
  const kv = await Deno.openKv(":memory:");
  const rows: BudgetRow[] = [];
  const row = (step: string, rounds: Rounds, reads: number, commits: number) =>
    rows.push({ step, rounds, budget: { reads, commits } });
  try {
    const world = new World(kv);
    const { broker, counted } = world;
    // The lease is taken once a run, and a shape of filters is stored once for good: neither is a session's to pay.
    await world.connected("first", ["warm/+/up", "warm", "warm/#"]);

    const fresh = world.open();
    row("CONNECT, new session", await world.run(fresh, connect("fresh")), 1, 1);
    row("SUBSCRIBE, 1 filter of a known shape", await world.run(fresh, subscribe(["a/+/b"])), 0, 1);
    const filters = (from: number, count: number) => Array.from({ length: count }, (_, index) => `f/${from + index}`);
    row("SUBSCRIBE, 200 filters", await world.run(fresh, subscribe(filters(0, 200))), 0, 1);
    row("SUBSCRIBE, 500 filters", await world.run(fresh, subscribe(filters(1_000, 500))), 0, 3);

    const subscriber = await world.connected("subscriber", ["t/#"]);
    row("DISCONNECT", await world.run(subscriber, { type: "disconnect", reasonCode: 0 }), 0, 1);
    const publisher = await world.connected("publisher");
    row("PUBLISH QoS 1, one stored receiver", await world.run(publisher, publish("t/1", 1, 1)), 2, 1);
    row("PUBLISH QoS 2, one stored receiver", await world.run(publisher, publish("t/1", 2, 2)), 2, 1);
    row("PUBREL of it", await world.run(publisher, { type: "pubrel", packetId: 2, reasonCode: 0 }), 0, 1);
    const many = Array.from({ length: 80 }, (_, index) => publish(`t/${index}`, 1, index + 10));
    row("80 PUBLISH QoS 1 in one piece", await world.run(publisher, ...many), 2, 1);
    const rest = Array.from({ length: 18 }, (_, index) => publish(`t/${index}`, 2, index + 100));
    await world.run(publisher, ...rest);

    const back = world.open();
    row("CONNECT, resume with 100 queued", await world.run(back, connect("subscriber", 100)), 1, 1);
    const sent = back.received.flatMap((packet) => packet.type === "publish" ? [packet] : []);
    const acks = sent.map(({ packetId = 0, qos }): ClientPacket => ({
      type: qos === 1 ? "puback" : "pubrec",
      packetId,
      reasonCode: 0,
    }));
    row(`outbound: ${acks.length} PUBACK or PUBREC in one piece`, await world.run(back, ...acks), 0, 1);
    const [released] = sent.filter(({ qos }) => qos === 2);
    const complete = { type: "pubcomp", packetId: released?.packetId ?? 0, reasonCode: 0 } as const;
    row("outbound: PUBCOMP", await world.run(back, complete), 0, 1);
    row("PINGREQ", await world.run(back, { type: "pingreq" }), 0, 0);
    row(
      "connection lost",
      await counted.count(async () => {
        back.connection.closed("transport");
        await broker.settled();
      }),
      0,
      1,
    );

    await world.run(await world.connected("large", ["large"]), { type: "disconnect", reasonCode: 0 });
    const mebibyte = new Uint8Array(1_048_576);
    row("PUBLISH QoS 1 of 1 MiB", await world.run(publisher, publish("large", 1, 3, mebibyte)), 2, 3);
    row("CONNECT, resume with 1 MiB queued", await world.run(world.open(), connect("large")), 2, 1);

    for (let index = 0; index < 80; index++) {
      const each = await world.connected(`fan-${index}`, ["fan"]);
      await world.run(each, { type: "disconnect", reasonCode: 0 });
    }
    row("PUBLISH QoS 1, 80 stored receivers", await world.run(publisher, publish("fan", 1, 4)), 2, 1);
    for (let index = 80; index < 200; index++) {
      const each = await world.connected(`fan-${index}`, ["fan"]);
      await world.run(each, { type: "disconnect", reasonCode: 0 });
    }
    const rounds = await world.run(publisher, publish("fan", 1, 5));
    row("PUBLISH QoS 1, 200 stored receivers, with the outbox's steps after its ack", rounds, 6, 5);
    const idle = { reads: 0, commits: 0, retries: 0 };
    for (let half = 0; half < 2; half++) {
      world.aheadMs += 30_000;
      const { reads, commits, retries } = await counted.count(() => broker.runDue());
      idle.reads += reads;
      idle.commits += commits;
      idle.retries += retries;
    }
    row("idle minute of a node with attached sessions: two calls of runDue", idle, Infinity, 2);
    await counted.count(() => broker.shutdown());
    return rows;
  } finally {
    kv.close();
  }
}

/** Prints a table of them, and answers whether all were met. */
export function printBudgets(rows: readonly BudgetRow[]): boolean {
  console.log("round trips (Deno KV)".padEnd(80) + "ours          budget        retries");
  let all = true;
  for (const { step, rounds, budget } of rows) {
    const met = rounds.reads <= budget.reads && rounds.commits <= budget.commits;
    const text = ({ reads, commits }: { reads: number; commits: number }) =>
      `${reads === Infinity ? "any" : reads} + ${commits}`.padEnd(14);
    console.log(
      `${step.padEnd(80)}${text(rounds)}${text(budget)}${String(rounds.retries).padEnd(8)}${met ? "met" : "MISSED"}`,
    );
    all &&= met;
  }
  return all;
}

if (import.meta.main) printBudgets(await measureBudgets());
