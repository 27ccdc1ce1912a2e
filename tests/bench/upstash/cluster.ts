/**
 * The budget's column of a Redis Cluster: how many requests follow each other until a packet is answered, and until all
 * that it began is over. Each step is measured twice: while the check of its session still stands, and when it has to be
 * written first.
 *
 * @module
 */
import { type SessionBroker, sessionBroker, systemEnvironment } from "@edge-mqtt/session";
import { upstashRedisStore } from "@edge-mqtt/session/upstash-redis";
import type { ClientPacket } from "../../../src/mqtt/packet.ts";
import { upstashClient } from "../../../src/stores/upstash_redis/client.ts";
import { startRedisCluster } from "../../support/redis/redis_cluster.ts";
import { startUpstash } from "../../support/redis/upstash_server.ts";
import { Gate } from "../gate.ts";
import { OurClient } from "./our_client.ts";
import { connectPacket, publishPacket, subscribePacket } from "./ours.ts";

/** So much later no check of before stands any more. */
const CHECKS_LATER_MS = 25_000;

/** What a step took. */
export interface ClusterCost {
  readonly step: string;
  /** Requests one after the other until the answer that the client waits for. */
  readonly answered: number;
  /** The same until nothing is under way any more. */
  readonly settled: number;
  /** The same two when the check has to be written first. */
  readonly withCheck: readonly [answered: number, settled: number];
}

/** A broker on a cluster whose requests are counted in rounds. */
class Node {
  readonly broker: SessionBroker;
  readonly #gate = new Gate<"answered" | "after">();
  readonly #clients = new Map<string, OurClient>();
  #phase: "answered" | "after" = "answered";
  #aheadMs = 0;

  constructor(url: string, token: string, nodeId: string) {
    const client = upstashClient({ url, token });
    const system = systemEnvironment();
    const store = upstashRedisStore({
      pipeline: () => {
        const pipeline = client.pipeline();
        const exec = pipeline.exec.bind(pipeline);
        return Object.assign(pipeline, {
          exec: (options: Parameters<typeof exec>[0]) => this.#gate.hold(this.#phase, () => exec(options)),
        });
      },
    }, { cluster: true });
    this.broker = sessionBroker({
      store,
      nodeId,
      environment: {
        ...system,
        now: () => system.now() + this.#aheadMs,
        monotonic: () => system.monotonic() + this.#aheadMs,
        wake: (at, run) => system.wake(at - this.#aheadMs, run),
      },
    });
  }

  /** Lets every check grow old, the lease being renewed meanwhile. */
  async later(ms: number): Promise<void> {
    this.#aheadMs += ms;
    await this.broker.runDue();
  }

  /** Counts a step; its promise ends with the answer. */
  async count(step: () => Promise<unknown>): Promise<readonly [answered: number, settled: number]> {
    this.#phase = "answered";
    const rounds = await this.#gate.count(async () => {
      await step();
      this.#phase = "after";
      await this.broker.settled();
    });
    return [rounds.filter((kinds) => kinds.has("answered")).length, rounds.length];
  }

  async connect(clientId: string, cleanStart = false): Promise<void> {
    const client = new OurClient(this.broker);
    this.#clients.set(clientId, client);
    client.send(connectPacket(clientId, { cleanStart }));
    await client.first("connack");
  }

  client(clientId: string): OurClient {
    const client = this.#clients.get(clientId);
    if (client === undefined) throw new Error(`"${clientId}" is not connected`);
    return client;
  }

  /** Sends a packet, and waits for its answer. */
  async ask(clientId: string, packet: ClientPacket, answer: Parameters<OurClient["first"]>[0]): Promise<void> {
    this.client(clientId).forget();
    this.client(clientId).send(packet);
    await this.client(clientId).first(answer);
  }

  /** Answers what came last. */
  async answer(
    clientId: string,
    came: "publish" | "pubrel",
    answer: "puback" | "pubrec" | "pubcomp",
  ): Promise<void> {
    const client = this.client(clientId);
    const ids = client.received.flatMap((packet) => packet.type === came ? [packet.packetId ?? 0] : []);
    if (ids.length === 0) throw new Error(`"${clientId}" got no ${came}`);
    client.forget();
    client.send(...ids.map((packetId): ClientPacket => ({ type: answer, packetId, reasonCode: 0 })));
    await this.broker.settled();
  }
}

/** Measures every step. */
export async function benchCluster(): Promise<readonly ClusterCost[]> {
  await using cluster = await startRedisCluster();
  await using upstash = startUpstash({ redis: cluster });
  const node = new Node(upstash.url, upstash.token, "node");
  const other = new Node(upstash.url, upstash.token, "other");
  try {
    // The first time every node of the cluster learns its scripts, and the broker its shapes.
    for (let round = 0; round < 6; round++) await measure(node, other, 0, `warm-${round}`);
    const standing = await measure(node, other, 0, "standing");
    const written = await measure(node, other, CHECKS_LATER_MS, "written");
    return standing.map(({ step, cost: [answered, settled] }, index) => {
      return { step, answered, settled, withCheck: written[index]?.cost ?? [0, 0] };
    });
  } finally {
    await node.broker.shutdown();
    await other.broker.shutdown();
  }
}

interface Measured {
  readonly step: string;
  readonly cost: readonly [answered: number, settled: number];
}

async function measure(node: Node, other: Node, laterMs: number, word: string): Promise<readonly Measured[]> {
  const [a, b, publisher] = [`${word}-a`, `${word}-b`, `${word}-publisher`] as const;
  const costs: Measured[] = [];
  const count = async (step: string, run: () => Promise<unknown>, at = node) => {
    if (laterMs > 0) { for (const each of [node, other]) await each.later(laterMs); }
    costs.push({ step, cost: await at.count(run) });
  };
  const packetId = 1;
  const publish = (to: string, qos: 1 | 2) => publishPacket(`${word}/${to}`, qos, packetId);
  await node.connect(publisher);
  await count("CONNECT, new", () => node.connect(a));
  await count("SUBSCRIBE", () => node.ask(a, subscribePacket([`${word}/a`]), "suback"));
  await count("UNSUBSCRIBE", () => node.ask(a, { type: "unsubscribe", packetId, filters: [`${word}/a`] }, "unsuback"));
  await node.ask(a, subscribePacket([`${word}/a`]), "suback");
  await count("PUBLISH QoS 1 to nobody", () => node.ask(publisher, publish("nobody", 1), "puback"));
  await count("PUBLISH QoS 1 to a client here", () => node.ask(publisher, publish("a", 1), "puback"));
  await count("its PUBACK", () => node.answer(a, "publish", "puback"));
  await count("PUBLISH QoS 2 to a client here", () => node.ask(publisher, publish("a", 2), "pubrec"));
  await count("its PUBREC", () => node.answer(a, "publish", "pubrec"));
  await count("its PUBCOMP", () => node.answer(a, "pubrel", "pubcomp"));
  await count("PUBREL", () => node.ask(publisher, { type: "pubrel", packetId, reasonCode: 0 }, "pubcomp"));
  await other.connect(b);
  await other.ask(b, subscribePacket([`${word}/b`]), "suback");
  await count("PUBLISH QoS 1 to a client elsewhere", () => node.ask(publisher, publish("b", 1), "puback"));
  await count("takeover elsewhere", () => other.connect(a), other);
  await count("DISCONNECT", async () => {
    other.client(a).send({ type: "disconnect", reasonCode: 0 });
    await other.client(a).done;
  }, other);
  await count("CONNECT, resumed", () => node.connect(a));
  await count("CONNECT, clean start", () => node.connect(a, true));
  await count("connection lost", () => node.client(a).lose());
  await count("PINGREQ", () => node.ask(publisher, { type: "pingreq" }, "pingresp"));
  await node.later(laterMs + 61_000);
  await count("due work, nothing due", () => node.broker.runDue());
  return costs;
}

/** Prints the column. */
export function printCluster(costs: readonly ClusterCost[]): void {
  const cells = (values: readonly number[]) => values.map((value) => String(value).padStart(10)).join("");
  console.log("requests in a row, in a cluster".padEnd(40) + "  answered   settled     + check   settled");
  for (const { step, answered, settled, withCheck } of costs) {
    console.log(step.padEnd(40) + cells([answered, settled, ...withCheck]));
  }
}

if (import.meta.main) printCluster(await benchCluster());
