import type { PlantedFault } from "../../../src/testing/mod.ts";
import type { RedisServer } from "./redis_server.ts";

const SHARED = "mqtt/1/{shared}";

/** Plants a fault past the store, in a Redis that is no cluster; whether rows of its kind can be spoiled there. */
export async function plantInRedis(redis: RedisServer, fault: PlantedFault): Promise<boolean> {
  const { kind, clientId, filter, nodeId } = fault;
  const connection = await redis.connect();
  const run = async (...command: readonly string[]): Promise<boolean> => await connection.command(command) !== 0;
  const field = filter.replaceAll("/", "%2f");
  try {
    switch (kind) {
      case "routeMissing":
        return await run("HDEL", `${SHARED}/routes`, field);
      case "routeOrphaned":
        return await run("HDEL", `mqtt/1/{c${clientId}}/rows`, `s/${field}`);
      case "dueMissing":
        return await run("ZREM", `${SHARED}/due`, `s/${clientId}`);
      case "dueOrphaned":
        return await run("ZADD", `${SHARED}/due`, "1", "s/stranger");
      case "ownedMissing":
        return await run("ZREM", `${SHARED}/owned`, `=${nodeId}/${clientId}`);
      case "ownedOrphaned":
        return await run("ZADD", `${SHARED}/owned`, "0", `=stranger/${clientId}`);
      case "placeMissing":
        return await run("DEL", `${SHARED}/places`);
      case "placeOrphaned":
        return await run("ZADD", `${SHARED}/places`, "0", `${"0".repeat(64)}/${clientId}`);
      case "rowsOrphaned":
      case "outboxForgotten":
      case "unreadable":
        return false;
      default:
        return kind satisfies never;
    }
  } finally {
    await connection.close();
  }
}
