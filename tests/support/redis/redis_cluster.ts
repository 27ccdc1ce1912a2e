/**
 * A real Redis Cluster.
 *
 * @module
 */
import { type RedisOptions, type RedisServer, startRedis } from "./redis_server.ts";
import { plain, type RespConnection, RespError } from "./resp.ts";
import type { Command } from "./resp_codec.ts";
import { SLOTS } from "./slots.ts";

const MASTERS = 3;

/** The time between two looks at a cluster that is forming. */
const POLL_MS = 20;

/** A cluster that has not formed after so long never will. */
const FORM_LIMIT_MS = 60_000;

/** Three masters that share the slots, until they are disposed of. */
export interface RedisCluster extends AsyncDisposable {
  /** The first one owns the first third of the slots, and so on. */
  readonly nodes: readonly RedisServer[];
  readonly ports: readonly number[];
  /** The node that owns a slot. */
  nodeOf(slot: number): RedisServer;
  /** Asks all nodes to stop, and waits until they are gone. */
  stop(): Promise<void>;
}

/** Starts three masters, lets them meet, and waits until each says that the cluster is complete. */
export async function startRedisCluster(options: Pick<RedisOptions, "appendOnly"> = {}): Promise<RedisCluster> {
  const starts = await Promise.allSettled(Array.from({ length: MASTERS }, () =>
    startRedis({
      ...options,
      // A slow machine must not look like a failing node.
      args: ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "30000"],
    })));
  const nodes = starts.flatMap((start) => start.status === "fulfilled" ? [start.value] : []);
  const dispose = async () => {
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
  };
  try {
    for (const start of starts) if (start.status === "rejected") throw start.reason;
    await form(nodes);
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    nodes,
    ports: nodes.map(({ port }) => port),
    nodeOf: (slot) => nodes[Math.floor(slot * MASTERS / SLOTS)] as RedisServer,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
    [Symbol.asyncDispose]: dispose,
  };
}

async function form(nodes: readonly RedisServer[]): Promise<void> {
  const connections = await Promise.all(nodes.map((node) => node.connect()));
  try {
    for (const [index, connection] of connections.entries()) {
      const [first, next] = [index, index + 1].map((third) => Math.ceil(third * SLOTS / MASTERS)) as [number, number];
      await succeed(connection, ["CLUSTER", "SET-CONFIG-EPOCH", `${index + 1}`]);
      await succeed(connection, ["CLUSTER", "ADDSLOTSRANGE", `${first}`, `${next - 1}`]);
    }
    const [meeting] = connections as [RespConnection];
    for (const node of nodes.slice(1)) await succeed(meeting, ["CLUSTER", "MEET", "127.0.0.1", `${node.port}`]);
    const limit = AbortSignal.timeout(FORM_LIMIT_MS);
    for (const connection of connections) {
      while (!await complete(connection)) {
        if (limit.aborted) throw new Error("The Redis Cluster did not form");
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    }
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

async function complete(connection: RespConnection): Promise<boolean> {
  const info = String(await succeed(connection, ["CLUSTER", "INFO"]));
  return info.includes("cluster_state:ok") && info.includes(`cluster_slots_ok:${SLOTS}`) &&
    info.includes(`cluster_known_nodes:${MASTERS}`);
}

async function succeed(connection: RespConnection, command: Command): Promise<unknown> {
  const reply = await connection.command(command);
  if (reply instanceof RespError) throw new Error(`${command.slice(0, 2).join(" ")}: ${reply.message}`);
  return plain(reply);
}
