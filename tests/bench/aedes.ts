/**
 * What steps of aedes cost over `./aedes`: the longest chain of calls of the store, counted through a real broker, beside
 * `aedes-persistence-redis` 12. A call is one request to Upstash, and one read, one commit or both to ordered keys.
 *
 * Run by itself it writes the table of the README anew.
 *
 * @module
 */
import { readFile, writeFile } from "node:fs/promises";
import type { SessionStore } from "../../src/store/session_store.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { PROJECT_ROOT } from "../support/deno.ts";
import { type AedesClient, type AedesNode, AedesWorld } from "../unit/hosts/aedes/support/aedes_world.ts";
import { Gate } from "./gate.ts";

const BEGIN = "<!-- aedes -->";
const END = "<!-- /aedes -->";

/** One step. */
export interface AedesCost {
  readonly step: string;
  /** The longest chain of calls. */
  readonly ours: number;
  /** That of the peer, in commands of Redis: `upstash/peer_redis_test.ts` asserts them. */
  readonly peer: number;
}

interface Step {
  readonly step: string;
  readonly peer: number;
  run(world: CountedWorld): Promise<number>;
}

/** A broker over a store whose calls are let through in rounds. */
class CountedWorld implements AsyncDisposable {
  readonly #gate = new Gate<string>();
  readonly #world: AedesWorld;
  broker!: AedesNode;

  constructor() {
    this.#world = new AedesWorld({ store: gated(memoryStore(), this.#gate) });
  }

  static async start(): Promise<CountedWorld> {
    const world = new CountedWorld();
    world.broker = await world.#world.broker();
    // The lease of the broker is there: it is renewed with each heartbeat.
    await (await world.broker.connect("first")).disconnect();
    await world.broker.persistence.settled();
    return world;
  }

  /** The chain of calls that something takes. */
  async count(run: () => Promise<unknown>): Promise<number> {
    const rounds = await this.#gate.count(async () => {
      await run();
      await this.broker.persistence.settled();
    });
    return rounds.length;
  }

  /** Clients that have subscribed and left. */
  async left(clientIds: readonly string[], qos: 1 | 2 = 1): Promise<void> {
    for (const clientId of clientIds) {
      const client = await this.broker.connect(clientId);
      await client.subscribe("f", qos);
      await client.disconnect();
    }
    await this.broker.persistence.settled();
  }

  /** A client that has left and is owed messages. */
  async queued(count: number, qos: 1 | 2 = 1): Promise<void> {
    await this.left(["c"], qos);
    await Promise.all(Array.from({ length: count }, (_, index) => this.broker.publish("f", `${index}`, qos)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#world[Symbol.asyncDispose]();
  }
}

function gated(store: SessionStore, gate: Gate<string>): SessionStore {
  return new Proxy(store, {
    get: (target, name) => {
      const value = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      // Every function of a store answers a promise, but one that the broker here does not use.
      const call = (args: unknown[]) => Reflect.apply(value, target, args) as Promise<unknown>;
      return (...args: unknown[]) => gate.hold(String(name), () => call(args));
    },
  });
}

/** A client that acknowledges when all has come: here a call takes no time, in which more would come. */
async function drain(client: AedesClient, count: number, qos: 1 | 2): Promise<void> {
  await answer(client, count, "publish", qos === 1 ? "puback" : "pubrec");
  if (qos === 2) await answer(client, count, "pubrel", "pubcomp");
  await client.ping();
}

async function answer(client: AedesClient, count: number, cmd: string, answered: string): Promise<void> {
  const ids: unknown[] = [];
  for (let index = 0; index < count; index++) ids.push((await client.next(cmd)).messageId);
  client.send(...ids.map((messageId) => ({ cmd: answered, messageId })));
}

const delivering = (count: number, qos: 1 | 2) => async (world: CountedWorld) => {
  await world.queued(count, qos);
  return await world.count(async () => drain(await world.broker.connect("c"), count, qos));
};

const STEPS: readonly Step[] = [
  { step: "CONNECT, new session", peer: 4, run: (world) => world.count(() => world.broker.connect("c")) },
  {
    step: "CONNECT with a Will",
    peer: 4,
    run: (world) => {
      const will = { topic: "will", payload: "", qos: 1, retain: false };
      return world.count(() => world.broker.connect("c", { will }));
    },
  },
  {
    step: "CONNECT, resume with 100 queued, all sent",
    peer: 105,
    run: async (world) => {
      await world.queued(100);
      return await world.count(async () => {
        const client = await world.broker.connect("c");
        for (let index = 0; index < 100; index++) await client.next("publish");
      });
    },
  },
  {
    step: "CONNECT, Clean Session over a stored one",
    peer: 8,
    run: async (world) => {
      await world.left(["c"]);
      return await world.count(() => world.broker.connect("c", { clean: true }));
    },
  },
  {
    step: "SUBSCRIBE, 1 filter",
    peer: 2,
    run: async (world) => {
      const client = await world.broker.connect("c");
      return await world.count(() => client.subscribe("f"));
    },
  },
  {
    step: "PUBLISH QoS 1, 100 stored receivers, until it is kept",
    peer: 101,
    run: async (world) => {
      await world.left(Array.from({ length: 100 }, (_, index) => `c-${index}`));
      return await world.count(() => world.broker.publish("f", "text"));
    },
  },
  {
    step: "PUBLISH QoS 2 until PUBCOMP, 1 stored receiver",
    peer: 6,
    run: async (world) => {
      await world.left(["c"]);
      const publisher = await world.broker.connect("p");
      return await world.count(async () => {
        await publisher.publish("f", "text", 2, 1);
        publisher.send({ cmd: "pubrel", messageId: 1 });
        await publisher.next("pubcomp");
      });
    },
  },
  { step: "CONNECT and delivery of 1 message at QoS 1", peer: 10, run: delivering(1, 1) },
  { step: "CONNECT and delivery of 100 messages at QoS 1", peer: 109, run: delivering(100, 1) },
  { step: "CONNECT and delivery of 100 messages at QoS 2", peer: 113, run: delivering(100, 2) },
  {
    step: "DISCONNECT",
    peer: 0,
    run: async (world) => {
      const client = await world.broker.connect("c");
      return await world.count(() => client.disconnect());
    },
  },
];

/** Counts all steps, each over stores of its own. */
export async function measureAedes(): Promise<readonly AedesCost[]> {
  const rows: AedesCost[] = [];
  for (const { step, peer, run } of STEPS) {
    await using world = await CountedWorld.start();
    rows.push({ step, ours: await run(world), peer });
  }
  return rows;
}

/** The table of the README, with its markers. */
export function aedesBlock(rows: readonly AedesCost[]): string {
  const cells = [
    ["step of aedes", "`./aedes`", "`aedes-persistence-redis` 12"],
    ...rows.map(({ step, ours, peer }) => [step, `${ours}`, `${peer}`]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  const rule = widths.map((width) => "-".repeat(width));
  return [BEGIN, "", ...[head, rule, ...body].map(line), "", END].join("\n");
}

/** A text with the table in the place of the one that it has. */
export function withAedes(text: string, rows: readonly AedesCost[]): string {
  const [start, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (start === -1 || end === -1) throw new Error(`Cannot write the table: there is no ${BEGIN}`);
  return text.slice(0, start) + aedesBlock(rows) + text.slice(end + END.length);
}

if (import.meta.main) {
  const readme = new URL("README.md", PROJECT_ROOT);
  await writeFile(readme, withAedes(await readFile(readme, "utf8"), await measureAedes()));
}
